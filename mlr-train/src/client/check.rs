//! The twin's check: what a plan would do, found out in clear before anything is encrypted.
//!
//! Degree, range, steps and iterations are one decision that can make or destroy a run. Three rules:
//!
//! - (a) With the polynomial, accuracy on held-out *training* rows is worse than with the exact sigmoid by no more than
//!   0.3 points, one row, or one standard deviation of the difference, whichever is most. With `k` rows that exactly one of the two models
//!   gets right, that deviation is at most `sqrt(k)` rows when both are equally good (McNemar, "Note on the sampling error of the difference
//!   between correlated proportions", 1947): on 25 rows 0.3 points are less than a row and say nothing; on 10,000 they are 30 rows and rule.
//! - (b) No score exceeds twice the polynomial's range at any point V where a gradient is taken; where every iteration has a polynomial of its
//!   own, the range of that one.
//! - (c) No gradient or weight exceeds what the modulus can hold, as the caller's plan says.
//!
//! For (a), two twins are trained on four fifths of the rows and compared on the others ([`Split`]). For (b) and (c) the twin is trained on
//! all rows: that is the run that will be encrypted, to the last step. The whitening has seen all rows, but no label, so the held-out rows
//! are held out as far as (a) needs it.
//!
//! A fourth rule is about the data: (d) a twin that is surely worse on the held-out rows than the answer "the largest class" for all of them
//! (that answer lies above the twin's interval) has learnt nothing, and encrypting it is of no use.

use he_core::error::Explain;
use ndarray::{Array2, ArrayView2, Axis};

use crate::clear::TrainError;
use crate::clear::whitened::{self, Course, Rounding, Run, Schedule};
use crate::data::Split;
use crate::linalg::{affine, largest_magnitude};
use crate::metrics::{self, Share};
use crate::sigmoid::{Activation, Polynomials};

/// Points of accuracy that the polynomial may cost, in [0, 1].
const LARGEST_LOSS: f64 = 0.003;

/// Largest values that the plan's modulus holds; infinite where the plan does not say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Largest entry of a gradient `G_t`, the sum over all rows.
    pub gradient: f64,
    /// Largest entry of any `W_t` or `V_t`.
    pub weight: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            gradient: f64::INFINITY,
            weight: f64::INFINITY,
        }
    }
}

/// What the twin saw in one iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IterationFigures {
    /// From 1.
    pub iteration: usize,
    /// Largest score at the point where the gradient was taken.
    pub largest_score: f64,
    /// Half width of the polynomial's interval.
    pub range: f64,
    /// Share of scores beyond it.
    pub beyond_range: f64,
    /// Largest entry of the gradient.
    pub largest_gradient: f64,
    /// Largest entry of the weights after it and of the point before it.
    pub largest_weight: f64,
    /// Held-out rows right with the polynomial.
    pub correct_polynomial: usize,
    /// Held-out rows right with the exact sigmoid.
    pub correct_exact: usize,
}

/// The check's figures, whether the plan passed or not.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// One entry an iteration.
    pub iterations: Vec<IterationFigures>,
    /// Rows held out for (a).
    pub held_out: usize,
    /// Half width of the widest interval of a polynomial.
    pub range: f64,
    /// How many ranges far scores may go.
    pub ranges: f64,
    /// Held-out rows that, at the end, exactly one of the two models gets right.
    pub disagreeing: usize,
    /// Largest loss of held-out rows that (a) allows.
    pub allowed_loss: usize,
    /// Held-out rows that the answer "the largest class" gets right.
    pub largest_class: usize,
    /// Temperature that makes probabilities of the last model's scores, fitted on the held-out rows.
    pub temperature: Option<f64>,
}

impl CheckReport {
    /// What the encrypted model gets of the held-out rows when it is trained on the others.
    #[must_use]
    pub fn accuracy(&self) -> Share {
        self.share(|last| last.correct_polynomial, self.iterations.last())
    }

    /// What the client gets without uploading anything: the model after the first iteration.
    #[must_use]
    pub fn client_only(&self) -> Share {
        self.share(|first| first.correct_polynomial, self.iterations.first())
    }

    /// What the answer "the largest class" gets for every row.
    #[must_use]
    pub fn baseline(&self) -> Share {
        Share::new(self.largest_class as u64, self.held_out as u64)
    }

    /// Whether the twin is not better than the answer "the largest class" for every row.
    #[must_use]
    pub fn learns_nothing(&self) -> bool {
        self.held_out > 0 && self.accuracy().hits <= self.baseline().hits
    }

    fn share(
        &self,
        right: fn(&IterationFigures) -> usize,
        figures: Option<&IterationFigures>,
    ) -> Share {
        Share::new(figures.map_or(0, right) as u64, self.held_out as u64)
    }
}

