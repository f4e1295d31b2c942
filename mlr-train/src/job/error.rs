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
    /// Refreshes by owners who have no key together.
    #[error(
        "refreshes by the owners: expected a key that several parties make, found a key holder's"
    )]
    NoParties,
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

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoParties => Some(
                "plan with --parties and --threshold, or let the client or the server refresh"
                    .to_owned(),
            ),
            _ => self.inner()?.hint(),
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
