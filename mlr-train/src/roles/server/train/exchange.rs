//! The exchange of a training with whoever refreshes its weights.

use he_core::evaluator::{Ckks, CkksCt};
use he_core::wire::Hash;

use super::TrainInput;
use crate::artifacts::checkpoint::Checkpoint;
use crate::artifacts::weights::TrainedWith;
use crate::artifacts::{PlanFile, refresh};
use crate::roles::{Reporter, RunError};
use crate::server::{self, State};

/// The exchange with the client, or with the owners, where weights are refreshed.
pub(super) struct Exchange<'a> {
    pub(super) input: &'a TrainInput,
    pub(super) plan: &'a PlanFile,
    pub(super) eval: &'a Ckks,
    pub(super) checkpoint: &'a Checkpoint<'a>,
    pub(super) with: Option<TrainedWith>,
}

impl Exchange<'_> {
    fn with(&self) -> Result<TrainedWith, RunError> {
        self.with.ok_or_else(|| {
            RunError::input("expected evaluation keys that name their key, found older ones")
                .at(self.input.eval_keys.display().to_string())
                .hint("a training that is refreshed needs keys of this version: run keygen again")
        })
    }

    /// The state with the answer in it, if one was given. The checkpoint stays as it is until the next iteration is done: after a kill the same
    /// request gets the same answer.
    pub(super) fn answered(
        &self,
        begun: Option<State<CkksCt>>,
        reporter: &dyn Reporter,
    ) -> Result<Option<State<CkksCt>>, RunError> {
        if self.plan.plan.job().asks_others() {
            self.with()?;
        }
        let Some(path) = &self.input.refreshed else {
            return Ok(begun);
        };
        let job = self.plan.plan.job();
        let Some(state) = begun else {
            return Err(RunError::input(
                "expected a training that waits for a refresh, found none",
            )
            .at(self.checkpoint.path().display().to_string())
            .hint(
                "--refreshed goes with --resume, beside the checkpoint of the training that asked",
            ));
        };
        if !server::refresh::is_due(job, self.eval, &state) {
            reporter.note("server: the checkpoint waits for no refresh; it goes on as it is");
            return Ok(Some(state));
        }
        let (request, _) = self.request_of(state.clone())?;
        let with = self.with()?;
        let expected = refresh::Answered {
            before: state.done + 1,
            request,
            key: with.key,
        };
        let anew = refresh::read_answer(path, self.plan, self.eval, &expected)?;
        Ok(Some(server::refresh::refreshed(
            job, self.eval, state, anew,
        )?))
    }

    /// Writes the request of the state in the checkpoint, and says what to do with it.
    pub(super) fn ask(&self) -> RunError {
        match self.request() {
            Ok(error) | Err(error) => error,
        }
    }

    /// The request of a state that waits, and its hash.
    fn request_of(&self, state: State<CkksCt>) -> Result<(Hash, Vec<u8>), RunError> {
        let state = server::refresh::asked(self.plan.plan.job(), self.eval, state)?;
        refresh::request(self.plan, self.eval.context(), self.with()?, &state)
    }

    fn request(&self) -> Result<RunError, RunError> {
        let state = self.checkpoint.read()?;
        let (iteration, job) = (state.done, self.plan.plan.job());
        let (_, bytes) = self.request_of(state)?;
        let path = refresh::beside(&self.input.out);
        refresh::write(&path, &bytes)?;
        let (who, hint) = match job.asks_owners() {
            true => (
                "the owners",
                "velum group run asks them; without a board their shares make the answer (docs/owners.md): train again with --resume --refreshed and it",
            ),
            false => (
                "the client",
                "send this file to the client, who runs velum refresh, and train again with --resume --refreshed and the answer",
            ),
        };
        let all = job.iterations();
        Ok(RunError::waiting(format!(
            "iteration {iteration} of {all} is done, and the weights need a refresh by {who}"
        ))
        .at(path.display().to_string())
        .hint(hint))
    }

    /// Removes what only an unfinished training needs.
    pub(super) fn finish(&self) {
        self.checkpoint.remove();
        let _ = std::fs::remove_file(refresh::beside(&self.input.out));
    }
}
