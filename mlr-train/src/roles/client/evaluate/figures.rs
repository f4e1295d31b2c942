//! The figures of an evaluation.

use ndarray::ArrayView2;
use velum_record::client::{Class, Evaluated, MOST_WRONG, Point, Thresholds, Wrong};

use crate::clear::softmax;
use crate::data::{FeatureSet, RowNames, TrainingSet};
use crate::metrics::{self, Agreement, Cut, Cuts, Evaluation};
use crate::model::{Model, Provenance};
use crate::roles::RunError;

/// Models to compare with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Others<'a> {
    /// The clear twin.
    pub(super) twin: Option<&'a Model>,
    /// What the client could make alone.
    pub(super) client_only: Option<&'a Model>,
    /// A converged clear model.
    pub(super) best: Option<&'a Model>,
}

/// The converged softmax regression on the training rows.
///
/// # Errors
/// Training rows that cannot be fitted.
pub(super) fn best_clear(rows: &TrainingSet) -> Result<Model, RunError> {
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

/// Evaluates `model` and the others on `test`, whose rows were computed from the pictures `files`, if that is known. `threshold` as in
/// [`EvaluateInput`](super::EvaluateInput).
///
/// # Errors
/// Rows that do not fit a model; a threshold that no row can have.
pub(super) fn evaluate(
    model: &Model,
    test: FeatureSet,
    others: &Others<'_>,
    files: Option<&RowNames>,
    threshold: Option<f64>,
) -> Result<Evaluated, RunError> {
    let (test, _) = test.matched(model.class_set())?;
    let evaluation = judge(model, &test)?;
    let scores = model.scores(test.features().view())?;
    let ranked: Vec<_> = (0..model.classes())
        .map(|class| of_class(scores.view(), test.labels(), class))
        .collect();
    let thresholds = thresholds(model, &ranked, threshold)?;
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
    let per_class: Vec<Class> = evaluation
        .classes()
        .into_iter()
        .zip(&ranked)
        .enumerate()
        .map(|(class, (figures, (margins, positive)))| Class {
            class,
            name: model.class_names().map(|names| names[class].clone()),
            rows: figures.rows,
            precision: figures.precision,
            recall: figures.recall,
            f1: figures.f1,
            sensitivity: figures.sensitivity,
            specificity: figures.specificity,
            auc: metrics::auc(margins, positive),
        })
        .collect();
    Ok(Evaluated {
        method: model.provenance().method.clone(),
        iterations: model.provenance().iterations,
        encrypted: model.provenance().encrypted,
        rows: evaluation.rows(),
        accuracy: evaluation.accuracy(),
        accuracy_interval: evaluation.share(),
        balanced_accuracy: evaluation.balanced_accuracy(),
        macro_f1: evaluation.macro_f1(),
        auc: match &per_class[..] {
            [_, second] => second.auc,
            _ => None,
        },
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
        thresholds,
        worst: worst(model, scores.view(), test.labels(), files),
        seconds: None,
    })
}

fn judge(model: &Model, test: &FeatureSet) -> Result<Evaluation, RunError> {
    let predictions = model.predict(test.features().view())?;
    Ok(Evaluation::new(
        test.labels(),
        &predictions,
        model.classes(),
    )?)
}

/// How far the score of `class` is above the best of the others, row by row, and which rows are of it: where that is above 0 the class is predicted.
fn of_class(scores: ArrayView2<'_, f64>, labels: &[u32], class: usize) -> (Vec<f64>, Vec<bool>) {
    let margin = |row: ndarray::ArrayView1<'_, f64>| {
        let others = row.iter().enumerate().filter(|(other, _)| *other != class);
        let best = others.fold(f64::NEG_INFINITY, |best, (_, score)| best.max(*score));
        row[class] - best
    };
    let margins = scores.rows().into_iter().map(margin).collect();
    let is = labels.iter().map(|&label| label as usize == class);
    (margins, is.collect())
}

