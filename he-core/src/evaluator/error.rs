//! Errors of homomorphic operations: operation, wanted, available.

use std::error::Error;
use std::fmt;

use super::{Level, Op};
use crate::ckks::diagonals::SplitError;
use crate::ckks::encode::{EncodeError, MAX_COEFFICIENT};
use crate::ckks::plaintext::PlaintextError;
use crate::error::{Class, Explain};
use crate::rlwe::RlweError;

/// A refused operation on ciphertexts. No operation refuses after it has changed anything.
///
/// ```
/// use he_core::evaluator::{Level, Op, Refusal};
///
/// let cause = Refusal::LevelExhausted { needed: Level(1), available: Level(0) };
/// let error = cause.of(Op::AddProduct);
/// assert_eq!(
///     error.to_string(),
///     "product of ciphertexts needs level 1, the ciphertext has level 0"
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EvalError {
    /// What was asked for.
    pub op: Op,
    /// Why it is refused.
    pub cause: Refusal,
}

/// Why an operation on ciphertexts is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The ciphertext has no level left for the operation.
    #[error("needs level {needed}, the ciphertext has level {available}")]
    LevelExhausted {
        /// Level that the operation starts from at least.
        needed: Level,
        /// Level of the operand.
        available: Level,
    },
    /// Two summands of different scales.
    #[error("scales 2^{:.6} and 2^{:.6} do not match", left.log2(), right.log2())]
    ScaleMismatch {
        /// Scale of the first operand.
        left: f64,
        /// Scale of the second operand.
        right: f64,
    },
    /// The largest value times its scale does not fit the modulus that is left.
    #[error(
        "values of up to 2^{needed:.1} (value times scale) do not fit the 2^{available:.1} that level {level} leaves"
    )]
    Overflow {
        /// log2 of twice the largest value times the scale.
        needed: f64,
        /// log2 of the modulus.
        available: f64,
        /// Level at which it does not fit.
        level: Level,
    },
    /// A plaintext factor would be rounded to too few bits.
    #[error(
        "a plaintext factor would keep only {available:.1} bits where {needed:.0} are wanted: its scale is too small"
    )]
    PlainTooCoarse {
        /// Bits wanted.
        needed: f64,
        /// Bits that the factor would have.
        available: f64,
    },
    /// A slot vector of the wrong length.
    #[error("expected {expected} slots, found {found}")]
    SlotCount {
        /// Slots of the ring.
        expected: usize,
        /// Slots given.
        found: usize,
    },
    /// A key that the operation needs is not among the evaluation keys.
    #[error("the evaluation keys hold no key for {wanted}")]
    MissingKey {
        /// Rotation, conjugation or relinearisation.
        wanted: String,
    },
    /// A key of a lower level than what it is to switch.
    #[error(
        "the key for {wanted} switches at level {available} or below, the ciphertext has level {needed}"
    )]
    KeyLevel {
        /// Rotation, conjugation or relinearisation.
        wanted: String,
        /// Level of the operand.
        needed: Level,
        /// Level of the key.
        available: Level,
    },
    /// An operation on nothing: an empty sum.
    #[error("an empty sum has no level")]
    Empty,
    /// A polynomial with fewer or more coefficients than there is a circuit for.
    #[error("an odd polynomial has 2 to 8 coefficients, found {found}")]
    Coefficients {
        /// Coefficients given.
        found: usize,
    },
    /// A number that is not finite, or a scale that is not positive.
    #[error("{value} is not a usable number here")]
    NotFinite {
        /// The number.
        value: f64,
    },
    /// A value beyond what the caller had declared: found at encryption, and by the clear twin.
    #[error("a value of {found:.3e} exceeds the declared bound of {declared:.3e}")]
    BoundExceeded {
        /// Bound declared.
        declared: f64,
        /// Largest value found.
        found: f64,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {reason}")]
    Randomness {
        /// What the operating system said.
        reason: String,
    },
    /// A ciphertext or key of other parameters.
    #[error("the operand belongs to other parameters")]
    ForeignOperand,
    /// A transform that cannot be split so.
    #[error(transparent)]
    Split(SplitError),
    /// The scheme under the evaluator refuses: no cause for checked parameters.
    #[error("the scheme refuses")]
    Scheme(#[source] RlweError),
    /// Slots make no plaintext, or a plaintext no slots: no cause for checked parameters.
    #[error("the encoding refuses")]
    Plaintext(#[source] PlaintextError),
}

impl Refusal {
    /// This refusal, of an operation.
    pub fn of(self, op: Op) -> EvalError {
        EvalError { op, cause: self }
    }

    /// An encoder's refusal in the evaluator's terms.
    pub(crate) fn of_plaintext(level: Level, error: PlaintextError) -> Self {
        match error {
            PlaintextError::Encode(EncodeError::NotFinite { value, .. }) => {
                Self::NotFinite { value }
            }
            PlaintextError::Encode(EncodeError::Length {
                expected, found, ..
            }) => Self::SlotCount { expected, found },
            PlaintextError::Encode(EncodeError::TooLarge { found }) => Self::Overflow {
                needed: found,
                available: MAX_COEFFICIENT.log2(),
                level,
            },
            other => Self::Plaintext(other),
        }
    }

    /// A key's refusal in the evaluator's terms.
    pub(crate) fn of_scheme(error: RlweError) -> Self {
        match error {
            RlweError::Randomness { reason, .. } => Self::Randomness { reason },
            RlweError::Foreign { .. } => Self::ForeignOperand,
            other => Self::Scheme(other),
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            cause @ Refusal::BoundExceeded { .. } => cause.fmt(f),
            cause @ Refusal::LevelExhausted { .. } => write!(f, "{} {cause}", self.op),
            cause => write!(f, "{}: {cause}", self.op),
        }
    }
}

impl Error for EvalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

impl Explain for EvalError {
    fn class(&self) -> Class {
        match &self.cause {
            Refusal::Randomness { .. } => Class::Environment,
            Refusal::Scheme(source) => source.class(),
            _ => Class::Input,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::message;

    #[test]
    fn the_cause_of_a_refusal_is_kept() {
        let cause = EncodeError::RingDegree { found: 40 };
        let error = Refusal::of_plaintext(Level(0), cause.clone().into()).of(Op::Setup);
        assert_eq!(
            message(&error),
            format!("set-up: the encoding refuses: {cause}")
        );
        let foreign = RlweError::Foreign { what: "the key" };
        assert_eq!(
            message(&Refusal::of_scheme(foreign).of(Op::Decrypt)),
            "decryption: the operand belongs to other parameters"
        );
        let cause = RlweError::Basis {
            what: "a plaintext",
            expected: "q_0".into(),
            found: 2,
        };
        let error = Refusal::of_scheme(cause.clone()).of(Op::Decrypt);
        assert_eq!(
            message(&error),
            format!("decryption: the scheme refuses: {cause}")
        );
    }
}
