//! One group, one key: who takes part, and what all of them know.

use std::sync::Arc;

use super::{KeyItem, MultipartyError, PartyId};
use crate::ring::{Poly, Representation};
use crate::rlwe::{Context, PublicSeed};

const COMMON_CONTEXT: &str = "velum he-core 2026 v1 common random string";
const SESSION_CONTEXT: &str = "velum he-core 2026 v1 session";

/// A session: the parameters (with the number of parties n), its name, and how many parties t open a result together.
///
/// The name is a hash of all that the parties agreed on (who they are, the threshold, who gets the result), so it is new for every group and job.
/// Everything in a session is bound to it: secrets, errors, uniform polynomials, commitments, proofs. So a seed that is used in two sessions
/// gives unrelated secrets, and no message is of use in another session.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, rlwe::Context};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![40, 30], p_bits: vec![46], dnum: 2 };
/// use he_core::multiparty::Session;
///
/// let params = Params::insecure_test(literal)?.for_parties(3)?;
/// let session = Session::new(&Context::new(Arc::new(params))?, [7; 32], 2)?;
/// assert_eq!((session.parties(), session.threshold()), (3, 2));
/// assert!(session.party(3).is_err());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Session {
    context: Arc<Context>,
    id: [u8; 32],
    parties: u32,
    threshold: u32,
}

impl Session {
    /// The session `id` of `threshold` out of the parameters' number of parties.
    ///
    /// # Errors
    /// [`MultipartyError::NotJoint`], [`MultipartyError::Threshold`].
    pub fn new(
        context: &Arc<Context>,
        id: [u8; 32],
        threshold: u32,
    ) -> Result<Arc<Self>, MultipartyError> {
        let parties = context
            .params()
            .parties()
            .ok_or(MultipartyError::NotJoint)?;
        if !(1..=parties).contains(&threshold) {
            return Err(MultipartyError::Threshold {
                parties,
                found: threshold,
            });
        }
        Ok(Arc::new(Self {
            context: Arc::clone(context),
            id,
            parties,
            threshold,
        }))
    }

    /// Parameters and ring.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The name.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Number of parties, n.
    pub fn parties(&self) -> u32 {
        self.parties
    }

    /// How many parties open together, t.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Whether everybody is needed to open: then no shares of shares are dealt.
    pub fn is_additive(&self) -> bool {
        self.threshold == self.parties
    }

    /// Party number `index`.
    ///
    /// # Errors
    /// [`MultipartyError::Party`].
    pub fn party(&self, index: u32) -> Result<PartyId, MultipartyError> {
        if index < self.parties {
            return Ok(PartyId::new(index));
        }
        Err(MultipartyError::Party {
            parties: self.parties,
            found: index,
        })
    }

    /// All parties.
    pub fn all(&self) -> impl Iterator<Item = PartyId> + use<> {
        (0..self.parties).map(PartyId::new)
    }

    /// The common random string's part for a key: nobody chose it, everybody knows it.
    pub(super) fn common(&self, item: KeyItem) -> PublicSeed {
        let mut hash = self.hasher(COMMON_CONTEXT);
        hash.update(&item.code().to_le_bytes());
        PublicSeed(*hash.finalize().as_bytes())
    }

    /// The seed of a uniform polynomial for one question, say a refresh.
    pub(super) fn common_of(&self, question: &[u8; 32]) -> PublicSeed {
        let mut hash = self.hasher(COMMON_CONTEXT);
        hash.update(&u64::MAX.to_le_bytes());
        hash.update(question);
        PublicSeed(*hash.finalize().as_bytes())
    }

    /// A hash that begins with the session: fixed lengths, so no two uses of one context meet.
    pub(super) fn hasher(&self, context: &str) -> blake3::Hasher {
        let mut hash = blake3::Hasher::new_derive_key(context);
        hash.update(&self.id);
        hash.update(self.context.fingerprint());
        hash.update(&self.threshold.to_le_bytes());
        hash
    }

    /// What a message is bound to: session, parameters, threshold.
    pub fn binding(&self) -> [u8; 32] {
        *self.hasher(SESSION_CONTEXT).finalize().as_bytes()
    }
}

/// Hashes a polynomial: its shape and its canonical residues, eight bytes each.
pub(super) fn absorb<R: Representation>(hash: &mut blake3::Hasher, poly: &Poly<R>) {
    let basis = poly.basis();
    hash.update(&(basis.limbs() as u64).to_le_bytes());
    hash.update(&(basis.level() as u64).to_le_bytes());
    let mut bytes = vec![0; 8 * poly.ring().degree()];
    for i in 0..basis.limbs() {
        for (to, residue) in bytes.chunks_exact_mut(8).zip(poly.limb_canonical(i)) {
            to.copy_from_slice(&residue.to_le_bytes());
        }
        hash.update(&bytes);
    }
}
