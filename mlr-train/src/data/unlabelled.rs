//! Rows to predict, which may be without labels.

use std::path::Path;

use ndarray::Array2;

use super::classes::Classes;
use super::origin::Description;
use super::rows::{RowSelection, RowSelectionError};
use super::set::FeatureSet;
use super::{bundle, csv, npy, read};
use crate::files::FileError;

/// Rows of features, checked as a [`FeatureSet`] is, with or without labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Without labels, each row is labelled 0 in here.
    set: FeatureSet,
    labelled: bool,
}

impl Rows {
    /// Reads rows: as [`read`](super::read), but a `.npy` file and a directory may be without labels.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn read(path: &Path, labels: Option<&Path>) -> Result<Self, FileError> {
        Self::read_wide(path, labels, None)
    }

    /// Reads rows of `features` features: a table of text with exactly so many columns is without labels, one with another column has its
    /// label first. Without a number, tables of text have labels.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn read_wide(
        path: &Path,
        labels: Option<&Path>,
        features: Option<usize>,
    ) -> Result<Self, FileError> {
        let name = path.to_string_lossy();
        if let Some(features) = features.filter(|_| labels.is_none())
            && (name.ends_with(".csv") || name.ends_with(".csv.gz"))
            && !path.is_dir()
        {
            let table = csv::read_table(path, csv::Labels::UnlessWidth(features), None)?;
            return match table.labels {
                None => Self::unlabelled(table.features, path),
                Some(labels) => Ok(Self {
                    set: FeatureSet::new(table.features, labels, None, path)?
                        .with_column_names(table.names),
                    labelled: true,
                }),
            };
        }
        let (is_npy, is_directory) = (
            path.extension().is_some_and(|end| end == "npy"),
            path.is_dir(),
        );
        let beside = if is_directory {
            Some(path.join("labels.npy"))
        } else {
            read::labels_beside(path)
        };
        let without = labels.is_none() && !beside.is_some_and(|file| file.is_file());
        let (features, description) = match without {
            true if is_npy => (npy::read_features(path)?, Description::default()),
            true if is_directory => bundle::read_unlabelled(path)?,
            _ => {
                let set = read::read(path, labels)?;
                return Ok(Self {
                    set,
                    labelled: true,
                });
            }
        };
        let mut rows = Self::unlabelled(features, path)?;
        rows.set = rows.set.with_description(description);
        Ok(rows)
    }

    /// Takes rows without labels (rows x features).
    ///
    /// # Errors
    /// As [`FeatureSet::new`].
    pub fn unlabelled(features: Array2<f64>, source: &Path) -> Result<Self, FileError> {
        let labels = vec![0; features.nrows()];
        Ok(Self {
            set: FeatureSet::new(features, labels, None, source)?,
            labelled: false,
        })
    }

    /// The chosen rows.
    ///
    /// # Errors
    /// As [`FeatureSet::select`].
    pub fn select(&self, selection: &RowSelection) -> Result<Self, RowSelectionError> {
        Ok(Self {
            set: self.set.select(selection)?,
            labelled: self.labelled,
        })
    }

    /// Features, rows x features.
    #[must_use]
    pub fn features(&self) -> &Array2<f64> {
        self.set.features()
    }

    /// One label a row, where the files have them.
    #[cfg(test)]
    pub(crate) fn labels(&self) -> Option<&[u32]> {
        self.labelled.then(|| self.set.labels())
    }

    /// What the rows were computed by, as far as it is known.
    #[must_use]
    pub fn description(&self) -> &Description {
        self.set.description()
    }

    /// The rows with labels, to be held against those of a model; none where the files have none.
    #[must_use]
    pub fn labelled(&self) -> Option<&FeatureSet> {
        self.labelled.then_some(&self.set)
    }

    /// The names of classes that rows here have and `classes` lack, as [`FeatureSet::unknown_classes`].
    #[must_use]
    pub fn unknown_classes(&self, classes: Classes<'_>) -> Vec<&String> {
        self.labelled()
            .map_or_else(Vec::new, |set| set.unknown_classes(classes))
    }

    /// Where the rows came from.
    #[must_use]
    pub fn source(&self) -> &Path {
        self.set.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Description, write_bundle, write_features, write_labels};
    use crate::files::Problem;
    use ndarray::array;

    #[test]
    fn labels_are_read_where_they_are_and_not_missed_where_they_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let x = array![[1.0, 2.0], [3.0, 4.0]];
        write_features(&at("a_features.npy"), &x).unwrap();
        let bare = Rows::read(&at("a_features.npy"), None).unwrap();
        assert_eq!((bare.features(), bare.labels()), (&x, None));
        write_labels(&at("a_labels.npy"), &[1, 0]).unwrap();
        let found = Rows::read(&at("a_features.npy"), None).unwrap();
        assert_eq!(found.labels(), Some(&[1, 0][..]));
        assert_eq!(
            found.select(&"1..".parse().unwrap()).unwrap().labels(),
            Some(&[0][..])
        );

        let set = FeatureSet::new(x.clone(), vec![1, 0], None, "t").unwrap();
        write_bundle(&at("set"), &set, &Description::default()).unwrap();
        assert_eq!(
            Rows::read(&at("set"), None).unwrap().labels(),
            Some(&[1, 0][..])
        );
        std::fs::remove_file(at("set/labels.npy")).unwrap();
        let bare = Rows::read(&at("set"), None).unwrap();
        assert_eq!((bare.features(), bare.labels()), (&x, None));
        std::fs::remove_file(at("set/features.json")).unwrap();
        let problem = |name| {
            Rows::read(&at(name), None)
                .unwrap_err()
                .fault()
                .unwrap()
                .problem
        };
        assert_eq!(problem("set"), Problem::Missing);
        assert_eq!(problem("none.npy"), Problem::Missing);
    }
}
