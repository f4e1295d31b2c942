//! What a group agrees on before anything is computed: who takes part, as what, how many open the model, and what is trained.
//!
//! One owner and a server are a group too: the owner has a key of its own and opens the model alone ([`Charter::has_one_owner`]).
//!
//! A charter is canonical JSON. Its hash is the name of the session: every signature, seed and key of the session is bound to it. It holds 32 random bytes, so no two charters have one name.

mod task;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::task::{Goal, Refresher, Task, Wishes};
use super::identity::random;
use super::{Card, GroupError, Step};
use crate::artifacts::RunError;
use crate::{canonical, files};

const KIND: &str = "velum group charter";
const VERSION: u32 = 1;
const SESSION_CONTEXT: &str = "velum mlr-train 2026 v1 session of a charter";
/// Bytes of a charter.
pub const LARGEST: u64 = 1 << 20;
/// Owners of one group, as of one sum.
const MOST_OWNERS: usize = 256;
const MOST_MEMBERS: usize = 512;

/// What a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// Has rows, and a part of the key.
    Owner,
    /// Gets the model.
    Receiver,
    /// Trains.
    Server,
}

impl Duty {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Receiver => "receiver",
            Self::Server => "server",
        }
    }
}

/// A member: its card, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Who.
    pub card: Card,
    /// What it does, each once, in order.
    pub duties: Vec<Duty>,
}

impl Member {
    /// Whether it has this duty.
    #[must_use]
    pub fn is(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }
}

/// What a group agrees on. One that exists has passed every check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    kind: String,
    version: u32,
    nonce: String,
    threshold: usize,
    members: Vec<Member>,
    task: Task,
}

impl Charter {
    /// A new charter of these members, `threshold` of whose owners open the model together. The order of owners numbers them.
    ///
    /// # Errors
    /// [`GroupError::Form`] for a group that cannot work; a machine without randomness.
    pub fn new(members: Vec<Member>, threshold: usize, task: Task) -> Result<Self, RunError> {
        let nonce = canonical::hex(&*random()?);
        let charter = Self {
            kind: KIND.to_owned(),
            version: VERSION,
            nonce,
            threshold,
            members,
            task,
        };
        charter.check().map_err(|error| {
            RunError::from(error).hint_instead(
                "choose other members, or another threshold, purpose, width or classes",
            )
        })?;
        Ok(charter)
    }

    /// Reads a charter in its canonical spelling.
    ///
    /// # Errors
    /// [`GroupError::Form`], [`GroupError::Key`].
    pub fn parse(text: &[u8]) -> Result<Self, GroupError> {
        let form = |found: String| GroupError::Form {
            expected: "a group's charter, version 1",
            found,
        };
        if text.len() as u64 > LARGEST {
            return Err(form(format!("{} bytes", text.len())));
        }
        let charter: Self = serde_json::from_slice(text)
            .map_err(|error| form(files::describe_json(text, &error)))?;
        if charter.kind != KIND || charter.version != VERSION {
            return Err(form(format!("version {}", charter.version)));
        }
        if charter.to_json() != text {
            return Err(form("one of another spelling".to_owned()));
        }
        charter.check()?;
        Ok(charter)
    }

    fn check(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        for member in &self.members {
            member.card.check()?;
            let mut duties = member.duties.clone();
            duties.sort_unstable();
            duties.dedup();
            if duties.is_empty() || duties != member.duties {
                let found = format!("others of {}", member.card.name());
                return refuse("every member's duties once, in order", found);
            }
        }
        match self.has_one_owner() {
            true => self.check_one_owner()?,
            false => self.check_owners()?,
        }
        match self.task.goal {
            Goal::Model if self.count(Duty::Server) != 1 => {
                return refuse("one server", self.count(Duty::Server).to_string());
            }
            Goal::Model if self.count(Duty::Receiver) == 0 => {
                return refuse("a member that receives the model", "none".to_owned());
            }
            Goal::Statistics if self.count(Duty::Owner) != self.members.len() => {
                return refuse(
                    "owners alone in a group for statistics",
                    "others".to_owned(),
                );
            }
            _ => {}
        }
        let mut known = BTreeSet::new();
        for Member { card, .. } in &self.members {
            if !(known.insert(card.name().to_lowercase())
                & known.insert(card.sign_hex().to_owned())
                & known.insert(card.receive_hex().to_owned()))
            {
                return refuse(
                    "names and keys that differ",
                    format!("a second {}", card.name()),
                );
            }
        }
        self.task.check()
    }

