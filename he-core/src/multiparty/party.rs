//! Numbers of parties.

use std::fmt;

/// Number of a party in its group, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(u32);

impl PartyId {
    pub(super) fn new(index: u32) -> Self {
        Self(index)
    }

    /// The number.
    pub fn index(self) -> u32 {
        self.0
    }

    /// The point at which this party has the sharing polynomials: never 0, which is the secret's.
    pub(super) fn point(self) -> u64 {
        u64::from(self.0) + 1
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "party {}", self.0)
    }
}
