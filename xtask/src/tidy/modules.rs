//! Rules on what the modules of a crate may name.

use super::Violation;
use super::paths::{Path, paths};
use super::rules::ForbiddenNames;
use super::source::{File, Token, code_of, tokens, without_tests};

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

/// The files of every crate's `src` with their code, test modules left out.
pub(super) fn product(files: &[File]) -> Vec<(String, Vec<Token>)> {
    let mut found = Vec::new();
    let mut test_modules: Vec<Vec<String>> = Vec::new();
    for file in files {
        let (Some(name), Some(text)) = (module_name(&file.path), &file.text) else {
            continue;
        };
        let (kept, test_children) = without_tests(&tokens(&code_of(text)));
        let below = test_children
            .into_iter()
            .map(|child| [&name[..], &[child]].concat());
        test_modules.extend(below);
        found.push((name, file.path.clone(), kept));
    }
    found.retain(|(name, ..)| !test_modules.iter().any(|t| name.starts_with(t)));
    let parts = |(_, path, kept)| (path, kept);
    found.into_iter().map(parts).collect()
}

/// A product source file as a module: its paths without tests.
pub(super) struct Module {
    pub(super) file: String,
    /// `he_core::evaluator::ckks`, in segments.
    pub(super) name: Vec<String>,
    pub(super) paths: Vec<Path>,
}

/// The modules of every crate's `src`, without test modules.
pub(super) fn modules(files: &[File]) -> Vec<Module> {
    let module = |(file, kept): (String, Vec<Token>)| {
        Some(Module {
            name: module_name(&file)?,
            paths: paths(&kept),
            file,
        })
    };
    product(files).into_iter().filter_map(module).collect()
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

pub(super) fn lies_in(module: &[String], ancestor: &str) -> bool {
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
                rule.module
                    .replace('_', "-")
                    .replacen("::", "/src/", 1)
                    .replace("::", "/")
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
    fn the_client_may_name_encryptor_and_decryptor_and_nothing_else_of_a_key_holder() {
        let of = |text: &str| {
            names(
                &[file("mlr-train/src/client/encrypt.rs", text)],
                rules::FORBIDDEN_NAMES,
            )
        };
        assert_eq!(
            of("use he_core::key_holder::{Decryptor, Encryptor};"),
            vec![]
        );
        assert_eq!(of("use he_core::key_holder;").len(), 1);
        assert_eq!(of("use he_core::key_holder::*;").len(), 1);
        assert_eq!(
            of("use he_core::key_holder::{Encryptor, SecretKeyEncryptor};").len(),
            1
        );
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_tests() {
        let files = [
            file(
                "mlr-train/src/server/mod.rs",
                "#[cfg(test)] mod tests; mod run;",
            ),
            file("mlr-train/src/server/tests.rs", "use he_core::key_holder;"),
            file("mlr-train/src/server/run.rs", "use he_core::key_holder;"),
        ];
        assert_eq!(
            places(&names(&files, rules::FORBIDDEN_NAMES)),
            vec!["mlr-train/src/server/run.rs:1"]
        );
    }
}