/// A plan that the check refuses; every variant carries the report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanRefused {
    /// Rule (a).
    #[error(
        "plan refused: with the polynomial {polynomial} of {held_out} held-out rows are right, expected at least {expected} (exact sigmoid: {exact})"
    )]
    Accuracy {
        /// Last iteration, from 1.
        iteration: usize,
        /// Rows right with the polynomial.
        polynomial: usize,
        /// Rows right with the exact sigmoid.
        exact: usize,
        /// Rows that would have sufficed.
        expected: usize,
        /// Rows held out.
        held_out: usize,
        /// All figures.
        report: Box<CheckReport>,
    },
    /// Rule (d).
    #[error(
        "plan refused: of {held_out} held-out rows {found} are right, expected more than the {expected} that the largest class alone gives"
    )]
    NothingLearnt {
        /// Rows right with the polynomial.
        found: usize,
        /// Rows of the largest class.
        expected: usize,
        /// Rows held out.
        held_out: usize,
        /// All figures.
        report: Box<CheckReport>,
    },
    /// Rule (b).
    #[error(
        "plan refused: the largest score is {score:.2}, expected at most {limit:.2}, for which the polynomial is planned"
    )]
    Score {
        /// Iteration, from 1.
        iteration: usize,
        /// Score found.
        score: f64,
        /// Score up to which the polynomial is planned.
        limit: f64,
        /// Range under which this score would have been allowed, rounded up.
        suggested: f64,
        /// All figures.
        report: Box<CheckReport>,
    },
    /// Rule (c).
    #[error(
        "plan refused: the largest {what} is {found:.4e}, expected at most {limit:.4e} (the modulus)"
    )]
    Modulus {
        /// Iteration, from 1.
        iteration: usize,
        /// `gradient` or `weight`.
        what: &'static str,
        /// Value found.
        found: f64,
        /// Value allowed.
        limit: f64,
        /// All figures.
        report: Box<CheckReport>,
    },
    /// The twin itself did not get through.
    #[error(transparent)]
    Twin(#[from] TrainError),
}

impl Explain for PlanRefused {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Twin(source) => Some(source),
            _ => None,
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Accuracy { iteration, .. }
            | Self::Score { iteration, .. }
            | Self::Modulus { iteration, .. } => Some(format!("iteration {iteration}")),
            Self::NothingLearnt { .. } => None,
            Self::Twin(source) => source.place(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Accuracy { .. } => {
                Some("a wider range, a higher degree, or smaller later steps".to_owned())
            }
            Self::NothingLearnt { .. } => Some(
                "are the labels those of these rows, and the columns of like size? else use more rows or fewer axes"
                    .to_owned(),
            ),
            Self::Score { suggested, .. } => Some(format!(
                "a range of {suggested} or more, or smaller later steps"
            )),
            Self::Modulus { .. } => Some("a larger modulus, or fewer rows".to_owned()),
            Self::Twin(source) => source.hint(),
        }
    }
}

/// The run that is checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Steps.
    pub schedule: Schedule,
    /// The sigmoid's polynomial, or one for each iteration.
    pub polynomials: Polynomials,
    /// Rounding where weights are refreshed.
    pub rounding: Option<Rounding>,
}

/// Runs the twin on whitened training rows (n x D, constant last) and applies the four rules.
///
/// Cost: three clear trainings.
///
/// # Errors
/// [`PlanRefused`], for the first rule broken in the order (c), (b), (a), (d): a cause before its effects.
pub fn check_plan(
    rows: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    checked: &Checked,
    limits: Limits,
) -> Result<CheckReport, PlanRefused> {
    let approximate = Activation::from(checked.polynomials.clone());
    let all = checked.train(rows, labels, classes, &approximate)?;
    let split = Split::of_labels(labels);
    let halves = [&split.kept, &split.held].map(|chosen| pick(rows, labels, chosen));
    let right = |activation: &Activation| right_by_iteration(&halves, classes, checked, activation);
    let ((polynomials, temperature), (exacts, _)) =
        (right(&approximate)?, right(&Activation::Exact)?);
    let disagreeing = match (polynomials.last(), exacts.last()) {
        (Some(a), Some(b)) => a.iter().zip(b).filter(|(a, b)| a != b).count(),
        _ => 0,
    };
    let count = |each: Vec<Vec<bool>>| -> Vec<usize> {
        each.iter()
            .map(|rows| rows.iter().filter(|right| **right).count())
            .collect()
    };
    let report = CheckReport {
        iterations: figures(&all, checked, &count(polynomials), &count(exacts)),
        held_out: split.held.len(),
        range: checked.polynomials.widest(),
        ranges: checked.polynomials.ranges(),
        disagreeing,
        allowed_loss: allowed_loss(split.held.len(), disagreeing),
        largest_class: split.largest_class(labels),
        temperature,
    };
    judge(report, limits)
}

