//! Why there is no plan for predictions.

use he_core::params::ParamsError;
use thiserror::Error;

use super::job::ProgramError;
use super::server::ScoreError;
use crate::model::ModelError;

/// Why a model and rows have no plan, or a file is none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Rows that do not fit the model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// All scores are equal: nothing can be predicted, and no precision follows.
    #[error(
        "scores: expected scores that differ, found none that do\n  hint: the model or the rows are zero throughout"
    )]
    Scores,
    /// The program is not usable.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The parameters are not usable, or not secure.
    #[error(transparent)]
    Parameters(#[from] ParamsError),
    /// Nothing fits.
    #[error(
        "no parameters fit the model and the rows\n  hint: scale the features so that they are of like size\n  last refusal: {refusal}"
    )]
    NoneFits {
        /// What the last candidate was refused for.
        refusal: String,
    },
    /// The scoring would be refused.
    #[error("the planned scoring cannot run: {0}")]
    Refused(#[source] Box<ScoreError>),
    /// A file too large to be a plan.
    #[error("plan: expected at most {allowed} bytes, found {found}")]
    Size {
        /// Largest size.
        allowed: usize,
        /// Size found.
        found: usize,
    },
    /// No JSON of a plan's form.
    #[error("expected a plan for predictions, found {0}")]
    Json(String),
    /// Another schema or kind.
    #[error(
        "plan: expected schema {expected} of a plan for predictions, found schema {found}\n  hint: plan anew with this version"
    )]
    Schema {
        /// Schema of this version.
        expected: u32,
        /// Schema found.
        found: u32,
    },
    /// A readable plan in another spelling than the one that is hashed.
    #[error("plan: the JSON is not in canonical form\n  hint: plans are not edited by hand")]
    NotCanonical,
    /// A figure that the traced scoring does not confirm.
    #[error("plan: {what} disagrees with the traced scoring\n  hint: plan anew")]
    Forecast {
        /// Which field.
        what: &'static str,
    },
}
