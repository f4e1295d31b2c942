//! What a group agrees on before anything is computed: who takes part, as what, how many open the model, and what is trained.
//!
//! A charter is canonical JSON. Its hash is the name of the session: every signature, seed and key of the session is bound to it. It holds 32 random bytes, so no two charters have one name.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::identity::random;
use super::{Card, GroupError, Step};
use crate::artifacts::RunError;
use crate::sigmoid::Degree;
use crate::{canonical, files};

const KIND: &str = "velum group charter";
const VERSION: u32 = 1;
const SESSION_CONTEXT: &str = "velum mlr-train 2026 v1 session of a charter";
/// Bytes of a charter.
pub const LARGEST: u64 = 1 << 20;
/// Owners of one group, as of one sum.
const MOST_OWNERS: usize = 256;
const MOST_MEMBERS: usize = 512;
const MOST_CLASSES: usize = 1 << 12;
const MOST_FEATURES: usize = 1 << 14;

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

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// The pooled statistics of all owners' rows, for all owners.
    Statistics,
    /// A model, for the receivers.
    Model,
}

/// What is computed, as far as it is agreed before the pooled statistics are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What for.
    pub goal: Goal,
    /// In words, for people.
    pub purpose: String,
    /// Names of the classes, in order.
    pub classes: Vec<String>,
    /// Features of a row.
    pub features: usize,
    /// What the first owner plans for.
    #[serde(default, skip_serializing_if = "Wishes::is_none")]
    pub wishes: Wishes,
    /// Largest number of any owner's sums in absolute value, which the masks' fixed point is made for.
    pub largest_sum: f64,
    /// Bytes that one message may have.
    pub most_bytes: u64,
}

/// What a plan is asked for beside what is usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wishes {
    /// Principal axes that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<usize>,
    /// Share of the largest variance that is added to every variance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// Step of every iteration in units of 1/rows; none: as usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<f64>,
    /// The polynomial for the sigmoid is fitted on scores between -R and R.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<f64>,
    /// Its degree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degree: Option<u32>,
    /// Where the owners refresh weights during the training: iterations between two refreshes, 0 for those of the fastest plan. None: nobody refreshes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_every: Option<usize>,
}

