//! The paths that code names, and what its `use`s bind.

use std::collections::BTreeSet;

use super::source::Token;

/// A path such as `crate::ring::Poly`, from a `use` or from an expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// The name that a `use` gives it; nothing for a path in an expression, and for `*`.
    pub(crate) binds: Option<String>,
    /// Modules written out in the file that it stands in.
    pub(crate) inside: Vec<String>,
}

/// Every path in the code; the trees of `use` are written out.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut found = BTreeSet::new();
    let mut inside: Vec<(String, usize)> = Vec::new();
    let (mut i, mut depth) = (0, 0_usize);
    while let Some(token) = tokens.get(i) {
        let is = |k: usize, text: &str| tokens.get(i + k).is_some_and(|t| t.is(text));
        let within = || inside.iter().map(|(name, _)| name.clone()).collect();
        match token.text.as_str() {
            // `use<'a>` in a return type captures lifetimes and imports nothing.
            "use" if !is(1, "<") => {
                let mut tree = Vec::new();
                i = use_tree(tokens, i + 1, &[], &mut tree);
                let inside: Vec<String> = within();
                found.extend(tree.into_iter().map(|path| Path {
                    inside: inside.clone(),
                    ..path
                }));
            }
            "mod" if is(2, "{") => {
                inside.push((tokens[i + 1].text.clone(), depth));
                depth += 1;
                i += 3;
            }
            "{" => {
                depth += 1;
                i += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                if inside.last().is_some_and(|(_, opened)| *opened == depth) {
                    inside.pop();
                }
                i += 1;
            }
            _ if is_name(token) => {
                let (line, inside) = (token.line, within());
                let mut segments = vec![token.text.clone()];
                while tokens.get(i + 1).is_some_and(|t| t.is("::"))
                    && tokens.get(i + 2).is_some_and(is_name)
                {
                    segments.push(tokens[i + 2].text.clone());
                    i += 2;
                }
                found.insert(Path {
                    segments,
                    line,
                    binds: None,
                    inside,
                });
                i += 1;
            }
            _ => i += 1,
        }
    }
    found.into_iter().collect()
}

fn is_name(token: &Token) -> bool {
    token
        .text
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one branch of a `use` tree from `i`; returns the position of the token that ends it.
fn use_tree(tokens: &[Token], mut i: usize, above: &[String], found: &mut Vec<Path>) -> usize {
    let mut segments = above.to_vec();
    let mut alias = None;
    while let Some(token) = tokens.get(i) {
        match token.text.as_str() {
            "::" => i += 1,
            "{" => {
                i += 1;
                while i < tokens.len() && !tokens[i].is("}") {
                    i = use_tree(tokens, i, &segments, found);
                    if tokens.get(i).is_some_and(|t| t.is(",")) {
                        i += 1;
                    } else if !tokens.get(i).is_some_and(|t| t.is("}")) {
                        return i;
                    }
                }
                return i + 1;
            }
            "as" => {
                alias = tokens.get(i + 1).map(|t| t.text.clone());
                i += 2;
            }
            "," | "}" | ";" => break,
            _ => {
                segments.push(token.text.clone());
                i += 1;
            }
        }
    }
    if let Some(line) = tokens.get(i.saturating_sub(1)).map(|t| t.line) {
        let own = segments.iter().rev().find(|s| *s != "self").cloned();
        found.push(Path {
            binds: alias.or(own).filter(|name| name != "*"),
            segments,
            line,
            inside: Vec::new(),
        });
    }
    i
}

#[cfg(test)]
mod tests {
    use super::super::source::{code_of, tokens};
    use super::*;

    fn all(source: &str) -> Vec<Path> {
        paths(&tokens(&code_of(source)))
    }

    #[test]
    fn use_trees_are_written_out() {
        let found = all("pub(crate) use a::{b, c::{self, D as E}, f::*}; g::h(); k");
        let found: Vec<_> = found.iter().map(|p| p.segments.join("::")).collect();
        for path in ["a::b", "a::c::self", "a::c::D", "a::f::*", "g::h", "k"] {
            assert!(
                found.iter().any(|p| p == path),
                "{path} is missing in {found:?}"
            );
        }
        assert!(!found.iter().any(|p| p == "E"));
    }

    #[test]
    fn names_are_bound_by_use_alone() {
        let found = all("use a::{b, c::{self, D as E}, f::*}; g::h();");
        let bound: Vec<_> = found.iter().filter_map(|p| p.binds.as_deref()).collect();
        assert_eq!(bound, ["b", "E", "c"]);
    }

    #[test]
    fn a_path_knows_the_modules_around_it() {
        let found = all("a::b(); mod x { mod y { use super::c; } fn f() { d::e() } } use g;");
        let inside = |name: &str| {
            let path = found.iter().find(|p| p.segments.last().unwrap() == name);
            path.unwrap().inside.join("::")
        };
        let names = ["b", "c", "e", "g"];
        assert_eq!(names.map(inside), ["", "x::y", "x", ""]);
    }
}
