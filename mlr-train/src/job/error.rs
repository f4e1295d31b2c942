//! Why a program is no job.

use he_core::error::Explain;
use thiserror::Error;

use crate::packing::LayoutError;

/// Why a program is no job.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The shape cannot be laid out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A number out of range.
    #[error("{what}: expected {expected}, found {found}")]
    Number {
        /// Which number.
        what: &'static str,
        /// Range.
        expected: &'static str,
        /// Number given.
        found: f64,
    },
}

impl Explain for ProgramError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Layout(source) => Some(source),
            _ => None,
        }
    }
}

/// Refuses a number that is not finite or not good.
pub(super) fn check(
    what: &'static str,
    expected: &'static str,
    found: f64,
    good: bool,
) -> Result<(), ProgramError> {
    if found.is_finite() && good {
        Ok(())
    } else {
        Err(ProgramError::Number {
            what,
            expected,
            found,
        })
    }
}
