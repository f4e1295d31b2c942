//! From n of n to t of n: every party's secret is shared among all, so that any t of them have the joint secret between them.
//!
//! Shamir's scheme over R_q, prime by prime (Mouchet, Bertrand and Hubaux, ePrint 2022/780): party i takes a polynomial f_i of degree t - 1 over R_q with f_i(0) = s_i and
//! the other coefficients uniform, and sends f_i(x_j) to party j, where x_j = j + 1. The sum S_j of what party j gets is the value at x_j of a polynomial whose value at 0 is the
//! joint secret, so s = sum of lambda_j S_j over any t parties, lambda_j the product of x_m / (x_m - x_j) over the others m of them. Points and their differences are below
//! every prime, so all of this exists modulo each. t - 1 parties know t - 1 values of each honest polynomial, which say nothing of its value at 0.
//!
//! A dealer that sends values of no polynomial of that degree makes openings garbage: it spoils, it does not learn.
//! Shares live over the chain's primes alone: nothing is ever opened over the special ones.

use std::sync::Arc;

use super::share::once_each;
use super::stream::{Kind, Use};
use super::{MultipartyError, PartyId, PartySecret, Session};
use crate::ring::{Ntt, Poly};
use crate::rlwe::SecretPoly;

/// What one party sends another when secrets are shared: **secret**, for the receiver's eyes alone.
#[derive(Clone)]
pub struct DealtShare {
    from: PartyId,
    to: PartyId,
    value: SecretPoly,
}

impl std::fmt::Debug for DealtShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DealtShare({} to {}, ..)", self.from, self.to)
    }
}

impl DealtShare {
    /// A share that came as a message.
    ///
    /// # Errors
    /// [`MultipartyError::Rlwe`] for another ring or other primes than the chain's.
    pub fn new(
        session: &Session,
        from: PartyId,
        to: PartyId,
        value: Poly<Ntt>,
    ) -> Result<Self, MultipartyError> {
        let context = session.context();
        let basis = context.ring().basis(context.params().max_level());
        context.check_basis("share of a secret", &value, basis)?;
        let value = SecretPoly::new(value);
        Ok(Self { from, to, value })
    }

    /// Who dealt it.
    pub fn from(&self) -> PartyId {
        self.from
    }

    /// Whom it is for.
    pub fn to(&self) -> PartyId {
        self.to
    }

    /// The value f_from(x_to), over the chain's primes.
    pub fn value(&self) -> &Poly<Ntt> {
        &self.value
    }
}

impl PartySecret {
    /// The values of this party's sharing polynomial, one for every party, itself included. `n (t - 1)` products by constants.
    ///
    /// # Errors
    /// None for a checked context.
    pub fn deal(&self) -> Result<Vec<DealtShare>, MultipartyError> {
        let session = self.session();
        let ring = session.context().ring();
        let basis = ring.basis(session.context().params().max_level());
        let mut secret = self.poly().clone();
        secret.drop_special();
        let coefficients: Vec<SecretPoly> = (1..session.threshold())
            .map(|power| {
                let of = Use {
                    element: u64::from(power),
                    ..Use::of(Kind::Dealing)
                };
                let mut rng = of.stream(self.seed(), session, self.party());
                SecretPoly::new(Poly::uniform(ring, basis, &mut *rng))
            })
            .collect();
        let deal = |to: PartyId| {
            // Horner, from the highest power down to the secret.
            let mut value = SecretPoly::new(Poly::zero(ring, basis));
            for coefficient in coefficients.iter().rev() {
                value.add_assign(coefficient);
                value.mul_integer(i128::from(to.point()));
            }
            value.add_assign(&secret);
            DealtShare {
                from: self.party(),
                to,
                value,
            }
        };
        Ok(session.all().map(deal).collect())
    }
}

/// The parties that open together: a set of the size that the session wants, in order.
///
/// All of them must agree on it beforehand. Two sets for one ciphertext would give two noisy values of one number: see [`super::opening`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveSet(Vec<PartyId>);

