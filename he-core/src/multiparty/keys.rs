//! Keys of a group, from the parties' shares. Nothing here knows a secret.

use std::sync::Arc;

use super::share::sum;
use super::{KeyItem, KeyShare, MultipartyError, Session};
use crate::ring::{GaloisElement, Ntt, Poly};
use crate::rlwe::{KeyId, PublicKey, PublicSeed, SwitchingKey, at_level};

/// The public key of a group over all primes, the special ones too: owners make switching keys with it ([`super::upload`]).
#[derive(Clone, Debug)]
pub struct JointPublicKey {
    session: Arc<Session>,
    b: Poly<Ntt>,
    a: Poly<Ntt>,
    seed: PublicSeed,
}

impl JointPublicKey {
    /// The sum of the shares, whose commitments and proofs have been checked.
    ///
    /// # Errors
    /// [`MultipartyError::Item`], [`MultipartyError::Missing`], [`MultipartyError::Repeated`].
    pub fn from_shares(
        session: &Arc<Session>,
        shares: &[KeyShare],
    ) -> Result<Self, MultipartyError> {
        let level = session.context().params().max_level();
        let b = sum(session, KeyItem::PublicKey, level, shares)?.pop();
        Self::from_sum(session, b.ok_or(MultipartyError::NotJoint)?)
    }

    /// From the sum that [`JointPublicKey::b`] gave: one that this party made itself, after it had checked all shares, and kept.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for another ring or other primes than all.
    pub fn from_sum(session: &Arc<Session>, b: Poly<Ntt>) -> Result<Self, MultipartyError> {
        let context = session.context();
        context.check_basis("joint public key", &b, context.key_basis())?;
        let seed = session.common(KeyItem::PublicKey);
        Ok(Self {
            session: Arc::clone(session),
            b,
            a: seed.expand(context.ring(), context.key_basis(), 0),
            seed,
        })
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// `b`, over all primes.
    pub fn b(&self) -> &Poly<Ntt> {
        &self.b
    }

    /// `a`, over all primes.
    pub fn a(&self) -> &Poly<Ntt> {
        &self.a
    }

    /// The same key over the chain's primes alone, as single key holders have it. Uploads under it carry no proof.
    ///
    /// # Errors
    /// None for a checked context.
    pub fn public_key(&self) -> Result<PublicKey, MultipartyError> {
        let mut b = at_level(self.b.clone(), self.session.context().params().max_level());
        b.drop_special();
        let context = self.session.context();
        Ok(PublicKey::from_seeded(context, b, self.seed)?)
    }
}

/// The group's key of X -> X^g at a level: the sum of the shares, its `a` halves the seed of the common random string.
///
/// # Errors
/// [`MultipartyError::Item`], [`MultipartyError::Level`], [`MultipartyError::Missing`], [`MultipartyError::Repeated`].
pub fn galois_key(
    session: &Session,
    g: GaloisElement,
    level: usize,
    shares: &[KeyShare],
) -> Result<SwitchingKey, MultipartyError> {
    let item = KeyItem::Galois(g);
    let b = sum(session, item, level, shares)?;
    let seed = session.common(item);
    let context = session.context();
    Ok(SwitchingKey::from_seeded(
        context,
        KeyId::Galois(g),
        b,
        seed,
    )?)
}
