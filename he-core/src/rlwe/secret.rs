//! The secret key: encrypts, decrypts and makes all other keys.

use std::ops::Deref;
use std::sync::Arc;

use rand_core::Rng;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::derive::{Binding, Kind, PublicSeed, os_rng, secret_seed};
use super::wipe::{SecretSeed, on_clean_stack};
use super::{Ciphertext, Context, RlweError, at_level};
use crate::params::sparse::Weight;
use crate::ring::{Basis, Coeff, Ntt, Poly, Ring, binomial, sparse_ternary, ternary};

/// A secret polynomial: wiped when dropped, never printed.
#[derive(Clone)]
pub(crate) struct SecretPoly(Poly<Ntt>);

impl SecretPoly {
    /// From small coefficients, which are wiped.
    pub(crate) fn from_small(
        ring: &Arc<Ring>,
        basis: Basis,
        coefficients: Vec<i64>,
    ) -> Result<Self, RlweError> {
        let coefficients = Zeroizing::new(coefficients);
        let mut poly = Poly::from_signed(ring, basis, &coefficients)?;
        poly.keep_secret();
        Ok(Self(poly.into_ntt()))
    }

    /// The limbs of a lower level, and of the special primes.
    pub(crate) fn at_level(&self, level: usize) -> Self {
        Self(at_level(self.0.clone(), level))
    }

    /// Takes a polynomial over.
    pub(crate) fn new(mut poly: Poly<Ntt>) -> Self {
        poly.keep_secret();
        Self(poly)
    }
}

impl Deref for SecretPoly {
    type Target = Poly<Ntt>;

    fn deref(&self) -> &Poly<Ntt> {
        &self.0
    }
}

impl std::ops::DerefMut for SecretPoly {
    fn deref_mut(&mut self) -> &mut Poly<Ntt> {
        &mut self.0
    }
}

/// By its buffer.
impl ZeroizeOnDrop for SecretPoly {}

/// A ternary secret `s`, uniform or of the weight of its parameters, over all primes, with the seed that it and all its keys are derived from.
///
/// One key for one job: whoever sees decryptions of a key's ciphertexts learns of their noise (ePrint 2020/1533).
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// # let context = Context::new(Arc::new(Params::insecure_test(literal)?))?;
/// use he_core::ring::Poly;
/// use he_core::rlwe::SecretKey;
///
/// let key = SecretKey::generate(&context)?;
/// let message = Poly::from_signed(context.ring(), context.ring().basis(1), &[1 << 20; 1024])?;
/// let ciphertext = key.encrypt(&message.clone().into_ntt())?;
/// let mut error = key.decrypt(&ciphertext)?;
/// error.sub_assign(&message);
/// // A sum of 42 signs of 1/2.
/// assert!(error.limb(0).iter().all(|e| e.abs() <= 21.0));
/// # Ok(()) }
/// ```
pub struct SecretKey {
    pub(super) context: Arc<Context>,
    pub(super) seed: SecretSeed,
    pub(super) s: SecretPoly,
}

/// Seed and polynomial wipe themselves.
impl ZeroizeOnDrop for SecretKey {}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// The coefficients of the secret of a seed.
fn coefficients(context: &Context, seed: &SecretSeed) -> Zeroizing<Vec<i64>> {
    let mut rng = Binding::of(Kind::Secret).secret_stream(seed, context.fingerprint());
    let n = context.params().n();
    Zeroizing::new(match context.params().weight() {
        Weight::Uniform => ternary(n, &mut *rng),
        Weight::Sparse(weight) => sparse_ternary(n, weight as usize, &mut *rng),
    })
}

