//! Progress, checkpoints, cancellation.

use std::sync::Arc;

use he_core::circuits::Refresh;
use he_core::evaluator::Evaluator;

use super::error::SourceError;
use super::refresh::Refreshed;
use super::state::State;

/// Where a training run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Iteration, from 1.
    pub iteration: usize,
    /// Iterations of the job.
    pub iterations: usize,
    /// What is being computed.
    pub phase: &'static str,
    /// Products with evaluation keys since this run began. A plan predicts the total.
    pub key_products: u64,
}

/// Watches a training run. Every method has a default that does nothing.
pub trait Observer<E: Evaluator>: Sync {
    /// Called after every block of samples and every phase.
    fn progress(&self, _progress: Progress) {}

    /// Called after every iteration: the place to write a checkpoint.
    ///
    /// # Errors
    /// Any error ends the run.
    fn iteration_done(&self, _state: &State<E::Ct>) -> Result<(), SourceError> {
        Ok(())
    }

    /// Asked where the levels end and the job has a refresh by the client or by owners, with the state as they take it ([`super::refresh::asked`]): W and V anew ([`Job::refreshed`](crate::job::Job::refreshed) says where they must
    /// stand), or none, which ends the run with [`super::TrainError::Refresh`]; it goes on from the state with [`super::refresh::refreshed`].
    ///
    /// # Errors
    /// Any error ends the run.
    fn refresh(&self, _state: &State<E::Ct>) -> Result<Option<Refreshed<E::Ct>>, SourceError> {
        Ok(None)
    }

    /// Asked where the job refreshes by bootstrapping: what does it, dropped when this refresh is done, so that its keys need memory no longer than
    /// that. None ends the run with [`super::TrainError::Refresh`].
    ///
    /// # Errors
    /// Any error ends the run.
    fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<E>>>, SourceError> {
        Ok(None)
    }

    /// Asked often; the run ends with [`super::TrainError::Cancelled`] once this is true.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl<E: Evaluator> Observer<E> for Unobserved {}
