//! `evaluate`: accuracy of a model, beside the models that need no encryption.

use std::io::{self, Write};

use mlr_train::clear::softmax;
use mlr_train::data::{FeatureSet, TrainingSet};
use mlr_train::metrics::{Agreement, Evaluation};
use mlr_train::model::{Model, Provenance};
use serde::Serialize;

use crate::args::EvaluateArgs;
use crate::artifacts::private::PrivateDirectory;
use crate::console::{Console, Summary};
use crate::failure::Failure;
use crate::features;

/// What `evaluate` finds. Accuracies are shares in [0, 1].
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Evaluated {
    method: String,
    iterations: usize,
    encrypted: bool,
    pub(super) rows: u64,
    /// Of the model.
    pub(super) accuracy: f64,
    /// Of the clear twin: the same training without encryption.
    pub(super) accuracy_clear: Option<f64>,
    /// Of the model made of nothing but what the client computes before it uploads.
    pub(super) accuracy_client_only: Option<f64>,
    /// Of a converged clear model.
    pub(super) accuracy_best_clear: Option<f64>,
    /// Largest difference to the twin's weights over raw features, relative to the twin's largest weight.
    pub(super) max_weight_error: Option<f64>,
    /// Rows counted by label (outer) and prediction (inner).
    confusion: Vec<Vec<u64>>,
    per_class: Vec<Class>,
}

/// Figures of one class; a ratio without cases is null.
#[derive(Clone, Debug, Serialize)]
struct Class {
    class: usize,
    name: Option<String>,
    rows: u64,
    precision: Option<f64>,
    recall: Option<f64>,
    f1: Option<f64>,
}

/// Evaluates as the arguments say.
pub(crate) fn run(args: &EvaluateArgs, console: &Console) -> Result<Evaluated, Failure> {
    let model = Model::read(&args.model)?;
    let test = features::load(
        args.features.path()?,
        args.features.labels.as_deref(),
        args.features.rows.as_ref(),
        "--rows",
    )?;
    let private = args
        .private
        .as_deref()
        .map(PrivateDirectory::read)
        .transpose()?;
    let best = match &args.train_features {
        Some(path) => {
            let rows = features::load(
                path,
                args.train_labels.as_deref(),
                args.train_rows.as_ref(),
                "--train-rows",
            )?;
            console.detail("training the best clear model");
            Some(best_clear(&rows.try_into()?)?)
        }
        None => None,
    };
    let others = Others {
        twin: private.as_ref().map(|private| &private.twin),
        client_only: private.as_ref().map(|private| &private.client_only),
        best: best.as_ref(),
    };
    evaluate(&model, test, &others).map_err(|failure| {
        failure.at(args.features.path().map_or_else(
            |_| "--features".to_owned(),
            |path| path.display().to_string(),
        ))
    })
}

/// Models to compare with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Others<'a> {
    pub(crate) twin: Option<&'a Model>,
    pub(crate) client_only: Option<&'a Model>,
    pub(crate) best: Option<&'a Model>,
}

/// The converged softmax regression on the training rows.
pub(crate) fn best_clear(rows: &TrainingSet) -> Result<Model, Failure> {
    let fit = softmax::best(rows, softmax::Stop::default())?;
    let provenance = Provenance {
        method: "softmax".to_owned(),
        encrypted: false,
        iterations: fit.iterations,
        training_rows: rows.rows(),
        plan_blake3: None,
        certified_bits: None,
    };
    let names = rows.class_names().map(<[String]>::to_vec);
    Ok(Model::new(fit.weights, fit.intercept, names, provenance)?)
}

/// Evaluates `model` and the others on `test`.
pub(crate) fn evaluate(
    model: &Model,
    test: FeatureSet,
    others: &Others<'_>,
) -> Result<Evaluated, Failure> {
    let test = test.with_classes(model.classes())?;
    let evaluation = judge(model, &test)?;
    let accuracy = |other: Option<&Model>| {
        other
            .map(|other| judge(other, &test).map(|found| found.accuracy()))
            .transpose()
    };
    let max_weight_error = others
        .twin
        .map(|twin| Agreement::new(model.weights().view(), twin.weights().view()))
        .transpose()?
        .map(|agreement| agreement.max_relative_error);
    let per_class = evaluation
        .classes()
        .into_iter()
        .enumerate()
        .map(|(class, figures)| Class {
            class,
            name: model.class_names().map(|names| names[class].clone()),
            rows: figures.rows,
            precision: figures.precision,
            recall: figures.recall,
            f1: figures.f1,
        })
        .collect();
    Ok(Evaluated {
        method: model.provenance().method.clone(),
        iterations: model.provenance().iterations,
        encrypted: model.provenance().encrypted,
        rows: evaluation.rows(),
        accuracy: evaluation.accuracy(),
        accuracy_clear: accuracy(others.twin)?,
        accuracy_client_only: accuracy(others.client_only)?,
        accuracy_best_clear: accuracy(others.best)?,
        max_weight_error,
        confusion: evaluation
            .confusion()
            .rows()
            .into_iter()
            .map(|row| row.to_vec())
            .collect(),
        per_class,
    })
}

fn judge(model: &Model, test: &FeatureSet) -> Result<Evaluation, Failure> {
    let predictions = model.predict(test.features().view())?;
    Ok(Evaluation::new(
        test.labels(),
        &predictions,
        model.classes(),
    )?)
}

impl Evaluated {
    /// The four accuracies, for people: what the encryption gave, beside what can be had without it.
    pub(crate) fn comparison(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut line = |what: &str, accuracy: Option<f64>| match accuracy {
            Some(accuracy) => writeln!(out, "{what:<44}{:>7.2} %", 100.0 * accuracy),
            None => Ok(()),
        };
        let how = if self.encrypted { ", encrypted" } else { "" };
        let trained = format!("{}, {} iterations{how}", self.method, self.iterations);
        line(&trained, Some(self.accuracy))?;
        line("  the same in clear (twin)", self.accuracy_clear)?;
        line("  client only, nothing uploaded", self.accuracy_client_only)?;
        line("  best clear model", self.accuracy_best_clear)
    }
}

impl Summary for Evaluated {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "accuracy on {} rows", self.rows)?;
        self.comparison(out)?;
        if let Some(error) = self.max_weight_error {
            writeln!(
                out,
                "largest weight error, relative to the twin: {error:.1e}"
            )?;
        }
        writeln!(out, "\nlabel (down) against prediction")?;
        let classes = 0..self.confusion.len();
        let width = self
            .confusion
            .iter()
            .flatten()
            .map(|n| n.to_string().len())
            .max();
        let width = width
            .unwrap_or(1)
            .max(self.confusion.len().to_string().len())
            + 1;
        let head: String = classes
            .clone()
            .map(|class| format!("{class:>width$}"))
            .collect();
        writeln!(out, "{:>6}{head}   rows  precision  recall     F1", "")?;
        let share = |value: Option<f64>| match value {
            Some(value) => format!("{:.1}", 100.0 * value),
            None => "-".to_owned(),
        };
        for (row, class) in self.confusion.iter().zip(&self.per_class) {
            let counts: String = row.iter().map(|count| format!("{count:>width$}")).collect();
            writeln!(
                out,
                "{:>6}{counts}{:>7}{:>11}{:>8}{:>7}  {}",
                class.class,
                class.rows,
                share(class.precision),
                share(class.recall),
                share(class.f1),
                class.name.as_deref().unwrap_or_default(),
            )?;
        }
        Ok(())
    }
}
