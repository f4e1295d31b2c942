//! Which primes a polynomial lives over.

/// The primes `q_0 .. q_level` of a ring, alone or with all its special primes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Basis {
    level: usize,
    chain: usize,
    special: usize,
}

impl Basis {
    pub(super) fn new(level: usize, chain: usize, special: usize) -> Self {
        Self {
            level,
            chain,
            special,
        }
    }

    /// The level: index of the last prime of the chain.
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }

    /// Whether the special primes belong to it.
    #[must_use]
    pub fn is_extended(&self) -> bool {
        self.special > 0
    }

    /// Number of primes.
    #[must_use]
    pub fn limbs(&self) -> usize {
        self.level + 1 + self.special
    }

    /// Index of limb `i`'s prime in the ring's list `q_0 .. q_L, p_0 .. p_{k-1}`.
    pub(crate) fn prime(&self, i: usize) -> usize {
        if i <= self.level {
            i
        } else {
            self.chain + i - self.level - 1
        }
    }

    /// The same primes of the chain without the special primes.
    #[must_use]
    pub fn without_special(&self) -> Self {
        Self {
            special: 0,
            ..*self
        }
    }

    /// Whether all primes of `other` belong to this basis too.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.chain == other.chain && self.level >= other.level && self.special >= other.special
    }

    /// Where this basis has the prime of limb `i` of a basis that it contains.
    pub(crate) fn limb_of(&self, other: &Self, i: usize) -> usize {
        if i <= other.level {
            i
        } else {
            i - other.level + self.level
        }
    }

    /// Indices of the chain's primes above the level, if the special primes belong to it; none without these.
    pub(super) fn primes_above(&self) -> std::ops::Range<usize> {
        match self.is_extended() {
            true => self.level + 1..self.chain,
            false => 0..0,
        }
    }

    /// The same kind of basis at a lower level.
    pub(super) fn at_level(&self, level: usize) -> Self {
        Self { level, ..*self }
    }
}
