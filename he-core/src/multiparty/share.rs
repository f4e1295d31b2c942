//! Shares of keys, and commitments to them.

use super::session::absorb;
use super::{KeyItem, MultipartyError, PartyId, Session};
use crate::ring::{Ntt, Poly};

const SHARE_CONTEXT: &str = "velum he-core 2026 v1 key share";
const COMMITMENT_CONTEXT: &str = "velum he-core 2026 v1 commitment";

/// A party's share of a key: public, as soon as all parties have committed to theirs.
#[derive(Clone, Debug)]
pub struct KeyShare {
    party: PartyId,
    item: KeyItem,
    parts: Vec<Poly<Ntt>>,
}

impl KeyShare {
    /// A share that came as a message. Its level is that of its first polynomial.
    ///
    /// # Errors
    /// [`MultipartyError::Parts`] for fewer or more polynomials than the level has; [`MultipartyError::Rlwe`] for some of another ring or over other primes than
    /// those of the level and all special ones; [`MultipartyError::Level`] for a public key below the highest level.
    pub fn new(
        session: &Session,
        party: PartyId,
        item: KeyItem,
        parts: Vec<Poly<Ntt>>,
    ) -> Result<Self, MultipartyError> {
        let params = session.context().params();
        let level = parts.first().map_or(0, Poly::level);
        let most = params.max_level();
        let whole = item != KeyItem::PublicKey || level == most;
        if level > most || !whole {
            return Err(MultipartyError::Level {
                party,
                item,
                expected: most,
                found: level,
            });
        }
        let (expected, found) = (item.parts(params, level), parts.len());
        if expected != found {
            return Err(MultipartyError::Parts {
                what: "a key share",
                party,
                expected,
                found,
            });
        }
        let context = session.context();
        for part in &parts {
            context.check_basis("key share", part, context.key_basis_at(level))?;
        }
        Ok(Self { party, item, parts })
    }

    /// Whose.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// Of which key.
    pub fn item(&self) -> KeyItem {
        self.item
    }

    /// The highest level that the key will switch at.
    pub fn level(&self) -> usize {
        self.parts.first().map_or(0, Poly::level)
    }

    /// Refuses a share of another level.
    pub(super) fn check_level(&self, expected: usize) -> Result<(), MultipartyError> {
        let found = self.level();
        if found == expected {
            return Ok(());
        }
        Err(MultipartyError::Level {
            party: self.party,
            item: self.item,
            expected,
            found,
        })
    }

    /// Its polynomials.
    pub fn parts(&self) -> &[Poly<Ntt>] {
        &self.parts
    }

    /// Hash of session, party, key and residues, which say the level.
    pub fn digest(&self, session: &Session) -> [u8; 32] {
        let mut hash = session.hasher(SHARE_CONTEXT);
        hash.update(&self.party.index().to_le_bytes());
        hash.update(&self.item.code().to_le_bytes());
        for part in &self.parts {
            absorb(&mut hash, part);
        }
        *hash.finalize().as_bytes()
    }
}

/// The sum of the parties' shares of one key at a level: one share each.
///
/// # Errors
/// [`MultipartyError::Item`], [`MultipartyError::Level`], [`MultipartyError::Missing`], [`MultipartyError::Repeated`].
pub(super) fn sum(
    session: &Session,
    item: KeyItem,
    level: usize,
    shares: &[KeyShare],
) -> Result<Vec<Poly<Ntt>>, MultipartyError> {
    if let Some(share) = shares.iter().find(|share| share.item != item) {
        return Err(MultipartyError::Item {
            party: share.party,
            expected: item,
            found: share.item,
        });
    }
    shares
        .iter()
        .try_for_each(|share| share.check_level(level))?;
    once_each(
        "the key share",
        session.all(),
        shares.iter().map(KeyShare::party),
    )?;
    let context = session.context();
    let mut total: Option<Vec<Poly<Ntt>>> = None;
    for share in shares {
        for part in &share.parts {
            context.check("key share", part)?;
        }
        match &mut total {
            None => total = Some(share.parts.clone()),
            Some(total) => {
                let parts = total.iter_mut().zip(&share.parts);
                parts.for_each(|(sum, part)| sum.add_assign(part));
            }
        }
    }
    Ok(total.unwrap_or_default())
}

/// Refuses anything but one part of every expected party.
pub(super) fn once_each(
    what: &'static str,
    expected: impl Iterator<Item = PartyId>,
    found: impl Iterator<Item = PartyId>,
) -> Result<(), MultipartyError> {
    let mut left: Vec<PartyId> = expected.collect();
    for party in found {
        let Some(at) = left.iter().position(|p| *p == party) else {
            return Err(MultipartyError::Repeated { what, party });
        };
        left.swap_remove(at);
    }
    match left.iter().min() {
        Some(&party) => Err(MultipartyError::Missing { what, party }),
        None => Ok(()),
    }
}

/// A commitment to the key shares of one step: shown before anybody's shares are.
///
/// Otherwise the last party to speak could choose its share so that the sum is a key of its own, or so that the first round's sums, which everybody multiplies by its
/// secret in the second, are numbers of its choice. A hash binds; it hides because a share holds far more than 256 bits that nobody else knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// To these shares, in this order.
    pub fn to(session: &Session, party: PartyId, shares: &[KeyShare]) -> Self {
        let digests = shares.iter().map(|share| share.digest(session));
        Self::of_digests(session, party, digests)
    }

    /// To shares with these [digests](KeyShare::digest), in this order: shares of all keys are more than memory should hold at once.
    pub fn of_digests(
        session: &Session,
        party: PartyId,
        digests: impl ExactSizeIterator<Item = [u8; 32]>,
    ) -> Self {
        let mut hash = session.hasher(COMMITMENT_CONTEXT);
        hash.update(&party.index().to_le_bytes());
        hash.update(&(digests.len() as u64).to_le_bytes());
        for digest in digests {
            hash.update(&digest);
        }
        Self(*hash.finalize().as_bytes())
    }

    /// Checks that these are the shares.
    ///
    /// # Errors
    /// [`MultipartyError::Commitment`].
    pub fn check(
        &self,
        session: &Session,
        party: PartyId,
        shares: &[KeyShare],
    ) -> Result<(), MultipartyError> {
        let same = *self == Self::to(session, party, shares);
        if same && shares.iter().all(|share| share.party == party) {
            return Ok(());
        }
        Err(MultipartyError::Commitment { party })
    }

    /// Checks that shares with these digests, in this order, are those that it is to. Which share has which digest is then for [`KeyShare::digest`] to say.
    ///
    /// # Errors
    /// [`MultipartyError::Commitment`].
    pub fn check_digests(
        &self,
        session: &Session,
        party: PartyId,
        digests: &[[u8; 32]],
    ) -> Result<(), MultipartyError> {
        if *self == Self::of_digests(session, party, digests.iter().copied()) {
            return Ok(());
        }
        Err(MultipartyError::Commitment { party })
    }
}
