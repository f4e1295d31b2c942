//! Giving W and V levels again, by whoever holds keys, between two iterations.

use he_core::evaluator::{EvalError, Evaluator, scales_match};

use super::error::TrainError;
use super::state::{State, StateShape};
use crate::job::{Iterate, Job};

/// W and V anew, by class and part of a vector over the columns.
#[derive(Clone, Debug)]
pub struct Refreshed<Ct> {
    /// V: where the next gradient is taken.
    pub look_ahead: Vec<Vec<Ct>>,
    /// W: the weights.
    pub weights: Vec<Vec<Ct>>,
}

/// Whether `state` waits for a refresh: there is one before its next iteration, and its look-ahead weights are lower than that needs.
pub fn is_due<E: Evaluator>(job: &Job, eval: &E, state: &State<E::Ct>) -> bool {
    let to = job.levels().refreshed_to(state.done + 1);
    let ahead = state.look_ahead.iter().flatten().next();
    match (to, ahead) {
        (Some([level, _]), Some(ct)) => eval.meta(ct).level < level,
        _ => false,
    }
}

/// The state as whoever refreshes it takes it. The owners of a joint key take W and V at one level and scale, where the modulus has room for their masks: a product with 1 brings them
/// there, at the price of a level. The client takes them as they are.
///
/// # Errors
/// [`TrainError::Step`] for scales that are too far apart.
pub fn asked<E: Evaluator>(
    job: &Job,
    eval: &E,
    mut state: State<E::Ct>,
) -> Result<State<E::Ct>, TrainError> {
    let Some(to) = job.masked_at() else {
        return Ok(state);
    };
    let lower = |ct: &mut E::Ct| -> Result<(), EvalError> {
        *ct = eval.mul_scalar(ct, 1.0, to)?;
        eval.canonicalize(ct);
        Ok(())
    };
    let iterates = state.look_ahead.iter_mut().chain(&mut state.weights);
    let lowered = iterates.flatten().try_for_each(lower);
    lowered.map_err(|source| TrainError::Step {
        iteration: state.done + 1,
        iterations: job.iterations(),
        step: "weights for a refresh",
        source,
    })?;
    Ok(state)
}

/// The state with W and V anew.
///
/// # Errors
/// [`TrainError::State`] for other numbers of ciphertexts, [`TrainError::Refreshed`] for other levels or scales than the job's.
pub fn refreshed<E: Evaluator>(
    job: &Job,
    eval: &E,
    state: State<E::Ct>,
    new: Refreshed<E::Ct>,
) -> Result<State<E::Ct>, TrainError> {
    let iteration = state.done + 1;
    for (of, list) in [
        (Iterate::LookAhead, &new.look_ahead),
        (Iterate::Weights, &new.weights),
    ] {
        let expected = job.refreshed(iteration, of, eval.params().n());
        for ct in list.iter().flatten() {
            let found = eval.meta(ct).placement();
            let expected = expected.map(|meta| meta.placement());
            let fits = expected
                .is_some_and(|at| at.level == found.level && scales_match(at.scale, found.scale));
            if !fits {
                return Err(TrainError::Refreshed {
                    iteration,
                    expected,
                    found,
                });
            }
        }
    }
    let state = State {
        look_ahead: new.look_ahead,
        weights: new.weights,
        ..state
    };
    StateShape::after(job, state.done)?.check(&state)?;
    Ok(state)
}
