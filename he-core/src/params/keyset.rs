//! Which evaluation keys a computation needs.

use std::collections::{BTreeMap, BTreeSet};

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

    /// All of these keys, each used at `level` at most.
    pub fn up_to(&self, level: usize) -> KeyLevels {
        KeyLevels {
            relinearise: self.relinearise.then_some(level),
            conjugate: self.conjugate.then_some(level),
            rotations: self.rotations.iter().map(|&k| (k, level)).collect(),
        }
    }
}

/// A [`KeySet`] with the highest level at which each of its keys is used.
///
/// A key of level l has the digits of q_0 .. q_l, over q_0 .. q_l and the special primes, and switches what is at level l or below
/// ([`crate::rlwe::SwitchingKey`]).
///
/// ```
/// use he_core::params::{KeyLevels, KeySet};
///
/// let low = KeySet { rotations: [1, 2].into(), ..KeySet::default() }.up_to(1);
/// let mut all = KeySet { rotations: [2].into(), ..KeySet::default() }.up_to(4);
/// all.extend(&low);
/// assert_eq!(all.rotations, [(1, 1), (2, 4)].into());
/// assert_eq!(all.set().rotations, [1, 2].into());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyLevels {
    /// Level of the relinearisation key, if there is one.
    pub relinearise: Option<usize>,
    /// Level of the key of conjugation, if there is one.
    pub conjugate: Option<usize>,
    /// Level of each rotation's key.
    pub rotations: BTreeMap<usize, usize>,
}

impl KeyLevels {
    /// The keys.
    pub fn set(&self) -> KeySet {
        KeySet {
            relinearise: self.relinearise.is_some(),
            conjugate: self.conjugate.is_some(),
            rotations: self.rotations.keys().copied().collect(),
        }
    }

    /// The level of every key: of relinearisation, of conjugation, of rotations by ascending amount.
    pub fn levels(&self) -> impl Iterator<Item = usize> {
        let first = self.relinearise.into_iter().chain(self.conjugate);
        first.chain(self.rotations.values().copied())
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.levels().count()
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds everything of `other`: of a key that both have, the higher level stays.
    pub fn extend(&mut self, other: &Self) {
        self.relinearise = self.relinearise.max(other.relinearise);
        self.conjugate = self.conjugate.max(other.conjugate);
        for (&k, &level) in &other.rotations {
            self.rotate(k, level);
        }
    }

    /// Adds a rotation at a level.
    pub(crate) fn rotate(&mut self, k: usize, level: usize) {
        let highest = self.rotations.entry(k).or_insert(level);
        *highest = (*highest).max(level);
    }
}
