//! Ciphertexts.

use super::{Context, PublicSeed, RlweError};
use crate::ring::{Ntt, Poly};

/// `(c_0, c_1)` over `q_0 .. q_l`: decrypts to `c_0 + c_1 s`.
#[derive(Clone, Debug)]
pub struct Ciphertext {
    c0: Poly<Ntt>,
    c1: Poly<Ntt>,
    seed: Option<PublicSeed>,
}

impl Ciphertext {
    /// From its components.
    ///
    /// # Errors
    /// [`RlweError::Foreign`]; [`RlweError::Basis`] unless both are over the same chain primes and no special ones.
    pub fn from_parts(context: &Context, c0: Poly<Ntt>, c1: Poly<Ntt>) -> Result<Self, RlweError> {
        context.check_chain("ciphertext", &c0)?;
        context.check_basis("ciphertext", &c1, c0.basis())?;
        Ok(Self { c0, c1, seed: None })
    }

    /// From `c_0` and the seed of `c_1`, which is polynomial 0 of the seed.
    ///
    /// # Errors
    /// As [`Ciphertext::from_parts`].
    pub fn from_seeded(
        context: &Context,
        c0: Poly<Ntt>,
        seed: PublicSeed,
    ) -> Result<Self, RlweError> {
        context.check_chain("ciphertext", &c0)?;
        let c1 = seed.expand(context.ring(), c0.basis(), 0);
        Ok(Self {
            c0,
            c1,
            seed: Some(seed),
        })
    }

    /// Components that an operation made: same ring, same basis.
    pub(crate) fn new(c0: Poly<Ntt>, c1: Poly<Ntt>) -> Self {
        Self { c0, c1, seed: None }
    }

    /// A fresh ciphertext, whose `c_1` was expanded from `seed` already.
    pub(super) fn fresh(c0: Poly<Ntt>, c1: Poly<Ntt>, seed: PublicSeed) -> Self {
        Self {
            c0,
            c1,
            seed: Some(seed),
        }
    }

    /// The component without `s`.
    pub fn c0(&self) -> &Poly<Ntt> {
        &self.c0
    }

    /// The component that is multiplied by `s`.
    pub fn c1(&self) -> &Poly<Ntt> {
        &self.c1
    }

    /// The seed of `c_1`, for a ciphertext fresh from encryption under the secret key.
    pub fn seed(&self) -> Option<&PublicSeed> {
        self.seed.as_ref()
    }

    /// Both components.
    pub(crate) fn into_parts(self) -> (Poly<Ntt>, Poly<Ntt>) {
        (self.c0, self.c1)
    }

    /// The level l.
    pub fn level(&self) -> usize {
        self.c0.level()
    }

    /// Whether every residue is the balanced one.
    pub(crate) fn is_balanced(&self) -> bool {
        self.c0.is_balanced() && self.c1.is_balanced()
    }

    /// Makes every residue the balanced one.
    pub(crate) fn balance(&mut self) {
        self.c0.balance();
        self.c1.balance();
    }

    /// The same ciphertext over `q_0 .. q_level`. A seeded one stays seeded.
    ///
    /// # Panics
    /// If `level` is above the ciphertext's.
    #[must_use]
    pub fn at_level(&self, level: usize) -> Self {
        Self {
            c0: at_level(self.c0.clone(), level),
            c1: at_level(self.c1.clone(), level),
            seed: self.seed,
        }
    }
}

/// The limbs of a lower level.
pub(crate) fn at_level(mut poly: Poly<Ntt>, level: usize) -> Poly<Ntt> {
    if poly.level() > level {
        poly.drop_to_level(level);
    }
    poly
}