    /// Several owners, none of whom opens alone.
    fn check_owners(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        let (owners, members) = (self.count(Duty::Owner), self.members.len());
        if !(1..=MOST_OWNERS).contains(&owners) || members > MOST_MEMBERS {
            return refuse(
                "1 to 256 owners, and at most 512 members",
                format!("{owners} of {members}"),
            );
        }
        if !(2..=owners).contains(&self.threshold) {
            let found = format!("{} of {owners}", self.threshold);
            return refuse(
                "a threshold from 2 to the number of owners, so that no owner opens alone",
                found,
            );
        }
        match self.task.wishes.refresher {
            Some(refresher) => refuse(
                "refreshes by the owners of a joint key or none",
                format!("refreshes by {}", refresher.word()),
            ),
            None => Ok(()),
        }
    }

    /// One owner, who gets the model, and a server.
    fn check_one_owner(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        if self.threshold != 1 {
            return refuse("a threshold of 1 for one owner", self.threshold.to_string());
        }
        let is = |member: &Member, duties: &[Duty]| member.duties == duties;
        let whole = self.members.len() == 2
            && (self.members.iter()).any(|one| is(one, &[Duty::Owner, Duty::Receiver]))
            && self.members.iter().any(|one| is(one, &[Duty::Server]));
        if !whole || self.task.goal != Goal::Model {
            return refuse(
                "one owner, who alone receives the model, and a server beside it",
                "others".to_owned(),
            );
        }
        let wishes = &self.task.wishes;
        match wishes.refresher.is_some() == wishes.refresh_every.is_some() {
            true => Ok(()),
            false => refuse(
                "refreshes by the client or by bootstrapping, or none, for one owner",
                "others".to_owned(),
            ),
        }
    }

    fn count(&self, duty: Duty) -> usize {
        self.with(duty).count()
    }

    /// Whether one owner has all rows: it makes an ordinary key of its own, and nothing is proved or opened by several.
    #[must_use]
    pub fn has_one_owner(&self) -> bool {
        self.count(Duty::Owner) == 1
    }

    /// The canonical text.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        canonical::line(self)
    }

    /// The session's name: BLAKE3 of the canonical text.
    #[must_use]
    pub fn session(&self) -> [u8; 32] {
        blake3::derive_key(SESSION_CONTEXT, &self.to_json())
    }

    /// All members, in order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Numbers of the members with this duty, in order.
    pub fn with(&self, duty: Duty) -> impl Iterator<Item = usize> + '_ {
        let all = self.members.iter().enumerate();
        all.filter(move |(_, member)| member.is(duty))
            .map(|(number, _)| number)
    }

    /// The member with this card.
    #[must_use]
    pub fn number(&self, fingerprint: &str) -> Option<usize> {
        let is = |member: &Member| member.card.fingerprint() == fingerprint;
        self.members.iter().position(is)
    }

    /// The owner's number among owners of member `member`.
    #[must_use]
    pub fn owner(&self, member: usize) -> Option<usize> {
        self.with(Duty::Owner).position(|owner| owner == member)
    }

    /// How many owners open the model together.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// What is trained.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Who says this step.
    #[must_use]
    pub fn senders(&self, step: Step) -> Vec<usize> {
        if self.has_one_owner() {
            return self.senders_of_one(step);
        }
        match step {
            Step::Agree | Step::Accept | Step::Refusal(_) => (0..self.members.len()).collect(),
            Step::Plan => self.with(Duty::Owner).take(1).collect(),
            Step::Verdict
            | Step::Model
            | Step::Call(_)
            | Step::Question
            | Step::RefreshQuestion(_) => self.with(Duty::Server).collect(),
            Step::Received if self.task.goal == Goal::Model => self.with(Duty::Receiver).collect(),
            _ => self.with(Duty::Owner).collect(),
        }
    }

    /// The same where one owner has all rows: steps of a joint key are nobody's.
    fn senders_of_one(&self, step: Step) -> Vec<usize> {
        match step {
            Step::Agree | Step::Refusal(_) => (0..self.members.len()).collect(),
            Step::Plan | Step::Upload | Step::RefreshShare(_) | Step::Received => {
                self.with(Duty::Owner).collect()
            }
            Step::Accept | Step::Verdict | Step::RefreshQuestion(_) | Step::Model => {
                self.with(Duty::Server).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
