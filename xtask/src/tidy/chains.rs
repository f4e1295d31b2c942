//! The order of a crate's top-level modules: in its code, and in the document that tells of it.

use super::Violation;
use super::modules::{lies_in, modules};
use super::rules::Chain;
use super::source::File;

/// The document whose table lists every module of a chain, in its order.
const MAP: &str = "ARCHITECTURE.md";

/// Uses of a module that stands below the user in its crate's chain.
pub(super) fn chains(files: &[File], chains: &[Chain]) -> Vec<Violation> {
    let mut found = Vec::new();
    for module in modules(files) {
        for chain in chains.iter().filter(|c| lies_in(&module.name, c.krate)) {
            let Some(top) = module.name.get(1) else {
                continue;
            };
            let Some(rank) = chain.modules.iter().position(|m| m == top) else {
                found.push(Violation {
                    at: module.file.clone(),
                    found: format!("{top} has no place in the chain"),
                    reason: format!(
                        "give it one in the tidy rules and in the table of {MAP}; the chain is {}",
                        chain.modules.join(", ")
                    ),
                });
                continue;
            };
            for path in &module.paths {
                let depth = module.name.len() + path.inside.len();
                let Some(used) = top_level_module(depth, &path.segments) else {
                    continue;
                };
                let below = chain
                    .modules
                    .iter()
                    .position(|m| *m == used)
                    .is_some_and(|r| r > rank);
                if below {
                    found.push(Violation {
                        at: format!("{}:{}", module.file, path.line),
                        found: format!("{top} uses {used}"),
                        reason: format!(
                            "each uses only what stands before it: {}",
                            chain.modules.join(", ")
                        ),
                    });
                }
            }
        }
    }
    found
}

/// The top-level module that `path`, written `depth` segments deep, leads to; `None` for paths that stay inside or leave the crate.
fn top_level_module(depth: usize, path: &[String]) -> Option<String> {
    let supers = path.iter().take_while(|s| *s == "super").count();
    if path.first().is_some_and(|s| s == "crate") {
        path.get(1).cloned()
    } else if supers > 0 && supers == depth - 1 {
        path.get(supers).cloned()
    } else {
        None
    }
}

/// Chains that the document's table does not list as they are.
pub(super) fn table(files: &[File], chains: &[Chain]) -> Vec<Violation> {
    let map = files.iter().find(|f| f.path == MAP);
    let text = map.and_then(|f| f.text.as_deref()).unwrap_or_default();
    let differs = |chain: &&Chain| listed(text, chain.krate) != chain.modules;
    let violation = |chain: &Chain| Violation {
        at: MAP.to_owned(),
        found: format!(
            "the code map lists the modules of {} as {}",
            chain.krate,
            listed(text, chain.krate).join(", ")
        ),
        reason: format!("the tidy rules have {}", chain.modules.join(", ")),
    };
    chains.iter().filter(differs).map(violation).collect()
}

/// Modules of a crate in the rows of a table: `` | `crate::one` | `` and `` | `crate::{several, more}` | ``.
fn listed<'a>(text: &'a str, krate: &str) -> Vec<&'a str> {
    let row = |line: &'a str| {
        let name = line.strip_prefix("| `")?.split('`').next()?;
        name.strip_prefix(krate)?.strip_prefix("::")
    };
    let names = text.lines().filter_map(row);
    names
        .flat_map(|names| names.trim_matches(['{', '}']).split(", "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{file, rules};
    use super::*;

    fn places(found: &[Violation]) -> Vec<&str> {
        found.iter().map(|v| v.at.as_str()).collect()
    }

    #[test]
    fn a_use_of_what_stands_below_is_found() {
        for chain in rules::CHAINS {
            let folder = chain.krate.replace('_', "-");
            for (i, upper) in chain.modules.iter().enumerate() {
                for lower in &chain.modules[i + 1..] {
                    let down = file(
                        &format!("{folder}/src/{upper}/x.rs"),
                        &format!("use crate::{lower}::Y;"),
                    );
                    let up = file(
                        &format!("{folder}/src/{lower}.rs"),
                        &format!("use super::{upper}::Y;"),
                    );
                    assert_eq!(
                        chains(&[down, up], rules::CHAINS).len(),
                        1,
                        "{upper} and {lower}"
                    );
                }
            }
        }
    }

    #[test]
    fn relative_paths_and_strangers_are_seen() {
        let relative = file(
            "he-core/src/ring/basis.rs",
            "fn f() { super::super::rlwe::g() }\nmod m { use super::super::super::rlwe::X; }",
        );
        assert_eq!(
            places(&chains(&[relative], rules::CHAINS)),
            vec!["he-core/src/ring/basis.rs:1", "he-core/src/ring/basis.rs:2"]
        );
        let inside = file(
            "he-core/src/ring/basis.rs",
            "use super::rlwe::X; mod m { use super::super::rlwe::X; }",
        );
        assert_eq!(chains(&[inside], rules::CHAINS), vec![]);
        let stranger = file("he-core/src/newcomer.rs", "");
        assert_eq!(chains(&[stranger], rules::CHAINS).len(), 1);
        let root = file("he-core/src/lib.rs", "pub use crate::evaluator::Evaluator;");
        assert_eq!(chains(&[root], rules::CHAINS), vec![]);
    }

    #[test]
    fn the_document_lists_the_chain_in_its_order() {
        let chain = [Chain {
            krate: "a",
            modules: &["one", "two", "three"],
        }];
        let of = |rows: &str| table(&[file(MAP, rows)], &chain).len();
        let good = "| module | knows |\n| `a::{one, two}` | x |\n| `b::one` | `a::four` |\n| `a::three` (feature `f`) | |\n";
        assert_eq!(of(good), 0);
        assert_eq!(of(&good.replace("one, two", "two, one")), 1);
        assert_eq!(of(&good.replace("a::three", "a::four")), 1);
        assert_eq!(of(""), 1);
        assert_eq!(table(&[], &chain).len(), 1);
    }
}
