//! Rules on dependencies, over `cargo metadata` and `cargo tree`.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Violation;
use super::rules::{ForbiddenDependency, Reach};
use crate::cargo;

/// Asks cargo what each package depends on and applies the rules.
pub(super) fn check(rules: &[ForbiddenDependency]) -> Result<Vec<Violation>> {
    let metadata =
        cargo::output_of(cargo::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).context("cannot read what cargo metadata prints")?;
    let mut found = Vec::new();
    for rule in rules {
        let dependencies = match rule.reach {
            Reach::Manifest => from_metadata(&metadata, rule.package),
            Reach::Tree => from_tree(
                &cargo::output_of(
                    cargo::cargo()
                        .args(["tree", "--edges", "normal,build,dev", "--prefix", "none"])
                        .args(["--package", rule.package, "--format", "{p}"]),
                )?,
                rule.package,
            ),
        };
        found.extend(forbidden(rule, &dependencies));
    }
    Ok(found)
}

/// Names of the normal and build dependencies in a package's manifest.
fn from_metadata(metadata: &Value, package: &str) -> Vec<String> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    list(metadata, "packages")
        .iter()
        .filter(|p| p["name"] == package)
        .flat_map(|p| list(p, "dependencies"))
        .filter(|d| d["kind"] != "dev")
        .filter_map(|d| d["name"].as_str().map(str::to_owned))
        .collect()
}

/// Names in lines of `cargo tree --prefix none --format "{p}"`, the package itself apart.
fn from_tree(text: &str, package: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty() && *name != package)
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

fn forbidden(rule: &ForbiddenDependency, dependencies: &[String]) -> Vec<Violation> {
    dependencies
        .iter()
        .filter(|name| rule.dependencies.iter().any(|p| matches(p, name)))
        .map(|name| Violation {
            at: format!("package {}", rule.package),
            found: format!("depends on {name}"),
            reason: rule.reason.to_owned(),
        })
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;

    #[test]
    fn each_forbidden_dependency_is_found() {
        for rule in rules::FORBIDDEN_DEPENDENCIES {
            for pattern in rule.dependencies {
                let name = pattern.replace('*', "-anything");
                let found = forbidden(rule, &["serde".to_owned(), name]);
                assert_eq!(found.len(), 1, "{rule:?}: {pattern}");
            }
        }
    }

    #[test]
    fn a_name_is_not_matched_by_its_beginning_alone() {
        assert!(matches("image", "image"));
        assert!(!matches("image", "image-webp"));
        assert!(matches("burn*", "burn-core"));
    }

    #[test]
    fn a_manifest_counts_optional_dependencies_and_not_those_of_tests() {
        let metadata = serde_json::json!({"packages": [
            {"name": "cli", "dependencies": [
                {"name": "libm", "kind": null, "optional": true},
                {"name": "cc", "kind": "build"},
                {"name": "insta", "kind": "dev"},
            ]},
            {"name": "other", "dependencies": [{"name": "nalgebra", "kind": null}]},
        ]});
        assert_eq!(from_metadata(&metadata, "cli"), vec!["libm", "cc"]);
    }

    #[test]
    fn a_tree_counts_every_line_once() {
        let text = "he-core v0.1.0 (path)\nlibm v0.2.1\n\nlibm v0.2.1 (*)\nburn-core v0.22.1\n";
        assert_eq!(from_tree(text, "he-core"), vec!["burn-core", "libm"]);
    }
}
