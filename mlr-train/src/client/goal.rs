//! The ladder of an accuracy goal: settings from cheap to costly, each tried by the clear twin on *training* rows alone.
//!
//! A rung fixes what costs something on ciphertexts, iterations and the polynomials' degree. What costs nothing, the later steps and a cubic's
//! range, is chosen for it on rows that do not judge, as [`super::tune`] does ([`Split::inner`]). Whether a rung reaches a goal says
//! [`super::check`]: the twin is trained on four fifths of the rows and judged on the others, and no rule of that check may be broken.
//! The whitening, without labels, and the ranges of polynomials of their own, steps of a public ladder, come from all rows.
//! The first rung that reaches a goal was looked for, so its share is too high by a little; of few rows its interval says more than the goal.

use ndarray::{Array2, ArrayView2, Axis};

use super::check::CheckReport;
use super::prepare::{PrepareError, Prepared, Recipe};
use super::sigmoids::fit_each;
use super::tune::{MOST_HELD_OUT, MOST_TRAINED, spaced, standard_error};
use crate::clear::TrainError;
use crate::clear::softmax::{self, Stop};
use crate::clear::whitened::{NEWTON_STEP, Schedule, train};
use crate::data::{Split, TrainingSet};
use crate::linalg::affine;
use crate::metrics::{self, Share};
use crate::sigmoid::{Activation, Degree, OddPolynomial, Polynomials};

/// What of a training costs something on ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Iterations, the first gradient among them.
    pub iterations: usize,
    /// A cubic is one for all iterations; from 5 on every iteration has a polynomial of its own.
    pub degree: Degree,
}

const fn rung(iterations: usize, degree: Degree) -> Rung {
    Rung { iterations, degree }
}

/// The rungs, from cheap to costly. With one cubic more than four iterations gain nothing; with degree 15 twenty cost no accuracy at all
/// (docs/performance.md).
pub const LADDER: [Rung; 8] = [
    rung(2, Degree::Three),
    rung(3, Degree::Three),
    rung(4, Degree::Three),
    rung(3, Degree::Nine),
    rung(5, Degree::Nine),
    rung(10, Degree::Thirteen),
    rung(15, Degree::Fifteen),
    rung(20, Degree::Fifteen),
];

/// Later steps in units of 1/n, and ranges of a cubic. Of equally good ones the first is taken.
const LATER: [f64; 3] = [NEWTON_STEP, 12.0, 16.0];
const RANGES: [f64; 3] = [6.0, 8.0, 10.0];

/// What costs nothing on ciphertexts.
#[derive(Clone, Copy)]
struct Choice<'a> {
    schedule: &'a Schedule,
    /// Of one polynomial for all iterations.
    range: Option<f64>,
}

impl Rung {
    /// Whether it has no fewer iterations and no lower degree than `other`: then no plan of it is cheaper.
    #[must_use]
    pub fn costs_no_less_than(&self, other: &Self) -> bool {
        self.iterations >= other.iterations && self.degree.get() >= other.degree.get()
    }

    /// What is chosen for it: later steps, and the range of one polynomial for all iterations.
    fn choices(self) -> Vec<(f64, Option<f64>)> {
        let ranges: Vec<_> = match self.degree {
            Degree::Three => RANGES.map(Some).to_vec(),
            _ => vec![None],
        };
        let with = |later| ranges.iter().map(move |range| (later, *range));
        LATER.into_iter().flat_map(with).collect()
    }

    /// Polynomials of a choice for rows (n x D).
    fn polynomials(
        self,
        rows: ArrayView2<'_, f64>,
        labels: &[u32],
        classes: usize,
        choice: Choice<'_>,
    ) -> Result<Polynomials, PrepareError> {
        Ok(match choice.range {
            Some(range) => OddPolynomial::fit(self.degree, range)
                .map_err(PrepareError::Range)?
                .into(),
            None => fit_each(rows, labels, classes, choice.schedule, self.degree)?,
        })
    }
}

/// Rows and their labels.
type Labelled = (Array2<f64>, Vec<u32>);

/// The rows that choose steps and ranges.
#[derive(Clone, Debug)]
pub struct Chooser {
    trained: Labelled,
    compared: Labelled,
    classes: usize,
}

