//! Names of rows: which picture a row was computed from.

use std::path::Path;

use super::rows::{RowSelection, RowSelectionError};
use crate::files::{At, FileError, Location, Problem, describe_json, read_limited};

/// The file of a feature-set directory.
const FILE: &str = "names.json";
/// A name has some hundred bytes at most; more than this is another file.
const LARGEST: u64 = 1 << 30;

const HINT: &str = "extract the features again, or remove the file: predictions are then by row";

/// One name a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowNames(Vec<String>);

impl RowNames {
    /// Reads the names of the `rows` rows of the features at `path`: `names.json` of a directory, where there is one.
    ///
    /// # Errors
    /// [`Problem::Kind`] for anything but an array of texts, [`Problem::Shape`] for another number; the system's.
    pub fn beside(path: &Path, rows: usize) -> Result<Option<Self>, FileError> {
        let Some(names) = Self::beside_any(path)? else {
            return Ok(None);
        };
        names.require(path, rows)?;
        Ok(Some(names))
    }

    /// Refuses another number of names than of rows of the features at `path`.
    ///
    /// # Errors
    /// [`Problem::Shape`].
    pub(crate) fn require(&self, path: &Path, rows: usize) -> Result<(), FileError> {
        if self.0.len() == rows {
            return Ok(());
        }
        let (expected, found) = (format!("{rows} names"), self.0.len().to_string());
        let file = path.join(FILE);
        Err(At(&file).fault(Problem::Shape, Location::Whole, expected, found, HINT))
    }

    /// The same for features that are known to be as many as the names.
    ///
    /// # Errors
    /// [`Problem::Kind`] for anything but an array of texts; the system's.
    pub(crate) fn beside_any(path: &Path) -> Result<Option<Self>, FileError> {
        let file = path.join(FILE);
        if !path.is_dir() || file.symlink_metadata().is_err() {
            return Ok(None);
        }
        let text = read_limited(&file, LARGEST)?;
        let names: Vec<String> = serde_json::from_slice(&text).map_err(|error| {
            let (expected, found) = (
                "names as a JSON array of texts",
                describe_json(&text, &error),
            );
            At(&file).fault(Problem::Kind, Location::Whole, expected, found, HINT)
        })?;
        Ok(Some(Self(names)))
    }

    /// The names of the chosen rows.
    ///
    /// # Errors
    /// As [`RowSelection::indices`].
    pub fn select(self, rows: &RowSelection) -> Result<Self, RowSelectionError> {
        let chosen = rows.indices(self.0.len())?;
        Ok(self.chosen(chosen))
    }

    /// The names of the rows chosen out of those with these labels, one a name.
    ///
    /// # Errors
    /// As [`RowSelection::of_labels`].
    pub(crate) fn select_of(
        self,
        rows: &RowSelection,
        labels: &[u32],
    ) -> Result<Self, RowSelectionError> {
        let chosen = rows.of_labels(labels)?;
        Ok(self.chosen(chosen))
    }

    fn chosen(&self, rows: Vec<usize>) -> Self {
        let names = rows.into_iter().filter_map(|row| self.0.get(row).cloned());
        Self(names.collect())
    }

    /// The names, row by row.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_are_read_where_they_are_and_follow_their_rows() {
        let place = tempfile::tempdir().unwrap();
        let set = place.path();
        assert_eq!(RowNames::beside(set, 3).unwrap(), None);
        assert_eq!(RowNames::beside(&set.join("x.npy"), 3).unwrap(), None);
        fs::write(set.join(FILE), r#"["a/1.png","a/2.png","b/1.png"]"#).unwrap();
        let names = RowNames::beside(set, 3).unwrap().unwrap();
        assert_eq!(names.as_slice()[1], "a/2.png");
        let chosen = names.select(&"every 2 offset 0".parse().unwrap()).unwrap();
        assert_eq!(chosen.as_slice(), ["a/1.png", "b/1.png"]);
    }

    #[test]
    fn other_files_and_other_numbers_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let set = place.path();
        for (text, problem) in [
            (r#"["a"]"#, Problem::Shape),
            (r#"{"a":1}"#, Problem::Kind),
            (r#"[1,2]"#, Problem::Kind),
            ("a\nb\n", Problem::Kind),
        ] {
            fs::write(set.join(FILE), text).unwrap();
            let error = RowNames::beside(set, 2).unwrap_err();
            assert_eq!(error.fault().unwrap().problem, problem, "{text}");
        }
    }
}