impl ActiveSet {
    /// Of these parties.
    ///
    /// # Errors
    /// [`MultipartyError::Active`] unless they are exactly as many as the threshold; [`MultipartyError::Repeated`].
    pub fn new(session: &Session, mut parties: Vec<PartyId>) -> Result<Self, MultipartyError> {
        parties.sort_unstable();
        let expected = session.threshold() as usize;
        if parties.len() != expected {
            return Err(MultipartyError::Active {
                expected,
                found: parties.len(),
            });
        }
        for pair in parties.windows(2) {
            if pair[0] == pair[1] {
                return Err(MultipartyError::Repeated {
                    what: "the activity",
                    party: pair[0],
                });
            }
        }
        for party in &parties {
            session.party(party.index())?;
        }
        Ok(Self(parties))
    }

    /// The parties, in order.
    pub fn parties(&self) -> &[PartyId] {
        &self.0
    }

    /// Lagrange's coefficient of `party` at 0, modulo every prime of the chain.
    fn weight(&self, session: &Session, party: PartyId) -> Vec<u64> {
        let ring = session.context().ring();
        (0..=ring.max_level())
            .map(|i| {
                let q = ring.q(i);
                let others = self.0.iter().filter(|other| **other != party);
                others.fold(1, |product, other| {
                    let (x, own) = (other.point() % q.value(), party.point() % q.value());
                    q.mul(product, q.mul(x, q.inv(q.sub(x, own))))
                })
            })
            .collect()
    }
}

/// What a party opens with: its own secret where everybody is needed, else the sum of what it was dealt.
pub struct OpeningKey {
    pub(super) session: Arc<Session>,
    pub(super) party: PartyId,
    pub(super) seed: zeroize::Zeroizing<[u8; 32]>,
    share: SecretPoly,
    /// Hash of the one opening that this key has answered.
    pub(super) answered: Option<[u8; 32]>,
}

impl std::fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpeningKey({}, ..)", self.party)
    }
}

impl OpeningKey {
    /// For a session that needs everybody: nothing was dealt.
    ///
    /// # Errors
    /// [`MultipartyError::Threshold`] in a session that needs fewer.
    pub fn additive(secret: &PartySecret) -> Result<Self, MultipartyError> {
        let session = secret.session();
        if !session.is_additive() {
            return Err(MultipartyError::Threshold {
                parties: session.parties(),
                found: session.threshold(),
            });
        }
        let mut share = secret.poly().clone();
        share.drop_special();
        Ok(Self::of(secret, share))
    }

    /// From what all parties dealt to this one.
    ///
    /// # Errors
    /// [`MultipartyError::Missing`], [`MultipartyError::Repeated`]; [`MultipartyError::Foreign`] for a share that is another party's.
    pub fn from_dealt(secret: &PartySecret, dealt: &[DealtShare]) -> Result<Self, MultipartyError> {
        let session = secret.session();
        once_each(
            "the dealt share",
            session.all(),
            dealt.iter().map(DealtShare::from),
        )?;
        let ring = session.context().ring();
        let basis = ring.basis(ring.max_level());
        let mut share = SecretPoly::new(Poly::zero(ring, basis));
        for one in dealt {
            if one.to != secret.party() {
                return Err(MultipartyError::Foreign {
                    what: "the dealt share",
                    party: one.from,
                });
            }
            session
                .context()
                .check_basis("dealt share", &one.value, basis)?;
            share.add_assign(&one.value);
        }
        Ok(Self::of(secret, share))
    }

    fn of(secret: &PartySecret, share: SecretPoly) -> Self {
        Self {
            session: Arc::clone(secret.session()),
            party: secret.party(),
            seed: secret.seed().clone(),
            share,
            answered: None,
        }
    }

    /// Which party.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// Hash of the opening that this key has answered, to be kept with the key's file; [`OpeningKey::resume`] takes it.
    pub fn answered(&self) -> Option<&[u8; 32]> {
        self.answered.as_ref()
    }

    /// A key that has answered before, in a process that is no more.
    #[must_use]
    pub fn resume(self, answered: [u8; 32]) -> Self {
        Self {
            answered: Some(answered),
            ..self
        }
    }

    /// This party's summand of the joint secret when these parties act.
    ///
    /// # Errors
    /// [`MultipartyError::Missing`] if it is not one of them.
    pub(super) fn weighted(&self, active: &ActiveSet) -> Result<SecretPoly, MultipartyError> {
        if !active.0.contains(&self.party) {
            return Err(MultipartyError::Missing {
                what: "the activity",
                party: self.party,
            });
        }
        let mut share = self.share.clone();
        if !self.session.is_additive() {
            share.mul_scalars(&active.weight(&self.session, self.party));
        }
        Ok(share)
    }
}
