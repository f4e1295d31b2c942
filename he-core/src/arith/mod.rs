//! One prime: residues held in `f64`, products by fused multiply-add, the negacyclic transform.
//!
//! A residue modulo a prime `p < 2^48` is a signed integer held exactly in an `f64`. Three words
//! describe how large it may be:
//!
//! - *canonical*: the integer in `[0, p)`, held in a `u64`. The only form that is hashed, compared
//!   or written to a file.
//! - *balanced*: the integer of magnitude at most `(p - 1) / 2`. [`slices::reduce`] gives it.
//! - *reduced*: any integer of magnitude at most `5/8 p`. Products and transforms give it, and all
//!   operations of [`crate::ring`] accept it.
//!
//! Every operation is exact integer arithmetic: nothing here rounds a result. The proofs stand
//! beside the kernels, in [`slices`] and [`NttTable`]. Results have the same bits on every machine
//! with IEEE 754 `f64`, whichever vector instructions it has.

pub mod limits;
mod modulus;
mod ntt;
mod permutation;
mod prime;
mod simd;
pub mod slices;
#[cfg(test)]
pub(crate) mod tests;

pub use modulus::{Constant, Modulus};
pub(crate) use ntt::GROUP;
pub use ntt::{NttTable, Scale};
pub use permutation::Permutation;
pub use prime::{is_prime, ntt_primes};
pub use simd::{Buffer, TensorTerm};

/// Why a modulus, a prime search or a transform table cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArithError {
    /// The number is outside the range that the kernels are proved for.
    #[error("modulus {found} is outside the range 2^16 < p < 2^48 of the f64 kernels")]
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
    #[error(
        "ring degree 2^{found} is outside 2^{} to 2^{}",
        NttTable::MIN_LOG_N,
        NttTable::MAX_LOG_N
    )]
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
