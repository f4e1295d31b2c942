//! `predict` in clear: labels of new rows by a decrypted model, by file name where rows are pictures.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ndarray::Array2;
use serde::Serialize;

use crate::artifacts::predictions::{self, Table};
use crate::data::{RowNames, listed};
use crate::files::Access;
use crate::metrics;
use crate::model::Model;
use crate::roles::{Reporter, Rows, RunError};

/// What [`Predictor::open`] needs.
#[derive(Clone, Debug)]
pub struct PredictInput {
    /// The decrypted model.
    pub model: PathBuf,
    /// Best classes to name for each row.
    pub top: NonZeroUsize,
    /// Where the predictions go; they are given back without.
    pub out: Option<PathBuf>,
}

/// What was predicted.
#[derive(Clone, Debug, Serialize)]
pub struct Predicted {
    /// Time of the whole step.
    pub seconds: f64,
    /// Rows.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// Share of right ones, where every row has a label of a class that the model knows.
    pub accuracy: Option<f64>,
    /// None where they went to a file.
    #[serde(flatten)]
    pub table: Option<Table>,
}

/// A model that is ready, with the place of its predictions checked.
#[derive(Debug)]
pub struct Predictor {
    input: PredictInput,
    model: Model,
    begun: Instant,
}

impl Predictor {
    /// Reads the model and checks where the predictions go, so that nothing fails behind the long work. `read` are files that the caller
    /// reads besides, which no output may replace.
    ///
    /// # Errors
    /// No such model; an output that could not be written.
    pub fn open(input: PredictInput, read: &[&Path]) -> Result<Self, RunError> {
        let begun = Instant::now();
        let all = read.iter().copied().chain([input.model.as_path()]);
        predictions::require_place(input.out.as_deref(), all)?;
        let model = Model::read(&input.model)?;
        Ok(Self {
            input,
            model,
            begun,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Predicts the chosen rows, with or without labels.
    ///
    /// Labels are those of the model's classes by name, where both have names. Rows of classes that the model does not know are predicted as
    /// rows without labels, which is said.
    ///
    /// # Errors
    /// Rows that cannot be read, are of another width or were not computed as those that the model was trained on; the system's.
    pub fn run(self, rows: &Rows, reporter: &dyn Reporter) -> Result<Predicted, RunError> {
        let (found, files) = self.read(rows)?;
        let scores = self.model.scores(found.features().view());
        let scores = scores.map_err(|error| RunError::caused(error).at(place(rows)))?;
        let accuracy = self.accuracy(&found, &scores, reporter)?;
        let names = self.model.class_names();
        let mut table = Table::new(scores.view(), names, self.input.top.get());
        if let Some(temperature) = self.model.temperature() {
            table = table.with_probabilities(scores.view(), temperature);
        }
        let table = table.of_files(files.as_ref());
        Ok(Predicted {
            rows: scores.nrows(),
            features: self.model.features(),
            classes: self.model.classes(),
            accuracy,
            table: table.deliver(self.input.out.as_deref(), Access::Shared)?,
            seconds: self.begun.elapsed().as_secs_f64(),
        })
    }

    fn read(&self, rows: &Rows) -> Result<(crate::data::Rows, Option<RowNames>), RunError> {
        let (path, labels) = (&rows.features, rows.labels.as_deref());
        let width = Some(self.model.features());
        let found = crate::data::Rows::read_wide(path, labels, width)?;
        let same = self.model.description().require_same(found.description());
        same.map_err(|error| RunError::caused(error).at(place(rows)))?;
        let names = RowNames::beside(path, found.features().nrows())?;
        let Some(chosen) = &rows.rows else {
            return Ok((found, names));
        };
        let wrong =
            |error| RunError::caused(error).at(format!("{} of {}", rows.named, path.display()));
        let names = names.map(|names| names.select(chosen)).transpose();
        Ok((found.select(chosen).map_err(wrong)?, names.map_err(wrong)?))
    }

    fn accuracy(
        &self,
        rows: &crate::data::Rows,
        scores: &Array2<f64>,
        reporter: &dyn Reporter,
    ) -> Result<Option<f64>, RunError> {
        let Some(set) = rows.labelled() else {
            return Ok(None);
        };
        let unknown = rows.unknown_classes(self.model.class_set());
        if !unknown.is_empty() {
            reporter.warn(&format!(
                "{} are no classes of the model: rows are predicted as rows without labels, and no accuracy is told",
                listed(unknown)
            ));
            return Ok(None);
        }
        let (set, how) = set.clone().matched(self.model.class_set())?;
        if let Some(note) = how.note() {
            reporter.warn(note);
        }
        Ok(Some(metrics::accuracy(scores.view(), set.labels())))
    }
}

fn place(rows: &Rows) -> String {
    rows.features.display().to_string()
}
