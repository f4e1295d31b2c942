//! Progress, checkpoints, cancellation.

use he_core::evaluator::Evaluator;

use super::error::SourceError;

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

/// The iterates between two iterations, by class and column group. `look_ahead` may hold one class that all share.
#[derive(Clone, Debug)]
pub struct State<Ct> {
    /// Iterations done.
    pub done: usize,
    /// V: where the next gradient is taken. Empty after the last iteration.
    pub look_ahead: Vec<Vec<Ct>>,
    /// W: the weights.
    pub weights: Vec<Vec<Ct>>,
    /// M = (Y - 1/2)^T X; empty for the paper's method and after the last iteration.
    pub first_gradient: Vec<Vec<Ct>>,
}

impl<Ct> State<Ct> {
    /// Applies `f` to every ciphertext: look-ahead weights, weights, first gradient.
    pub(super) fn each_mut(&mut self, f: impl FnMut(&mut Ct)) {
        let vectors = self.look_ahead.iter_mut().chain(&mut self.weights);
        vectors
            .chain(&mut self.first_gradient)
            .flatten()
            .for_each(f);
    }
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

    /// Asked often; the run ends with [`super::TrainError::Cancelled`] once this is true.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl<E: Evaluator> Observer<E> for Unobserved {}