impl Chooser {
    /// Of whitened rows, at most 10,000 that train and as many that compare; those that judge have no part.
    #[must_use]
    pub fn of(prepared: &Prepared) -> Self {
        let labels = prepared.set.labels();
        let Split { kept, held } = Split::of_labels(labels).inner(labels);
        let pick = |rows: &[usize]| -> Labelled {
            let labels = rows.iter().map(|&row| labels[row]).collect();
            (prepared.rows.select(Axis(0), rows), labels)
        };
        Self {
            trained: pick(&spaced(&kept, MOST_TRAINED)),
            compared: pick(&spaced(&held, MOST_HELD_OUT)),
            classes: prepared.set.classes(),
        }
    }

    /// The recipe of a rung for all rows of `prepared`, with the choice that gets most rows right; none where every choice lets scores leave its
    /// range.
    ///
    /// Cost: for each of three later steps two clear trainings on the rows that choose (nine where a cubic's range is chosen too), and one on all.
    ///
    /// # Errors
    /// [`PrepareError`]: polynomials that cannot be fitted to all rows.
    pub fn recipe(&self, prepared: &Prepared, rung: Rung) -> Result<Option<Recipe>, PrepareError> {
        let mut best: Option<(usize, Schedule, Option<f64>)> = None;
        for (later, range) in rung.choices() {
            let schedule = Schedule::ladder(NEWTON_STEP, later, rung.iterations)?;
            let choice = Choice {
                schedule: &schedule,
                range,
            };
            let Some(right) = self.right(rung, choice) else {
                continue;
            };
            if best.as_ref().is_none_or(|(most, ..)| right > *most) {
                best = Some((right, schedule, range));
            }
        }
        let Some((_, schedule, range)) = best else {
            return Ok(None);
        };
        let (rows, labels) = (prepared.rows.view(), prepared.set.labels());
        let choice = Choice {
            schedule: &schedule,
            range,
        };
        let polynomials = rung.polynomials(rows, labels, self.classes, choice)?;
        Ok(Some(Recipe::Whitened {
            schedule,
            polynomials,
            rounding: None,
        }))
    }

    /// Compared rows that a choice gets right; none if its scores leave the range or its run diverges.
    fn right(&self, rung: Rung, choice: Choice<'_>) -> Option<usize> {
        let (rows, labels) = (self.trained.0.view(), &self.trained.1);
        let polynomials = rung.polynomials(rows, labels, self.classes, choice);
        let activation = Activation::from(polynomials.ok()?);
        let run = train(rows, labels, self.classes, choice.schedule, &activation).ok()?;
        let largest = run.largest_score.iter().fold(0.0, |a: f64, &b| a.max(b));
        if choice.range.is_some_and(|range| largest > 2.0 * range) {
            return None;
        }
        let scores = affine(self.compared.0.view(), run.last().view(), None);
        Some(metrics::correct(scores.view(), &self.compared.1))
    }
}

/// Whether a share of rows is at least `percent` of them.
#[must_use]
pub fn reaches(share: Share, percent: f64) -> bool {
    // A percentage with two digits is no binary fraction: it may be off by its last bit.
    100.0 * share.hits as f64 >= percent * share.rows as f64 * (1.0 - 1e-12)
}

/// Whether `right` of `rows` come within a standard error of `percent` of them.
pub(crate) fn reaches_nearly(right: usize, rows: usize, percent: f64) -> bool {
    right as f64 + standard_error(right, rows) >= percent / 100.0 * rows as f64
}

/// The largest percentage with two digits that a share reaches.
#[must_use]
pub fn reached_percent(share: Share) -> f64 {
    let hundredths = 10_000 * share.hits / share.rows.max(1);
    hundredths as f64 / 100.0
}

/// What a report says that a run reached, where it judged at all.
#[must_use]
pub fn judged(report: &CheckReport) -> Option<Share> {
    (report.held_out > 0).then(|| report.accuracy())
}

/// What the best clear model gets of the rows that judge, trained on the others ([`softmax::best`], which chooses its penalty without them).
///
/// Cost: eight softmax regressions on the raw features.
///
/// # Errors
/// [`TrainError`]; none for a training set.
pub fn best_clear(set: &TrainingSet) -> Result<Share, TrainError> {
    let labels = set.labels();
    let Split { kept, held } = Split::of_labels(labels);
    let pick = |rows: &[usize]| -> Labelled {
        let labels = rows.iter().map(|&row| labels[row]).collect();
        (set.features().select(Axis(0), rows), labels)
    };
    let (trained, judges) = (pick(&kept), pick(&held));
    let fit = softmax::best_of(trained.0.view(), &trained.1, set.classes(), Stop::default())?;
    let scores = affine(judges.0.view(), fit.weights.view(), Some(&fit.intercept));
    let hits = metrics::correct(scores.view(), &judges.1);
    Ok(Share::new(hits as u64, held.len() as u64))
}