impl SecretKey {
    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`RlweError::Randomness`].
    pub fn generate(context: &Arc<Context>) -> Result<Self, RlweError> {
        on_clean_stack(|| Self::of(context, secret_seed("secret key")?))
    }

    /// The key of a seed and a parameter set: always the same.
    ///
    /// # Errors
    /// [`RlweError::Ring`]: none for a checked context.
    pub fn from_seed(context: &Arc<Context>, seed: Zeroizing<[u8; 32]>) -> Result<Self, RlweError> {
        on_clean_stack(|| Self::of(context, SecretSeed::copy_of(&seed)))
    }

    fn of(context: &Arc<Context>, seed: SecretSeed) -> Result<Self, RlweError> {
        let coefficients = coefficients(context, &seed);
        let s = SecretPoly::from_small(context.ring(), context.key_basis(), coefficients.to_vec())?;
        Ok(Self {
            context: Arc::clone(context),
            seed,
            s,
        })
    }

    /// The coefficients of `s`, drawn once more.
    pub(super) fn coefficients(&self) -> Zeroizing<Vec<i64>> {
        coefficients(&self.context, &self.seed)
    }

    /// `s` over all primes.
    pub(crate) fn poly(&self) -> &Poly<Ntt> {
        &self.s
    }

    /// The context.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The seed, for the key file: whoever has it has everything.
    pub fn expose_seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Encrypts a plaintext over `q_0 .. q_l`: `c_0 = m + e - c_1 s`, with `c_1` uniform from a fresh public seed and `e` centred binomial
    /// of variance 10.5, both from the operating system. `l + 1` transforms. Noise: [`crate::ckks::noise::fresh_secret`].
    ///
    /// # Errors
    /// [`RlweError::Randomness`]; [`RlweError::Foreign`], [`RlweError::Basis`] for a plaintext of another ring or over special primes.
    pub fn encrypt(&self, plain: &Poly<Ntt>) -> Result<Ciphertext, RlweError> {
        self.encrypt_seeded(plain, PublicSeed::random("encryption")?)
    }

    /// [`SecretKey::encrypt`] with `c_1` from this seed: a seed is for one message, since two under the same reveal their difference.
    ///
    /// # Errors
    /// As [`SecretKey::encrypt`].
    pub(crate) fn encrypt_seeded(
        &self,
        plain: &Poly<Ntt>,
        seed: PublicSeed,
    ) -> Result<Ciphertext, RlweError> {
        on_clean_stack(|| self.encrypt_with(plain, seed, &mut *os_rng("encryption")?))
    }

    /// [`SecretKey::encrypt`] with the caller's randomness: **insecure**, for frozen fixtures. Two messages encrypted from one stream
    /// reveal their difference.
    ///
    /// # Errors
    /// As [`SecretKey::encrypt`], without [`RlweError::Randomness`].
    pub fn encrypt_insecure_test_rng(
        &self,
        plain: &Poly<Ntt>,
        rng: &mut impl Rng,
    ) -> Result<Ciphertext, RlweError> {
        let mut seed = PublicSeed([0; 32]);
        rng.fill_bytes(&mut seed.0);
        self.encrypt_with(plain, seed, rng)
    }

    fn encrypt_with(
        &self,
        plain: &Poly<Ntt>,
        seed: PublicSeed,
        rng: &mut impl Rng,
    ) -> Result<Ciphertext, RlweError> {
        self.context.check_chain("plaintext", plain)?;
        let c1 = seed.expand(plain.ring(), plain.basis(), 0);
        let mut c0 = self.hide(&self.s, &c1, rng)?;
        c0.add_assign(plain);
        Ok(Ciphertext::fresh(c0, c1, seed))
    }

    /// `e - a t` over `a`'s primes, with an error from `rng`.
    pub(super) fn hide(
        &self,
        t: &SecretPoly,
        a: &Poly<Ntt>,
        rng: &mut impl Rng,
    ) -> Result<Poly<Ntt>, RlweError> {
        let (ring, basis) = (a.ring(), a.basis());
        let e = SecretPoly::from_small(ring, basis, binomial(ring.degree(), rng))?;
        let mut out = Poly::zero(ring, basis);
        out.inner_product_acc(&[(a, t)]);
        out.negate();
        out.add_assign(&e);
        Ok(out)
    }

    /// `c_0 + c_1 s`: the plaintext and its noise, wiped when dropped. `l + 1` inverse transforms.
    ///
    /// # Errors
    /// [`RlweError::Foreign`].
    pub fn decrypt(&self, ct: &Ciphertext) -> Result<Poly<Coeff>, RlweError> {
        self.context.check("ciphertext", ct.c0())?;
        let mut m = ct.c0().clone();
        m.keep_secret();
        m.inner_product_acc(&[(ct.c1(), &*self.s)]);
        Ok(m.into_coeff())
    }
}
