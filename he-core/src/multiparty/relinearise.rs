//! The relinearisation key of a group, in two rounds.
//!
//! s^2 = (s_1 + .. + s_n)^2 has products of two parties' secrets, so one round is not enough (Mouchet, Troncoso-Pastoriza, Bossuat and Hubaux, PoPETs 2021,
//! ePrint 2020/304, protocol RelinKeyGen). For every digit, with `w = P g_d` and `a` from the common random string, party i shows
//!
//! - round 1: h_0,i = e_0 - u_i a + w s_i and h_1,i = s_i a + e_1, with u_i an ephemeral ternary secret;
//! - round 2, with h_0 and h_1 the sums: s_i h_0 + (u_i - s_i) h_1 + e_2 + e_3. The paper's two parts of this are only ever used as their sum, so only the sum is shown.
//!
//! The key is (b, a') with a' = h_1 and b the sum of the second round. With u, e_0, .. the sums over all parties, h_0 = -u a + w s + e_0 and h_1 = s a + e_1, so
//!
//! b + a' s = s h_0 + u h_1 + e_2 + e_3 = w s^2 + s e_0 + u e_1 + e_2 + e_3:
//!
//! the products u s a cancel. The variance of that error is [`crate::ckks::noise::relinearisation_product`]'s. a' is not of a seed, so such a key is twice as large in files.
//!
//! In round 2 everybody multiplies its secret by sums that others have a part in. Parties commit to their first round before any is shown, so no party's part depends
//! on another's: the sums are an honest party's own pseudorandom part plus something chosen without it.

use super::session::absorb;
use super::share::sum;
use super::{KeyItem, KeyShare, MultipartyError, Session};
use crate::ring::{Ntt, Poly};
use crate::rlwe::{KeyId, SwitchingKey};

const SUM_CONTEXT: &str = "velum he-core 2026 v1 first round of relinearisation";

/// The sums h_0 and h_1 of the first round, for every digit.
#[derive(Clone, Debug)]
pub struct RelinearisationSum {
    parts: Vec<Poly<Ntt>>,
    digest: [u8; 32],
}

impl RelinearisationSum {
    /// Of all parties' shares for a key of this level, whose commitments and proofs have been checked.
    ///
    /// # Errors
    /// [`MultipartyError::Item`], [`MultipartyError::Level`], [`MultipartyError::Missing`], [`MultipartyError::Repeated`].
    pub fn of(
        session: &Session,
        level: usize,
        shares: &[KeyShare],
    ) -> Result<Self, MultipartyError> {
        let parts = sum(session, KeyItem::RelinearisationOne, level, shares)?;
        let mut hash = session.hasher(SUM_CONTEXT);
        parts.iter().for_each(|part| absorb(&mut hash, part));
        Ok(Self {
            digest: *hash.finalize().as_bytes(),
            parts,
        })
    }

    /// The level of the key that is made.
    pub fn level(&self) -> usize {
        self.parts.first().map_or(0, Poly::level)
    }

    /// Digits of that level.
    pub(super) fn digits(&self) -> usize {
        self.parts.len() / 2
    }

    /// h_0 of digit `d`.
    pub(super) fn h0(&self, d: usize) -> &Poly<Ntt> {
        &self.parts[2 * d]
    }

    /// h_1 of digit `d`.
    pub(super) fn h1(&self, d: usize) -> &Poly<Ntt> {
        &self.parts[2 * d + 1]
    }

    /// Hash of both.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The relinearisation key of the group from the sums of the first round and the shares of the second, at the level of the sums.
///
/// # Errors
/// [`MultipartyError::Item`], [`MultipartyError::Level`], [`MultipartyError::Missing`], [`MultipartyError::Repeated`].
pub fn relinearisation_key(
    session: &Session,
    first: &RelinearisationSum,
    second: &[KeyShare],
) -> Result<SwitchingKey, MultipartyError> {
    let b = sum(session, KeyItem::RelinearisationTwo, first.level(), second)?;
    let a = first.parts.iter().skip(1).step_by(2).cloned().collect();
    let id = KeyId::Relinearisation;
    Ok(SwitchingKey::from_halves(session.context(), id, b, a)?)
}
