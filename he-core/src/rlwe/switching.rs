//! Keys of hybrid key switching.

use std::sync::OnceLock;

use super::{Context, KeyId, PublicSeed, RlweError};
use crate::ring::{Ntt, Poly};

/// A key of a level l that leads from a secret `t` to a secret `u`: for each digit `d` of q_0 .. q_l, `(b_d, a_d)` over q_0 .. q_l and the special primes with
/// `b_d = e_d - a_d u + P g_d t`, where `g_d` is 1 modulo the digit's primes and 0 modulo all others. `a_d` is polynomial `d` of a
/// public seed; in a relinearisation key that several parties made in two rounds it is a polynomial of its own
/// ([`crate::multiparty::relinearise`]).
///
/// Relinearisation leads from `s^2` to `s`. The key of `X -> X^g` leads from `s` to `s(X^(1/g))`: the automorphism is
/// applied after the key product, to two polynomials rather than to every digit.
///
/// It switches what is at level l or below, with as many of its digits as that has. The key of a lower level is the *truncation* of the full one: its first
/// digits, without the primes above (an error's integers and a uniform residue do not depend on the level). So whoever has keys of one seed at two levels has
/// nothing more than the higher ones, and every switch gives the same bits with either.
///
/// In memory `2 d (l + 1 + k) N` numbers of 8 bytes, with d the digits of level l. Half of that is expanded from the seed, a digit at its first use.
/// Han and Ki, ePrint 2019/688, section 3.
#[derive(Clone, Debug)]
pub struct SwitchingKey {
    id: KeyId,
    b: Vec<Poly<Ntt>>,
    a: Uniform,
}

/// The halves `a_0, a_1, ..`.
#[derive(Clone, Debug)]
enum Uniform {
    /// Of a seed, with those that were expanded already.
    Seeded(PublicSeed, Vec<OnceLock<Poly<Ntt>>>),
    /// Polynomials of their own.
    Explicit(Vec<Poly<Ntt>>),
}

impl SwitchingKey {
    /// From `b_0, b_1, ..` and the seed; the level is that of `b_0`.
    ///
    /// # Errors
    /// [`RlweError::Digits`] for fewer or more digits than the level has; [`RlweError::Foreign`], [`RlweError::Basis`] unless each is over the primes of
    /// the level and the special ones.
    pub fn from_seeded(
        context: &Context,
        id: KeyId,
        b: Vec<Poly<Ntt>>,
        seed: PublicSeed,
    ) -> Result<Self, RlweError> {
        check_digits(context, id, &b, level_of(&b))?;
        let a = b.iter().map(|_| OnceLock::new()).collect();
        let a = Uniform::Seeded(seed, a);
        Ok(Self { id, b, a })
    }

    /// From both halves, `a` not of a seed.
    ///
    /// # Errors
    /// As [`SwitchingKey::from_seeded`], for either half.
    pub fn from_halves(
        context: &Context,
        id: KeyId,
        b: Vec<Poly<Ntt>>,
        a: Vec<Poly<Ntt>>,
    ) -> Result<Self, RlweError> {
        check_digits(context, id, &b, level_of(&b))?;
        check_digits(context, id, &a, level_of(&b))?;
        let a = Uniform::Explicit(a);
        Ok(Self { id, b, a })
    }

    /// From both halves as they were made: `a_d` is polynomial `d` of the seed.
    pub(super) fn made(id: KeyId, seed: PublicSeed, halves: Vec<[Poly<Ntt>; 2]>) -> Self {
        let halves = halves.into_iter().map(|[b, a]| (b, OnceLock::from(a)));
        let (b, a) = halves.unzip();
        let a = Uniform::Seeded(seed, a);
        Self { id, b, a }
    }

    /// Which key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The highest level that it switches at.
    pub fn level(&self) -> usize {
        level_of(&self.b)
    }

    /// The seed of the uniform parts, if they have one.
    pub fn seed(&self) -> Option<&PublicSeed> {
        match &self.a {
            Uniform::Seeded(seed, _) => Some(seed),
            Uniform::Explicit(_) => None,
        }
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
        match &self.a {
            Uniform::Seeded(seed, a) => {
                a[d].get_or_init(|| seed.expand(b.ring(), b.basis(), d as u32))
            }
            Uniform::Explicit(a) => &a[d],
        }
    }
}

/// `P g_d` modulo every prime of a key of this level: P modulo the digit's, else 0.
pub(crate) fn gadget(context: &Context, level: usize, digit: std::ops::Range<usize>) -> Vec<u64> {
    let (ring, special) = (context.ring(), context.params().p());
    (0..context.key_basis_at(level).limbs())
        .map(|i| match digit.contains(&i) {
            true => ring.q(i).product(special.iter().copied()),
            false => 0,
        })
        .collect()
}

/// Level of the first digit; a key has at least one.
fn level_of(b: &[Poly<Ntt>]) -> usize {
    b.first().map_or(0, Poly::level)
}

/// One polynomial a digit of the level, over its primes.
fn check_digits(
    context: &Context,
    id: KeyId,
    half: &[Poly<Ntt>],
    level: usize,
) -> Result<(), RlweError> {
    context.check_key_level(id, level)?;
    let expected = context.params().digits(level).count();
    if half.len() != expected {
        return Err(RlweError::Digits {
            key: id,
            expected,
            found: half.len(),
        });
    }
    let basis = context.key_basis_at(level);
    half.iter()
        .try_for_each(|x| context.check_basis("switching key", x, basis))
}
