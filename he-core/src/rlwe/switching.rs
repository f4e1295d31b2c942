//! Keys of hybrid key switching.

use std::fmt;
use std::sync::OnceLock;

use super::derive::{Binding, Kind};
use super::secret::{SecretKey, SecretPoly};
use super::{Context, PublicSeed, RlweError};
use crate::params::KeySet;
use crate::ring::{GaloisElement, Ntt, Poly};

/// Which evaluation key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyId {
    /// From `s^2` to `s`, for products.
    Relinearisation,
    /// For the automorphism `X -> X^g`.
    Galois(GaloisElement),
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relinearisation => f.write_str("relinearisation"),
            Self::Galois(g) => write!(f, "the Galois element {}", g.exponent()),
        }
    }
}

impl KeyId {
    /// The keys of a set, in a fixed order, for ring degree `2^log_n`.
    pub fn all_of(set: &KeySet, log_n: u32) -> Vec<Self> {
        let relinearise = set.relinearise.then_some(Self::Relinearisation);
        let conjugate = set
            .conjugate
            .then(|| Self::Galois(GaloisElement::conjugation(log_n)));
        let rotations = set
            .rotations
            .iter()
            .map(|&k| Self::Galois(GaloisElement::rotation(k as i64, log_n)));
        relinearise
            .into_iter()
            .chain(conjugate)
            .chain(rotations)
            .collect()
    }

    fn binding(self, digit: usize) -> Binding {
        let (kind, element) = match self {
            Self::Relinearisation => (Kind::Relinearisation, 0),
            Self::Galois(g) => (Kind::Galois, g.exponent()),
        };
        Binding {
            kind,
            element,
            digit: digit as u32,
        }
    }
}

/// A key that leads from a secret `t` to a secret `u`: for each digit `d`, `(b_d, a_d)` over all chain and special primes with
/// `b_d = e_d - a_d u + P g_d t`, where `g_d` is 1 modulo the digit's primes and 0 modulo all others. `a_d` is polynomial `d` of a
/// public seed.
///
/// Relinearisation leads from `s^2` to `s`. The key of `X -> X^g` leads from `s` to `s(X^(1/g))`: the automorphism is
/// applied after the key product, to two polynomials rather than to every digit.
///
/// In memory `2 dnum (L + 1 + k) N` numbers of 8 bytes. Half of that is expanded from the seed, a digit at its first use: computations that start
/// below the highest level never need the last digits.
/// Han and Ki, ePrint 2019/688, section 3.
#[derive(Clone, Debug)]
pub struct SwitchingKey {
    id: KeyId,
    seed: PublicSeed,
    b: Vec<Poly<Ntt>>,
    a: Vec<OnceLock<Poly<Ntt>>>,
}

impl SwitchingKey {
    /// From `b_0, b_1, ..` and the seed.
    ///
    /// # Errors
    /// [`RlweError::Digits`]; [`RlweError::Foreign`], [`RlweError::Basis`] unless each is over all chain and special primes.
    pub fn from_seeded(
        context: &Context,
        id: KeyId,
        b: Vec<Poly<Ntt>>,
        seed: PublicSeed,
    ) -> Result<Self, RlweError> {
        let params = context.params();
        let expected = params.digits(params.max_level()).count();
        if b.len() != expected {
            return Err(RlweError::Digits {
                key: id,
                expected,
                found: b.len(),
            });
        }
        for b in &b {
            context.check_basis("switching key", b, context.key_basis())?;
        }
        let a = b.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { id, seed, b, a })
    }

    /// Which key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The seed of the uniform parts.
    pub fn seed(&self) -> &PublicSeed {
        &self.seed
    }

    /// `b_0, b_1, ..`, one a digit.
    pub fn b(&self) -> &[Poly<Ntt>] {
        &self.b
    }

    /// `a_d` of digit `d`, expanded from the seed if nobody has asked for it before.
    ///
    /// # Panics
    /// If there is no digit `d`.
    pub fn a(&self, d: usize) -> &Poly<Ntt> {
        let b = &self.b[d];
        self.a[d].get_or_init(|| self.seed.expand(b.ring(), b.basis(), d as u32))
    }

    /// Bytes of its residues in memory, when all its digits are in use.
    pub fn memory_bytes(&self) -> u64 {
        let residues = |p: &Poly<Ntt>| p.basis().limbs() * p.ring().degree();
        let half: usize = self.b.iter().map(residues).sum();
        (2 * half * size_of::<f64>()) as u64
    }
}

impl SecretKey {
    /// Makes one evaluation key: always the same. Independent of all others, so keys can be made in parallel, or one at a time and
    /// written away. `dnum (L + 1 + k)` transforms.
    ///
    /// # Errors
    /// [`RlweError::Ring`]: none for a checked context.
    pub fn switching_key(&self, id: KeyId) -> Result<SwitchingKey, RlweError> {
        let context = &self.context;
        let (params, ring) = (context.params(), context.ring());
        let (from, to) = match id {
            KeyId::Relinearisation => (SecretPoly::new(self.s.mul(&self.s)), self.s.clone()),
            KeyId::Galois(g) => (
                self.s.clone(),
                SecretPoly::new(self.s.automorphism(g.inverse(params.log_n()))),
            ),
        };
        let seed = id.binding(0).public_seed(&self.seed, context.fingerprint());
        let (mut b, mut a) = (Vec::new(), Vec::new());
        for (d, digit) in params.digits(params.max_level()).enumerate() {
            let a_d = seed.expand(ring, context.key_basis(), d as u32);
            let mut rng = id
                .binding(d)
                .secret_stream(&self.seed, context.fingerprint());
            let mut b_d = self.hide(&to, &a_d, &mut rng)?;
            let scalars: Vec<u64> = (0..context.key_basis().limbs())
                .map(|i| {
                    if digit.contains(&i) {
                        ring.q(i).product(params.p().iter().copied())
                    } else {
                        0
                    }
                })
                .collect();
            let mut hidden = from.clone();
            hidden.mul_scalars(&scalars);
            b_d.add_assign(&hidden);
            b.push(b_d);
            a.push(OnceLock::from(a_d));
        }
        Ok(SwitchingKey { id, seed, b, a })
    }

    /// The keys of a set one after the other, for streaming: each is made when it is asked for.
    pub fn switching_keys(
        &self,
        set: &KeySet,
    ) -> impl Iterator<Item = Result<SwitchingKey, RlweError>> + '_ {
        KeyId::all_of(set, self.context.params().log_n())
            .into_iter()
            .map(|id| self.switching_key(id))
    }

    /// All keys of a set in memory, made in parallel.
    ///
    /// # Errors
    /// As [`SecretKey::switching_key`].
    pub fn evaluation_keys(&self, set: &KeySet) -> Result<super::EvaluationKeys, RlweError> {
        use rayon::prelude::*;
        let keys = KeyId::all_of(set, self.context.params().log_n())
            .into_par_iter()
            .map(|id| self.switching_key(id))
            .collect::<Result<Vec<_>, _>>()?;
        let mut all = super::EvaluationKeys::new(&self.context);
        for key in keys {
            all.insert(key)?;
        }
        Ok(all)
    }
}
