//! One owner and a server on a board: the ordinary job, with the board in place of files that are carried.
//!
//! The owner plans, makes a key of its own, uploads, refreshes and decrypts with the same roles as in a job's folder ([`crate::roles::client`]), into the same places of it; the server trains with
//! [`crate::roles::server`]. What lies on the board are the files that would have been carried: plan, evaluation keys and encrypted rows, requests and answers of refreshes, the encrypted model.

mod owner;
mod server;

use std::path::Path;
use std::sync::Arc;

pub(super) use owner::require_places;

use super::plans::{PLAN, Plans};
use super::refusals;
use super::terms::{Ask, GroupInput, asked};
use crate::artifacts::{PlanFile, RunError};
use crate::group::charter::Duty;
use crate::group::machine::View;
use crate::group::runner::OWN;
use crate::group::{Refusal, Step, Turn, Work};

/// Names in payloads.
const EVAL_KEYS: &str = "eval-keys";
const DATASET: &str = "dataset";
/// The owner's answer to a request.
const ANSWER: &str = "answer";

/// The steps of the owner or the server.
pub(super) struct Single<'a> {
    input: &'a GroupInput,
    plans: &'a dyn Plans,
    consent: Ask<'a>,
    plan: Option<Arc<PlanFile>>,
}

impl<'a> Single<'a> {
    pub(super) fn new(input: &'a GroupInput, plans: &'a dyn Plans, consent: Ask<'a>) -> Self {
        Self {
            input,
            plans,
            consent,
            plan: None,
        }
    }

    /// The plan: the owner's own, or the one that the server has accepted.
    fn plan(&mut self, folder: &Path, view: View<'_>) -> Result<Arc<PlanFile>, RunError> {
        if let Some(plan) = &self.plan {
            return Ok(Arc::clone(plan));
        }
        let owns = view.charter.members()[view.me].is(Duty::Owner);
        let path = match owns {
            true => self.input.job.plan(),
            false => folder.join(OWN).join(PLAN),
        };
        let plan = Arc::new(self.plans.read(&path)?);
        self.plan = Some(Arc::clone(&plan));
        Ok(plan)
    }
}

impl Work for Single<'_> {
    fn choose(&mut self, view: View<'_>, folder: &Path, step: Step) -> Result<Step, RunError> {
        if step != Step::Model {
            return Ok(step);
        }
        let plan = self.plan(folder, view)?;
        Ok(super::payloads::shown(plan.plan.job(), view))
    }

    fn refusal(&self, step: Step, error: &RunError) -> Option<Refusal> {
        refusals::said(step, error)
    }

    fn perform(&mut self, turn: &mut Turn<'_>) -> Result<(), RunError> {
        match turn.step {
            Step::Agree => {
                // Whatever is wrong with the rows is said before anybody is kept waiting.
                if turn.view.charter.members()[turn.view.me].is(Duty::Owner) {
                    owner::look(self.input, turn)?;
                }
                return (self.consent)(&asked(turn.view.charter));
            }
            Step::Plan => return owner::plan(self.input, self.plans, turn),
            Step::Accept => return server::accept(self.plans, turn),
            _ => {}
        }
        let plan = self.plan(turn.folder, turn.view)?;
        match turn.step {
            Step::Upload => owner::upload(self.input, &plan, turn),
            Step::RefreshShare(number) => owner::refresh(self.input, &plan, turn, number),
            Step::Received => owner::receive(self.input, &plan, turn),
            Step::Verdict => server::verdict(&plan, turn),
            Step::RefreshQuestion(number) => server::refresh(&plan, turn, number),
            Step::Model => server::model(&plan, turn),
            step => Err(super::payloads::unknown(step)),
        }
    }
}