impl Checked {
    fn train(
        &self,
        rows: ArrayView2<'_, f64>,
        labels: &[u32],
        classes: usize,
        activation: &Activation,
    ) -> Result<Run, TrainError> {
        let course = Course {
            activation,
            rounding: self.rounding.as_ref(),
        };
        whitened::train_rounded(rows, labels, classes, &self.schedule, course)
    }
}

/// Rows and their labels.
type Labelled = (Array2<f64>, Vec<u32>);

/// Which rows are right, an iteration each; and the temperature of the last scores.
type Judged = (Vec<Vec<bool>>, Option<f64>);

/// Trains on the first rows; for each iteration, which of the second ones are right.
fn right_by_iteration(
    halves: &[Labelled; 2],
    classes: usize,
    checked: &Checked,
    activation: &Activation,
) -> Result<Judged, TrainError> {
    let [kept, held] = halves;
    let run = checked.train(kept.0.view(), &kept.1, classes, activation)?;
    let right = |w: &Array2<f64>| {
        let scores = affine(held.0.view(), w.view(), None);
        let predictions = metrics::predicted(scores.view());
        let pairs = predictions.iter().zip(&held.1);
        pairs.map(|(a, b)| a == b).collect()
    };
    let temperature = run.weights.last().and_then(|w| {
        let scores = affine(held.0.view(), w.view(), None);
        metrics::temperature(scores.view(), &held.1)
    });
    Ok((run.weights.iter().map(right).collect(), temperature))
}

/// Rows that (a) lets go: 0.3 points, one row, or one standard deviation of a difference by chance.
fn allowed_loss(held_out: usize, disagreeing: usize) -> usize {
    let points = held_out as f64 * LARGEST_LOSS;
    let chance = (disagreeing as f64).sqrt();
    (points.max(chance).floor() as usize).max(1)
}

fn pick(rows: ArrayView2<'_, f64>, labels: &[u32], chosen: &[usize]) -> (Array2<f64>, Vec<u32>) {
    let labels = chosen.iter().map(|&row| labels[row]).collect();
    (rows.select(Axis(0), chosen), labels)
}

fn figures(
    all: &Run,
    checked: &Checked,
    polynomial: &[usize],
    exact: &[usize],
) -> Vec<IterationFigures> {
    let range = |t: usize| {
        let own = checked.polynomials.of(t.saturating_sub(1));
        own.map_or(f64::INFINITY, crate::sigmoid::OddPolynomial::range)
    };
    (0..all.weights.len())
        .map(|t| IterationFigures {
            iteration: t + 1,
            range: range(t),
            largest_score: all.largest_score[t],
            beyond_range: all.beyond_range[t],
            largest_gradient: all.largest_gradient[t],
            largest_weight: largest_magnitude(&all.weights[t])
                .max(largest_magnitude(&all.extrapolated[t])),
            correct_polynomial: polynomial[t],
            correct_exact: exact[t],
        })
        .collect()
}

fn judge(report: CheckReport, limits: Limits) -> Result<CheckReport, PlanRefused> {
    let report = within_limits(report, limits)?;
    // A schedule has at least one step.
    let last = report.iterations[report.iterations.len() - 1];
    let expected = last.correct_exact.saturating_sub(report.allowed_loss);
    if last.correct_polynomial < expected {
        return Err(PlanRefused::Accuracy {
            iteration: last.iteration,
            polynomial: last.correct_polynomial,
            exact: last.correct_exact,
            expected,
            held_out: report.held_out,
            report: Box::new(report),
        });
    }
    if report.held_out > 0 && report.accuracy().high < report.baseline().share {
        return Err(PlanRefused::NothingLearnt {
            found: last.correct_polynomial,
            expected: report.largest_class,
            held_out: report.held_out,
            report: Box::new(report),
        });
    }
    Ok(report)
}

/// Rules (c) and (b).
fn within_limits(report: CheckReport, limits: Limits) -> Result<CheckReport, PlanRefused> {
    let found = |figures: &IterationFigures| {
        let pairs = [
            ("gradient", figures.largest_gradient, limits.gradient),
            ("weight", figures.largest_weight, limits.weight),
        ];
        pairs.into_iter().find(|(_, found, limit)| found > limit)
    };
    let over = report
        .iterations
        .iter()
        .find_map(|figures| found(figures).map(|over| (figures.iteration, over)));
    if let Some((iteration, (what, found, limit))) = over {
        return Err(PlanRefused::Modulus {
            iteration,
            what,
            found,
            limit,
            report: Box::new(report),
        });
    }
    let limit = |figures: &IterationFigures| report.ranges * figures.range;
    let far = report
        .iterations
        .iter()
        .find(|figures| figures.largest_score > limit(figures))
        .copied();
    if let Some(figures) = far {
        return Err(PlanRefused::Score {
            iteration: figures.iteration,
            score: figures.largest_score,
            limit: limit(&figures),
            suggested: (figures.largest_score / report.ranges * 2.0).ceil() / 2.0,
            report: Box::new(report),
        });
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
