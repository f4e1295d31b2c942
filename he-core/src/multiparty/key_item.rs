//! What keys are made together.

use std::fmt;

use crate::params::Params;
use crate::ring::GaloisElement;

/// What a key share is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyItem {
    /// The public key: one polynomial.
    PublicKey,
    /// First round of the relinearisation key: h_0 and h_1 of every digit, in turn.
    RelinearisationOne,
    /// Second round of the relinearisation key: one polynomial a digit.
    RelinearisationTwo,
    /// The key of X -> X^g: one polynomial a digit.
    Galois(GaloisElement),
}

impl KeyItem {
    /// A number for hashes and files.
    pub fn code(self) -> u64 {
        match self {
            Self::PublicKey => 0,
            Self::RelinearisationOne => 2,
            Self::RelinearisationTwo => 4,
            Self::Galois(g) => g.exponent() << 1 | 1,
        }
    }

    /// The item of a [`code`](Self::code), for rings of degree `2^log_n`.
    #[cfg(test)]
    pub(crate) fn from_code(code: u64, log_n: u32) -> Option<Self> {
        match code {
            0 => Some(Self::PublicKey),
            2 => Some(Self::RelinearisationOne),
            4 => Some(Self::RelinearisationTwo),
            odd if odd & 1 == 1 => GaloisElement::from_exponent(odd >> 1, log_n).map(Self::Galois),
            _ => None,
        }
    }

    /// Polynomials of a share of this key at a level, each over the primes of the level and the special ones. The public key is of the highest level alone.
    ///
    /// # Panics
    /// If the chain has no such level.
    pub fn parts(self, params: &Params, level: usize) -> usize {
        let digits = params.digits(level).count();
        match self {
            Self::PublicKey => 1,
            Self::RelinearisationOne => 2 * digits,
            Self::RelinearisationTwo | Self::Galois(_) => digits,
        }
    }
}

impl fmt::Display for KeyItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublicKey => f.write_str("the public key"),
            Self::RelinearisationOne => f.write_str("the first round of relinearisation"),
            Self::RelinearisationTwo => f.write_str("the second round of relinearisation"),
            Self::Galois(g) => write!(f, "the key for the Galois element {}", g.exponent()),
        }
    }
}
