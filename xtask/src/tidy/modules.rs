//! Rules on what the modules of a crate may name.

use super::Violation;
use super::rules::{Chain, ForbiddenNames};
use super::source::{File, Path, code_of, paths, tokens, without_tests};

/// `unsafe` outside the files whose path begins as one of `allowed`. Tests count too.
pub(super) fn unsafe_code(files: &[File], allowed: &[&str]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with(".rs")) {
        if allowed.iter().any(|start| file.path.starts_with(start)) {
            continue;
        }
        let Some(text) = &file.text else { continue };
        for token in tokens(&code_of(text)) {
            if token.text == "unsafe" {
                found.push(Violation {
                    at: format!("{}:{}", file.path, token.line),
                    found: "unsafe code".to_owned(),
                    reason: format!("unsafe stands only in {}", allowed.join(", ")),
                });
            }
        }
    }
    found
}

/// A product source file as a module: its paths without tests.
struct Module {
    file: String,
    /// `he_core::evaluator::ckks`, in segments.
    name: Vec<String>,
    paths: Vec<Path>,
}

/// The modules of every crate's `src`, without test modules.
fn modules(files: &[File]) -> Vec<Module> {
    let mut found = Vec::new();
    let mut test_modules: Vec<Vec<String>> = Vec::new();
    for file in files {
        let (Some(name), Some(text)) = (module_name(&file.path), &file.text) else {
            continue;
        };
        let (kept, test_children) = without_tests(&tokens(&code_of(text)));
        for child in test_children {
            let mut path = name.clone();
            path.push(child);
            test_modules.push(path);
        }
        found.push(Module {
            file: file.path.clone(),
            name,
            paths: paths(&kept),
        });
    }
    found.retain(|m| !test_modules.iter().any(|t| m.name.starts_with(t)));
    found
}

/// `he-core/src/evaluator/mod.rs` is `he_core::evaluator`; other files than modules have no name.
fn module_name(path: &str) -> Option<Vec<String>> {
    let (package, inside) = path.strip_suffix(".rs")?.split_once("/src/")?;
    let mut name = vec![package.replace('-', "_")];
    name.extend(inside.split('/').map(str::to_owned));
    if name.len() == 2 && matches!(name[1].as_str(), "lib" | "main")
        || name.last().is_some_and(|l| l == "mod")
    {
        name.pop();
    }
    Some(name)
}

fn lies_in(module: &[String], ancestor: &str) -> bool {
    let mut rest = module.iter();
    ancestor.split("::").all(|a| rest.next() == Some(&a.into()))
}

