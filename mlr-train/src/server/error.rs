//! Why a training run stops.

use he_core::evaluator::{EvalError, Placement};
use thiserror::Error;

use crate::packing::Upload;

/// What a [`super::BlockSource`] may fail with.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a training run stops. Nothing is returned half-trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An operation on ciphertexts is refused.
    #[error("{source}\n  at: iteration {iteration} of {iterations}, {step}")]
    Step {
        /// Iteration, from 1.
        iteration: usize,
        /// Iterations of the job.
        iterations: usize,
        /// What was being computed.
        step: &'static str,
        /// The refusal.
        source: EvalError,
    },
    /// The chain of moduli is too short for the job.
    #[error(
        "training needs {needed} levels, the parameters leave {available}\n  hint: plan with fewer iterations or a longer chain of moduli"
    )]
    Levels {
        /// Levels of the job.
        needed: usize,
        /// Levels of the parameters.
        available: usize,
    },
    /// The parameters have another number of slots than the job was laid out for.
    #[error("the job is laid out for {expected} slots, the parameters have {found}")]
    Slots {
        /// Slots of the layout.
        expected: usize,
        /// Slots of the parameters.
        found: usize,
    },
    /// An uploaded ciphertext could not be read.
    #[error("uploaded ciphertext {upload} could not be read")]
    Source {
        /// Which one.
        upload: Upload,
        /// Why.
        source: SourceError,
    },
    /// An uploaded ciphertext stands elsewhere than the plan says.
    #[error(
        "uploaded ciphertext {upload}: expected level {} and scale 2^{:.3}, found level {} and scale 2^{:.3}",
        expected.level, expected.scale.log2(), found.level, found.scale.log2()
    )]
    Placement {
        /// Which one.
        upload: Upload,
        /// What the plan says.
        expected: Placement,
        /// What the ciphertext says.
        found: Placement,
    },
    /// A saved state does not belong to the job.
    #[error("saved state: expected {expected} of {what}, found {found}")]
    State {
        /// Which count is off.
        what: &'static str,
        /// What the job has.
        expected: usize,
        /// What the state has.
        found: usize,
    },
    /// The observer asked to stop.
    #[error("cancelled in iteration {iteration} of {iterations}")]
    Cancelled {
        /// Iteration, from 1.
        iteration: usize,
        /// Iterations of the job.
        iterations: usize,
    },
    /// The observer failed, writing a checkpoint say.
    #[error("after iteration {iteration}")]
    Observer {
        /// Iterations done.
        iteration: usize,
        /// Why.
        source: SourceError,
    },
}
