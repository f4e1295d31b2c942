//! What a member computes in each step: its own part, from what the others have said.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::owner::Owner;
use super::payloads::unknown;
use super::plans::{self, PLAN, Plans};
use super::presence::Presence;
use super::terms::{Ask, GroupInput, asked};
use super::{pooled, receiver, refusals, server};
use crate::artifacts::RunError;
use crate::client::Statistics;
use crate::group::charter::{Duty, Goal};
use crate::group::machine::View;
use crate::group::runner::OWN;
use crate::group::{Refusal, Step, Turn, Work};
use crate::joint::Setting;
use crate::roles::Rows;

/// A member's steps.
pub(super) struct Member<'a> {
    input: &'a GroupInput,
    plans: &'a dyn Plans,
    consent: Ask<'a>,
    statistics: Option<Statistics>,
    setting: Option<Arc<Setting>>,
    presence: Presence,
}

impl<'a> Member<'a> {
    pub(super) fn new(input: &'a GroupInput, plans: &'a dyn Plans, consent: Ask<'a>) -> Self {
        Self {
            input,
            plans,
            consent,
            statistics: None,
            setting: None,
            presence: Presence::default(),
        }
    }

    fn rows(&self) -> Result<&Rows, RunError> {
        self.input.rows.as_ref().ok_or_else(|| {
            RunError::input("expected this owner's rows, found none").at("arguments")
        })
    }

    /// This owner's statistics, computed once a process.
    fn own(&mut self, turn: &Turn<'_>) -> Result<Statistics, RunError> {
        if let Some(own) = &self.statistics {
            return Ok(own.clone());
        }
        let own = pooled::own(self.rows()?, turn)?;
        self.statistics = Some(own.clone());
        Ok(own)
    }

    fn own_if_owner(&mut self, turn: &Turn<'_>) -> Result<Option<Statistics>, RunError> {
        match turn.view.charter.members()[turn.view.me].is(Duty::Owner) {
            true => self.own(turn).map(Some),
            false => Ok(None),
        }
    }

    /// The session of the plan that this member has accepted.
    fn setting(&mut self, folder: &Path, session: [u8; 32]) -> Result<Arc<Setting>, RunError> {
        if let Some(setting) = &self.setting {
            return Ok(Arc::clone(setting));
        }
        let plan = self.plans.read(&folder.join(OWN).join(PLAN))?;
        let setting = Arc::new(Setting::new(plan, session)?);
        self.setting = Some(Arc::clone(&setting));
        Ok(setting)
    }

    /// A step from the commitments on.
    fn joint(&mut self, turn: &mut Turn<'_>) -> Result<(), RunError> {
        let setting = self.setting(turn.folder, turn.session)?;
        match turn.step {
            Step::Commit => Owner::at(&setting, turn)?.commit(turn),
            Step::KeyShare => Owner::at(&setting, turn)?.key_share(turn),
            Step::Relinearise => Owner::at(&setting, turn)?.relinearise(turn),
            Step::Deal => Owner::at(&setting, turn)?.deal(turn),
            Step::Upload => Owner::at(&setting, turn)?.upload(self.rows()?, turn),
            Step::RefreshShare(number) => Owner::at(&setting, turn)?.refresh(turn, number),
            Step::Share => Owner::at(&setting, turn)?.share(turn),
            Step::Verdict => server::verdict(&setting, turn),
            Step::RefreshQuestion(number) => server::refresh(&setting, turn, number),
            Step::Model => server::model(&setting, turn),
            Step::Question => server::question(&setting, turn),
            Step::Received => receiver::receive(&setting, turn, &self.input.model),
            step => Err(unknown(step)),
        }
    }
}

impl Work for Member<'_> {
    fn look(&mut self, view: View<'_>) {
        self.presence.look(view, Instant::now());
    }

    fn choose(&mut self, view: View<'_>, folder: &Path, step: Step) -> Result<Step, RunError> {
        if step == Step::Question {
            let now = Instant::now();
            return Ok(self.presence.question(view, now, self.input.fresh));
        }
        if step != Step::Model {
            return Ok(step);
        }
        let setting = self.setting(folder, view.charter.session())?;
        Ok(super::payloads::shown(setting.plan().plan.job(), view))
    }

    fn refusal(&self, step: Step, error: &RunError) -> Option<Refusal> {
        refusals::said(step, error)
    }

    fn perform(&mut self, turn: &mut Turn<'_>) -> Result<(), RunError> {
        let goal = turn.view.charter.task().goal;
        match turn.step {
            Step::Agree => {
                // Whatever is wrong with the rows is said before anybody is kept waiting.
                self.own_if_owner(turn)?;
                (self.consent)(&asked(turn.view.charter))
            }
            Step::Statistics => {
                let own = self.own(turn)?;
                pooled::say(&own, turn)
            }
            Step::Received if goal == Goal::Statistics => {
                let own = self.own(turn)?;
                let all = pooled::total(&own, turn)?;
                pooled::keep(&all, turn, &self.input.pooled)
            }
            Step::Plan => {
                let own = self.own(turn)?;
                plans::make(&own, turn, self.plans)
            }
            Step::Accept => {
                let own = self.own_if_owner(turn)?;
                plans::accept(own.as_ref(), turn, self.plans)
            }
            // That it is there is all there is to say.
            Step::Ready | Step::Call(_) | Step::Here(_) => Ok(()),
            _ => self.joint(turn),
        }
    }
}
