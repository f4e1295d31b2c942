//! One door for every kind of feature file.

use std::path::{Path, PathBuf};

use he_core::error::Explain;

use super::npy::{read_features, read_labels};
use super::rows::{RowSelection, RowSelectionError};
use super::set::FeatureSet;
use super::{bundle, csv, safetensors};
use crate::files::{At, FileError, Location, Problem};

/// Reads a feature set; the name decides how.
///
/// | path | read as |
/// |---|---|
/// | a directory | `features.npy`, `labels.npy`, `features.json` |
/// | `*.npy` | features, with labels from `labels` or from [the file beside it](labels_beside) |
/// | `*.csv`, `*.csv.gz` | label first |
/// | `*.safetensors` | tensors `features` and `labels` |
///
/// A labels file (`.npy`) given with another kind replaces nothing: it is refused.
///
/// # Errors
/// Those of the reader, [`Problem::Kind`] for a name that is not known, [`Problem::Missing`] when there are no labels.
pub fn read(path: &Path, labels: Option<&Path>) -> Result<FeatureSet, FileError> {
    read_until(path, labels, None)
}

/// Reads the chosen rows of a feature set, in their order; of a table of text nothing behind the last of them.
///
/// # Errors
/// As [`read`], and [`ReadError::Rows`] for rows that are not there.
pub fn read_rows(
    path: &Path,
    labels: Option<&Path>,
    rows: &RowSelection,
) -> Result<FeatureSet, ReadError> {
    Ok(read_until(path, labels, rows.end())?.select(rows)?)
}

/// Rows that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The choice of rows.
    #[error(transparent)]
    Rows(#[from] RowSelectionError),
}

impl Explain for ReadError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::File(source) => Some(source),
            Self::Rows(source) => Some(source),
        }
    }
}

fn read_until(
    path: &Path,
    labels: Option<&Path>,
    most: Option<usize>,
) -> Result<FeatureSet, FileError> {
    let name = path.to_string_lossy();
    if name.ends_with(".npy") {
        let labels = match labels {
            Some(labels) => labels.to_path_buf(),
            None => labels_beside(path).ok_or_else(|| {
                At(path).fault(
                    Problem::Missing,
                    Location::Whole,
                    "labels beside the features, as X_features.npy and X_labels.npy or features.npy and labels.npy",
                    "a name without `features`",
                    "name the labels' file with --labels",
                )
            })?,
        };
        let features = read_features(path)?;
        return FeatureSet::new(features, read_labels(&labels)?, None, path);
    }
    if labels.is_some() {
        return Err(At(path).fault(
            Problem::Kind,
            Location::Whole,
            "an .npy file when labels are named",
            "a feature set that holds its own labels",
            "leave out --labels",
        ));
    }
    if path.is_dir() {
        bundle::read_bundle(path).map(|(set, _)| set)
    } else if name.ends_with(".csv") || name.ends_with(".csv.gz") {
        csv::read(path, most)
    } else if name.ends_with(".safetensors") {
        safetensors::read(path)
    } else if !path.exists() {
        crate::files::read_limited(path, 0).and(Err(unknown(path)))
    } else {
        Err(unknown(path))
    }
}

fn unknown(path: &Path) -> FileError {
    At(path).fault(
        Problem::Kind,
        Location::Whole,
        "a directory, or a name ending in .npy, .csv, .csv.gz or .safetensors",
        "another name",
        "see docs/feature-set.md",
    )
}

/// The labels' file that belongs to a features' file: the last `features` of its name replaced by `labels`.
#[must_use]
pub fn labels_beside(features: &Path) -> Option<PathBuf> {
    let name = features.file_name()?.to_str()?;
    let (before, after) = name.rsplit_once("features")?;
    Some(features.with_file_name(format!("{before}labels{after}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{write_features, write_labels};
    use ndarray::array;

    #[test]
    fn labels_are_found_beside() {
        let beside = |name| labels_beside(Path::new(name));
        assert_eq!(
            beside("a/train_features.npy"),
            Some("a/train_labels.npy".into())
        );
        assert_eq!(beside("features.npy"), Some("labels.npy".into()));
        assert_eq!(beside("x.npy"), None);
    }

    #[test]
    fn the_name_decides() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name| dir.path().join(name);
        write_features(&at("a_features.npy"), &array![[1.0], [2.0]]).unwrap();
        write_labels(&at("a_labels.npy"), &[0, 1]).unwrap();
        std::fs::write(at("b.csv"), "0,1\n1,2\n").unwrap();
        std::fs::write(at("c.txt"), "0,1\n1,2\n").unwrap();
        let npy = read(&at("a_features.npy"), None).unwrap();
        assert_eq!(npy.hash(), read(&at("b.csv"), None).unwrap().hash());
        let problem = |name, labels: Option<&Path>| {
            let error = read(&at(name), labels).unwrap_err();
            error.fault().unwrap().problem
        };
        assert_eq!(problem("c.txt", None), Problem::Kind);
        assert_eq!(problem("d.txt", None), Problem::Missing);
        assert_eq!(problem("d.csv", None), Problem::Missing);
        assert_eq!(problem("none", None), Problem::Missing);
        assert_eq!(problem("b.csv", Some(&at("a_labels.npy"))), Problem::Kind);
        std::fs::rename(at("a_labels.npy"), at("b_labels.npy")).unwrap();
        assert_eq!(problem("a_features.npy", None), Problem::Missing);
    }
}
