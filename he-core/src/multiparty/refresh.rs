//! Refreshing a ciphertext together: a masked opening and a re-encryption in one round.
//!
//! With s_i party i's summand of the joint secret, a uniform from the session's common random string and the question, M_i a mask and e_i, e'_i errors, party i shows
//!
//! - h_0 = c_1 s_i - M_i + e_i over the ciphertext's primes, and
//! - h_1 = e'_i - a s_i + M_i over the primes of the level to reach.
//!
//! c_0 and all h_0 add up to m - M + noise, an integer polynomial that is below half the ciphertext's modulus and so known exactly; lifted to the higher level and added to all h_1 it is the first half of
//! a ciphertext whose second is a: it decrypts to m and noise (Mouchet, Troncoso-Pastoriza, Bossuat and Hubaux, ePrint 2020/304, ColBootstrap).
//!
//! What is opened is m - M. Masks are uniform in [-2^u, 2^u), with 2^u at least N 2^63 times a bound on the coefficients of m and its noise: so each honest party's mask alone hides them, to a statistical
//! distance of 2^-64 for the whole polynomial. The modulus left must have room for that: n 2^u and the message below half of it.
//!
//! A question is never answered with two sets of errors or masks: all of a party's numbers are drawn from streams that are bound to it.

use super::lift::raise;
use super::session::absorb;
use super::share::once_each;
use super::stream::{Kind, Use};
use super::{ActiveSet, MultipartyError, OpeningKey, PartyId, Session};
use crate::ckks::noise::ERROR_VARIANCE;
use crate::params::Params;
use crate::ring::{Ntt, Poly, binomial};
use crate::rlwe::{Ciphertext, SecretPoly};

const QUESTION_CONTEXT: &str = "velum he-core 2026 v1 refresh";
/// Statistical security of the masks.
pub const STATISTICAL_SECURITY: u32 = 64;

/// Which ciphertext is refreshed, to which level, by whom.
#[derive(Clone, Debug)]
pub struct RefreshQuestion {
    ct: Ciphertext,
    to: usize,
    active: ActiveSet,
    /// u.
    mask_bits: u32,
    a: Poly<Ntt>,
    question: [u8; 32],
}

/// Bits of modulus that masks are drawn for at most: they are sums of i128.
const MOST_BITS: f64 = 124.0;

/// log2 of the masks' range, u, for coefficients of at most `bound`, message and noise together, in a ring of degree `n`: the masks are uniform in [-2^u, 2^u), and each party's alone
/// leaves a statistical distance of 2^-64 from what has nothing to do with the message.
pub fn mask_bits(n: usize, bound: f64) -> u32 {
    // N bound / 2^(u + 1) <= 2^-64. No modulus has room beyond 2^200, whatever a file says.
    (bound.clamp(1.0, 200f64.exp2()).log2().ceil() as u32) + STATISTICAL_SECURITY - 1 + n.ilog2()
}

/// Refuses a modulus without room for coefficients of at most `bound` under the masks of `threshold` parties, at this level.
///
/// # Errors
/// [`MultipartyError::Room`].
pub fn require_room(
    params: &Params,
    threshold: u32,
    bound: f64,
    level: usize,
) -> Result<(), MultipartyError> {
    let needed = modulus_bits(params, threshold, bound);
    let available = params.log_q(level.min(params.max_level())).min(MOST_BITS);
    // A bound that is not a number is refused too.
    if needed <= available {
        return Ok(());
    }
    Err(MultipartyError::Room {
        what: "masks of a refresh",
        needed,
        available,
    })
}

/// Bits that the modulus of a ciphertext must have, for coefficients of at most `bound`.
fn modulus_bits(params: &Params, threshold: u32, bound: f64) -> f64 {
    let mask = f64::from(mask_bits(params.n(), bound)).exp2();
    (2.0 * (f64::from(threshold) * mask + bound)).log2() + 0.01
}

/// Root mean square of the raw noise that a refresh by `threshold` parties adds to a slot of a ring of degree `n`: two errors of each.
pub fn noise(n: usize, threshold: u32) -> f64 {
    (2.0 * n as f64 * f64::from(threshold) * ERROR_VARIANCE).sqrt()
}

impl RefreshQuestion {
    /// Of a ciphertext whose coefficients, message and noise, are at most `bound`, to level `to`.
    ///
    /// # Errors
    /// [`MultipartyError::Room`] where the ciphertext's modulus has no room for the masks; [`MultipartyError::Rlwe`] for another ring.
    pub fn new(
        session: &Session,
        ct: Ciphertext,
        bound: f64,
        to: usize,
        active: ActiveSet,
    ) -> Result<Self, MultipartyError> {
        let context = session.context();
        context.check_chain("ciphertext", ct.c0())?;
        let params = context.params();
        require_room(params, session.threshold(), bound, ct.level())?;
        if to < ct.level() || to > params.max_level() {
            return Err(MultipartyError::Room {
                what: "levels of a refresh",
                needed: params.log_q(ct.level()),
                available: params.log_q(to.min(params.max_level())),
            });
        }
        let mask_bits = mask_bits(context.params().n(), bound);
        let mut hash = session.hasher(QUESTION_CONTEXT);
        for number in [
            active.parties().len() as u64,
            to as u64,
            u64::from(mask_bits),
        ] {
            hash.update(&number.to_le_bytes());
        }
        for party in active.parties() {
            hash.update(&party.index().to_le_bytes());
        }
        absorb(&mut hash, ct.c0());
        absorb(&mut hash, ct.c1());
        let question = *hash.finalize().as_bytes();
        let ring = context.ring();
        Ok(Self {
            a: session.common_of(&question).expand(ring, ring.basis(to), 0),
            ct,
            to,
            active,
            mask_bits,
            question,
        })
    }

