//! Key switching: digits, key products, division by P.

use rayon::prelude::*;

use super::{Context, SwitchingKey};
use crate::ring::{
    self, Division, GadgetTerm, GaloisElement, Ntt, Poly, divide_polys, gadget_product,
    gadget_quotient,
};

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

    /// The switch of these digits with a key. They can be switched with others too.
    ///
    /// # Panics
    /// If the key's level is below that of the digits.
    #[must_use]
    pub fn switch<'a>(&'a self, key: &'a SwitchingKey) -> KeySwitch<'a> {
        let level = self.0.first().map_or(0, Poly::level);
        KeySwitch {
            digits: ring::Digits::Made(&self.0),
            terms: vec![key.term(level, self.0.len(), None)],
        }
    }
}

impl SwitchingKey {
    /// The first `digits` digits, for a polynomial at `level`, expanded in parallel where nobody has used them before.
    fn term(&self, level: usize, digits: usize, g: Option<GaloisElement>) -> GadgetTerm<'_> {
        assert!(
            level <= self.level(),
            "a key of level {} at level {level}",
            self.level()
        );
        GadgetTerm {
            b: self.b()[..digits].iter().collect(),
            a: (0..digits).into_par_iter().map(|d| self.a(d)).collect(),
            g,
        }
    }
}

/// A key switch before it is computed: with `poly` the polynomial that is cut, and a key from `t` to `u`, the key product `k_0 + k_1 u = P poly t + noise`
/// modulo `P q_0 .. q_l`, which is to be divided by P.
///
/// The key product costs no transform: two products of residues a digit and limb, reduced once. Its noise: [`crate::ckks::noise::key_product`] times P. The
/// division costs each component `k` inverse and `l + 1` forward transforms; its noise: [`crate::ckks::noise::rounding`].
pub struct KeySwitch<'a> {
    digits: ring::Digits<'a>,
    terms: Vec<GadgetTerm<'a>>,
}

impl<'a> KeySwitch<'a> {
    /// For a polynomial that is cut for this alone: no digit is ever held as a whole.
    ///
    /// # Panics
    /// If the key's level is below the polynomial's. When it is computed: as [`Digits::of`], and if the key is of another ring.
    #[must_use]
    pub fn of(context: &Context, poly: &'a Poly<Ntt>, key: &'a SwitchingKey) -> Self {
        Self::new(context, poly, [(None, key)])
    }

    /// The sum of the key products, each at its own `X^g`, for double hoisting: one pass over the keys, `2 (l + 1 + k)` permutations a
    /// key.
    ///
    /// # Panics
    /// When it is computed: without keys, and as [`KeySwitch::of`].
    #[must_use]
    pub fn sum_of(
        context: &Context,
        poly: &'a Poly<Ntt>,
        keys: &[(GaloisElement, &'a SwitchingKey)],
    ) -> Self {
        Self::new(context, poly, keys.iter().map(|(g, key)| (Some(*g), *key)))
    }

    fn new(
        context: &Context,
        poly: &'a Poly<Ntt>,
        keys: impl IntoIterator<Item = (Option<GaloisElement>, &'a SwitchingKey)>,
    ) -> Self {
        let params = context.params();
        let level = poly.level();
        let digits = params.digits(level).count();
        let keys = keys.into_iter();
        Self {
            digits: ring::Digits::Of(poly, params.alpha()),
            terms: keys.map(|(g, key)| key.term(level, digits, g)).collect(),
        }
    }

    /// The key product, not divided; added to `sum`, if there is one.
    ///
    /// # Panics
    /// If the sum is at another level.
    #[must_use]
    pub fn product(self, sum: Option<KeyProduct>) -> KeyProduct {
        let sum = sum.map(|sum| sum.0);
        KeyProduct(gadget_product(self.digits, &self.terms, sum))
    }

    /// The product over P, and `(c_0, c_1)`.
    ///
    /// # Panics
    /// If levels or rings differ.
    #[must_use]
    pub fn plus(self, c0: &Poly<Ntt>, c1: Option<&Poly<Ntt>>) -> [Poly<Ntt>; 2] {
        self.quotient(&Division {
            after: [Some(c0), c1],
            ..Division::by(0)
        })
    }

    /// The product over P, and `(c_0, 0)`, at `X^g`: the end of a rotation.
    ///
    /// # Panics
    /// If levels or rings differ.
    #[must_use]
    pub fn rotate(self, c0: &Poly<Ntt>, g: GaloisElement) -> [Poly<Ntt>; 2] {
        self.quotient(&Division {
            after: [Some(c0), None],
            automorphism: Some(g),
            ..Division::by(0)
        })
    }

    /// `(d_0, d_1)` and the product over P, divided by `q_l`: a relinearisation and a rescale with one division and one rounding. Each component:
    /// `k + 1` inverse and `l` forward transforms.
    ///
    /// # Panics
    /// At level 0; if levels or rings differ.
    #[must_use]
    pub fn add_and_rescale(self, d0: &Poly<Ntt>, d1: &Poly<Ntt>) -> [Poly<Ntt>; 2] {
        self.quotient(&Division {
            before: Some([d0, d1]),
            ..Division::by(1)
        })
    }

    fn quotient(self, division: &Division<'_, 2>) -> [Poly<Ntt>; 2] {
        gadget_quotient(self.digits, &self.terms, division)
    }
}

/// A ciphertext times P, over the extended basis: what sums of key products add up.
#[derive(Clone, Debug)]
pub struct KeyProduct(pub(super) [Poly<Ntt>; 2]);

impl KeyProduct {
    /// Divides by P, rounds, and adds `(c_0, c_1)`.
    ///
    /// # Panics
    /// If levels or rings differ.
    #[must_use]
    pub fn plus(self, c0: &Poly<Ntt>, c1: Option<&Poly<Ntt>>) -> [Poly<Ntt>; 2] {
        let division = Division {
            after: [Some(c0), c1],
            ..Division::by(0)
        };
        divide_polys(self.0, &division)
    }
}
