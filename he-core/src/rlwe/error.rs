//! Errors of keys and encryption.

use thiserror::Error;

use super::KeyId;
use crate::error::{Class, Explain};
use crate::ring::RingError;

/// Why a key or a ciphertext cannot be made or used.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum RlweError {
    /// The primes make no ring.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The operating system gave no randomness.
    #[error("{op}: the operating system gave no randomness: {reason}")]
    Randomness {
        /// Operation.
        op: &'static str,
        /// What the operating system said.
        reason: String,
    },
    /// A polynomial, ciphertext or key of another parameter set (or of another [`super::Context`] of the same set).
    #[error("{what} belongs to other parameters; load everything under one context")]
    Foreign {
        /// What it is.
        what: &'static str,
    },
    /// A polynomial over other primes than the operation wants.
    #[error("{what}: expected a polynomial over {expected}, found one over {found} primes")]
    Basis {
        /// What it is.
        what: &'static str,
        /// Primes wanted.
        expected: String,
        /// Primes found.
        found: usize,
    },
    /// A switching key of a level that the chain lacks.
    #[error("the key for {key}: expected level {most} or below, found {found}")]
    KeyLevel {
        /// Which key.
        key: KeyId,
        /// Highest level of the chain.
        most: usize,
        /// Level found.
        found: usize,
    },
    /// A switching key with too few or too many digits.
    #[error("the key for {key}: expected {expected} digits, found {found}")]
    Digits {
        /// Which key.
        key: KeyId,
        /// Digits of its level.
        expected: usize,
        /// Digits found.
        found: usize,
    },
    /// A key that was never generated or not loaded.
    #[error("no evaluation key for {key}")]
    MissingKey {
        /// Which key.
        key: KeyId,
    },
    /// A protocol between parties stopped.
    #[error("a protocol of several parties stopped: {reason}")]
    Protocol {
        /// Who, what was expected, what was found.
        reason: String,
    },
    /// The same key twice.
    #[error("the evaluation keys already hold a key for {key}")]
    RepeatedKey {
        /// Which key.
        key: KeyId,
    },
}

impl Explain for RlweError {
    fn class(&self) -> Class {
        match self {
            Self::Randomness { .. } => Class::Environment,
            _ => Class::Input,
        }
    }
}
