//! Circles of imports between the files of a crate.
//!
//! Names are followed through re-exports to the file that defines them. A file and the folder of its name are one where its
//! siblings are concerned: a module may name its children, children may use what their parent defines, and no two siblings may
//! use each other, however many lie between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Violation;
use super::modules::{Module, modules};
use super::source::File;

/// A module in segments: `he_core`, `evaluator`, `ckks`.
type Name = Vec<String>;

/// Siblings by name, and for each those that it uses with one place where it does.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// Re-exports that are followed; those of one module through another are few.
const MOST_REEXPORTS: usize = 16;

/// Every circle of siblings that shares no module with a shorter one.
pub(super) fn circles(files: &[File]) -> Vec<Violation> {
    let modules = modules(files);
    let mut found = Vec::new();
    for (parent, mut graph) in siblings(&modules) {
        while let Some(circle) = shortest(&graph) {
            let parent = parent.join("::");
            let place = |i: usize| graph[&circle[i]][&circle[(i + 1) % circle.len()]].clone();
            let steps = circle.iter().enumerate();
            let steps: Vec<_> = steps
                .map(|(i, name)| format!("{name} ({})", place(i)))
                .collect();
            found.push(Violation {
                at: place(0),
                found: format!(
                    "modules of {parent} use each other in a circle: {} -> {}",
                    steps.join(" -> "),
                    circle[0]
                ),
                reason: "move what both need into a module that both use".to_owned(),
            });
            graph.retain(|name, _| !circle.contains(name));
        }
    }
    found
}

/// Who uses whom among the children of every module.
fn siblings(modules: &[Module]) -> BTreeMap<Name, Graph> {
    let names = Names::of(modules);
    let mut graphs: BTreeMap<Name, Graph> = BTreeMap::new();
    for module in modules {
        for path in &module.paths {
            if path.binds.is_none() && path.segments.len() == 1 {
                continue;
            }
            let from = [&module.name[..], &path.inside].concat();
            let mut targets = BTreeSet::new();
            names.resolve(&from, &path.segments, &mut targets, MOST_REEXPORTS);
            for target in targets {
                let both = module.name.iter().zip(&target);
                let common = both.take_while(|(a, b)| a == b).count();
                let (Some(user), Some(used)) = (module.name.get(common), target.get(common)) else {
                    continue;
                };
                let graph = graphs.entry(target[..common].to_vec()).or_default();
                let uses = graph.entry(user.clone()).or_default();
                uses.entry(used.clone())
                    .or_insert_with(|| format!("{}:{}", module.file, path.line));
            }
        }
    }
    graphs
}

/// What every module's names lead to.
struct Names<'a> {
    modules: BTreeSet<Name>,
    bound: BTreeMap<(Name, &'a str), Vec<&'a [String]>>,
}

impl<'a> Names<'a> {
    fn of(modules: &'a [Module]) -> Self {
        let mut names = Self {
            modules: BTreeSet::new(),
            bound: BTreeMap::new(),
        };
        for module in modules {
            names.modules.insert(module.name.clone());
            for path in &module.paths {
                let inside = [&module.name[..], &path.inside].concat();
                if let Some(name) = &path.binds {
                    let bound = names.bound.entry((inside.clone(), name)).or_default();
                    bound.push(&path.segments);
                }
                names.modules.insert(inside);
            }
        }
        names
    }

    /// The modules that define what `path` means in `from`; none for another crate's.
    fn resolve(
        &self,
        from: &[String],
        path: &'a [String],
        found: &mut BTreeSet<Name>,
        left: usize,
    ) {
        let (Some((first, rest)), true) = (path.split_first(), left > 0) else {
            return;
        };
        match (first.as_str(), from) {
            ("crate", [root, ..]) => self.walk(std::slice::from_ref(root), rest, found, left),
            ("self", _) => self.walk(from, rest, found, left),
            ("super", [up @ .., _]) if rest.first().is_some_and(|s| s == "super") => {
                self.resolve(up, rest, found, left);
            }
            ("super", [up @ .., _]) => self.walk(up, rest, found, left),
            _ if self.child(from, first).is_some() || self.bound(from, first).is_some() => {
                self.walk(from, path, found, left);
            }
            _ => {}
        }
    }

