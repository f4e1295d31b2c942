//! Whose turn it is: a function of the charter, of what a member has said, and of the verified messages on the board.
//!
//! | step | who | when all of | it answers |
//! |---|---|---|---|
//! | agree | everybody | | the charter |
//! | statistics | owners | agree | all agree |
//! | plan | the first owner | statistics | all statistics |
//! | accept | everybody | plan | the plan |
//! | commit | owners | accept | all accept |
//! | key-share | owners | commit | all commit |
//! | relinearise | owners | key-share | all key-share |
//! | deal | owners, unless all open | relinearise | all relinearise |
//! | upload | owners | deal, or relinearise | all of these |
//! | verdict | the server | upload | all uploads |
//! | refresh-question-K | the server | verdict, or refresh-share-(K-1) | the verdict, or these shares |
//! | refresh-share-K | the owners that question K names | the question | the question |
//! | model | the server | verdict, or the last shares of a refresh | the verdict, or these shares |
//! | ready | owners | model | the model |
//! | call-K | the server, if words that owners are there have grown old | ready, or here-(K-1), of as many owners as the threshold says | the model |
//! | here-K | owners | call-K | the call |
//! | question | the server | ready, or here of the last call, of as many owners as the threshold says | these |
//! | share | the owners that the question names | question | the question |
//! | received | receivers | share, of these owners | all shares |
//!
//! Of one owner and a server: agree (both), plan (the owner), accept (the server), upload (evaluation keys and rows), verdict, refreshes by the owner where the plan has them, model, received; each answers the one before.
//! A group for statistics ends with them: agree, statistics, received. Whether the server's next word is a question or the model is the plan's to say, which is not known here: it is its turn.
//!
//! A member that does not do a step says why: refusal-K, its own number K. It stands until it has done the step after all. Who waits for it ends with its reason, unless enough others are left; nobody is kept from acting.
//!
//! Since a message answers the hash of all that it builds on, two members that were shown different messages find out at the next step; only a model that answers nothing that is there is waited with, while a refresh before it may have been deleted whole. An owner that stays away after its upload is waited for by
//! nobody, as long as enough others open; one that stays away before keeps the session from going on: the others begin a new one without it, and nothing of this one is of use there.

mod opening;

use super::charter::{Charter, Duty, Goal};
use super::{GroupError, Message, Refusal, Step};
use crate::group::inbox::Inbox;

/// What a member does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is this member's turn.
    Act(Step),
    /// Others have to do something first.
    Wait {
        /// The step that is waited for.
        step: Step,
        /// Numbers of the members of whom one may say it.
        of: Vec<usize>,
        /// How many of them have to.
        needed: usize,
        /// How many all in all do that step.
        all: usize,
    },
    /// This member has done all that is its to do.
    Done,
}

/// What a member sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The group.
    pub charter: &'a Charter,
    /// Number of the member.
    pub me: usize,
    /// All messages, its own among them.
    pub inbox: &'a Inbox,
}

/// Steps that all senders do before the next begins, up to the uploads.
fn preparation(charter: &Charter) -> Vec<Step> {
    if charter.has_one_owner() {
        use Step::{Accept, Agree, Plan, Upload, Verdict};
        return vec![Agree, Plan, Accept, Upload, Verdict];
    }
    let mut steps = vec![
        Step::Agree,
        Step::Statistics,
        Step::Plan,
        Step::Accept,
        Step::Commit,
        Step::KeyShare,
        Step::Relinearise,
    ];
    if !is_additive(charter) {
        steps.push(Step::Deal);
    }
    steps.extend([Step::Upload, Step::Verdict]);
    steps
}

/// What comes before the server's word after this many refreshes.
fn after_refreshes(number: u32) -> Step {
    number
        .checked_sub(1)
        .map_or(Step::Verdict, Step::RefreshShare)
}

