//! The manifest lines that make a package resolve as the workspace does, and writing them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Difference;
use crate::cargo::{PACKAGES, folder};

/// Stands above the dependencies of a package that are there for their features alone.
const MARK: &str = "# Not named in the code: pinned so that this package alone resolves the features of the whole workspace (`cargo xtask features`).";

/// What has to be pinned.
#[derive(Debug, Default)]
pub(super) struct Pins {
    /// Features by dependency ("name version"), for the root manifest.
    features: BTreeMap<String, BTreeSet<String>>,
    /// Names of dependencies by package and section.
    packages: BTreeMap<(String, &'static str), BTreeSet<String>>,
}

impl Pins {
    pub(super) fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Adds what removes one difference. A pin among the dependencies serves tests too.
    pub(super) fn add(&mut self, package: &str, section: &'static str, difference: &Difference) {
        let name = name_of(&difference.dependency).to_owned();
        let built = (package.to_owned(), "dependencies");
        if !self
            .packages
            .get(&built)
            .is_some_and(|names| names.contains(&name))
        {
            self.packages
                .entry((package.to_owned(), section))
                .or_default()
                .insert(name);
        }
        self.features
            .entry(difference.dependency.clone())
            .or_default()
            .extend(
                difference
                    .workspace
                    .iter()
                    .flat_map(|set| set.split(','))
                    .filter(|feature| !feature.is_empty())
                    .map(str::to_owned),
            );
    }

    /// Writes the pins of the lowest package that lacks any: those above it often get theirs from it.
    pub(super) fn write_lowest(&self, root: &Path) -> Result<()> {
        let sections = |package: &str| {
            let package = package.to_owned();
            self.packages
                .iter()
                .filter(move |((of, _), _)| *of == package)
        };
        let Some(package) = PACKAGES
            .iter()
            .find(|package| sections(package).next().is_some())
        else {
            return Ok(());
        };
        let mut names = BTreeSet::new();
        for ((_, section), lacking) in sections(package) {
            edit(&root.join(folder(package)).join("Cargo.toml"), |text| {
                lacking
                    .iter()
                    .fold(text, |text, name| in_package(&text, section, name))
            })?;
            names.extend(lacking);
        }
        for name in names {
            let versions: Vec<_> = self
                .features
                .iter()
                .filter(|(dependency, _)| name_of(dependency) == name)
                .collect();
            let [(dependency, features)] = versions[..] else {
                bail!("two versions of {name} would have to be pinned; do it by hand");
            };
            edit(&root.join("Cargo.toml"), |text| {
                in_workspace(&text, dependency, features)
            })?;
        }
        Ok(())
    }
}

impl fmt::Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "hint: in the root manifest's [workspace.dependencies]:")?;
        for (dependency, features) in &self.features {
            writeln!(f, "    {}", line(dependency, features))?;
        }
        for ((package, section), names) in &self.packages {
            writeln!(f, "  and in {package}'s [{section}], where it is not:")?;
            for name in names {
                writeln!(f, "    {name}.workspace = true")?;
            }
        }
        Ok(())
    }
}

fn name_of(dependency: &str) -> &str {
    dependency.split(' ').next().unwrap_or(dependency)
}

/// A line of `[workspace.dependencies]`.
fn line(dependency: &str, features: &BTreeSet<String>) -> String {
    let (name, version) = dependency.split_once(" v").unwrap_or((dependency, "*"));
    format!(
        "{name} = {{ version = {version:?}, default-features = false{} }}",
        list(features)
    )
}

/// `, features = [..]`, or nothing.
fn list(features: &BTreeSet<String>) -> String {
    if features.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = features.iter().map(|name| format!("{name:?}")).collect();
    format!(", features = [{}]", quoted.join(", "))
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) -> Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    std::fs::write(path, change(text)).with_context(|| format!("cannot write {}", path.display()))
}

/// The root manifest with these features named: in the dependency's line, or in a new one.
fn in_workspace(text: &str, dependency: &str, features: &BTreeSet<String>) -> String {
    let start = format!("{} = {{", name_of(dependency));
    let Some(known) = text.lines().find(|line| line.starts_with(&start)) else {
        return insert(text, "workspace.dependencies", &line(dependency, features));
    };
    let (before, named) = match known.split_once(", features = [") {
        Some((before, rest)) => (before, rest.split(']').next().unwrap_or_default()),
        None => (known.trim_end_matches([' ', '}']), ""),
    };
    let after = known.split_once(']').map_or(" }", |(_, after)| after);
    let all: BTreeSet<String> = named
        .split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.is_empty())
        .chain(features.iter().cloned())
        .collect();
    text.replacen(known, &format!("{before}{}{after}", list(&all)), 1)
}