impl Wishes {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
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
        let (owners, members) = (self.count(Duty::Owner), self.members.len());
        if !(2..=MOST_OWNERS).contains(&owners) || members > MOST_MEMBERS {
            return refuse(
                "2 to 256 owners, and at most 512 members",
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
        match self.task.goal {
            Goal::Model if self.count(Duty::Server) != 1 => {
                return refuse("one server", self.count(Duty::Server).to_string());
            }
            Goal::Model if self.count(Duty::Receiver) == 0 => {
                return refuse("a member that receives the model", "none".to_owned());
            }
            Goal::Statistics if owners != members => {
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

    fn count(&self, duty: Duty) -> usize {
        self.with(duty).count()
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
        match step {
            Step::Agree | Step::Accept => (0..self.members.len()).collect(),
            Step::Plan => self.with(Duty::Owner).take(1).collect(),
            Step::Verdict | Step::Model | Step::Question | Step::RefreshQuestion(_) => {
                self.with(Duty::Server).collect()
            }
            Step::Received if self.task.goal == Goal::Model => self.with(Duty::Receiver).collect(),
            _ => self.with(Duty::Owner).collect(),
        }
    }
}

impl Task {
    fn check(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        if !(2..=MOST_CLASSES).contains(&self.classes.len()) {
            return refuse("2 to 4096 classes", self.classes.len().to_string());
        }
        let names: BTreeSet<_> = self.classes.iter().collect();
        if names.len() != self.classes.len() {
            return refuse("classes of different names", "two of one name".to_owned());
        }
        if !(1..=MOST_FEATURES).contains(&self.features) {
            return refuse("1 to 16384 features", self.features.to_string());
        }
        if !(self.largest_sum >= 1.0 && self.largest_sum <= 1e15) {
            return refuse(
                "a largest sum from 1 to 10^15",
                self.largest_sum.to_string(),
            );
        }
        let lambda = self.wishes.lambda;
        if lambda.is_some_and(|lambda| !(lambda > 0.0 && lambda <= 1.0)) {
            return refuse("a lambda above 0, at most 1", "another".to_owned());
        }
        self.wishes.check_training()
    }
}

/// Most iterations that a plan has.
const MOST_ITERATIONS: usize = 32;

impl Wishes {
    /// Steps, range, degree and refreshes.
    fn check_training(&self) -> Result<(), GroupError> {
        let refuse = |expected, found: String| Err(GroupError::Form { expected, found });
        let positive = |x: &f64| *x > 0.0 && x.is_finite();
        if self.steps.len() > MOST_ITERATIONS || !self.steps.iter().all(positive) {
            let found = format!("{:?}", self.steps);
            return refuse("at most 32 steps, all of them positive", found);
        }
        if let Some(range) = self.range.filter(|range| !positive(range)) {
            return refuse("a positive range of scores", range.to_string());
        }
        if let Some(degree) = self.degree.filter(|d| Degree::from_number(*d).is_none()) {
            return refuse("an odd degree from 3 to 15", degree.to_string());
        }
        match self.refresh_every {
            Some(every) if every > MOST_ITERATIONS => refuse(
                "at most 32 iterations between two refreshes",
                every.to_string(),
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::group::Identity;

    pub(in crate::group) fn task() -> Task {
        Task {
            goal: Goal::Model,
            purpose: "digits".to_owned(),
            classes: ["zero", "one"].map(str::to_owned).to_vec(),
            features: 5,
            wishes: Wishes::default(),
            largest_sum: 1e9,
            most_bytes: 1 << 30,
        }
    }

    /// A group of `owners` owners who all receive the model, and a server that has no rows.
    pub(in crate::group) fn group(owners: usize, threshold: usize) -> (Charter, Vec<Identity>) {
        let identities: Vec<_> = (0..=owners)
            .map(|number| Identity::generate(&format!("member {number}")).unwrap())
            .collect();
        let duties = |number| match number == owners {
            true => vec![Duty::Server],
            false => vec![Duty::Owner, Duty::Receiver],
        };
        let members = identities
            .iter()
            .enumerate()
            .map(|(number, identity)| Member {
                card: identity.card().clone(),
                duties: duties(number),
            });
        let charter = Charter::new(members.collect(), threshold, task()).unwrap();
        (charter, identities)
    }

    #[test]
    fn a_charter_names_its_session_and_reads_as_written() {
        let (charter, identities) = group(3, 2);
        let read = Charter::parse(&charter.to_json()).unwrap();
        assert_eq!(read, charter);
        assert_eq!(read.session(), charter.session());
        assert_eq!(charter.senders(Step::Upload), [0, 1, 2]);
        assert_eq!(charter.senders(Step::Model), [3]);
        assert_eq!(charter.senders(Step::Agree), [0, 1, 2, 3]);
        assert_eq!(charter.number(&identities[2].card().fingerprint()), Some(2));
        assert_eq!((charter.owner(2), charter.owner(3)), (Some(2), None));
        // The same members once more are another session.
        let again = Charter::new(charter.members.clone(), 2, task()).unwrap();
        assert_ne!(again.session(), charter.session());
        let text = String::from_utf8(charter.to_json()).unwrap();
        assert!(Charter::parse(text.replace("{\"kind\"", "{ \"kind\"").as_bytes()).is_err());
        for at in (0..text.len()).step_by(7) {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let other = Charter::parse(&changed);
            assert!(other.is_err() || other.unwrap().session() != charter.session());
        }
    }

    #[test]
    fn a_group_for_statistics_needs_owners_alone() {
        let (charter, _) = group(3, 2);
        let task = Task {
            goal: Goal::Statistics,
            ..task()
        };
        let owners = charter.members[..3].to_vec();
        let sums = Charter::new(owners, 2, task.clone()).unwrap();
        assert_eq!(sums.senders(Step::Received), [0, 1, 2]);
        assert!(Charter::new(charter.members, 2, task).is_err());
    }

    #[test]
    fn groups_that_cannot_work_are_refused() {
        let (charter, _) = group(3, 2);
        let refused = |change: &dyn Fn(&mut Charter)| {
            let mut other = charter.clone();
            change(&mut other);
            other.check().unwrap_err().to_string()
        };
        for (change, what) in [
            (
                &(|c: &mut Charter| c.threshold = 1) as &dyn Fn(&mut Charter),
                "opens alone",
            ),
            (&|c| c.threshold = 4, "opens alone"),
            (&|c| c.members.truncate(3), "one server"),
            (&|c| c.members[0].duties.push(Duty::Server), "one server"),
            (&|c| c.members[1] = c.members[0].clone(), "differ"),
            (&|c| c.members[0].duties.reverse(), "in order"),
            (&|c| c.members[0].duties.clear(), "in order"),
            (&|c| c.task.classes.truncate(1), "classes"),
            (
                &|c| c.task.classes[1] = c.task.classes[0].clone(),
                "two of one name",
            ),
            (&|c| c.task.largest_sum = f64::NAN, "largest sum"),
            (&|c| c.task.features = 0, "features"),
            (&|c| c.task.wishes.steps = vec![4.0, 0.0], "positive"),
            (&|c| c.task.wishes.steps = vec![4.0; 33], "32 steps"),
            (&|c| c.task.wishes.range = Some(f64::NAN), "range"),
            (&|c| c.task.wishes.degree = Some(4), "odd degree"),
            (&|c| c.task.wishes.refresh_every = Some(99), "two refreshes"),
        ] {
            assert!(refused(change).contains(what), "{what}");
        }
        let receivers = refused(&|c| {
            for member in &mut c.members[..3] {
                member.duties = vec![Duty::Owner];
            }
        });
        assert!(receivers.contains("receives the model"));
        let one = refused(&|c| {
            c.members.drain(1..3);
        });
        assert!(one.contains("2 to 256 owners"));
    }
}
