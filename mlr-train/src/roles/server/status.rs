//! `status`: how far a training is, from what lies beside its result. No type in here can hold a secret key.

use std::path::{Path, PathBuf};

use he_core::wire::Lock;
use serde::Serialize;
use velum_record::Step;

use crate::artifacts::{PlanFile, checkpoint, progress, record, refresh, weights};
use crate::roles::RunError;

/// What a training is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing of it is there.
    NotBegun,
    /// A process is at work on it.
    Running,
    /// It was interrupted, and goes on with `--resume`.
    Stopped,
    /// It waits for a refresh by the client, or by owners.
    Waiting,
    /// The encrypted model is there.
    Done,
}

/// How far a training is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Where its result is, or will be.
    pub model: PathBuf,
    /// What it is at.
    pub stage: Stage,
    /// Iterations of the plan.
    pub iterations: usize,
    /// Whole iterations that the checkpoint keeps; all of them when it is done.
    pub kept: usize,
    /// While it runs: the iteration at work, from 1.
    pub iteration: Option<usize>,
    /// While it runs: what is being computed.
    pub phase: Option<String>,
    /// While it runs: share of this process's work that is done, in [0, 1].
    pub share: Option<f64>,
    /// Seconds that it has worked; once it is done, that it took, of the last process alone.
    pub seconds: Option<f64>,
    /// While it runs: seconds that the rest takes.
    pub seconds_left: Option<f64>,
}

/// Looks at the training of the plan in the file `plan` with the result `model`.
///
/// # Errors
/// A plan that cannot be read; a checkpoint or a result of another plan.
pub fn status(plan: &Path, model: &Path) -> Result<Status, RunError> {
    let file = PlanFile::read(plan)?;
    let iterations = file.plan.job().iterations();
    let begun = checkpoint::beside(model);
    let kept = match begun.symlink_metadata() {
        // It may be replaced by the result between two looks.
        Ok(_) => match checkpoint::iterations_done(&begun, &file) {
            Err(_) if begun.symlink_metadata().is_err() => None,
            other => Some(other?),
        },
        Err(_) => None,
    };
    let running = Lock::is_held(model);
    let told = match running {
        true => progress::read(model)?.filter(|told| told.plan == file.hash_hex()),
        false => None,
    };
    let there = !running && kept.is_none() && model.symlink_metadata().is_ok();
    if there {
        require_plan(model, &file)?;
    }
    let stage = match kept {
        _ if running => Stage::Running,
        Some(_) if refresh::beside(model).exists() => Stage::Waiting,
        Some(_) => Stage::Stopped,
        None if there => Stage::Done,
        None => Stage::NotBegun,
    };
    let took = there.then(|| took(model, &file)).flatten();
    Ok(Status {
        model: model.to_owned(),
        stage,
        iterations,
        kept: if there { iterations } else { kept.unwrap_or(0) },
        seconds: told.as_ref().map(|told| told.seconds).or(took),
        seconds_left: told.as_ref().and_then(|told| told.seconds_left),
        share: told.as_ref().map(|told| told.share),
        iteration: told.as_ref().map(|told| told.iteration),
        phase: told.map(|told| told.phase),
    })
}

fn require_plan(model: &Path, plan: &PlanFile) -> Result<(), RunError> {
    let bound = weights::bound_to(model)?;
    if bound == plan.hash_hex() {
        return Ok(());
    }
    Err(
        RunError::input("expected the encrypted model of this plan, found that of another")
            .at(model.display().to_string())
            .hint("name the plan that it was trained by with --plan"),
    )
}

/// What the record beside the result says that it took.
fn took(model: &Path, plan: &PlanFile) -> Option<f64> {
    let record = record::read(&record::beside(model)).ok()?;
    match record.did {
        Step::Train(done) if record.subject.plan == Some(plan.hash_hex()) => {
            Some(done.wall_seconds)
        }
        _ => None,
    }
}