/// A package's manifest with this dependency, where it has none of that name in the section.
fn in_package(text: &str, section: &str, name: &str) -> String {
    let line = format!("{name}.workspace = true");
    let known = body(text, section).is_some_and(|at| text[at].lines().any(|known| known == line));
    if known {
        text.to_owned()
    } else {
        insert(text, section, &line)
    }
}

/// Where a section's entries stand: after its head, up to the end of its last entry. What follows may be a comment on the next section.
fn body(text: &str, section: &str) -> Option<Range<usize>> {
    let head = format!("[{section}]\n");
    let start = text.find(&head)? + head.len();
    let mut end = start;
    let mut position = start;
    for line in text[start..].split_inclusive('\n') {
        if line.starts_with('[') {
            break;
        }
        position += line.len();
        if !line.trim().is_empty() && !line.starts_with('#') {
            end = position;
        }
    }
    Some(start..end)
}

/// Puts a line at the end of a section, below the mark, which is written if it is not there.
fn insert(text: &str, section: &str, line: &str) -> String {
    let Some(at) = body(text, section) else {
        return format!("{}\n\n[{section}]\n{MARK}\n{line}\n", text.trim_end());
    };
    let (before, after) = text.split_at(at.end);
    let mark = if text[at].contains(MARK) {
        String::new()
    } else {
        format!("{MARK}\n")
    };
    format!("{before}{mark}{line}\n{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    const ROOT: &str = "[workspace]\n\n[workspace.dependencies]\nrand = { version = \"1.0.0\", default-features = false }\nserde = { version = \"1.0.2\", default-features = false, features = [\"std\"] }\n\n# One profile.\n[profile.dev]\nopt-level = 3\n";

    #[test]
    fn features_are_added_to_a_known_line() {
        let with = in_workspace(ROOT, "serde v1.0.2", &set(&["derive", "std"]));
        assert!(with.contains("serde = { version = \"1.0.2\", default-features = false, features = [\"derive\", \"std\"] }\n"), "{with}");
        let with = in_workspace(ROOT, "rand v1.0.0", &set(&["alloc"]));
        assert!(
            with.contains(
                "rand = { version = \"1.0.0\", default-features = false, features = [\"alloc\"] }\n"
            ),
            "{with}"
        );
        assert_eq!(with.lines().count(), ROOT.lines().count());
    }

    #[test]
    fn a_new_line_stands_at_the_end_of_its_section() {
        let with = in_workspace(ROOT, "libc v0.2.1", &set(&["std"]));
        let expected = format!(
            "\"std\"] }}\n{MARK}\nlibc = {{ version = \"0.2.1\", default-features = false, features = [\"std\"] }}\n\n# One profile.\n[profile.dev]\n"
        );
        assert!(with.contains(&expected), "{with}");
        let again = in_workspace(&with, "memchr v2.0.0", &set(&[]));
        assert_eq!(again.matches(MARK).count(), 1, "{again}");
        assert_eq!(again.lines().count(), with.lines().count() + 1);
    }

    #[test]
    fn a_package_names_a_dependency_once() {
        let text = "[package]\nname = \"x\"\n\n[dependencies]\nserde.workspace = true\n";
        assert_eq!(in_package(text, "dependencies", "serde"), text);
        let with = in_package(text, "dependencies", "libc");
        assert_eq!(with, format!("{text}{MARK}\nlibc.workspace = true\n"));
        let dev = in_package(text, "dev-dependencies", "serde");
        assert_eq!(
            dev,
            format!("{text}\n[dev-dependencies]\n{MARK}\nserde.workspace = true\n")
        );
    }

    #[test]
    fn the_hint_shows_the_lines() {
        let mut pins = Pins::default();
        let difference = Difference {
            dependency: "rand v1.0.0".to_owned(),
            alone: set(&["alloc"]),
            workspace: set(&["alloc,std"]),
        };
        pins.add("he-core", "dependencies", &difference);
        pins.add("he-core", "dev-dependencies", &difference);
        let hint = pins.to_string();
        assert!(hint.contains("rand = { version = \"1.0.0\", default-features = false, features = [\"alloc\", \"std\"] }"), "{hint}");
        assert_eq!(hint.matches("rand.workspace = true").count(), 1, "{hint}");
    }
}
