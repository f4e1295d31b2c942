//! What only a holder of keys may use: sealing slots into ciphertexts and opening them again.
//!
//! Server code works with [`crate::evaluator::Evaluator`] alone and cannot name anything of this module.

mod ckks;

use num_complex::Complex64;

pub use ckks::{PublicSealer, SecretOpener, SecretSealer};

use crate::evaluator::{Clear, ClearCt, EvalError, Evaluator, Placement, Trace, TraceCt};

/// Makes ciphertexts for an evaluator. The encrypting side of training is written against this trait, so that a dataset is packed
/// the same way for the ciphertexts, for the clear twin and for the trace.
pub trait Sealer<E: Evaluator>: Sync {
    /// Encrypts `slots` (exactly N/2 of them, none above `bound` in absolute value) at a level and scale.
    ///
    /// # Errors
    /// Wrong number of slots, numbers that are not finite or beyond `bound`, level out of range, overflow.
    fn seal(&self, slots: &[Complex64], at: Placement, bound: f64) -> Result<E::Ct, EvalError>;
}

/// Reads ciphertexts of an evaluator.
pub trait Opener<E: Evaluator>: Sync {
    /// The N/2 slots.
    ///
    /// # Errors
    /// A ciphertext of other parameters.
    fn open(&self, ct: &E::Ct) -> Result<Vec<Complex64>, EvalError>;
}

/// Seals for [`Clear`], with the noise that the ledger would expect of a ciphertext under the secret key.
#[derive(Clone, Copy, Debug)]
pub struct ClearSealer<'a>(pub &'a Clear);

impl Sealer<Clear> for ClearSealer<'_> {
    fn seal(&self, slots: &[Complex64], at: Placement, bound: f64) -> Result<ClearCt, EvalError> {
        let noise = crate::ckks::noise::fresh_secret(self.0.params().n());
        self.0.seal(slots.to_vec(), at, bound, noise)
    }
}

impl Opener<Clear> for ClearSealer<'_> {
    fn open(&self, ct: &ClearCt) -> Result<Vec<Complex64>, EvalError> {
        Ok(ct.slots().to_vec())
    }
}

/// "Seals" for [`Trace`]: metadata alone; the slots are not looked at, and may be empty.
#[derive(Clone, Copy, Debug)]
pub struct TraceSealer<'a>(pub &'a Trace);

impl Sealer<Trace> for TraceSealer<'_> {
    fn seal(&self, _slots: &[Complex64], at: Placement, bound: f64) -> Result<TraceCt, EvalError> {
        let noise = crate::ckks::noise::fresh_secret(self.0.params().n());
        self.0.seal(at, bound, noise)
    }
}
