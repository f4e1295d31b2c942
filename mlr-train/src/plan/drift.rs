//! What errors from before a refresh make of the weights at the end.
//!
//! The ledger takes errors for independent of each other, so that momentum, (1 + m) W' - m W, doubles them an iteration. Within a stretch between
//! two refreshes that is a bound of use; over ten stretches it is not. So a bootstrapping, and a refresh by owners, begins the ledger anew, and the errors of
//! V and W at the end of each stretch, and those that the refresh itself makes, are carried to the end of the run here, by the recurrence of
//! [`crate::job::Step`] itself. Along one direction of the data it is linear in them: the gradient takes a part of V's error away, 1 - k of it stays, and steps that do not overshoot
//! have k between 0 and 1. The worst such k is taken. Errors of different stretches are independent, and so are, at the least favourable,
//! those of V and W.

use std::sync::{Mutex, PoisonError};

use he_core::evaluator::{Evaluator, SimulatedCt, Simulator};

use crate::job::{Job, Step};
use crate::server::{SourceError, State};

/// Parts of V's error that may stay.
const KEPT: [f64; 9] = [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0];

/// Expected root mean square errors of V and W at the end of every stretch, with the number of iterations done.
#[derive(Debug, Default)]
pub(super) struct Stretches(Mutex<Vec<(usize, [f64; 2])>>);

impl Stretches {
    /// Looks at a state after an iteration, or at one that owners are asked to refresh: a stretch ends where a refresh follows that compares nothing with a twin.
    pub(super) fn look(
        &self,
        job: &Job,
        simulator: &Simulator,
        state: &State<SimulatedCt>,
    ) -> Result<(), SourceError> {
        if job.refreshes_before(state.done + 1) {
            let error = |list: &[Vec<SimulatedCt>]| {
                let all = list.iter().flatten().map(|ct| simulator.meta(ct).error());
                all.fold(0.0, f64::max)
            };
            let found = [error(&state.look_ahead), error(&state.weights)];
            let mut all = self.0.lock().map_err(|e| e.to_string())?;
            all.push((state.done, found));
        }
        Ok(())
    }

    /// The expected error of a weight at the end, where the last stretch alone makes `last` and a refresh makes `each` of V and of W.
    pub(super) fn total(&self, job: &Job, last: f64, each: f64) -> f64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let carried = all.iter().map(|(done, [ahead, weights])| {
            let errors = [ahead.hypot(each), weights.hypot(each)];
            carried(&job.steps()[*done..], job, errors)[1]
        });
        carried.fold(last, f64::hypot)
    }

    /// The largest expected error of V or W where a refresh takes them, and a refresh makes `each` of both; 0 without one.
    pub(super) fn largest(&self, job: &Job, each: f64) -> f64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |(ends, [ahead, weights]): &(usize, [f64; 2])| {
            let before = all.iter().take_while(|(done, _)| done < ends);
            let own = [*ahead, *weights];
            let both = before.fold(own, |sum, (done, [ahead, weights])| {
                let errors = [ahead.hypot(each), weights.hypot(each)];
                let carried = carried(&job.steps()[*done..*ends], job, errors);
                [sum[0].hypot(carried[0]), sum[1].hypot(carried[1])]
            });
            both[0].max(both[1])
        };
        all.iter().map(at).fold(0.0, f64::max)
    }
}

/// The errors of V and W after some steps, from errors of V and W before them.
fn carried(steps: &[Step], job: &Job, errors: [f64; 2]) -> [f64; 2] {
    let [ahead, weights] = errors;
    let one = |kept: f64| {
        let from_ahead = after(steps, job, kept, [1.0, 0.0]).map(|e| e * ahead);
        let from_weights = after(steps, job, kept, [0.0, 1.0]).map(|e| e * weights);
        [0, 1].map(|i| from_ahead[i].hypot(from_weights[i]))
    };
    let all = KEPT.into_iter().map(one);
    all.fold([0.0, 0.0], |most: [f64; 2], e| {
        [most[0].max(e[0]), most[1].max(e[1])]
    })
}

/// The recurrence on errors of V and W.
fn after(steps: &[Step], job: &Job, kept: f64, errors: [f64; 2]) -> [f64; 2] {
    let [mut v, mut w] = errors;
    let from_weights = job.program().method.steps_from_weights();
    for step in steps {
        let m = step.momentum;
        if from_weights {
            let new = w - (1.0 - kept) * v;
            (v, w) = (new, (1.0 + m) * new - m * v);
        } else {
            let new = kept * v;
            (v, w) = ((1.0 + m) * new - m * w, new);
        }
    }
    [v.abs(), w.abs()]
}
