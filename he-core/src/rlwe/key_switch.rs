//! Key switching: digits, key products, division by P.

use rayon::prelude::*;

use super::{Context, SwitchingKey};
use crate::ring::{GadgetTerm, GaloisElement, Ntt, Poly, gadget_product};

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
    /// If the key is of another ring or has fewer digits.
    #[must_use]
    pub fn key_product(&self, key: &SwitchingKey) -> KeyProduct {
        self.product(&[key.term(self.0.len(), None)])
    }

    /// The sum of the key products, each at its own `X^g`, for double hoisting: one pass over the keys, `2 (l + 1 + k)` permutations a
    /// key.
    ///
    /// # Panics
    /// Without keys; if a key is of another ring or has fewer digits.
    #[must_use]
    pub fn sum_of_products(&self, keys: &[(GaloisElement, &SwitchingKey)]) -> KeyProduct {
        let terms: Vec<_> = keys
            .iter()
            .map(|(g, key)| key.term(self.0.len(), Some(*g)))
            .collect();
        self.product(&terms)
    }

    fn product(&self, terms: &[GadgetTerm<'_>]) -> KeyProduct {
        let (k0, k1) = gadget_product(&self.0, terms);
        KeyProduct { k0, k1 }
    }
}

impl SwitchingKey {
    /// The first `digits` digits, expanded in parallel where nobody has used them before.
    fn term(&self, digits: usize, g: Option<GaloisElement>) -> GadgetTerm<'_> {
        GadgetTerm {
            b: self.b()[..digits].iter().collect(),
            a: (0..digits).into_par_iter().map(|d| self.a(d)).collect(),
            g,
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

    /// `(d_0, d_1)` plus the product over P, divided by `q_l`: a relinearisation and a rescale with one division and one rounding. Each component:
    /// `k + 1` inverse and `l` forward transforms.
    ///
    /// # Panics
    /// At level 0; if levels or rings differ.
    #[must_use]
    pub fn add_and_rescale(self, d0: Poly<Ntt>, d1: Poly<Ntt>) -> (Poly<Ntt>, Poly<Ntt>) {
        let divide = |mut k: Poly<Ntt>, d: Poly<Ntt>| {
            k.add_times_special(d);
            k.mod_down_and_rescale()
        };
        (divide(self.k0, d0), divide(self.k1, d1))
    }
}
