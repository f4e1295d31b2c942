//! Why a training run stops.

use he_core::error::{Cause, Class, Explain};
use he_core::evaluator::{EvalError, Placement};
use he_core::multiparty::MultipartyError;
use thiserror::Error;

use crate::packing::Upload;

/// What a [`super::BlockSource`] may fail with.
pub type SourceError = Cause;

/// Why a training run stops. Nothing is returned half-trained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An operation on ciphertexts is refused.
    #[error("an operation is refused")]
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
    #[error("training needs {needed} levels, the parameters leave {available}")]
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
    /// The run stops where the weights need levels again.
    #[error("the weights need a refresh after iteration {iteration}")]
    Refresh {
        /// Iterations done.
        iteration: usize,
    },
    /// Refreshed weights stand elsewhere than the job says.
    #[error("refreshed weights before iteration {iteration}: expected {}, found level {} and scale 2^{:.3}",
        .expected.map_or_else(|| "none".to_owned(), |at| format!("level {} and scale 2^{:.3}", at.level, at.scale.log2())),
        found.level, found.scale.log2())]
    Refreshed {
        /// Iteration that they are for, from 1.
        iteration: usize,
        /// What the job says, if it has a refresh there.
        expected: Option<Placement>,
        /// What a ciphertext says.
        found: Placement,
    },
    /// What a joint key takes does not fit the parameters: proofs of uploads, or the noise of the opening.
    #[error("under a joint key: {source}")]
    Joint {
        /// The refusal.
        source: MultipartyError,
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

impl Explain for TrainError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Step { source, .. } => Some(source),
            Self::Source { source, .. } => Some(source),
            Self::Observer { source, .. } => Some(source),
            Self::Joint { source } => Some(source),
            _ => None,
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Step {
                iteration,
                iterations,
                step,
                ..
            } => Some(format!("iteration {iteration} of {iterations}, {step}")),
            _ => self.inner()?.place(),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Levels { .. } => "plan with fewer iterations or a longer chain of moduli",
            _ => return self.inner()?.hint(),
        };
        Some(hint.to_owned())
    }

    fn class(&self) -> Class {
        match self {
            Self::Cancelled { .. } => Class::Interrupted,
            // A full disk at a checkpoint is the machine's fault.
            _ => self.inner().map_or(Class::Input, Explain::class),
        }
    }
}
