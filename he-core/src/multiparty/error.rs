//! Errors of protocols between parties: who, what was expected, what was found.

use thiserror::Error;

use super::{KeyItem, PartyId};
use crate::error::{Class, Explain};
use crate::ring::RingError;
use crate::rlwe::RlweError;

/// Why a step of a protocol is refused. Nothing is opened, multiplied or answered after a refusal.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MultipartyError {
    /// Keys, rings, randomness.
    #[error(transparent)]
    Rlwe(#[from] RlweError),
    /// Parameters of one key holder.
    #[error("expected parameters for several parties, found those of one key holder")]
    NotJoint,
    /// A threshold that no group has.
    #[error("expected a threshold from 1 to {parties}, found {found}")]
    Threshold {
        /// Parties of the group.
        parties: u32,
        /// Threshold asked for.
        found: u32,
    },
    /// A party that the group does not have.
    #[error("expected a party below {parties}, found number {found}")]
    Party {
        /// Parties of the group.
        parties: u32,
        /// Number found.
        found: u32,
    },
    /// A message of another session, or for another party or question.
    #[error("{what} of {party} belongs to another session, party or question")]
    Foreign {
        /// What it is.
        what: &'static str,
        /// Who sent it.
        party: PartyId,
    },
    /// A share of another key.
    #[error("a share of {party}: expected one of {expected}, found one of {found}")]
    Item {
        /// Who sent it.
        party: PartyId,
        /// Key that is made.
        expected: KeyItem,
        /// Key that the share is of.
        found: KeyItem,
    },
    /// A share of a key at another level.
    #[error("a share of {party} of {item}: expected level {expected}, found {found}")]
    Level {
        /// Who sent it.
        party: PartyId,
        /// Of which key.
        item: KeyItem,
        /// Level of the key that is made.
        expected: usize,
        /// Level of the share.
        found: usize,
    },
    /// Fewer or more parts than the protocol has.
    #[error("{what} of {party}: expected {expected} parts, found {found}")]
    Parts {
        /// What it is.
        what: &'static str,
        /// Who sent it.
        party: PartyId,
        /// Parts of the protocol.
        expected: usize,
        /// Parts found.
        found: usize,
    },
    /// A party that has not sent its part.
    #[error("{what} of {party} is missing")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Whose.
        party: PartyId,
    },
    /// Two parts of one party.
    #[error("{what} of {party} came twice")]
    Repeated {
        /// What it is.
        what: &'static str,
        /// Whose.
        party: PartyId,
    },
    /// Shares that are not those that were committed to.
    #[error("the key shares of {party} are not those that it committed to")]
    Commitment {
        /// Whose.
        party: PartyId,
    },
    /// A set of active parties of the wrong size.
    #[error("expected {expected} active parties, found {found}")]
    Active {
        /// Parties that open together.
        expected: usize,
        /// Parties given.
        found: usize,
    },
    /// A second opening under one key.
    #[error("this key has answered an opening already: expected the same question again")]
    Spent,
    /// A ciphertext of rows whose seed does not follow from its owner's switching key.
    #[error(
        "{name} of {party}: expected the seed that follows from its switching key, found another or none"
    )]
    Seed {
        /// Whose.
        party: PartyId,
        /// The ciphertext.
        name: String,
    },
    /// A modulus without room for what the protocol adds.
    #[error("{what}: expected a modulus of {needed:.0} bits or more, found {available:.0}")]
    Room {
        /// What is added.
        what: &'static str,
        /// Bits wanted.
        needed: f64,
        /// Bits there are.
        available: f64,
    },
    /// A proof of knowledge that does not hold.
    #[error("the proof of {party} does not hold for {what}")]
    Proof {
        /// Whose.
        party: PartyId,
        /// What it is to prove.
        what: &'static str,
    },
}

impl From<RingError> for MultipartyError {
    fn from(error: RingError) -> Self {
        Self::Rlwe(error.into())
    }
}

impl Explain for MultipartyError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Proof { .. }
            | Self::Commitment { .. }
            | Self::Seed { .. }
            | Self::Repeated { .. } => {
                "this party does not follow the protocol: stop, and begin a new session without it"
            }
            Self::Spent => "a key opens one result: begin a new session",
            Self::Missing { .. } => "wait for the party, or begin a new session without it",
            Self::Room { .. } => "choose parameters with a longer chain",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    fn class(&self) -> Class {
        match self {
            Self::Rlwe(source) => source.class(),
            Self::Proof { .. } | Self::Commitment { .. } | Self::Seed { .. } => Class::Verification,
            _ => Class::Input,
        }
    }
}
