//! `cargo xtask features`: building one package and building the workspace resolve the same features of every dependency.
//!
//! So do building the program and testing the workspace. Where they differ, cargo compiles the dependency twice, and a package can pass its tests only because another package happens to
//! switch a feature on. The remedy is to name the feature in `[workspace.dependencies]`, and to depend on it where it is missing.

mod pins;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::cargo::{self, PACKAGES};
use pins::Pins;

/// Feature sets by dependency ("name version"). One dependency may be built with several sets: for the host and for the target.
type Resolution = BTreeMap<String, BTreeSet<String>>;

/// The edges of `cargo tree` that are compared: what a build and what a test run compile for the target.
/// Procedural macros run on the host and their own dependencies end in no binary, so their features are left alone.
/// Each with the section of a manifest where a pin for it belongs.
const VIEWS: [(&str, &str, &str); 2] = [
    ("build", "normal,build,no-proc-macro", "dependencies"),
    ("test", "normal,build,dev,no-proc-macro", "dev-dependencies"),
];

/// One dependency that a package builds in a way in which the workspace does not.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    dependency: String,
    alone: BTreeSet<String>,
    workspace: BTreeSet<String>,
}

/// The package whose program a newcomer builds before the tests.
const PROGRAM: &str = "cli";

/// Rounds of `--fix`: each pins what one package lacks, which changes what the packages above it resolve.
const ROUNDS: usize = 3 * PACKAGES.len();

/// Compares every package with the workspace; with `fix`, names the features in the manifests until they are equal.
pub(crate) fn run(fix: bool) -> Result<()> {
    for _ in 0..if fix { ROUNDS } else { 1 } {
        let pins = compare()?;
        if pins.is_empty() {
            return Ok(());
        }
        if fix {
            pins.write_lowest(&cargo::root())?;
        } else {
            eprint!("{pins}");
        }
    }
    bail!(
        "packages resolve to other features than the workspace; `cargo xtask features --fix` writes the lines above"
    );
}

/// What would have to be pinned for every package to resolve as the workspace does, and for the program's libraries to be those of its tests.
fn compare() -> Result<Pins> {
    let mut pins = Pins::default();
    for (view, edges, section) in VIEWS {
        let workspace = resolve(&["--workspace"], edges)?;
        for package in PACKAGES {
            let alone = resolve(&["--package", package], edges)?;
            require_same(view, package, &alone, &workspace, |difference| {
                pins.add(package, section, difference);
            });
        }
    }
    // Otherwise `cargo test` compiles again what the program was built from.
    let [(_, build, section), (_, test, _)] = VIEWS;
    let (alone, workspace) = (
        resolve(&["--package", PROGRAM], build)?,
        resolve(&["--workspace"], test)?,
    );
    require_same(
        "build, then test",
        PROGRAM,
        &alone,
        &workspace,
        |difference| {
            pins.add(PROGRAM, section, difference);
        },
    );
    Ok(pins)
}

/// Says every difference of a package from the workspace.
fn require_same(
    view: &str,
    package: &str,
    alone: &Resolution,
    workspace: &Resolution,
    mut pin: impl FnMut(&Difference),
) {
    for difference in differences(alone, workspace) {
        eprintln!(
            "features ({view}): {} in package {package}: alone [{}], in the workspace [{}]",
            difference.dependency,
            join(&difference.alone),
            join(&difference.workspace),
        );
        pin(&difference);
    }
}

fn resolve(selection: &[&str], edges: &str) -> Result<Resolution> {
    let text = cargo::output_of(
        cargo::cargo()
            .args(["tree", "--edges", edges, "--prefix", "none"])
            .args(["--format", "{p}|{f}"])
            .args(selection),
    )?;
    Ok(parse(&text))
}

/// Reads lines of `cargo tree --prefix none --format "{p}|{f}"`.
fn parse(text: &str) -> Resolution {
    let mut found = Resolution::new();
    for line in text.lines() {
        let Some((package, features)) = line.trim().trim_end_matches(" (*)").split_once('|') else {
            continue;
        };
        // "name v1.2.3 (where from)": where from differs between nothing that is compared here.
        let dependency: Vec<&str> = package.split(' ').take(2).collect();
        found
            .entry(dependency.join(" "))
            .or_default()
            .insert(features.trim().to_owned());
    }
    found
}

/// Dependencies for which a feature set of `alone` does not occur in the workspace.
fn differences(alone: &Resolution, workspace: &Resolution) -> Vec<Difference> {
    let nothing = BTreeSet::new();
    alone
        .iter()
        .filter_map(|(dependency, sets)| {
            let known = workspace.get(dependency).unwrap_or(&nothing);
            (!sets.is_subset(known)).then(|| Difference {
                dependency: dependency.clone(),
                alone: sets.clone(),
                workspace: known.clone(),
            })
        })
        .collect()
}

fn join(sets: &BTreeSet<String>) -> String {
    sets.iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lines_and_places_do_not_matter() {
        let found = parse("serde v1.0.1 (registry)|std\nserde v1.0.1|std (*)\n\nlibm v0.2.1|\n");
        assert_eq!(found, parse("libm v0.2.1 (elsewhere)|\nserde v1.0.1|std\n"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_feature_that_only_the_workspace_switches_on_is_a_difference() {
        let alone = parse("rand v1.0.0|alloc\nlibm v0.2.1|");
        let workspace = parse("rand v1.0.0|alloc,std\nlibm v0.2.1|");
        let found = differences(&alone, &workspace);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].dependency, "rand v1.0.0");
        assert_eq!(join(&found[0].workspace), "alloc,std");
    }

    #[test]
    fn another_set_for_build_scripts_elsewhere_is_no_difference() {
        let alone = parse("rand v1.0.0|alloc");
        let workspace = parse("rand v1.0.0|alloc\nrand v1.0.0|alloc,std");
        assert_eq!(differences(&alone, &workspace), vec![]);
    }
}