/// Thresholds of probabilities in the table, and shares of the class that some threshold of it finds.
const PROBABILITIES: [f64; 11] = [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05];
const FOUND: [f64; 3] = [0.9, 0.95, 0.99];
/// Digits of these thresholds: rounded down, so that as much is found.
const UNIT: f64 = 1e-4;

/// What thresholds of two classes give.
fn thresholds(
    model: &Model,
    ranked: &[(Vec<f64>, Vec<bool>)],
    asked: Option<f64>,
) -> Result<Option<Thresholds>, RunError> {
    let [_, (margins, positive)] = ranked else {
        return match asked {
            None => Ok(None),
            Some(_) => Err(RunError::input(format!(
                "expected a model of two classes for a threshold, found {} classes",
                model.classes()
            ))
            .hint("leave out --threshold, or write the probabilities of all rows with --out FILE")),
        };
    };
    let temperature = model.temperature();
    if let (Some(p), Some(_)) = (asked, temperature)
        && !(p > 0.0 && p < 1.0)
    {
        return Err(
            RunError::input(format!("expected a probability above 0 and below 1 as threshold, found {p}"))
                .hint("choose one with --threshold, 0.5 say: a row at or above it is taken for the second class"),
        );
    }
    let Some(cuts) = Cuts::new(margins, positive) else {
        return Ok(None);
    };
    // A probability p of the second class is a margin of temperature x ln(p / (1 - p)).
    let margin = |value: f64| temperature.map_or(value, |t| t * (value / (1.0 - value)).ln());
    let value = |margin: f64| temperature.map_or(margin, |t| 1.0 / (1.0 + (-margin / t).exp()));
    let point = |value: f64, cut: Cut| Point {
        threshold: value,
        hits: cut.hits,
        false_alarms: cut.false_alarms,
    };
    let at = |threshold: f64| point(threshold, cuts.at(margin(threshold)));
    let usual = if temperature.is_some() {
        &PROBABILITIES[..]
    } else {
        &[0.0]
    };
    let reaching = FOUND.map(|share| {
        let whole = value(cuts.reaching(share).margin);
        (whole / UNIT).floor() * UNIT
    });
    let reaching = reaching
        .into_iter()
        .filter(|p| temperature.is_none() || *p > 0.0);
    let mut table: Vec<Point> = usual.iter().copied().chain(reaching).map(at).collect();
    table.sort_by(|a, b| b.threshold.total_cmp(&a.threshold));
    table.dedup_by_key(|point| point.threshold);
    Ok(Some(Thresholds {
        class: 1,
        probability: temperature.is_some(),
        positives: cuts.positives(),
        negatives: cuts.negatives(),
        curve: cuts
            .thinned()
            .into_iter()
            .map(|cut| point(value(cut.margin), cut))
            .collect(),
        table,
        chosen: asked.map(at),
    }))
}

/// The wrong rows that the model is most sure of.
fn worst(
    model: &Model,
    scores: ArrayView2<'_, f64>,
    labels: &[u32],
    files: Option<&RowNames>,
) -> Vec<Wrong> {
    let predictions = metrics::predicted(scores);
    let rows = scores.rows().into_iter().zip(labels).zip(predictions);
    let mut wrong: Vec<Wrong> = rows
        .enumerate()
        .filter(|(_, ((_, label), prediction))| *label != prediction)
        .map(|(row, ((of_row, &label), prediction))| Wrong {
            row,
            file: files.and_then(|files| files.as_slice().get(row).cloned()),
            label,
            prediction,
            margin: of_row[prediction as usize] - of_row[label as usize],
            probability: model.temperature().map(|temperature| {
                metrics::probabilities(&of_row.to_vec(), temperature)[prediction as usize]
            }),
        })
        .collect();
    wrong.sort_by(|a, b| b.margin.total_cmp(&a.margin).then(a.row.cmp(&b.row)));
    wrong.truncate(MOST_WRONG);
    wrong
}

#[cfg(test)]
mod tests;