    /// Hash of all that is asked.
    pub fn question(&self) -> &[u8; 32] {
        &self.question
    }

    /// The parties that answer.
    pub fn active(&self) -> &ActiveSet {
        &self.active
    }

    /// Levels of the two polynomials of an answer.
    pub fn levels(&self) -> [usize; 2] {
        [self.ct.level(), self.to]
    }

    /// The refreshed ciphertext, from all active parties' shares: one base conversion on integers, and `to + 1` transforms.
    ///
    /// # Errors
    /// [`MultipartyError::Missing`], [`MultipartyError::Repeated`], [`MultipartyError::Foreign`].
    pub fn refreshed(&self, shares: &[RefreshShare]) -> Result<Ciphertext, MultipartyError> {
        let what = "the share of a refresh";
        let active = self.active.parties().iter().copied();
        once_each(what, active, shares.iter().map(|share| share.party))?;
        let mut masked = self.ct.c0().clone();
        for share in shares {
            if share.question != self.question {
                return Err(MultipartyError::Foreign {
                    what,
                    party: share.party,
                });
            }
            masked.add_assign(&share.h0);
        }
        let mut c0 = raise(&masked.into_coeff(), self.to)?.into_ntt();
        shares.iter().for_each(|share| c0.add_assign(&share.h1));
        Ok(Ciphertext::new(c0, self.a.clone()))
    }
}

/// A party's part of a refresh: public.
#[derive(Clone, Debug)]
pub struct RefreshShare {
    party: PartyId,
    question: [u8; 32],
    h0: Poly<Ntt>,
    h1: Poly<Ntt>,
}

impl RefreshShare {
    /// A share that came as a message.
    ///
    /// # Errors
    /// [`MultipartyError::Foreign`] for another question; [`MultipartyError::Rlwe`] for another ring or other primes.
    pub fn new(
        session: &Session,
        asked: &RefreshQuestion,
        party: PartyId,
        question: [u8; 32],
        parts: [Poly<Ntt>; 2],
    ) -> Result<Self, MultipartyError> {
        let [h0, h1] = parts;
        if question != asked.question {
            return Err(MultipartyError::Foreign {
                what: "the share of a refresh",
                party,
            });
        }
        let context = session.context();
        for (part, level) in [&h0, &h1].into_iter().zip(asked.levels()) {
            context.check_basis("share of a refresh", part, context.ring().basis(level))?;
        }
        Ok(Self {
            party,
            question,
            h0,
            h1,
        })
    }

    /// Whose.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// Hash of what it answers.
    pub fn question(&self) -> &[u8; 32] {
        &self.question
    }

    /// Its two polynomials.
    pub fn parts(&self) -> [&Poly<Ntt>; 2] {
        [&self.h0, &self.h1]
    }
}

impl OpeningKey {
    /// This party's share of a refresh. Any number of refreshes may be answered: each is masked. `l + to + 2` transforms, twice.
    ///
    /// # Errors
    /// [`MultipartyError::Missing`] if the party is not active.
    pub fn refresh(&self, asked: &RefreshQuestion) -> Result<RefreshShare, MultipartyError> {
        let share = self.weighted(&asked.active)?;
        let stream = |kind, part| {
            let of = Use {
                part,
                question: asked.question,
                ..Use::of(kind)
            };
            of.stream(&self.seed, &self.session, self.party)
        };
        let ring = self.session.context().ring();
        let n = ring.degree();
        let mut rng = stream(Kind::RefreshMask, 0);
        let half = 1i128 << asked.mask_bits;
        let mask: Vec<i128> = (0..n)
            .map(|_| super::gaussian::bits(asked.mask_bits + 1, &mut *rng) as i128 - half)
            .collect();
        let mask = zeroize::Zeroizing::new(mask);
        let part = |a: &Poly<Ntt>, level: usize, number: u32| {
            let basis = ring.basis(level);
            let mut out = Poly::zero(ring, basis);
            out.inner_product_acc(&[(a, &*share)]);
            let e = binomial(n, &mut *stream(Kind::Refresh, number));
            let e = SecretPoly::from_small(ring, basis, e)?;
            let mask = SecretPoly::new(Poly::from_wide(ring, basis, &mask)?.into_ntt());
            Ok::<_, MultipartyError>((out, e, mask))
        };
        let (mut h0, e, mask_low) = part(asked.ct.c1(), asked.ct.level(), 0)?;
        h0.add_assign(&e);
        h0.sub_assign(&mask_low);
        let (mut h1, e, mask_high) = part(&asked.a, asked.to, 1)?;
        h1.negate();
        h1.add_assign(&e);
        h1.add_assign(&mask_high);
        Ok(RefreshShare {
            party: self.party,
            question: asked.question,
            h0,
            h1,
        })
    }
}
