//! Names of evaluation keys.

use std::fmt;

use crate::params::{KeyLevels, KeySet};
use crate::ring::GaloisElement;

/// Which evaluation key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyId {
    /// From `s^2` to `s`, for products.
    Relinearisation,
    /// For the automorphism `X -> X^g`.
    Galois(GaloisElement),
    /// From a key's polynomial in `X^g` to the sparse key of a [`super::Bridge`].
    Enter,
    /// From the sparse key to that of the large ring.
    Raise,
    /// From the large ring's key to the small one's polynomial in `X^g`.
    Leave,
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relinearisation => f.write_str("relinearisation"),
            Self::Galois(g) => write!(f, "the Galois element {}", g.exponent()),
            Self::Enter => f.write_str("the way into the large ring"),
            Self::Raise => f.write_str("the way to the large ring's whole modulus"),
            Self::Leave => f.write_str("the way out of the large ring"),
        }
    }
}

impl KeyId {
    /// The keys of a way between rings.
    pub const WAY: [Self; 3] = [Self::Enter, Self::Raise, Self::Leave];

    /// The keys of a set, in a fixed order, for ring degree `2^log_n`.
    pub fn all_of(set: &KeySet, log_n: u32) -> Vec<Self> {
        let all = Self::with_levels(&set.up_to(0), log_n);
        all.into_iter().map(|(id, _)| id).collect()
    }

    /// The keys of a set with their levels, in the order of [`all_of`](Self::all_of).
    pub fn with_levels(keys: &KeyLevels, log_n: u32) -> Vec<(Self, usize)> {
        let relinearise = keys.relinearise.map(|level| (Self::Relinearisation, level));
        let conjugation = Self::Galois(GaloisElement::conjugation(log_n));
        let conjugate = keys.conjugate.map(|level| (conjugation, level));
        let rotations = keys.rotations.iter().map(|(&k, &level)| {
            let g = GaloisElement::rotation(k as i64, log_n);
            (Self::Galois(g), level)
        });
        relinearise
            .into_iter()
            .chain(conjugate)
            .chain(rotations)
            .collect()
    }
}
