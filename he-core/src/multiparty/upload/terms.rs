//! What everybody knows of an owner's switching key beforehand.

use std::sync::Arc;

use super::key::UploadKey;
use super::slack::{shape, slack_noise};
use crate::multiparty::proof::{self, Factor, Relation, Shape};
use crate::multiparty::session::absorb;
use crate::multiparty::{JointPublicKey, MultipartyError, PartyId, Session};
use crate::params::{low_bits, row_digits};
use crate::ring::Basis;

/// P g_j of a digit: 0 modulo every prime but one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gadget {
    /// Which of the chain's.
    pub(super) prime: usize,
    /// The canonical residue modulo that.
    pub(super) residue: u64,
}

const DIGEST_CONTEXT: &str = "velum he-core 2026 v2 upload";

/// Whose switching key, under which joint key, for uploads up to which level.
#[derive(Clone, Debug)]
pub struct UploadTerms {
    key: Arc<JointPublicKey>,
    party: PartyId,
    level: usize,
    shape: Shape,
}

impl UploadTerms {
    /// Of `party`.
    ///
    /// # Errors
    /// As [`slack_noise`]; [`MultipartyError::Rlwe`] for a level that the parameters do not have.
    pub fn new(
        key: &Arc<JointPublicKey>,
        party: PartyId,
        level: usize,
    ) -> Result<Self, MultipartyError> {
        let params = key.session().context().params();
        if level > params.max_level() {
            return Err(MultipartyError::Parts {
                what: "the primes of a switching key",
                party,
                expected: params.max_level() + 1,
                found: level + 1,
            });
        }
        slack_noise(params, level)?;
        Self::of(key, party, level)
    }

    fn of(
        key: &Arc<JointPublicKey>,
        party: PartyId,
        level: usize,
    ) -> Result<Self, MultipartyError> {
        let log_n = key.session().context().params().log_n();
        Ok(Self {
            key: Arc::clone(key),
            party,
            level,
            shape: Self::shape_of(log_n, level)?,
        })
    }

    /// The same without the check of the slack.
    #[cfg(test)]
    pub(in crate::multiparty) fn without_room_insecure_test(
        key: &Arc<JointPublicKey>,
        party: PartyId,
        level: usize,
    ) -> Self {
        Self::of(key, party, level).unwrap()
    }

    /// The shape of the proof of a switching key for uploads up to this level.
    ///
    /// # Errors
    /// [`MultipartyError::Room`] for rings that no proof is for.
    pub fn shape_of(log_n: u32, level: usize) -> Result<Shape, MultipartyError> {
        shape(log_n, level)
    }

    /// The proof's shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whose key.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// The highest level of the uploads that it switches.
    pub fn level(&self) -> usize {
        self.level
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        self.key.session()
    }

    pub(super) fn joint(&self) -> &JointPublicKey {
        &self.key
    }

    pub(super) fn basis(&self) -> Basis {
        UploadKey::basis(self.session(), self.level)
    }

    /// P g_j of every digit: of the upper half of the residues modulo q_0, the lower one, those modulo q_1, ..
    pub(super) fn gadget(&self) -> Vec<Gadget> {
        let context = self.session().context();
        let (ring, special) = (context.ring(), context.params().p());
        let factor = |digit: usize| {
            let prime = digit.saturating_sub(1);
            let q = ring.q(prime);
            let mut residue = q.product(special.iter().copied());
            if digit == 0 {
                residue = q.product([residue, 1 << low_bits(q.value())]);
            }
            Gadget { prime, residue }
        };
        (0..row_digits(self.level)).map(factor).collect()
    }

    /// Row a_j; columns u_j, e'_j.
    pub(super) fn relation(&self) -> Relation<'_> {
        let ring = self.session().context().ring();
        let bounds = self.shape.bounds().to_vec();
        Relation::new("switching key of rows", ring, self.basis(), 1, bounds)
            .with(0, 0, Factor::Times(self.key.a()))
            .with(0, 1, Factor::One)
    }

    /// Hash of session, level and all of a switching key.
    pub(super) fn digest(&self, key: &UploadKey) -> [u8; 32] {
        let mut hash = self.session().hasher(DIGEST_CONTEXT);
        hash.update(&(self.level as u64).to_le_bytes());
        key.halves().for_each(|poly| absorb(&mut hash, poly));
        *hash.finalize().as_bytes()
    }

    /// What the proof of a key of this hash is bound to: b_j too, although nothing is proved of it.
    pub(super) fn binding(
        &self,
        relation: &Relation<'_>,
        label: &[u8; 32],
        digest: &[u8; 32],
    ) -> blake3::Hasher {
        proof::binding(self.session(), self.party, label, relation, digest)
    }

    pub(super) fn refused(&self) -> MultipartyError {
        MultipartyError::Proof {
            party: self.party,
            what: "its uploads",
        }
    }
}