/// The shares that the training goes on with after this many refreshes.
fn shares_before(number: u32) -> Vec<Step> {
    let last = number.checked_sub(1).map(Step::RefreshShare);
    last.into_iter().collect()
}

/// Whether all owners open, so that nothing is dealt.
pub(super) fn is_additive(charter: &Charter) -> bool {
    charter.threshold() == charter.with(Duty::Owner).count()
}

impl View<'_> {
    /// What comes next.
    ///
    /// # Errors
    /// [`GroupError::Answers`], [`GroupError::Role`] of a message that builds on something else than what everybody sees: the group stops.
    pub fn next(&self) -> Result<Next, GroupError> {
        if self.charter.task().goal == Goal::Statistics {
            return self.statistics();
        }
        for step in preparation(self.charter) {
            if let Some(next) = self.at(step)? {
                return Ok(next);
            }
        }
        self.training()
    }

    /// A session that ends with the sums: whoever has them says so, and waits for nobody.
    fn statistics(&self) -> Result<Next, GroupError> {
        for step in [Step::Agree, Step::Statistics] {
            if let Some(next) = self.at(step)? {
                return Ok(next);
            }
        }
        Ok(match self.has(Step::Received) {
            true => Next::Done,
            false => Next::Act(Step::Received),
        })
    }

    /// Whether this member has said a step.
    fn has(&self, step: Step) -> bool {
        self.inbox.of(step, self.me).is_some()
    }

    fn is(&self, duty: Duty) -> bool {
        self.charter.members()[self.me].is(duty)
    }

    /// A step that all its senders do: none once they have.
    fn at(&self, step: Step) -> Result<Option<Next>, GroupError> {
        let expected = self.answers(step);
        for (member, message) in self.inbox.all(step) {
            self.require(member, message, &expected)?;
        }
        let missing = self.inbox.missing(self.charter, step);
        if missing.contains(&self.me) {
            return Ok(Some(Next::Act(step)));
        }
        Ok((!missing.is_empty()).then(|| self.wait(step, missing)))
    }

    fn require(
        &self,
        member: usize,
        message: &Message,
        expected: &[u8; 32],
    ) -> Result<(), GroupError> {
        if message.answers() == expected {
            return Ok(());
        }
        Err(GroupError::Answers {
            sender: self.name(member),
            step: message.step(),
        })
    }

    fn name(&self, member: usize) -> String {
        self.charter.members()[member].card.name().to_owned()
    }

    fn wait(&self, step: Step, of: Vec<usize>) -> Next {
        let needed = of.len();
        let all = self.charter.senders(step).len();
        Next::Wait {
            step,
            of,
            needed,
            all,
        }
    }

    /// Hash of what a message of this step answers.
    #[must_use]
    pub fn answers(&self, step: Step) -> [u8; 32] {
        let alone = self.charter.has_one_owner();
        let before = match step {
            Step::Agree => return self.charter.session(),
            Step::Statistics => Step::Agree,
            Step::Plan if alone => Step::Agree,
            Step::Plan => Step::Statistics,
            Step::Accept => Step::Plan,
            Step::Commit => Step::Accept,
            Step::KeyShare => Step::Commit,
            Step::Relinearise => Step::KeyShare,
            Step::Deal => Step::Relinearise,
            Step::Upload if alone => Step::Accept,
            Step::Upload if is_additive(self.charter) => Step::Relinearise,
            Step::Upload => Step::Deal,
            Step::Verdict => Step::Upload,
            Step::RefreshQuestion(number) => after_refreshes(number),
            Step::RefreshShare(number) => Step::RefreshQuestion(number),
            Step::Model => after_refreshes(self.refreshes()),
            Step::Ready => Step::Model,
            Step::Call(_) => Step::Model,
            Step::Here(number) => Step::Call(number),
            Step::Question => return self.there_hash(&self.openers(), self.calls()),
            Step::Share => Step::Question,
            Step::Received if self.charter.task().goal == Goal::Statistics => Step::Statistics,
            Step::Received if alone => Step::Model,
            Step::Received => Step::Share,
            Step::Refusal(_) => return self.charter.session(),
        };
        self.inbox.hash(before)
    }

    /// From the verdict on.
    fn training(&self) -> Result<Next, GroupError> {
        for number in 0..self.refreshes() {
            if let Some(next) = self.refresh(number)? {
                return Ok(next);
            }
        }
        if let Some(lost) = self.lost_question() {
            return Ok(self.wait(lost, self.charter.senders(lost)));
        }
        let expected = self.answers(Step::Model);
        for (member, message) in self.inbox.all(Step::Model) {
            self.require(member, message, &expected)?;
        }
        if self.inbox.all(Step::Model).next().is_none() {
            return Ok(match self.is(Duty::Server) {
                true => Next::Act(Step::Model),
                false => self.wait(Step::Model, self.charter.senders(Step::Model)),
            });
        }
        match self.charter.has_one_owner() {
            true => self.returning(),
            false => self.opening(),
        }
    }

    /// A question that was answered and is not there: somebody has deleted it, and the server posts it again. Without it a model seems to answer something else.
    /// This member's own share tells, the server's word on a later question or on the shares, and a model that answers nothing that is there while the charter has room for another refresh; another owner's share does not, since it could say one that nobody asked for and hold everybody up.
    fn lost_question(&self) -> Option<Step> {
        let asked = self.refreshes();
        let answered = |step| {
            let answers = self.inbox.hash(step);
            let mut models = self.inbox.all(Step::Model);
            models.any(|(_, model)| *model.answers() == answers)
        };
        let tells = |step| match step {
            Step::RefreshQuestion(number) => number > asked,
            Step::RefreshShare(number) => number >= asked && (self.has(step) || answered(step)),
            _ => false,
        };
        // Question and shares may both be gone. Where no refresh is left to be asked for, or an earlier one is answered, it is the server's own fault.
        let refreshed = (asked as usize) < self.charter.task().wishes.most_refreshes();
        let answers_nothing = || {
            let has_model = self.inbox.all(Step::Model).next().is_some();
            has_model && !(0..=asked).any(|number| answered(after_refreshes(number)))
        };
        let lost = !self.is(Duty::Server)
            && (self.inbox.steps().any(tells) || (refreshed && answers_nothing()));
        lost.then_some(Step::RefreshQuestion(asked))
    }

    /// Refreshes that the server has asked for, one after the other.
    #[must_use]
    pub fn refreshes(&self) -> u32 {
        let is_asked = |number: &u32| {
            let mut question = self.inbox.all(Step::RefreshQuestion(*number));
            question.next().is_some()
        };
        (0..).take_while(is_asked).count() as u32
    }

    /// A refresh that was asked for: none once its shares are there.
    fn refresh(&self, number: u32) -> Result<Option<Next>, GroupError> {
        let (question, share) = (Step::RefreshQuestion(number), Step::RefreshShare(number));
        let expected = self.answers(question);
        for (member, message) in self.inbox.all(question) {
            self.require(member, message, &expected)?;
        }
        let active = self.refreshers(number)?;
        let expected = self.answers(share);
        for (member, message) in self.inbox.all(share) {
            if !active.contains(&member) {
                let (sender, step) = (self.name(member), share);
                return Err(GroupError::Role { sender, step });
            }
            self.require(member, message, &expected)?;
        }
        let has = |member: &usize| self.inbox.of(share, *member).is_some();
        let missing: Vec<usize> = active.iter().copied().filter(|one| !has(one)).collect();
        if missing.contains(&self.me) {
            return Ok(Some(Next::Act(share)));
        }
        let (needed, all) = (missing.len(), active.len());
        Ok((needed > 0).then_some(Next::Wait {
            step: share,
            of: missing,
            needed,
            all,
        }))
    }

    /// The owners that answer a refresh: those that its question names.
    ///
    /// # Errors
    /// [`GroupError::Answers`] for a choice of others than those that all have agreed to.
    pub fn refreshers(&self, number: u32) -> Result<Vec<usize>, GroupError> {
        let step = Step::RefreshQuestion(number);
        let Some((server, question)) = self.inbox.all(step).next() else {
            return Ok(Vec::new());
        };
        let chosen: Vec<usize> = question.members().iter().map(|one| *one as usize).collect();
        if chosen == self.named(step) {
            return Ok(chosen);
        }
        let sender = self.name(server);
        Err(GroupError::Answers { sender, step })
    }

    /// Why a member does not do a step, as long as it has not done it: its last word on it.
    #[must_use]
    pub fn refusal(&self, member: usize) -> Option<&Refusal> {
        let (_, refusal) = self.inbox.last_refusal(member)?;
        let done = self.inbox.of(refusal.step(), member).is_some();
        (!done).then_some(refusal)
    }

    /// Who keeps what is waited for from coming, by a refusal: none where enough others are left.
    #[must_use]
    pub fn refused_by(&self, next: &Next) -> Option<(usize, &Refusal)> {
        let Next::Wait { of, needed, .. } = next else {
            return None;
        };
        let refusing = of
            .iter()
            .filter_map(|one| Some((*one, self.refusal(*one)?)));
        let refusing: Vec<_> = refusing.collect();
        let enough = of.len() - refusing.len() >= *needed;
        refusing.into_iter().next().filter(|_| !enough)
    }

    /// Members that the server names in a step: who answers it.
    #[must_use]
    pub fn named(&self, step: Step) -> Vec<usize> {
        match step {
            Step::Question => self.openers(),
            // All of them have uploaded; the same ones every time, so that the others may be gone.
            Step::RefreshQuestion(_) => {
                let owners = self.charter.with(Duty::Owner);
                owners.take(self.charter.threshold()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Members that say a step: where the server names them, those.
    #[must_use]
    pub fn sayers(&self, step: Step) -> Vec<usize> {
        let named = match step {
            Step::RefreshShare(number) => self.refreshers(number).ok(),
            Step::Share => self.active().ok().flatten(),
            _ => None,
        };
        let mut sayers = named.unwrap_or_else(|| self.charter.senders(step));
        sayers.sort_unstable();
        sayers
    }

    /// Steps whose payloads this member needs before it acts.
    #[must_use]
    pub fn needs(&self, step: Step) -> Vec<Step> {
        if self.charter.has_one_owner() {
            return match step {
                Step::Accept => vec![Step::Plan],
                Step::Verdict => vec![Step::Upload],
                Step::RefreshQuestion(number) => shares_before(number),
                Step::RefreshShare(number) => vec![Step::RefreshQuestion(number)],
                Step::Model => shares_before(self.refreshes()),
                Step::Received => vec![Step::Model],
                _ => Vec::new(),
            };
        }
        let mut steps = match step {
            Step::Plan => vec![Step::Statistics],
            Step::Accept if self.is(Duty::Owner) => vec![Step::Statistics, Step::Plan],
            Step::Accept => vec![Step::Plan],
            Step::Relinearise => vec![Step::Commit, Step::KeyShare],
            Step::Upload => vec![Step::Deal],
            Step::Verdict => vec![
                Step::Commit,
                Step::KeyShare,
                Step::Relinearise,
                Step::Upload,
            ],
            Step::RefreshQuestion(number) => shares_before(number),
            Step::RefreshShare(number) => vec![Step::RefreshQuestion(number)],
            Step::Model => shares_before(self.refreshes()),
            Step::Share => vec![Step::Model, Step::Question],
            Step::Received if self.charter.task().goal == Goal::Statistics => {
                vec![Step::Statistics]
            }
            Step::Received => vec![Step::Model, Step::Question, Step::Share],
            _ => Vec::new(),
        };
        steps.retain(|one| *one != Step::Deal || !is_additive(self.charter));
        steps
    }
}

#[cfg(test)]
mod tests;
