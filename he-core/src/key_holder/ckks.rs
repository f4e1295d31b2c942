//! Key holders of real ciphertexts.

use std::sync::Arc;

use num_complex::Complex64;

use super::{Decryptor, Encryptor};
use crate::ckks::encode::Encoder;
use crate::ckks::{noise, plaintext};
use crate::evaluator::{
    Ckks, CkksCt, EvalError, Meta, Op, Placement, Refusal, check_slots, fresh_meta,
};
use crate::ring::{Ntt, Poly};
use crate::rlwe::{Ciphertext, Context, PublicKey, RlweError, SecretKey};

/// Relative slack of a bound: f64 rounding in the caller's own arithmetic.
const BOUND_SLACK: f64 = 1e-9;

fn encoder(context: &Context) -> Result<Encoder, EvalError> {
    Encoder::new(context.params().log_n()).map_err(|e| Refusal::Plaintext(e.into()).of(Op::Setup))
}

/// A key that encrypts: [`SecretKey`] or [`PublicKey`], and no other.
pub trait EncryptionKey: sealed::EncryptionKey + Sync {}

impl EncryptionKey for SecretKey {}
impl EncryptionKey for PublicKey {}

mod sealed {
    use super::{Ciphertext, Context, Ntt, Poly, PublicKey, RlweError, SecretKey, noise};
    use crate::params::Params;

    /// What an encryptor asks of its key.
    pub trait EncryptionKey {
        fn context(&self) -> &Context;
        /// Expected error of a fresh encryption.
        fn fresh_noise(params: &Params) -> f64;
        fn encrypt(&self, plain: &Poly<Ntt>) -> Result<Ciphertext, RlweError>;
    }

    impl EncryptionKey for SecretKey {
        fn context(&self) -> &Context {
            self.context()
        }

        fn fresh_noise(params: &Params) -> f64 {
            noise::fresh_secret(params.n())
        }

        fn encrypt(&self, plain: &Poly<Ntt>) -> Result<Ciphertext, RlweError> {
            self.encrypt(plain)
        }
    }

    impl EncryptionKey for PublicKey {
        fn context(&self) -> &Context {
            self.context()
        }

        fn fresh_noise(params: &Params) -> f64 {
            noise::fresh_public(params)
        }

        fn encrypt(&self, plain: &Poly<Ntt>) -> Result<Ciphertext, RlweError> {
            self.encrypt(plain)
        }
    }
}

/// Encrypts under a key. Randomness is the operating system's, always fresh.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// # let context = Context::new(Arc::new(Params::insecure_test(literal)?))?;
/// use he_core::evaluator::{Level, Placement};
/// use he_core::key_holder::{
///     Decryptor, Encryptor, PublicKeyEncryptor, SecretKeyDecryptor, SecretKeyEncryptor,
/// };
/// use he_core::rlwe::SecretKey;
/// use num_complex::Complex64;
///
/// let key = Arc::new(SecretKey::generate(&context)?);
/// let slots = vec![Complex64::new(0.5, -0.25); 512];
/// let at = Placement { level: Level(1), scale: f64::from(1 << 30) };
/// let a = SecretKeyEncryptor::new(Arc::clone(&key))?.encrypt(&slots, at, 1.0)?;
/// let b = PublicKeyEncryptor::new(Arc::new(key.public_key()?))?.encrypt(&slots, at, 1.0)?;
/// // The public key pays with noise.
/// assert!(b.meta().error() > a.meta().error());
/// let found = SecretKeyDecryptor::new(key)?.decrypt(&b)?;
/// assert!((found[100] - slots[100]).norm() < 16.0 * b.meta().error());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct KeyEncryptor<K> {
    key: Arc<K>,
    encoder: Encoder,
}

/// Encrypts under the secret key: the least noise ([`noise::fresh_secret`]), and half the bytes on
/// the wire ([`Ciphertext::seed`]).
pub type SecretKeyEncryptor = KeyEncryptor<SecretKey>;

/// Encrypts under the public key, for those who only send. Noise: [`noise::fresh_public`].
pub type PublicKeyEncryptor = KeyEncryptor<PublicKey>;

impl<K: EncryptionKey> KeyEncryptor<K> {
    /// An encryptor with this key.
    ///
    /// # Errors
    /// None for checked parameters.
    pub fn new(key: Arc<K>) -> Result<Self, EvalError> {
        Ok(Self {
            encoder: encoder(key.context())?,
            key,
        })
    }
}

impl<K: EncryptionKey> KeyEncryptor<K> {
    /// [`Encryptor::encrypt_inexact`], with a way of one's own to encrypt under the key.
    pub(crate) fn encrypt_by(
        &self,
        slots: &[Complex64],
        at: Placement,
        bound: f64,
        error: f64,
        encrypt: impl FnOnce(&Poly<Ntt>) -> Result<Ciphertext, RlweError>,
    ) -> Result<CkksCt, EvalError> {
        let op = Op::Encrypt;
        let context = self.key.context();
        let found = check_slots(op, slots, context.params().slots())?;
        let meta = fresh_meta(
            context.params(),
            Meta {
                level: at.level,
                scale: at.scale,
                bound,
                rms: bound,
                noise: K::fresh_noise(context.params()).hypot(error * at.scale),
            },
        )?;
        if found > bound * (1.0 + BOUND_SLACK) {
            return Err(Refusal::BoundExceeded {
                declared: bound,
                found,
            }
            .of(op));
        }
        let mut plain =
            plaintext::encode(&self.encoder, context.ring(), at.level.0, slots, at.scale)
                .map_err(|e| Refusal::of_plaintext(at.level, e).of(op))?;
        plain.keep_secret();
        let ct = encrypt(&plain).map_err(|e| Refusal::of_scheme(e).of(op))?;
        CkksCt::admit(context, ct, meta)
    }
}

impl<K: EncryptionKey + Send> Encryptor<Ckks> for KeyEncryptor<K> {
    fn encrypt_inexact(
        &self,
        slots: &[Complex64],
        at: Placement,
        bound: f64,
        error: f64,
    ) -> Result<CkksCt, EvalError> {
        let encrypt = |plain: &Poly<Ntt>| self.key.encrypt(plain);
        self.encrypt_by(slots, at, bound, error, encrypt)
    }
}

/// Decrypts.
///
/// The slots carry noise that depends on the key (ePrint 2020/1533): round them to
/// [`Meta::certified_bits`] before anybody else sees them, and wipe them ([`crate::ckks::wipe_slots`]).
#[derive(Debug)]
pub struct SecretKeyDecryptor {
    key: Arc<SecretKey>,
    encoder: Encoder,
}

impl SecretKeyDecryptor {
    /// A decryptor with this key.
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

impl Decryptor<Ckks> for SecretKeyDecryptor {
    fn decrypt(&self, ct: &CkksCt) -> Result<Vec<Complex64>, EvalError> {
        let op = Op::Decrypt;
        let meta = ct.meta();
        let plain = self
            .key
            .decrypt(ct.ciphertext())
            .map_err(|e| Refusal::of_scheme(e).of(op))?;
        plaintext::decode(&self.encoder, &plain, meta.scale)
            .map_err(|e| Refusal::of_plaintext(meta.level, e).of(op))
    }
}
