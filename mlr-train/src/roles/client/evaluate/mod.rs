//! `evaluate`: accuracy of a model, beside the models that need no encryption.

mod figures;

use std::path::{Path, PathBuf};
use std::time::Instant;

use velum_record::{Step, Subject};

pub use velum_record::client::Evaluated;

use crate::artifacts::kinds;
use crate::artifacts::predictions::{self, Table};
use crate::artifacts::private::PrivateDirectory;
use crate::data::{FeatureSet, RowNames};
use crate::files::{Access, Outputs};
use crate::model::Model;
use crate::roles::{Reporter, Rows, RunError, keep};
use figures::{Others, best_clear};

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct EvaluateInput {
    /// The decrypted model.
    pub model: PathBuf,
    /// Rows to evaluate on.
    pub rows: Rows,
    /// The private directory of the encryption: adds the clear twin and the client-only model.
    pub private: Option<PathBuf>,
    /// Rows to train the best clear model on: adds its accuracy.
    pub training: Option<Rows>,
    /// Where the predictions of all rows go, if they are asked for.
    pub out: Option<PathBuf>,
    /// Where the record goes.
    pub record: Option<PathBuf>,
    /// Of two classes: rows at or above it are taken for the second one. A probability if the model has a temperature, else a difference of scores.
    pub threshold: Option<f64>,
}

/// Evaluates a model and, as far as they are given, the models that need no encryption.
///
/// # Errors
/// Rows that do not fit the model; files that cannot be read.
pub fn run(input: &EvaluateInput, reporter: &dyn Reporter) -> Result<Evaluated, RunError> {
    let started = Instant::now();
    predictions::require_place(input.out.as_deref(), read(input))?;
    if let Some(path) = &input.record {
        Outputs::new(read(input)).file_in_new_directory(path, kinds::RECORD)?;
    }
    let model = Model::read(&input.model)?;
    let test = of_model(&input.rows, &model, reporter)?;
    let private = input.private.as_deref();
    let private = private.map(PrivateDirectory::read).transpose()?;
    if let (Some(private), Some(path), Some(plan)) =
        (&private, &input.private, &model.provenance().plan_blake3)
    {
        private.require_plan(path, plan)?;
    }
    let trained = private
        .as_ref()
        .map(|private| &private.head.features_blake3);
    if trained.is_some_and(|hash| *hash == test.hash().to_hex().as_str()) {
        reporter.warn("these rows are those that were trained on: new rows will do worse");
    }
    let best = match &input.training {
        Some(rows) => {
            let rows = of_model(rows, &model, reporter)?;
            reporter.detail("training the best clear model");
            Some(best_clear(&rows.try_into()?)?)
        }
        None => None,
    };
    let others = Others {
        twin: private.as_ref().map(|private| &private.twin),
        client_only: private.as_ref().map(|private| &private.client_only),
        best: best.as_ref(),
    };
    let place = |error: RunError| error.at(input.rows.features.display().to_string());
    let names = input.rows.names()?;
    let table = match &input.out {
        Some(_) => Some(table(&model, &test, names.as_ref()).map_err(place)?),
        None => None,
    };
    let mut found =
        figures::evaluate(&model, test, &others, names.as_ref(), input.threshold).map_err(place)?;
    found.seconds = Some(started.elapsed().as_secs_f64());
    if let Some(table) = table {
        table.deliver(input.out.as_deref(), Access::Private)?;
        if model.temperature().is_none() {
            reporter.note("the model has no temperature, so its scores are no probabilities: decrypt writes one where the twin was checked on held-out rows");
        }
    }
    if let Some(path) = &input.record {
        let head = private.map(|private| private.head);
        let subject = Subject {
            plan: model.provenance().plan_blake3.clone(),
            key: head.as_ref().and_then(|head| head.key.clone()),
            dataset: head.and_then(|head| head.dataset),
            model: None,
        };
        keep(path, Step::Evaluate(found.clone()), subject, reporter);
    }
    Ok(found)
}

/// Everything that is read.
fn read(input: &EvaluateInput) -> impl Iterator<Item = &Path> {
    let rows = [Some(&input.rows), input.training.as_ref()];
    let rows = rows.into_iter().flatten();
    let files = rows.flat_map(|rows| [Some(&rows.features), rows.labels.as_ref()]);
    let all = files.chain([Some(&input.model), input.private.as_ref()]);
    all.flatten().map(PathBuf::as_path)
}

/// Every row with its file name, its class, its prediction and, where the model has a temperature, the probability of that.
fn table(model: &Model, test: &FeatureSet, files: Option<&RowNames>) -> Result<Table, RunError> {
    let scores = model.scores(test.features().view())?;
    let mut table = Table::new(scores.view(), model.class_names(), 1).with_actual(test.labels());
    if let Some(temperature) = model.temperature() {
        table = table.with_probabilities(scores.view(), temperature);
    }
    Ok(table.of_files(files))
}

/// The rows with the classes of the model, by name where both have names.
///
/// # Errors
/// Rows of classes that the model does not know, or that were not computed as those that it was trained on.
fn of_model(rows: &Rows, model: &Model, reporter: &dyn Reporter) -> Result<FeatureSet, RunError> {
    let set = rows.load()?;
    let same = model.description().require_same(set.description());
    same.map_err(|error| RunError::caused(error).at(rows.features.display().to_string()))?;
    let (set, how) = set.matched(model.class_set())?;
    if let Some(note) = how.note() {
        reporter.warn(note);
    }
    Ok(set)
}