/// Names that a module's code may not contain.
pub(super) fn names(files: &[File], rules: &[ForbiddenNames]) -> Vec<Violation> {
    let mut found = Vec::new();
    for module in modules(files) {
        for rule in rules.iter().filter(|r| lies_in(&module.name, r.module)) {
            for path in &module.paths {
                let Some(name) = rule
                    .names
                    .iter()
                    .find(|n| path.segments.iter().any(|s| s == *n))
                else {
                    continue;
                };
                let allowed = rule.allowed.iter().any(|(within, end, _)| {
                    lies_in(&module.name, within)
                        && format!("::{}", path.segments.join("::")).ends_with(&format!("::{end}"))
                });
                if !allowed {
                    found.push(Violation {
                        at: format!("{}:{}", module.file, path.line),
                        found: format!("{} names {name}", path.segments.join("::")),
                        reason: rule.reason.to_owned(),
                    });
                }
            }
        }
    }
    found
}

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
                    reason: format!("the chain is {}", chain.modules.join(", ")),
                });
                continue;
            };
            for path in &module.paths {
                let Some(used) = top_level_module(&module.name, &path.segments) else {
                    continue;
                };
                let excepted = chain
                    .exceptions
                    .iter()
                    .any(|(from, to, _)| lies_in(&module.name, from) && *to == used);
                let below = chain
                    .modules
                    .iter()
                    .position(|m| *m == used)
                    .is_some_and(|r| r > rank);
                if below && !excepted {
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

/// The top-level module that `path`, written in `module`, leads to; `None` for paths that stay inside or leave the crate.
fn top_level_module(module: &[String], path: &[String]) -> Option<String> {
    let supers = path.iter().take_while(|s| *s == "super").count();
    if path.first().is_some_and(|s| s == "crate") {
        path.get(1).cloned()
    } else if supers > 0 && supers == module.len() - 1 {
        path.get(supers).cloned()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::{file, rules};
    use super::*;

    fn places(found: &[Violation]) -> Vec<&str> {
        found.iter().map(|v| v.at.as_str()).collect()
    }

    #[test]
    fn unsafe_is_found_outside_the_simd_module_and_only_there() {
        let text = "// unsafe\nfn f() { unsafe { g() } }\n#[cfg(test)] mod t { unsafe fn h() {} }";
        let files = [
            file("he-core/src/arith/simd/avx2.rs", text),
            file("he-core/src/arith/ntt.rs", text),
            file("docs/a.md", text),
        ];
        assert_eq!(
            places(&unsafe_code(&files, rules::UNSAFE_ALLOWED)),
            vec!["he-core/src/arith/ntt.rs:2", "he-core/src/arith/ntt.rs:3"]
        );
    }

    #[test]
    fn each_module_of_the_rules_is_refused_each_name() {
        for rule in rules::FORBIDDEN_NAMES {
            let path = format!(
                "{}/inner.rs",
                rule.module.replace('_', "-").replacen("::", "/src/", 1)
            );
            for name in rule.names {
                for text in [
                    format!("use he_core::{name};"),
                    format!("use crate::{{x, {name}::Y}};"),
                    format!("fn f(k: &crate::{name}) {{}}"),
                ] {
                    let found = names(&[file(&path, &text)], rules::FORBIDDEN_NAMES);
                    assert_eq!(found.len(), 1, "{path}: {text}");
                }
                let harmless =
                    format!("// {name}\n#[cfg(test)] mod tests {{ use he_core::{name}; }}");
                assert_eq!(
                    names(&[file(&path, &harmless)], rules::FORBIDDEN_NAMES),
                    vec![]
                );
            }
        }
    }

    #[test]
    fn the_client_may_name_sealer_and_opener_and_nothing_else_of_a_key_holder() {
        let of = |text: &str| {
            names(
                &[file("mlr-train/src/client/encrypt.rs", text)],
                rules::FORBIDDEN_NAMES,
            )
        };
        assert_eq!(of("use he_core::holder::{Opener, Sealer};"), vec![]);
        assert_eq!(of("use he_core::holder;").len(), 1);
        assert_eq!(of("use he_core::holder::*;").len(), 1);
        assert_eq!(of("use he_core::holder::{Sealer, SecretSealer};").len(), 1);
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_tests() {
        let files = [
            file(
                "mlr-train/src/server/mod.rs",
                "#[cfg(test)] mod tests; mod run;",
            ),
            file("mlr-train/src/server/tests.rs", "use he_core::holder;"),
            file("mlr-train/src/server/run.rs", "use he_core::holder;"),
        ];
        assert_eq!(
            places(&names(&files, rules::FORBIDDEN_NAMES)),
            vec!["mlr-train/src/server/run.rs:1"]
        );
    }

    #[test]
    fn a_use_of_what_stands_below_is_found() {
        for chain in rules::CHAINS {
            for (i, upper) in chain.modules.iter().enumerate() {
                for lower in &chain.modules[i + 1..] {
                    let down = file(
                        &format!("he-core/src/{upper}/x.rs"),
                        &format!("use crate::{lower}::Y;"),
                    );
                    let up = file(
                        &format!("he-core/src/{lower}.rs"),
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
            "fn f() { super::super::rlwe::g() }",
        );
        assert_eq!(
            places(&chains(&[relative], rules::CHAINS)),
            vec!["he-core/src/ring/basis.rs:1"]
        );
        let inside = file("he-core/src/ring/basis.rs", "use super::rlwe::X;");
        assert_eq!(chains(&[inside], rules::CHAINS), vec![]);
        let stranger = file("he-core/src/newcomer.rs", "");
        assert_eq!(chains(&[stranger], rules::CHAINS).len(), 1);
        let root = file("he-core/src/lib.rs", "pub use crate::evaluator::Evaluator;");
        assert_eq!(chains(&[root], rules::CHAINS), vec![]);
    }
}
