//! The seeds of an owner's ciphertexts, which nobody chooses.

use super::key::UploadKey;
use super::terms::UploadTerms;
use crate::rlwe::PublicSeed;

const CONTEXT: &str = "velum he-core 2026 v1 seeds of rows";

/// Seeds that follow from a switching key, session and party by a hash: of one ciphertext for each name. Whoever wants other seeds needs another switching key, and then gets others for
/// all names.
///
/// A seed is BLAKE3's keyed hash of the name. The key is derived, for a context of its own, from session, party and the hash of level and switching key, all of its residues included.
#[derive(Clone, Debug)]
pub struct RowSeeds([u8; 32]);

impl RowSeeds {
    /// Of a switching key, by its hash ([`UploadTerms::digest`]).
    pub(super) fn of_digest(terms: &UploadTerms, digest: &[u8; 32]) -> Self {
        let mut hash = terms.session().hasher(CONTEXT);
        hash.update(&terms.party().index().to_le_bytes());
        hash.update(digest);
        Self(*hash.finalize().as_bytes())
    }

    /// Of a switching key, whether its proof holds or not.
    pub fn of(terms: &UploadTerms, key: &UploadKey) -> Self {
        Self::of_digest(terms, &terms.digest(key))
    }

    /// The seed of the ciphertext of this name.
    #[must_use]
    pub fn seed(&self, name: &str) -> PublicSeed {
        PublicSeed(*blake3::keyed_hash(&self.0, name.as_bytes()).as_bytes())
    }
}
