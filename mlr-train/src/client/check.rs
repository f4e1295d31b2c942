//! The twin's check: what a plan would do, found out in clear before anything is encrypted.
//!
//! Degree, range, steps and iterations are one decision that can make or destroy a run. Three rules:
//!
//! - (a) With the polynomial, accuracy on held-out *training* rows is worse than with the exact sigmoid by no more than
//!   0.3 points, one row, or one standard deviation of the difference, whichever is most. With `k` rows that exactly one of the two models
//!   gets right, that deviation is at most `sqrt(k)` rows when both are equally good (McNemar, "Note on the sampling error of the difference
//!   between correlated proportions", 1947): on 25 rows 0.3 points are less than a row and say nothing; on 10,000 they are 30 rows and rule.
//! - (b) No score exceeds twice the polynomial's range at any point V where a gradient is taken.
//! - (c) No gradient or weight exceeds what the modulus can hold, as the caller's plan says.
//!
//! For (a), two twins are trained on the rows with i mod 5 != 4 and compared on the others. For (b) and (c) the twin is trained on all rows:
//! that is the run that will be encrypted, to the last step. The whitening has seen all rows, but no label, so the held-out rows are
//! held out as far as (a) needs it.

use ndarray::{Array2, ArrayView2, Axis};

use crate::clear::TrainError;
use crate::clear::whitened::{self, Run, Schedule};
use crate::linalg::{affine, largest_magnitude};
use crate::metrics;
use crate::sigmoid::{Activation, OddPolynomial};

/// Period of the held-out rows; the last of each five.
const HELD_OUT_EVERY: usize = 5;

/// Points of accuracy that the polynomial may cost, in [0, 1].
const LARGEST_LOSS: f64 = 0.003;

/// Scores may go this many ranges far.
const LARGEST_RANGES: f64 = 2.0;

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
    /// Share of scores beyond the range.
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
    /// Half width of the polynomial's interval.
    pub range: f64,
    /// Held-out rows that, at the end, exactly one of the two models gets right.
    pub disagreeing: usize,
    /// Largest loss of held-out rows that (a) allows.
    pub allowed_loss: usize,
}

/// A plan that the check refuses; every variant carries the report.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanRefused {
    /// Rule (a).
    #[error(
        "plan refused: with the polynomial {polynomial} of {held_out} held-out rows are right, expected at least {expected} (exact sigmoid: {exact})\n  at: iteration {iteration}\n  hint: a wider range, degree 5, or smaller later steps"
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
    /// Rule (b).
    #[error(
        "plan refused: the largest score is {score:.2}, expected at most {limit} (twice the range)\n  at: iteration {iteration}\n  hint: a range of {suggested} or more, or smaller later steps"
    )]
    Score {
        /// Iteration, from 1.
        iteration: usize,
        /// Score found.
        score: f64,
        /// Twice the range.
        limit: f64,
        /// Range under which this score would have been allowed, rounded up.
        suggested: f64,
        /// All figures.
        report: Box<CheckReport>,
    },
    /// Rule (c).
    #[error(
        "plan refused: the largest {what} is {found:.4e}, expected at most {limit:.4e} (the modulus)\n  at: iteration {iteration}\n  hint: a larger modulus, or fewer rows"
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

/// Runs the twin on whitened training rows (n x D, constant last) and applies the three rules.
///
/// Cost: three clear trainings.
///
/// # Errors
/// [`PlanRefused`], for the first rule broken in the order (c), (b), (a): a cause before its effects.
pub fn check_plan(
    rows: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    schedule: &Schedule,
    polynomial: &OddPolynomial,
    limits: Limits,
) -> Result<CheckReport, PlanRefused> {
    let approximate = Activation::Polynomial(polynomial.clone());
    let all = whitened::train(rows, labels, classes, schedule, &approximate)?;
    let held: Vec<usize> = (0..rows.nrows())
        .filter(|row| row % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)
        .collect();
    let kept: Vec<usize> = (0..rows.nrows())
        .filter(|row| row % HELD_OUT_EVERY != HELD_OUT_EVERY - 1)
        .collect();
    let (kept_rows, kept_labels) = pick(rows, labels, &kept);
    let (held_rows, held_labels) = pick(rows, labels, &held);
    let right = |activation: &Activation| -> Result<Vec<Vec<bool>>, TrainError> {
        let run = whitened::train(
            kept_rows.view(),
            &kept_labels,
            classes,
            schedule,
            activation,
        )?;
        Ok(run
            .weights
            .iter()
            .map(|w| {
                let scores = affine(held_rows.view(), w.view(), None);
                let predictions = metrics::predicted(scores.view());
                predictions
                    .iter()
                    .zip(&held_labels)
                    .map(|(a, b)| a == b)
                    .collect()
            })
            .collect())
    };
    let (polynomials, exacts) = (right(&approximate)?, right(&Activation::Exact)?);
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
        iterations: figures(&all, &count(polynomials), &count(exacts)),
        held_out: held.len(),
        range: polynomial.range(),
        disagreeing,
        allowed_loss: allowed_loss(held.len(), disagreeing),
    };
    judge(report, limits)
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

