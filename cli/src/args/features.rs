//! `--features`, `--labels`, `--rows`: the same three arguments wherever rows are read.

use std::path::{Path, PathBuf};

use clap::Args;
use mlr_train::data::{FeatureSet, ReadError, RowSelection, RowSelectionError};
use mlr_train::roles::Rows;

use crate::face::failure::Failure;

/// Which rows of which file. `REQUIRED` says whether the verb can do without.
#[derive(Clone, Debug, Args)]
pub struct FeatureArgs<const REQUIRED: bool> {
    /// Features: .npy, .csv or .csv.gz (label first), .safetensors, or a directory that `extract` wrote.
    #[arg(long, value_name = "F", required = REQUIRED)]
    pub features: Option<PathBuf>,
    /// Labels, if they are in a file of their own [default: found beside a .npy file].
    #[arg(long, value_name = "L", requires = "features")]
    pub labels: Option<PathBuf>,
    /// Rows to take: `A..B`, `A..`, `..B`, `every K offset O`, `not every K offset O` [default: all].
    #[arg(long, value_name = "A..B", requires = "features", value_parser = parse_rows)]
    pub rows: Option<RowSelection>,
}

impl<const REQUIRED: bool> FeatureArgs<REQUIRED> {
    /// The file that was named.
    ///
    /// # Errors
    /// None was; the arguments of a verb that needs one do not parse without.
    pub fn path(&self) -> Result<&Path, Failure> {
        let path = self.features.as_deref();
        path.ok_or_else(|| {
            Failure::input("expected a file of features, found none").at("--features")
        })
    }

    /// The file and the choice of rows, for a step of the library.
    ///
    /// # Errors
    /// As [`path`](Self::path).
    pub fn rows(&self) -> Result<Rows, Failure> {
        Ok(Rows {
            features: self.path()?.to_owned(),
            labels: self.labels.clone(),
            rows: self.rows.clone(),
            named: "--rows",
        })
    }

    /// The chosen rows, if a file was named.
    ///
    /// # Errors
    /// Whatever is wrong with the file or the choice of rows.
    pub fn load(&self) -> Result<Option<FeatureSet>, Failure> {
        self.features
            .as_deref()
            .map(|path| load(path, self.labels.as_deref(), self.rows.as_ref(), "--rows"))
            .transpose()
    }
}

/// Reads a choice of rows for clap, which has its own place for the hint.
pub(crate) fn parse_rows(text: &str) -> Result<RowSelection, RowSelectionError> {
    text.parse()
}

/// The chosen rows of a file of features.
///
/// # Errors
/// Whatever is wrong with the file, its labels or the choice of rows; `argument` names where the rows were chosen.
pub(crate) fn load(
    path: &Path,
    labels: Option<&Path>,
    rows: Option<&RowSelection>,
    argument: &str,
) -> Result<FeatureSet, Failure> {
    let Some(rows) = rows else {
        return Ok(mlr_train::data::read(path, labels)?);
    };
    mlr_train::data::read_rows(path, labels, rows).map_err(|error| match error {
        ReadError::Rows(error) => {
            Failure::from(error).at(format!("{argument} of {}", path.display()))
        }
        other => Failure::from(other),
    })
}
