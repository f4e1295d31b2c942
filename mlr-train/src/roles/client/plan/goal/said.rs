//! What a rung says of itself.

use velum_record::plan::{Outcome, Rung as Said};

use super::super::weighed::way;
use super::ladder::Trial;
use crate::client::prepare::Recipe;
use crate::plan::Weighing;
use crate::sigmoid::Polynomials;

/// A trial; `taken` is its weighing where its plan is the one that was taken, `tuned` whether there are such of other axes.
pub(super) fn rung(trial: &Trial, taken: Option<&Weighing>, tuned: bool) -> Said {
    let weighing = taken.or(trial.weighing.as_ref());
    let (steps, range) = match trial.run.as_ref().map(|run| &run.0) {
        Some(Recipe::Whitened {
            schedule,
            polynomials,
            ..
        }) => (schedule.steps().to_vec(), one_range(polynomials)),
        _ => (vec![], None),
    };
    Said {
        keep: tuned.then_some(trial.keep),
        iterations: trial.rung.iterations,
        degree: trial.rung.degree.get(),
        steps,
        range,
        accuracy: trial.accuracy(),
        refresh: weighing.map(way),
        predicted_train_seconds: weighing.map(|found| found.cost.seconds),
        outcome: match taken {
            Some(_) => Outcome::Taken,
            None => trial.outcome,
        },
        why: trial.why.clone(),
    }
}

/// The range of one polynomial for all iterations.
fn one_range(polynomials: &Polynomials) -> Option<f64> {
    match polynomials {
        Polynomials::One(one) => Some(one.range()),
        Polynomials::Each(_) => None,
    }
}
