//! From the encrypted model to the model: who opens it, and who has it.

use std::collections::BTreeSet;

use super::{Next, View};
use crate::group::charter::Duty;
use crate::group::message::set_hash;
use crate::group::{GroupError, Step};

/// The word that an owner is there, after so many calls.
fn there(calls: u32) -> Step {
    calls.checked_sub(1).map_or(Step::Ready, Step::Here)
}

impl View<'_> {
    /// From the model on, where one owner has the key: the server waits for its word, so that what somebody deletes is put back.
    pub(super) fn returning(&self) -> Result<Next, GroupError> {
        let next = self.at(Step::Received)?;
        Ok(next.unwrap_or(Next::Done))
    }

    /// From the model on, where several owners open it.
    pub(super) fn opening(&self) -> Result<Next, GroupError> {
        let calls = self.calls();
        for step in (0..=calls).map(there).chain((0..calls).map(Step::Call)) {
            let expected = self.answers(step);
            for (member, message) in self.inbox.all(step) {
                self.require(member, message, &expected)?;
            }
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
        let step = there(self.calls());
        if self.is(Duty::Owner) && !self.has(step) {
            return Next::Act(step);
        }
        let ready = self.inbox.all(step).count();
        let threshold = self.charter.threshold();
        if ready < threshold {
            return Next::Wait {
                step,
                of: self.inbox.missing(self.charter, step),
                needed: threshold - ready,
                all: threshold,
            };
        }
        match self.is(Duty::Server) && !self.has(Step::Question) {
            true => Next::Act(Step::Question),
            false => self.wait(Step::Question, self.charter.senders(Step::Question)),
        }
    }

    /// How often the server has asked anew who is there.
    #[must_use]
    pub fn calls(&self) -> u32 {
        let is_called = |number: &u32| self.inbox.all(Step::Call(*number)).next().is_some();
        (0..).take_while(is_called).count() as u32
    }

    /// Owners that are there by their last word, and what they said.
    pub fn there(&self) -> impl Iterator<Item = (usize, Step)> {
        let step = there(self.calls());
        self.inbox.all(step).map(move |(member, _)| (member, step))
    }

    /// Owners that the server would choose: the first of those that are there.
    #[must_use]
    pub fn openers(&self) -> Vec<usize> {
        let there = self.there().map(|(member, _)| member);
        there.take(self.charter.threshold()).collect()
    }

    pub(super) fn there_hash(&self, members: &[usize], calls: u32) -> [u8; 32] {
        let step = there(calls);
        let words = members
            .iter()
            .filter_map(|member| self.inbox.of(step, *member));
        set_hash(words)
    }

    /// The owners that open, once the server has chosen them.
    ///
    /// # Errors
    /// [`GroupError::Answers`] for a choice of others than owners that are there, or of another number.
    pub fn active(&self) -> Result<Option<Vec<usize>>, GroupError> {
        let Some((server, question)) = self.inbox.all(Step::Question).next() else {
            return Ok(None);
        };
        let chosen: Vec<usize> = question.members().iter().map(|one| *one as usize).collect();
        let different: BTreeSet<_> = chosen.iter().collect();
        let calls = question.asked().unwrap_or_default().calls;
        let ready = chosen
            .iter()
            .all(|member| self.inbox.of(there(calls), *member).is_some());
        let fits = different.len() == chosen.len() && chosen.len() == self.charter.threshold();
        if !ready && fits {
            // Their words are on the way, or were deleted: nothing is answered before they are back.
            return Ok(None);
        }
        if !fits || question.answers() != &self.there_hash(&chosen, calls) {
            return Err(GroupError::Answers {
                sender: self.name(server),
                step: Step::Question,
            });
        }
        Ok(Some(chosen))
    }
}
