//! Errors of homomorphic operations: operation, wanted, available.

use thiserror::Error;

use super::Level;

/// Why an operation on ciphertexts is refused. No operation refuses after it has changed anything.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The ciphertext has no level left for the operation.
    #[error("{op} needs level {needed}, the ciphertext has level {available}")]
    LevelExhausted {
        /// Operation.
        op: &'static str,
        /// Level that the operation starts from at least.
        needed: Level,
        /// Level of the operand.
        available: Level,
    },
    /// Two summands stand at different scales.
    #[error("{op}: scales 2^{:.6} and 2^{:.6} do not match", left.log2(), right.log2())]
    ScaleMismatch {
        /// Operation.
        op: &'static str,
        /// Scale of the first operand.
        left: f64,
        /// Scale of the second operand.
        right: f64,
    },
    /// The largest value times its scale does not fit the modulus that is left.
    #[error(
        "{op}: values of up to 2^{needed:.1} (value times scale) do not fit the 2^{available:.1} that level {level} leaves"
    )]
    Overflow {
        /// Operation.
        op: &'static str,
        /// log2 of twice the largest value times the scale.
        needed: f64,
        /// log2 of the modulus.
        available: f64,
        /// Level at which it does not fit.
        level: Level,
    },
    /// A plaintext factor would be rounded to too few bits.
    #[error(
        "{op}: a plaintext factor would keep only {available:.1} bits where {needed:.0} are wanted: its scale is too small"
    )]
    PlainTooCoarse {
        /// Operation.
        op: &'static str,
        /// Bits wanted.
        needed: f64,
        /// Bits that the factor would have.
        available: f64,
    },
    /// A slot vector of the wrong length.
    #[error("{op}: expected {expected} slots, found {found}")]
    SlotCount {
        /// Operation.
        op: &'static str,
        /// Slots of the ring.
        expected: usize,
        /// Slots given.
        found: usize,
    },
    /// A key that the operation needs is not among the evaluation keys.
    #[error("{op}: the evaluation keys hold no key for {wanted}")]
    MissingKey {
        /// Operation.
        op: &'static str,
        /// Rotation, conjugation or relinearisation.
        wanted: String,
    },
    /// An operation on nothing: an empty sum.
    #[error("{op}: an empty sum has no level")]
    Empty {
        /// Operation.
        op: &'static str,
    },
    /// A number that is not finite, or a scale that is not positive.
    #[error("{op}: {value} is not a usable number here")]
    NotFinite {
        /// Operation.
        op: &'static str,
        /// The number.
        value: f64,
    },
    /// The clear twin found a value beyond what the caller had declared.
    #[error("a value of {found:.3e} exceeds the declared bound of {declared:.3e}")]
    BoundExceeded {
        /// Bound declared.
        declared: f64,
        /// Largest value found.
        found: f64,
    },
    /// The operating system gave no randomness.
    #[error("{op}: the operating system gave no randomness: {reason}")]
    Randomness {
        /// Operation.
        op: &'static str,
        /// What the operating system said.
        reason: String,
    },
    /// A ciphertext or key of other parameters.
    #[error("{op}: the operand belongs to other parameters")]
    ForeignOperand {
        /// Operation.
        op: &'static str,
    },
}
