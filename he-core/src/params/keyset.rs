//! Which evaluation keys a computation needs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The evaluation keys that a computation needs: exactly these are generated and uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySet {
    /// Whether products of ciphertexts are relinearised.
    pub relinearise: bool,
    /// Whether ciphertexts are conjugated.
    pub conjugate: bool,
    /// Rotations, as amounts in 1 .. N/2.
    pub rotations: BTreeSet<usize>,
}

impl KeySet {
    /// Number of keys.
    pub fn len(&self) -> usize {
        usize::from(self.relinearise) + usize::from(self.conjugate) + self.rotations.len()
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds everything of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.relinearise |= other.relinearise;
        self.conjugate |= other.conjugate;
        self.rotations.extend(&other.rotations);
    }
}
