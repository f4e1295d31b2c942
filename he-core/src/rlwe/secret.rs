//! The secret key: encrypts, decrypts and makes all other keys.

use std::ops::Deref;
use std::sync::Arc;

use rand_core::Rng;
use zeroize::{Zeroize, Zeroizing};

use super::derive::{Binding, Kind, PublicSeed, SecretSeed, os_rng, os_seed};
use super::{Ciphertext, Context, RlweError};
use crate::ring::{Basis, Coeff, Ntt, Poly, Ring, binomial, ternary};

/// A secret polynomial: wiped when dropped, never printed.
#[derive(Clone)]
pub(super) struct SecretPoly(Poly<Ntt>);

impl SecretPoly {
    /// From small coefficients, which are wiped.
    pub(super) fn from_small(
        ring: &Arc<Ring>,
        basis: Basis,
        coefficients: Vec<i64>,
    ) -> Result<Self, RlweError> {
        let coefficients = Zeroizing::new(coefficients);
        Ok(Self(
            Poly::from_signed(ring, basis, &coefficients)?.into_ntt(),
        ))
    }

    /// Takes a polynomial over.
    pub(super) fn new(poly: Poly<Ntt>) -> Self {
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

impl Drop for SecretPoly {
    fn drop(&mut self) {
        for i in 0..self.0.basis().limbs() {
            self.0.limb_mut(i).zeroize();
        }
    }
}

/// A uniform ternary secret `s` over all primes, with the seed that it and all its keys are derived from.
///
/// One key for one job: whoever sees decryptions of a key's ciphertexts learns of their noise (ePrint 2020/1533).
pub struct SecretKey {
    pub(super) context: Arc<Context>,
    pub(super) seed: SecretSeed,
    pub(super) s: SecretPoly,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl SecretKey {
    /// A new key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`RlweError::Randomness`].
    pub fn generate(context: &Arc<Context>) -> Result<Self, RlweError> {
        Self::from_seed(context, os_seed("secret key")?)
    }

    /// The key of a seed and a parameter set: always the same.
    ///
    /// # Errors
    /// [`RlweError::Ring`]: none for a checked context.
    pub fn from_seed(context: &Arc<Context>, seed: Zeroizing<[u8; 32]>) -> Result<Self, RlweError> {
        let binding = Binding {
            kind: Kind::Secret,
            element: 0,
            digit: 0,
        };
        let mut rng = binding.secret_stream(&seed, context.fingerprint());
        let s = SecretPoly::from_small(
            context.ring(),
            context.key_basis(),
            ternary(context.params().n(), &mut rng),
        )?;
        Ok(Self {
            context: Arc::clone(context),
            seed,
            s,
        })
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
        let op = "encryption";
        let seed = PublicSeed::random(op)?;
        self.encrypt_with(plain, seed, &mut os_rng(op)?)
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

    /// `c_0 + c_1 s`: the plaintext and its noise. `l + 1` inverse transforms.
    ///
    /// # Errors
    /// [`RlweError::Foreign`].
    pub fn decrypt(&self, ct: &Ciphertext) -> Result<Poly<Coeff>, RlweError> {
        self.context.check("ciphertext", ct.c0())?;
        let mut m = ct.c0().clone();
        m.inner_product_acc(&[(ct.c1(), &*self.s)]);
        Ok(m.into_coeff())
    }
}