    /// [`Names::resolve`] of a path that begins in the module `at`.
    fn walk(&self, at: &[String], path: &'a [String], found: &mut BTreeSet<Name>, left: usize) {
        let Some((first, rest)) = path.split_first() else {
            found.insert(at.to_vec());
            return;
        };
        if let Some(child) = self.child(at, first) {
            return self.walk(&child, rest, found, left);
        }
        let Some(bound) = self.bound(at, first) else {
            found.insert(at.to_vec());
            return;
        };
        for path in bound {
            let mut ends = BTreeSet::new();
            self.resolve(at, path, &mut ends, left - 1);
            for end in ends {
                self.walk(&end, rest, found, left - 1);
            }
        }
    }

    fn child(&self, at: &[String], name: &str) -> Option<Name> {
        let child = [at, &[name.to_owned()]].concat();
        self.modules.contains(&child).then_some(child)
    }

    fn bound(&self, at: &[String], name: &'a str) -> Option<&Vec<&'a [String]>> {
        self.bound.get(&(at.to_vec(), name))
    }
}

/// A shortest circle, from its first name in order.
fn shortest(graph: &Graph) -> Option<Vec<String>> {
    let circles = graph
        .keys()
        .filter_map(|start| circle_through(graph, start));
    circles.min_by_key(Vec::len)
}

fn circle_through(graph: &Graph, start: &String) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&String, &String> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(name) = next.pop_front() {
        for used in graph.get(name).into_iter().flat_map(BTreeMap::keys) {
            if used == start {
                let steps = std::iter::successors(Some(name), |name| came_from.get(name).copied());
                let mut circle: Vec<String> = steps.cloned().collect();
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(used) {
                came_from.insert(used, name);
                next.push_back(used);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| file(&format!("a-b/src/{path}"), text))
            .collect();
        circles(&files).into_iter().map(|v| v.found).collect()
    }

    #[test]
    fn two_siblings_that_use_each_other_are_a_circle() {
        let one = ("x/one.rs", "\nuse super::two::B; pub struct A;");
        let two = ("x/two.rs", "pub struct B; fn f() { crate::x::one::A; }");
        assert_eq!(
            found(&[("x/mod.rs", "mod one; mod two;"), one, two]),
            [
                "modules of a_b::x use each other in a circle: one (a-b/src/x/one.rs:2) -> two (a-b/src/x/two.rs:1) -> one"
            ]
        );
        let harmless = (
            "x/two.rs",
            "pub struct B; #[cfg(test)] mod tests { use super::super::one::A; }",
        );
        assert_eq!(
            found(&[("x/mod.rs", "mod one; mod two;"), one, harmless]).len(),
            0
        );
    }

    #[test]
    fn names_are_followed_through_re_exports() {
        let parent = "mod one; mod two; pub use one::A; pub use two::{B as C};";
        let two = ("two.rs", "use super::A; pub struct B;");
        let circle = [("lib.rs", parent), ("one.rs", "use crate::C;"), two];
        assert_eq!(found(&circle).len(), 1);
        let own = [
            ("lib.rs", "mod one; mod two; pub use one::A; struct C;"),
            ("one.rs", "use crate::C;"),
            two,
        ];
        assert_eq!(found(&own).len(), 0);
    }

    #[test]
    fn parents_and_children_may_use_each_other() {
        let files = [
            ("lib.rs", "mod x; pub use x::A;"),
            ("x/mod.rs", "mod one; pub use one::A; struct P;"),
            (
                "x/one.rs",
                "use super::P; use crate::x; pub struct A(x::P);",
            ),
        ];
        assert_eq!(found(&files).len(), 0);
    }

    #[test]
    fn a_folder_counts_as_one() {
        let files = [
            ("x/mod.rs", "mod one; mod two;"),
            ("x/one.rs", "use crate::y::three::A; pub struct C;"),
            ("y/mod.rs", "mod three; mod four;"),
            ("y/three.rs", "pub struct A;"),
            ("y/four.rs", "mod inner { use super::super::super::z::B; }"),
            ("z.rs", "use super::x::two; pub struct B;"),
            ("x/two.rs", ""),
        ];
        let found = found(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("x (a-b/src/x/one.rs:1) -> y (a-b/src/y/four.rs:1) -> z"));
    }
}
