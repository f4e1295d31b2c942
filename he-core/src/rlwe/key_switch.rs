//! Key switching: digits, key products, division by P.

use super::{Context, SwitchingKey};
use crate::ring::{GaloisElement, Ntt, Poly};

/// A polynomial over `q_0 .. q_l` cut into digits over the extended basis, ready for many key products.
///
/// Cost: `l + 1` inverse transforms, and for each digit of `a` limbs `l + 1 + k - a` forward transforms. Only the digits that level `l`
/// has are made.
#[derive(Clone, Debug)]
pub struct Digits(Vec<Poly<Ntt>>);

impl Digits {
    /// Cuts `poly` into digits.
    ///
    /// # Panics
    /// If `poly` is over special primes or of another ring.
    #[must_use]
    pub fn of(context: &Context, poly: &Poly<Ntt>) -> Self {
        Self(poly.decompose(context.params().alpha()))
    }

    /// The key product: with `poly` the polynomial that was cut, `k_0 + k_1 u = P poly t + noise` modulo `P q_0 .. q_l`, for a key from
    /// `t` to `u`. No transform: two products of residues a digit and limb, reduced once.
    ///
    /// Noise: [`crate::ckks::noise::key_product`] times P.
    ///
    /// # Panics
    /// If the key is of another ring.
    #[must_use]
    pub fn key_product(&self, key: &SwitchingKey) -> KeyProduct {
        let part = |key: &[Poly<Ntt>]| {
            let mut sum = Poly::zero(self.0[0].ring(), self.0[0].basis());
            let terms: Vec<_> = self.0.iter().zip(key).collect();
            sum.inner_product_acc(&terms);
            sum
        };
        KeyProduct {
            k0: part(key.b()),
            k1: part(key.a()),
        }
    }
}

/// A ciphertext times P, over the extended basis: what key products give and double hoisting adds up.
#[derive(Clone, Debug)]
pub struct KeyProduct {
    pub(super) k0: Poly<Ntt>,
    pub(super) k1: Poly<Ntt>,
}

impl KeyProduct {
    /// The product at `X^g`: 2 (l + 1 + k) permutations.
    #[must_use]
    pub fn automorphism(&self, g: GaloisElement) -> Self {
        Self {
            k0: self.k0.automorphism(g),
            k1: self.k1.automorphism(g),
        }
    }

    /// `self += other`, both at one level.
    ///
    /// # Panics
    /// If their bases differ.
    pub fn add_assign(&mut self, other: &Self) {
        self.k0.add_assign(&other.k0);
        self.k1.add_assign(&other.k1);
    }

    /// Divides by P and rounds. Each component: `k` inverse and `l + 1` forward transforms. Noise: [`crate::ckks::noise::rounding`].
    #[must_use]
    pub fn mod_down(self) -> (Poly<Ntt>, Poly<Ntt>) {
        (self.k0.mod_down(), self.k1.mod_down())
    }
}
