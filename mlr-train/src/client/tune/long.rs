//! Runs beyond the levels of a chain, for plans whose weights are refreshed: more iterations, and a polynomial of its own in each.
//!
//! For every number of axes the damping that was best for cubics, every later step and every degree of the ladder is run once, as far as
//! the longest run goes: it holds the shorter ones. Those that choose are the rows of [`super::tune`].
//!
//! # The rule
//! Among choices within one standard error of the best (Breiman, Friedman, Olshen and Stone, Classification and Regression Trees,
//! 1984, section 3.4.3) the one with the cheapest plan is taken: [`Tuning::near`] of them, of which none has both fewer or as many axes and
//! iterations and no higher degree than another, since no plan of that other could be cheaper. The standard error is that of the best share p of n rows,
//! sqrt(p (1 - p) / n).

use ndarray::Array2;
use rayon::prelude::*;

use super::{Choice, Damping, FIRST, LATER, Ready, Tuning};
use crate::clear::whitened::{Schedule, Stepper};
use crate::client::prepare::PrepareError;
use crate::data::TrainingSet;
use crate::linalg::{affine, largest_magnitude};
use crate::metrics;
use crate::sigmoid::{Degree, OddPolynomial, ScoreRange, Sigmoid};

/// Iterations that are looked at.
const ITERATIONS: [usize; 6] = [3, 5, 7, 10, 15, 20];
/// Degrees of polynomials of their own.
const DEGREES: [Degree; 4] = [
    Degree::Seven,
    Degree::Nine,
    Degree::Thirteen,
    Degree::Fifteen,
];

/// The search for long runs: one number of axes at a time, so that a caller can say how far it is.
#[derive(Debug)]
pub struct LongSearch {
    ready: Ready,
    choices: Vec<Choice>,
}

impl LongSearch {
    /// Tries the cubics first, as [`super::tune`] does.
    ///
    /// # Errors
    /// As [`super::tune`].
    pub fn new(set: &TrainingSet) -> Result<Self, PrepareError> {
        let ready = Ready::of(set)?;
        let choices = ready.cubics()?;
        Ok(Self { ready, choices })
    }

    /// The numbers of axes, ascending: [`LongSearch::run`] takes each.
    #[must_use]
    pub fn axes(&self) -> Vec<usize> {
        self.ready.axes.clone()
    }

    /// Runs of up to 20 iterations with so many axes: 12 clear trainings on at most 10,000 rows, spread over all threads.
    ///
    /// # Errors
    /// [`PrepareError`]; none for axes of [`LongSearch::axes`]. Runs that diverge are left out.
    pub fn run(&mut self, keep: usize) -> Result<(), PrepareError> {
        let own = self.choices.iter().filter(|choice| choice.keep == keep);
        // Of equally good ones the first.
        let best = own.rev().max_by_key(|choice| choice.correct);
        let lambda = best.map_or(super::LAMBDAS[0], |choice| choice.lambda);
        let damping = Damping { keep, lambda };
        let rows = self.ready.damped(damping);
        let runs: Vec<_> = LATER
            .iter()
            .flat_map(|later| DEGREES.map(|degree| (*later, degree)))
            .collect();
        let found: Vec<_> = runs
            .into_par_iter()
            .map(|(later, degree)| self.choices_of(&rows, damping, later, degree))
            .collect();
        for found in found {
            self.choices.extend(found?);
        }
        Ok(())
    }

    /// One run, and its shorter ones.
    fn choices_of(
        &self,
        rows: &[Array2<f64>; 2],
        damping: Damping,
        later: f64,
        degree: Degree,
    ) -> Result<Vec<Choice>, PrepareError> {
        let ([x, test], data) = (rows, &self.ready.data);
        let longest = ITERATIONS.into_iter().max().unwrap_or(1);
        let schedule = Schedule::ladder(FIRST, later, longest)?;
        let mut stepper = Stepper::new(x.view(), &data.labels, data.classes)?;
        let (mut range, mut largest_score, mut found) = (0.0f64, 0.0f64, Vec::new());
        for (t, step) in schedule.steps().iter().enumerate() {
            let scores = stepper.scores();
            let largest = largest_magnitude(&scores);
            largest_score = largest_score.max(largest);
            // The scores of the first iteration are zero.
            let fitted = (t > 0).then(|| {
                let squares: f64 = scores.iter().map(|z| z * z).sum();
                let rms = (squares / scores.len() as f64).sqrt();
                OddPolynomial::fit_scores(degree, ScoreRange::of(largest, rms))
            });
            let Ok(fitted) = fitted.transpose() else {
                break;
            };
            range = range.max(fitted.as_ref().map_or(0.0, OddPolynomial::range));
            if stepper
                .step(scores, *step, Sigmoid(fitted.as_ref()))
                .is_err()
            {
                break;
            }
            if ITERATIONS.contains(&(t + 1)) {
                let scores = affine(test.view(), stepper.weights().view(), None);
                found.push(Choice {
                    keep: damping.keep,
                    lambda: damping.lambda,
                    degree,
                    range,
                    steps: schedule.steps()[..=t].to_vec(),
                    correct: metrics::correct(scores.view(), &data.held),
                    largest_score,
                });
            }
        }
        Ok(found)
    }

    /// All that was tried, by the rule above: what may have the cheapest plan first, in the order of a rough cost.
    #[must_use]
    pub fn finish(self) -> Tuning {
        let chose = self.ready.data.held.len();
        let choices = self.choices.len();
        let best = self.choices.iter().map(|choice| choice.correct).max();
        let least = best.unwrap_or(0) as f64 - standard_error(best.unwrap_or(0), chose);
        let (mut near, mut far): (Vec<Choice>, Vec<Choice>) = self
            .choices
            .into_iter()
            .partition(|choice| choice.correct as f64 >= least);
        // The best of each cost in front of the others; stable.
        near.sort_by_key(|choice| (rough(choice), std::cmp::Reverse(choice.correct)));
        let mut front: Vec<Choice> = Vec::new();
        for choice in near {
            if front.iter().any(|other| no_dearer(other, &choice)) {
                far.push(choice);
            } else {
                front.push(choice);
            }
        }
        far.sort_by_key(|choice| (std::cmp::Reverse(choice.correct), rough(choice)));
        Tuning {
            near: front.len(),
            ranked: front.into_iter().chain(far).collect(),
            trained: self.ready.data.labels.len(),
            chose,
            choices,
        }
    }
}

/// Standard error of a number of `rows` that are right.
pub(crate) fn standard_error(right: usize, rows: usize) -> f64 {
    let share = right as f64 / rows.max(1) as f64;
    (rows as f64 * share * (1.0 - share)).sqrt()
}

/// Whether no plan of `b` is cheaper than one of `a`.
fn no_dearer(a: &Choice, b: &Choice) -> bool {
    a.keep <= b.keep && a.steps.len() <= b.steps.len() && a.degree.get() <= b.degree.get()
}

/// The order in which plans are searched: levels of the iterations that read data, times columns.
fn rough(choice: &Choice) -> usize {
    let polynomial = match choice.degree.get() {
        ..=3 => 2,
        4..=7 => 3,
        _ => 4,
    };
    let reading = choice.steps.len().saturating_sub(1);
    // Two products besides the polynomial's.
    reading * (polynomial + 2) * (choice.keep + 1).next_power_of_two()
}
