//! What only a holder of keys may use: encryption of slots, and decryption.
//!
//! Server code works with [`crate::evaluator::Evaluator`] alone and cannot name anything of this module.

mod ckks;
mod insecure_refresh;

use num_complex::Complex64;

pub use ckks::{
    EncryptionKey, KeyEncryptor, PublicKeyEncryptor, SecretKeyDecryptor, SecretKeyEncryptor,
};

pub use insecure_refresh::InsecureTestRefresh;

use crate::evaluator::{Clear, ClearCt, EvalError, Evaluator, Placement, SimulatedCt, Simulator};

/// Makes ciphertexts for an evaluator.
///
/// The encrypting side of training is written against this trait, so that a dataset is packed the
/// same way for the ciphertexts, for the clear twin and for the simulator.
pub trait Encryptor<E: Evaluator>: Sync {
    /// Encrypts `slots` (exactly N/2 of them, none above `bound` in absolute value) at a level and
    /// scale.
    ///
    /// # Errors
    /// Wrong number of slots, numbers that are not finite or beyond `bound`, level out of range,
    /// overflow.
    fn encrypt(&self, slots: &[Complex64], at: Placement, bound: f64) -> Result<E::Ct, EvalError> {
        self.encrypt_inexact(slots, at, bound, 0.0)
    }

    /// [`Encryptor::encrypt`] of slots that carry an error already, of root mean square `error` in
    /// units of the value (they were decrypted, say): the expected noise of the ciphertext holds it.
    ///
    /// # Errors
    /// As [`Encryptor::encrypt`]; an error that is not finite.
    fn encrypt_inexact(
        &self,
        slots: &[Complex64],
        at: Placement,
        bound: f64,
        error: f64,
    ) -> Result<E::Ct, EvalError>;
}

/// Reads ciphertexts of an evaluator.
pub trait Decryptor<E: Evaluator>: Sync {
    /// The N/2 slots.
    ///
    /// # Errors
    /// A ciphertext of other parameters.
    fn decrypt(&self, ct: &E::Ct) -> Result<Vec<Complex64>, EvalError>;
}

/// "Encrypts" for [`Clear`], with the noise that the ledger would expect of a ciphertext under the
/// secret key, and "decrypts".
#[derive(Clone, Copy, Debug)]
pub struct ClearHolder<'a>(pub &'a Clear);

impl Encryptor<Clear> for ClearHolder<'_> {
    fn encrypt_inexact(
        &self,
        slots: &[Complex64],
        at: Placement,
        bound: f64,
        error: f64,
    ) -> Result<ClearCt, EvalError> {
        let noise = crate::ckks::noise::fresh_secret(self.0.params().n());
        let noise = noise.hypot(error * at.scale);
        self.0.fresh(slots.to_vec(), at, bound, noise)
    }
}

impl Decryptor<Clear> for ClearHolder<'_> {
    fn decrypt(&self, ct: &ClearCt) -> Result<Vec<Complex64>, EvalError> {
        Ok(ct.slots().to_vec())
    }
}

/// "Encrypts" for [`Simulator`]: metadata alone; the slots are not looked at, and may be empty.
#[derive(Clone, Copy, Debug)]
pub struct SimulatorEncryptor<'a>(pub &'a Simulator);

impl Encryptor<Simulator> for SimulatorEncryptor<'_> {
    fn encrypt_inexact(
        &self,
        _slots: &[Complex64],
        at: Placement,
        bound: f64,
        error: f64,
    ) -> Result<SimulatedCt, EvalError> {
        let noise = crate::ckks::noise::fresh_secret(self.0.params().n());
        let noise = noise.hypot(error * at.scale);
        self.0.fresh(at, bound, noise)
    }
}

/// There are no slots to decrypt.
impl Decryptor<Simulator> for SimulatorEncryptor<'_> {
    fn decrypt(&self, _ct: &SimulatedCt) -> Result<Vec<Complex64>, EvalError> {
        Ok(Vec::new())
    }
}
