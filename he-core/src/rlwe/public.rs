//! The public key: encrypts only.

use std::sync::Arc;

use super::derive::{Binding, Kind, os_rng};
use super::secret::{SecretKey, SecretPoly};
use super::wipe::on_clean_stack;
use super::{Ciphertext, Context, PublicSeed, RlweError};
use crate::ring::{Ntt, Poly, binomial, ternary};

/// `(b, a)` with `b = e - a s` over `q_0 .. q_L`; `a` is polynomial 0 of a public seed.
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
/// let public = SecretKey::generate(&context)?.public_key()?;
/// let message = Poly::from_signed(context.ring(), context.ring().basis(0), &[1 << 20; 1024])?;
/// assert_eq!(public.encrypt(&message.into_ntt())?.level(), 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct PublicKey {
    context: Arc<Context>,
    b: Poly<Ntt>,
    a: Poly<Ntt>,
    seed: PublicSeed,
}

impl SecretKey {
    /// The public key: always the same.
    ///
    /// # Errors
    /// [`RlweError::Ring`]: none for a checked context.
    pub fn public_key(&self) -> Result<PublicKey, RlweError> {
        let binding = Binding {
            kind: Kind::PublicKey,
            element: 0,
            digit: 0,
        };
        let context = &self.context;
        let seed = binding.public_seed(&self.seed, context.fingerprint());
        let basis = context.ring().basis(context.params().max_level());
        let a = seed.expand(context.ring(), basis, 0);
        let b = on_clean_stack(|| {
            let mut rng = binding.secret_stream(&self.seed, context.fingerprint());
            self.hide(&self.s, &a, &mut *rng)
        })?;
        PublicKey::from_seeded(context, b, seed)
    }
}

impl PublicKey {
    /// From `b` and the seed of `a`.
    ///
    /// # Errors
    /// [`RlweError::Foreign`], [`RlweError::Basis`] unless `b` is over all chain primes.
    pub fn from_seeded(
        context: &Arc<Context>,
        b: Poly<Ntt>,
        seed: PublicSeed,
    ) -> Result<Self, RlweError> {
        let basis = context.ring().basis(context.params().max_level());
        context.check_basis("public key", &b, basis)?;
        let a = seed.expand(context.ring(), basis, 0);
        Ok(Self {
            context: Arc::clone(context),
            b,
            a,
            seed,
        })
    }

    /// The context.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// `b`.
    pub fn b(&self) -> &Poly<Ntt> {
        &self.b
    }

    /// `a`.
    pub(crate) fn a(&self) -> &Poly<Ntt> {
        &self.a
    }

    /// The seed of `a`.
    pub fn seed(&self) -> &PublicSeed {
        &self.seed
    }

    /// Encrypts a plaintext over `q_0 .. q_l`: `(v b + e_0 + m, v a + e_1)` with `v` ternary, all from the operating system.
    /// `3 (l + 1)` transforms. Noise: [`crate::ckks::noise::fresh_public`].
    ///
    /// # Errors
    /// [`RlweError::Randomness`]; [`RlweError::Foreign`], [`RlweError::Basis`] for a plaintext of another ring or over special primes.
    pub fn encrypt(&self, plain: &Poly<Ntt>) -> Result<Ciphertext, RlweError> {
        self.context.check_chain("plaintext", plain)?;
        on_clean_stack(|| self.encrypt_checked(plain))
    }

    fn encrypt_checked(&self, plain: &Poly<Ntt>) -> Result<Ciphertext, RlweError> {
        let mut rng = os_rng("encryption under a public key")?;
        let (ring, basis) = (plain.ring(), plain.basis());
        let v = SecretPoly::from_small(ring, basis, ternary(ring.degree(), &mut *rng))?;
        let mut part = |key: &Poly<Ntt>| -> Result<Poly<Ntt>, RlweError> {
            let mut c = Poly::zero(ring, basis);
            c.inner_product_acc(&[(key, &*v)]);
            let e = SecretPoly::from_small(ring, basis, binomial(ring.degree(), &mut *rng))?;
            c.add_assign(&e);
            Ok(c)
        };
        let mut c0 = part(&self.b)?;
        c0.add_assign(plain);
        let c1 = part(&self.a)?;
        Ok(Ciphertext::new(c0, c1))
    }
}
