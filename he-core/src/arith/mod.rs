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

mod bits;
mod error;
mod kernels;
pub mod limits;
mod modulus;
mod ntt;
mod order;
mod permutation;
mod prime;
mod simd;
pub mod slices;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod transform;

pub use bits::{MAX_PRIME_BITS, MIN_PRIME_BITS};
pub use error::ArithError;
pub use kernels::TensorTerm;
pub use modulus::{Constant, Modulus};
pub use ntt::{NttTable, Scale};
pub(crate) use order::{GROUP, transpose, transposed};
pub use permutation::Permutation;
pub use prime::{is_prime, ntt_primes};
pub use simd::{Buffer, release_unused, share_heaps};
pub(crate) use stream::PublicStream;
