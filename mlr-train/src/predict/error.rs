//! Why there is no plan for predictions.

use he_core::error::Explain;
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
    #[error("scores: expected scores that differ, found none that do")]
    Scores,
    /// The program is not usable.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The parameters are not usable, or not secure.
    #[error(transparent)]
    Parameters(#[from] ParamsError),
    /// Nothing fits.
    #[error("no parameters fit the model and the rows; the last were refused: {refusal}")]
    NoneFits {
        /// What the last candidate was refused for.
        refusal: String,
    },
    /// The scoring would be refused.
    #[error("the planned scoring cannot run")]
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
    #[error("plan: expected schema {expected} of a plan for predictions, found schema {found}")]
    Schema {
        /// Schema of this version.
        expected: u32,
        /// Schema found.
        found: u32,
    },
    /// JSON that says something else than the plan read from it, such as numbers with more digits.
    #[error("plan: expected the values that this version writes, found others")]
    NotCanonical,
    /// A figure that the traced scoring does not confirm.
    #[error("plan: {what} disagrees with the traced scoring")]
    Forecast {
        /// Which field.
        what: &'static str,
    },
}

impl Explain for PlanError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Model(source) => Some(source),
            Self::Program(source) => Some(source),
            Self::Parameters(source) => Some(source),
            Self::Refused(source) => Some(source),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Scores => "the model or the rows are zero throughout",
            Self::NoneFits { .. } => "scale the features so that they are of like size",
            Self::Schema { .. } => "plan anew with this version",
            Self::NotCanonical => {
                "white space may change, values may not: take a copy, or plan anew"
            }
            Self::Forecast { .. } => "plan anew",
            _ => return self.inner()?.hint(),
        };
        Some(hint.to_owned())
    }
}
