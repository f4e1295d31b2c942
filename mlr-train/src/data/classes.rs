//! Classes of two sides, matched by their names: a label is a place in a list of names, and two lists may differ.

use std::collections::HashMap;

use super::set::FeatureSet;
use crate::files::{At, FileError, Location, Problem};

/// Names of an error.
const SHOWN: usize = 8;

/// The classes that rows are held against: a model's, a plan's, a map's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classes<'a> {
    /// How many.
    pub count: usize,
    /// Their names in the order of their labels, if known.
    pub names: Option<&'a [String]>,
}

/// How labels came to be those of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Matched {
    /// Both sides name their classes.
    ByName,
    /// Neither does: label k is class k.
    ByNumber,
    /// The rows have no names, the other side has: label k is taken for class k.
    RowsWithoutNames,
    /// The rows have names, the other side has none: label k is taken for class k.
    OthersWithoutNames,
}

impl Matched {
    /// What is to be said of it, where it is not sure: nothing that says so connects the two sides.
    #[must_use]
    pub fn note(self) -> Option<&'static str> {
        match self {
            Self::ByName | Self::ByNumber => None,
            Self::RowsWithoutNames => Some(
                "these rows have no class names: classes are matched by number, label 0 with the first class",
            ),
            Self::OthersWithoutNames => Some(
                "only these rows have class names: classes are matched by number, the first name with label 0",
            ),
        }
    }
}

/// The place of each of `own` among `others`; none for a name that is not there.
pub(crate) fn places(own: &[String], others: &[String]) -> Vec<Option<usize>> {
    let known: HashMap<&str, usize> = others
        .iter()
        .enumerate()
        .map(|(place, name)| (name.as_str(), place))
        .collect();
    let place = |name: &String| known.get(name.as_str()).copied();
    own.iter().map(place).collect()
}

/// Names for an error, the first few.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&String> = names.into_iter().collect();
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let mut text = shown.join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

impl FeatureSet {
    /// The names of classes that rows here have and `classes` lack; none where a side has no names.
    #[must_use]
    pub fn unknown_classes(&self, classes: Classes<'_>) -> Vec<&String> {
        let (Some(own), Some(names)) = (self.class_names(), classes.names) else {
            return Vec::new();
        };
        let places = places(own, names);
        let mut used = vec![false; own.len()];
        for &label in self.labels() {
            used[label as usize] = true;
        }
        let lacking = (0..own.len()).filter(|&class| used[class] && places[class].is_none());
        lacking.map(|class| &own[class]).collect()
    }

    /// The same rows with the labels of `classes`: by name where both sides have names, else by number.
    ///
    /// The rows may lack classes, and may have them in another order; a class without rows here may be unknown there.
    ///
    /// # Errors
    /// [`Problem::Label`] for rows of a class that `classes` lack, by its name, or for a label beyond their number.
    pub fn matched(self, classes: Classes<'_>) -> Result<(Self, Matched), FileError> {
        let (Some(own), Some(names)) = (self.class_names(), classes.names) else {
            let how = match (self.class_names().is_some(), classes.names.is_some()) {
                (false, true) => Matched::RowsWithoutNames,
                (true, false) => Matched::OthersWithoutNames,
                _ => Matched::ByNumber,
            };
            let mut set = self.with_classes(classes.count)?;
            if let Some(names) = classes.names {
                set.rename(None, names);
            }
            return Ok((set, how));
        };
        let unknown = self.unknown_classes(classes);
        if !unknown.is_empty() {
            return Err(At(self.source()).fault(
                Problem::Label,
                Location::Whole,
                format!("rows of the classes {}", listed(names)),
                format!("rows of {}", listed(unknown)),
                "classes are matched by name: rename the folders, or leave those rows out",
            ));
        }
        let places = places(own, names);
        let mut set = self;
        set.rename(Some(&places), names);
        Ok((set, Matched::ByName))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn set(own: Option<&[&str]>, labels: &[u32]) -> FeatureSet {
        let x = array![[1.0], [2.0], [3.0]];
        FeatureSet::new(x, labels.to_vec(), own.map(names), "rows").unwrap()
    }

    #[test]
    fn labels_follow_the_names() {
        let others = names(&["bars", "cols", "dots"]);
        let classes = Classes {
            count: 3,
            names: Some(&others),
        };
        for (own, labels, expected) in [
            // A folder that lacks a class.
            (&["cols", "dots"][..], [0, 1, 1], [1, 2, 2]),
            // Another order.
            (&["dots", "bars", "cols"], [0, 1, 2], [2, 0, 1]),
            // One more name, without rows.
            (&["dots", "bars", "cols", "rings"], [2, 1, 0], [1, 0, 2]),
        ] {
            let (found, how) = set(Some(own), &labels).matched(classes).unwrap();
            assert_eq!(found.labels(), expected, "{own:?}");
            assert_eq!(found.class_names(), Some(&others[..]));
            assert_eq!((found.classes(), how), (3, Matched::ByName));
            // Matched once, matched always.
            assert_eq!(found.clone().matched(classes).unwrap().0, found);
        }
        let error = set(Some(&["cols", "rings", "Bars"]), &[0, 1, 2]).matched(classes);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`rings`, `Bars`"), "{error}");
        assert!(error.contains("`bars`, `cols`, `dots`"), "{error}");
    }

    #[test]
    fn without_names_on_a_side_numbers_count_and_that_is_said() {
        let others = names(&["a", "b", "c", "d"]);
        let named = Classes {
            count: 4,
            names: Some(&others),
        };
        let (found, how) = set(None, &[0, 1, 2]).matched(named).unwrap();
        assert_eq!(
            (found.labels(), how),
            (&[0, 1, 2][..], Matched::RowsWithoutNames)
        );
        assert_eq!(found.class_names(), Some(&others[..]));
        let plain = Classes {
            count: 4,
            names: None,
        };
        let (found, how) = set(Some(&["x", "y", "z"]), &[0, 1, 2])
            .matched(plain)
            .unwrap();
        assert_eq!((found.classes(), how), (4, Matched::OthersWithoutNames));
        assert!(how.note().is_some() && Matched::ByName.note().is_none());
        let few = Classes {
            count: 2,
            names: None,
        };
        assert!(set(None, &[0, 1, 2]).matched(few).is_err());
        assert_eq!(
            set(None, &[0, 1, 1]).matched(few).unwrap().1,
            Matched::ByNumber
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<String> = (0..100).map(|k| k.to_string()).collect();
        assert!(listed(&many).ends_with("and 92 more"));
    }
}
