//! Rules on files as wholes: where they lie, how long they are, what text they hold.

use std::collections::BTreeSet;

use super::Violation;
use super::rules::ForbiddenText;
use super::source::File;

/// The top level holds what is required, and nothing that is neither required nor optional.
pub(super) fn top_level(files: &[File], required: &[&str], optional: &[&str]) -> Vec<Violation> {
    let found: BTreeSet<&str> = files
        .iter()
        .filter_map(|f| f.path.split('/').next())
        .collect();
    let strangers = found
        .iter()
        .filter(|name| {
            !name.starts_with('.') && !required.contains(name) && !optional.contains(name)
        })
        .map(|name| Violation {
            at: (*name).to_owned(),
            found: "does not belong at the top level".to_owned(),
            reason: "the top level is listed in the tidy rules".to_owned(),
        });
    let missing = required
        .iter()
        .filter(|name| !found.contains(*name))
        .map(|name| Violation {
            at: (*name).to_owned(),
            found: "is missing at the top level".to_owned(),
            reason: "the top level is listed in the tidy rules".to_owned(),
        });
    strangers.chain(missing).collect()
}

/// Rust files above `max` lines that are not `listed`, and listed files that need not be.
pub(super) fn long_files(files: &[File], max: usize, listed: &[(&str, &str)]) -> Vec<Violation> {
    let long: Vec<(&str, usize)> = files
        .iter()
        .filter(|f| f.path.ends_with(".rs"))
        .filter_map(|f| Some((f.path.as_str(), f.text.as_ref()?.lines().count())))
        .filter(|(_, lines)| *lines > max)
        .collect();
    let unlisted = long
        .iter()
        .filter(|(path, _)| !listed.iter().any(|(known, _)| known == path))
        .map(|(path, lines)| Violation {
            at: (*path).to_owned(),
            found: format!("has {lines} lines, more than {max}"),
            reason: "split it, or list it with a reason in the tidy rules".to_owned(),
        });
    let stale = listed
        .iter()
        .filter(|(known, _)| !long.iter().any(|(path, _)| path == known))
        .map(|(known, _)| Violation {
            at: (*known).to_owned(),
            found: format!("is listed as longer than {max} lines and is not"),
            reason: "remove it from the tidy rules".to_owned(),
        });
    unlisted.chain(stale).collect()
}

/// Documents above their own limit.
pub(super) fn long_documents(files: &[File], limits: &[(&str, usize)]) -> Vec<Violation> {
    files
        .iter()
        .filter_map(|f| {
            let (_, max) = limits.iter().find(|(path, _)| *path == f.path)?;
            let lines = f.text.as_ref()?.lines().count();
            (lines > *max).then(|| Violation {
                at: f.path.clone(),
                found: format!("has {lines} lines, more than {max}"),
                reason: "a map that nobody reads is none".to_owned(),
            })
        })
        .collect()
}

/// Lines that hold a forbidden text.
pub(super) fn forbidden_text(files: &[File], rules: &[ForbiddenText]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files {
        let Some(text) = &file.text else { continue };
        for rule in rules {
            if rule.except.iter().any(|end| file.path.ends_with(end)) {
                continue;
            }
            for (index, line) in text.lines().enumerate() {
                if line.contains(rule.text) {
                    found.push(Violation {
                        at: format!("{}:{}", file.path, index + 1),
                        found: format!("contains {:?}", rule.text),
                        reason: rule.reason.to_owned(),
                    });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{file, rules};
    use super::*;

    #[test]
    fn strangers_and_gaps_at_the_top_level_are_found() {
        let files = [
            file("a/x.rs", ""),
            file(".ci/run", ""),
            file("Cargo.lock", ""),
        ];
        assert_eq!(top_level(&files, &["a"], &["Cargo.lock", "docs"]), vec![]);
        let found = top_level(&files, &["b"], &["Cargo.lock"]);
        assert_eq!(
            found.iter().map(|v| v.at.as_str()).collect::<Vec<_>>(),
            vec!["a", "b"]
        );
    }

    #[test]
    fn every_required_entry_of_the_rules_is_needed() {
        let files: Vec<File> = rules::TOP_LEVEL.iter().map(|name| file(name, "")).collect();
        assert_eq!(
            top_level(&files, rules::TOP_LEVEL, rules::TOP_LEVEL_OPTIONAL),
            vec![]
        );
        let short = top_level(&files[1..], rules::TOP_LEVEL, rules::TOP_LEVEL_OPTIONAL);
        assert_eq!(short.len(), 1);
    }

    #[test]
    fn a_long_file_needs_a_reason_and_a_reason_needs_a_long_file() {
        let files = [file("a.rs", &"x\n".repeat(501)), file("b.rs", "x\n")];
        assert_eq!(long_files(&files, 501, &[]), vec![]);
        assert_eq!(long_files(&files, 500, &[])[0].at, "a.rs");
        assert_eq!(long_files(&files, 500, &[("a.rs", "a table")]), vec![]);
        let listed = [("a.rs", "a table"), ("b.rs", "none")];
        assert_eq!(long_files(&files, 500, &listed)[0].at, "b.rs");
    }

    #[test]
    fn the_architecture_document_has_at_most_150_lines() {
        let of = |lines: usize| [file("ARCHITECTURE.md", &"x\n".repeat(lines))];
        assert_eq!(long_documents(&of(150), rules::DOCUMENT_LINES), vec![]);
        assert_eq!(long_documents(&of(151), rules::DOCUMENT_LINES).len(), 1);
    }

    #[test]
    fn each_forbidden_text_is_found_where_it_is_not_excepted() {
        for rule in rules::FORBIDDEN_TEXT {
            let text = format!("first\nbefore {} after\n", rule.text);
            let found = forbidden_text(&[file("docs/a.md", &text)], rules::FORBIDDEN_TEXT);
            assert_eq!(found.len(), 1, "{rule:?}");
            assert_eq!(found[0].at, "docs/a.md:2");
            for path in rule.except {
                assert_eq!(
                    forbidden_text(&[file(path, &text)], rules::FORBIDDEN_TEXT),
                    vec![]
                );
            }
        }
    }
}
