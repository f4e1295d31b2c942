//! Giving a ciphertext levels again.

use crate::evaluator::{EvalError, Evaluator, Level, Placement};
use crate::params::KeyLevels;

/// A way to give ciphertexts levels again: a bootstrapping, or a protocol with whoever holds keys.
///
/// It is no operation of the evaluator, so that there is one truth for all evaluators; what it
/// promises is known before any work, for a planner to weigh.
pub trait Refresh<E: Evaluator>: Sync {
    /// Lowest level of a ciphertext that can be refreshed.
    fn input_level(&self) -> Level;

    /// Level and scale of what comes out.
    fn output(&self) -> Placement;

    /// Evaluation keys that it needs, with their levels.
    fn keys(&self) -> KeyLevels;

    /// No slot may exceed this in absolute value.
    fn bound(&self) -> f64;

    /// Expected root mean square error of a slot that it adds, in units of the value.
    fn error(&self) -> f64;

    /// log2 of a bound on the probability that a refresh fails, of whatever values.
    fn log_failure(&self) -> f64;

    /// The same values at [`Refresh::output`]. The bound grows by what the noise may add.
    ///
    /// # Errors
    /// A level below [`Refresh::input_level`], a bound above [`Refresh::bound`]; those of the way.
    fn refresh(&self, eval: &E, ct: &E::Ct) -> Result<E::Ct, EvalError>;
}