fn figures(all: &Run, polynomial: &[usize], exact: &[usize]) -> Vec<IterationFigures> {
    (0..all.weights.len())
        .map(|t| IterationFigures {
            iteration: t + 1,
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
    let limit = LARGEST_RANGES * report.range;
    let far = report
        .iterations
        .iter()
        .find(|figures| figures.largest_score > limit)
        .copied();
    if let Some(figures) = far {
        return Err(PlanRefused::Score {
            iteration: figures.iteration,
            score: figures.largest_score,
            limit,
            suggested: (figures.largest_score / LARGEST_RANGES * 2.0).ceil() / 2.0,
            report: Box::new(report),
        });
    }
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
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigmoid::Degree;

    /// 200 rows of two classes, nearly separable, unit variance, with the constant.
    fn rows() -> (Array2<f64>, Vec<u32>) {
        let labels: Vec<u32> = (0..200).map(|i| u32::from(i % 3 == 0)).collect();
        let rows = Array2::from_shape_fn((200, 4), |(i, j)| {
            let noise = ((i * 7919 + j * 104_729 + i * i * j) % 199) as f64 / 99.0 - 1.0;
            match j {
                3 => 1.0,
                0 => noise * 0.7 + if labels[i] == 1 { 1.2 } else { -0.6 },
                _ => noise * 1.7,
            }
        });
        (rows, labels)
    }

    fn check(
        steps: &[f64],
        degree: Degree,
        range: f64,
        limits: Limits,
    ) -> Result<CheckReport, PlanRefused> {
        let (rows, labels) = rows();
        let schedule = Schedule::new(steps.to_vec()).unwrap();
        let polynomial = OddPolynomial::fit(degree, range).unwrap();
        check_plan(rows.view(), &labels, 2, &schedule, &polynomial, limits)
    }

    #[test]
    fn a_sound_plan_passes_with_its_figures() {
        let report = check(&[4.0, 4.0, 4.0], Degree::Three, 8.0, Limits::default()).unwrap();
        assert_eq!((report.iterations.len(), report.held_out), (3, 40));
        assert_eq!(report.allowed_loss, allowed_loss(40, report.disagreeing));
        assert_eq!(report.iterations[0].largest_score, 0.0);
        assert!(report.iterations[2].largest_score > 1.0);
        assert!(report.iterations.iter().all(|f| f.correct_exact >= 30));
    }

    #[test]
    fn scores_beyond_twice_the_range_are_refused() {
        let refused = check(&[4.0, 16.0, 16.0], Degree::Three, 1.0, Limits::default());
        match refused {
            Err(PlanRefused::Score {
                score,
                limit,
                suggested,
                ..
            }) => assert!(score > limit && 2.0 * suggested >= score),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_beyond_the_modulus_are_refused_first() {
        let limits = Limits {
            gradient: 10.0,
            ..Limits::default()
        };
        match check(&[4.0, 16.0, 16.0], Degree::Three, 1.0, limits) {
            Err(PlanRefused::Modulus {
                iteration, what, ..
            }) => assert_eq!((iteration, what), (1, "gradient")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_run_away_twin_is_refused() {
        let refused = check(&[400.0; 60], Degree::Three, 0.5, Limits::default());
        assert!(matches!(
            refused,
            Err(PlanRefused::Twin(TrainError::Diverged { .. }))
        ));
    }

    #[test]
    fn accuracy_may_fall_by_the_allowance_and_no_further() {
        let figures = |correct_polynomial| IterationFigures {
            iteration: 1,
            largest_score: 1.0,
            beyond_range: 0.0,
            largest_gradient: 1.0,
            largest_weight: 1.0,
            correct_polynomial,
            correct_exact: 980,
        };
        // 0.3 points of 1000 rows are three rows; of 25 rows less than one; 30 rows by chance differ by 5.
        assert_eq!(allowed_loss(1000, 2), 3);
        assert_eq!(allowed_loss(25, 0), 1);
        assert_eq!(allowed_loss(1000, 30), 5);
        let judged = |correct| {
            let report = CheckReport {
                iterations: vec![figures(correct)],
                held_out: 1000,
                range: 6.0,
                disagreeing: 2,
                allowed_loss: allowed_loss(1000, 2),
            };
            judge(report, Limits::default())
        };
        assert!(judged(977).is_ok());
        assert!(matches!(
            judged(976),
            Err(PlanRefused::Accuracy { expected: 977, .. })
        ));
    }
}
