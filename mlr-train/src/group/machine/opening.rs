//! From the encrypted model to the model: who opens it, and who has it.

use std::collections::BTreeSet;

use super::{Next, View};
use crate::group::charter::Duty;
use crate::group::message::set_hash;
use crate::group::{GroupError, Step};

impl View<'_> {
    /// From the model on, where one owner has the key: the server waits for its word, so that what somebody deletes is put back.
    pub(super) fn returning(&self) -> Result<Next, GroupError> {
        let next = self.at(Step::Received)?;
        Ok(next.unwrap_or(Next::Done))
    }

    /// From the model on, where several owners open it.
    pub(super) fn opening(&self) -> Result<Next, GroupError> {
        let expected = self.answers(Step::Ready);
        for (member, message) in self.inbox.all(Step::Ready) {
            self.require(member, message, &expected)?;
        }
        let Some(active) = self.active()? else {
            return Ok(self.before_question());
        };
        let expected = self.answers(Step::Share);
        for (member, message) in self.inbox.all(Step::Share) {
            if !active.contains(&member) {
                let (sender, step) = (self.name(member), Step::Share);
                return Err(GroupError::Role { sender, step });
            }
            self.require(member, message, &expected)?;
        }
        let has = |member: &usize| self.inbox.of(Step::Share, *member).is_some();
        let missing: Vec<usize> = active.iter().copied().filter(|one| !has(one)).collect();
        if missing.contains(&self.me) {
            return Ok(Next::Act(Step::Share));
        }
        if !missing.is_empty() && (self.is(Duty::Receiver) || self.is(Duty::Server)) {
            let (needed, all) = (missing.len(), active.len());
            return Ok(Next::Wait {
                step: Step::Share,
                of: missing,
                needed,
                all,
            });
        }
        match self.is(Duty::Receiver) && !self.has(Step::Received) {
            true => Ok(Next::Act(Step::Received)),
            false => Ok(Next::Done),
        }
    }

    fn before_question(&self) -> Next {
        if self.is(Duty::Owner) && !self.has(Step::Ready) {
            return Next::Act(Step::Ready);
        }
        let ready = self.inbox.all(Step::Ready).count();
        let threshold = self.charter.threshold();
        if ready < threshold {
            return Next::Wait {
                step: Step::Ready,
                of: self.inbox.missing(self.charter, Step::Ready),
                needed: threshold - ready,
                all: threshold,
            };
        }
        match self.is(Duty::Server) && !self.has(Step::Question) {
            true => Next::Act(Step::Question),
            false => self.wait(Step::Question, self.charter.senders(Step::Question)),
        }
    }

    /// Owners that the server would choose: the first of those that are ready.
    #[must_use]
    pub fn openers(&self) -> Vec<usize> {
        let ready = self.inbox.all(Step::Ready).map(|(member, _)| member);
        ready.take(self.charter.threshold()).collect()
    }

    pub(super) fn ready_hash(&self, members: &[usize]) -> [u8; 32] {
        let ready = members
            .iter()
            .filter_map(|member| self.inbox.of(Step::Ready, *member));
        set_hash(ready)
    }

    /// The owners that open, once the server has chosen them.
    ///
    /// # Errors
    /// [`GroupError::Answers`] for a choice of others than owners that are ready, or of another number.
    pub fn active(&self) -> Result<Option<Vec<usize>>, GroupError> {
        let Some((server, question)) = self.inbox.all(Step::Question).next() else {
            return Ok(None);
        };
        let chosen: Vec<usize> = question.members().iter().map(|one| *one as usize).collect();
        let different: BTreeSet<_> = chosen.iter().collect();
        let ready = chosen
            .iter()
            .all(|member| self.inbox.of(Step::Ready, *member).is_some());
        let fits = different.len() == chosen.len() && chosen.len() == self.charter.threshold();
        if !ready && fits {
            // Their words are on the way, or were deleted: nothing is answered before they are back.
            return Ok(None);
        }
        if !fits || question.answers() != &self.ready_hash(&chosen) {
            return Err(GroupError::Answers {
                sender: self.name(server),
                step: Step::Question,
            });
        }
        Ok(Some(chosen))
    }
}
