//! Key holders of real ciphertexts.

use std::sync::Arc;

use num_complex::Complex64;

use super::{Opener, Sealer};
use crate::ckks::encode::Encoder;
use crate::ckks::{noise, plaintext};
use crate::evaluator::{
    Ckks, CkksCt, EvalError, Meta, Placement, check_slots, fresh_meta, refusal,
};
use crate::ring::{Ntt, Poly};
use crate::rlwe::{Ciphertext, Context, PublicKey, RlweError, SecretKey};

/// Relative slack of a bound: f64 rounding in the caller's own arithmetic.
const BOUND_SLACK: f64 = 1e-9;

fn encoder(context: &Context) -> Result<Encoder, EvalError> {
    Encoder::new(context.params().log_n()).map_err(|_| EvalError::ForeignOperand { op: "encoder" })
}

/// What an encryption's failure is for the evaluator.
fn failure(op: &'static str, error: RlweError) -> EvalError {
    match error {
        RlweError::Randomness { reason, .. } => EvalError::Randomness { op, reason },
        _ => EvalError::ForeignOperand { op },
    }
}

/// Checks, encodes and encrypts; `expected` is the noise that the encryption is expected to have.
fn seal(
    context: &Context,
    encoder: &Encoder,
    slots: &[Complex64],
    (at, bound, expected): (Placement, f64, f64),
    encrypt: impl FnOnce(&Poly<Ntt>) -> Result<Ciphertext, RlweError>,
) -> Result<CkksCt, EvalError> {
    let op = "encryption";
    let found = check_slots(op, slots, context.params().slots())?;
    let meta = fresh_meta(
        context.params(),
        Meta {
            level: at.level,
            scale: at.scale,
            bound,
            typical: bound,
            noise: expected,
        },
    )?;
    if found > bound * (1.0 + BOUND_SLACK) {
        return Err(EvalError::BoundExceeded {
            declared: bound,
            found,
        });
    }
    let plain = plaintext::encode(encoder, context.ring(), at.level.0, slots, at.scale)
        .map_err(|error| refusal(op, at.level, error))?;
    let ct = encrypt(&plain).map_err(|error| failure(op, error))?;
    CkksCt::admit(context, ct, meta)
}

/// Encrypts under the secret key: the least noise, and half the bytes on the wire ([`Ciphertext::seed`]).
#[derive(Debug)]
pub struct SecretSealer {
    key: Arc<SecretKey>,
    encoder: Encoder,
}

impl SecretSealer {
    /// A sealer with this key.
    ///
    /// # Errors
    /// None for checked parameters.
    pub fn new(key: Arc<SecretKey>) -> Result<Self, EvalError> {
        Ok(Self {
            encoder: encoder(key.context())?,
            key,
        })
    }
}

impl Sealer<Ckks> for SecretSealer {
    /// Noise: [`noise::fresh_secret`]. Randomness is the operating system's, always fresh.
    fn seal(&self, slots: &[Complex64], at: Placement, bound: f64) -> Result<CkksCt, EvalError> {
        let context = self.key.context();
        let expected = noise::fresh_secret(context.params().n());
        seal(
            context,
            &self.encoder,
            slots,
            (at, bound, expected),
            |plain| self.key.encrypt(plain),
        )
    }
}

/// Encrypts under the public key: for those who only send.
#[derive(Debug)]
pub struct PublicSealer {
    key: Arc<PublicKey>,
    encoder: Encoder,
}

impl PublicSealer {
    /// A sealer with this key.
    ///
    /// # Errors
    /// None for checked parameters.
    pub fn new(key: Arc<PublicKey>) -> Result<Self, EvalError> {
        Ok(Self {
            encoder: encoder(key.context())?,
            key,
        })
    }
}

impl Sealer<Ckks> for PublicSealer {
    /// Noise: [`noise::fresh_public`]. Randomness is the operating system's, always fresh.
    fn seal(&self, slots: &[Complex64], at: Placement, bound: f64) -> Result<CkksCt, EvalError> {
        let context = self.key.context();
        let expected = noise::fresh_public(context.params().n());
        seal(
            context,
            &self.encoder,
            slots,
            (at, bound, expected),
            |plain| self.key.encrypt(plain),
        )
    }
}

/// Decrypts.
///
/// The slots carry noise that depends on the key (ePrint 2020/1533): round them to [`Meta::certified_bits`] before anybody else
/// sees them.
#[derive(Debug)]
pub struct SecretOpener {
    key: Arc<SecretKey>,
    encoder: Encoder,
}

impl SecretOpener {
    /// An opener with this key.
    ///
    /// # Errors
    /// None for checked parameters.
    pub fn new(key: Arc<SecretKey>) -> Result<Self, EvalError> {
        Ok(Self {
            encoder: encoder(key.context())?,
            key,
        })
    }
}

impl Opener<Ckks> for SecretOpener {
    fn open(&self, ct: &CkksCt) -> Result<Vec<Complex64>, EvalError> {
        let op = "decryption";
        let meta = ct.meta();
        let plain = self
            .key
            .decrypt(ct.ciphertext())
            .map_err(|error| failure(op, error))?;
        plaintext::decode(&self.encoder, &plain, meta.scale)
            .map_err(|error| refusal(op, meta.level, error))
    }
}
