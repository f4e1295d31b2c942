//! Why a message, a file or an act of a group is refused.

use he_core::error::{Class, Explain};
use thiserror::Error;

use super::step::Step;
use crate::artifacts::RunError;

/// Why something of a group is refused. Nothing is answered, opened or computed with after it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GroupError {
    /// A text or file that is not of its kind.
    #[error("expected {expected}, found {found}")]
    Form {
        /// What is read.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A public key that is none, or that leads to a secret which everybody knows.
    #[error("expected a public key of its own to {purpose}, found one that is no usable key")]
    Key {
        /// What the key is for.
        purpose: &'static str,
    },
    /// A message of somebody else than it says.
    #[error("expected a message that {sender} signed, found one with another signature")]
    Signature {
        /// Name of whom it says it is of.
        sender: String,
    },
    /// A message of nobody in the group.
    #[error("expected a message of a member, found one of {found}, who is none")]
    Stranger {
        /// Fingerprint, shortened.
        found: String,
    },
    /// A message of an older session, or of another group.
    #[error("expected a message of session {expected}, found one of session {found}")]
    Session {
        /// This session, shortened.
        expected: String,
        /// The other, shortened.
        found: String,
    },
    /// A step that is not this member's to do.
    #[error("expected no message of {sender} for the step \"{step}\", found one")]
    Role {
        /// Name of the sender.
        sender: String,
        /// What it says it does.
        step: Step,
    },
    /// Two messages of one member for one step: whoever signs both cheats, or has lost its transcript.
    #[error(
        "expected one message of {sender} for the step \"{step}\", found two that it signed: {first} and {second}"
    )]
    Equivocation {
        /// Name of the sender.
        sender: String,
        /// The step.
        step: Step,
        /// Id of one, shortened.
        first: String,
        /// Id of the other, shortened.
        second: String,
    },
    /// A message that answers others than those on the board.
    #[error(
        "expected the step \"{step}\" of {sender} to answer what everybody sees, found another answer"
    )]
    Answers {
        /// Name of the sender.
        sender: String,
        /// The step.
        step: Step,
    },
    /// A member that does not do what is waited for.
    #[error("expected the step \"{step}\" of {sender}, found that it refuses: {reason}")]
    Refusal {
        /// Name of the sender.
        sender: String,
        /// What it does not do.
        step: Step,
        /// What it says of it.
        reason: String,
    },
    /// A payload with other files than the step has, or with too much in it.
    #[error("expected {expected} in the step \"{step}\" of {sender}, found {found}")]
    Payload {
        /// Name of the sender.
        sender: String,
        /// The step.
        step: Step,
        /// What may be in it.
        expected: String,
        /// What is in it.
        found: String,
    },
    /// A payload that this member cannot open.
    #[error("expected a payload that {sender} sealed for this party in this step, found another")]
    Sealed {
        /// Name of the sender.
        sender: String,
    },
    /// A second answer to what is answered once.
    #[error(
        "expected the {question} that this party has answered, {first}, found another, {second}"
    )]
    Answered {
        /// What was asked.
        question: String,
        /// Hash of what was answered, shortened.
        first: String,
        /// Hash of what is asked now, shortened.
        second: String,
    },
    /// A key that has done its work.
    #[error("expected a key that has opened nothing, found one that is spent")]
    Spent,
    /// A transcript of another session or party, damaged, or gone while its keys are there.
    #[error("expected the transcript of this party in this session, found {found}")]
    Transcript {
        /// What is there.
        found: String,
    },
}

impl Explain for GroupError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Form { .. } => "the file is damaged, or was made by another version of velum",
            Self::Key { .. } => "ask its owner for the card anew: velum party",
            Self::Signature { .. } | Self::Stranger { .. } => {
                "somebody else put it on the board; it is ignored"
            }
            Self::Session { .. } => {
                "it was moved there from another group's board, or is older; it is ignored"
            }
            Self::Role { .. } | Self::Answers { .. } | Self::Payload { .. } => {
                "the party's tool is of another version, or the party cheats: begin a new session, without it if need be"
            }
            Self::Refusal { .. } => {
                "run it again when that member has run its own again and gone on; what it cannot mend takes a new session, without a member that cheats if need be"
            }
            Self::Equivocation { .. } => {
                "the group stops: the party cheats, or went on from an old copy of its folder; begin a new session, without it if need be"
            }
            Self::Sealed { .. } => {
                "the party cheats, or this party's key file is not the one of its card"
            }
            Self::Answered { .. } => {
                "a second answer could tell the key: nothing is answered; begin a new session"
            }
            Self::Spent => "a key opens one model: begin a new session",
            Self::Transcript { .. } => {
                "without it nobody knows what this party has said: begin a new session, nothing is used again"
            }
        };
        Some(hint.to_owned())
    }

    fn class(&self) -> Class {
        match self {
            Self::Form { .. }
            | Self::Key { .. }
            | Self::Refusal { .. }
            | Self::Spent
            | Self::Transcript { .. } => Class::Input,
            _ => Class::Verification,
        }
    }
}

impl From<GroupError> for RunError {
    fn from(error: GroupError) -> Self {
        Self::caused(error)
    }
}
