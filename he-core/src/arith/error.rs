//! What cannot exist.

use super::bits::{MAX_PRIME_BITS, MIN_PRIME_BITS};
use super::order::{MAX_LOG_N, MIN_LOG_N};

/// Why a modulus, a prime search or a transform table cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArithError {
    /// The number is outside the range that the kernels are proved for.
    #[error(
        "modulus {found} is outside the range 2^{MIN_PRIME_BITS} < p < 2^{MAX_PRIME_BITS} of the f64 kernels"
    )]
    ModulusRange {
        /// The number that was given.
        found: u64,
    },
    /// The number is composite.
    #[error("modulus {found} is not a prime")]
    NotPrime {
        /// The number that was given.
        found: u64,
    },
    /// The field has no root of unity of order `2N`.
    #[error("modulus {found} has no root of unity of order 2^{}: it must be 1 modulo that", log_n + 1)]
    NoRoot {
        /// The modulus that was given.
        found: u64,
        /// log2 of the ring degree.
        log_n: u32,
    },
    /// The ring degree has no transform.
    #[error("ring degree 2^{found} is outside 2^{} to 2^{}", MIN_LOG_N, MAX_LOG_N)]
    Degree {
        /// log2 of the degree that was given.
        found: u32,
    },
    /// There are not that many primes of this size.
    #[error("only {found} of {wanted} primes = 1 mod 2^{} lie near 2^{bits}; use other sizes", log_n + 1)]
    PrimesExhausted {
        /// Size asked for, in bits.
        bits: u32,
        /// log2 of the ring degree.
        log_n: u32,
        /// How many were asked for.
        wanted: usize,
        /// How many exist.
        found: usize,
    },
}

impl crate::error::Explain for ArithError {}

/// Whether a degree has a transform.
pub(super) fn check_degree(log_n: u32) -> Result<(), ArithError> {
    if (MIN_LOG_N..=MAX_LOG_N).contains(&log_n) {
        Ok(())
    } else {
        Err(ArithError::Degree { found: log_n })
    }
}
