//! Names of what lies in payloads, and what several members read of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::artifacts::{PlanFile, RunError};
use crate::files::{self, Access, Outputs};
use crate::group::charter::Duty;
use crate::group::machine::View;
use crate::group::seal::Binding;
use crate::group::{Step, Turn};
use crate::job::Job;
use crate::joint::Setting;
use crate::joint::question::{self, Asked, QuestionFiles};
use crate::joint::refresh::{self, AskedRefresh, RefreshFiles};
use crate::model::Model;

/// Names in payloads.
pub(super) const COMMITMENT: &str = "commitment";
pub(super) const SHARES: &str = "shares";
pub(super) const UPLOAD: &str = "upload";
pub(super) const SHARE: &str = "share.sealed";
pub(super) const MODEL: &str = "model.enc";
pub(super) const QUESTION: &str = "question";
/// In the payload of a refresh's question, beside [`QUESTION`].
pub(super) const REQUEST: &str = "weights.refresh";
/// In the payload of a share of a refresh.
pub(super) const REFRESH: &str = "share";
/// In the model's payload, and in a member's own folder.
pub(super) const JOINT_KEY: &str = "joint.key";

/// Names in a member's own folder: its result is being written, so what stands in its place since is this session's.
pub(super) const POOLING: &str = "pooling";
pub(super) const RECEIVING: &str = "receiving";
pub(super) const SUBMITTING: &str = "submitting";
/// Larger files are no share of any ring.
pub(super) const LARGEST_SHARE: u64 = 1 << 30;

/// Puts a file into the payload of this turn.
pub(super) fn put(turn: &Turn<'_>, name: &str, content: &[u8]) -> Result<(), RunError> {
    let path = turn.out.join(name);
    fs::write(&path, content).map_err(|error| RunError::io("write", &path, &error))
}

/// Takes the place of a member's result: `free` refuses what stands there, unless this session has taken it before, in a process that ended too early. That is what is returned.
pub(super) fn take(
    turn: &Turn<'_>,
    marker: &str,
    free: impl FnOnce(&mut Outputs) -> Result<(), RunError>,
) -> Result<bool, RunError> {
    let marker = turn.own()?.join(marker);
    if marker.exists() {
        return Ok(true);
    }
    free(&mut Outputs::default())?;
    files::write_atomic(&marker, b"", Access::Private)?;
    Ok(false)
}

pub(super) fn binding<'a>(turn: &'a Turn<'_>, step: Step, sender: usize) -> Binding<'a> {
    Binding {
        session: &turn.session,
        step,
        sender: &turn.view.charter.members()[sender].card,
    }
}

/// What the server shows next of its training: the next refresh that the plan asks members for, or the model.
pub(super) fn shown(job: &Job, view: View<'_>) -> Step {
    let (asks, asked) = (job.asks_owners() || job.asks_client(), view.refreshes());
    if asks && (asked as usize) < job.refreshes() {
        Step::RefreshQuestion(asked)
    } else {
        Step::Model
    }
}

/// The payload of a step that one member alone says.
pub(super) fn only(turn: &Turn<'_>, step: Step) -> PathBuf {
    let sender = turn.view.charter.senders(step).first().copied();
    turn.payload(step, sender.unwrap_or(0))
}

/// A part of every owner's payload of a step, in the owners' order.
pub(super) fn of_owners(turn: &Turn<'_>, step: Step, name: &str) -> Vec<PathBuf> {
    let owners = turn.view.charter.with(Duty::Owner);
    owners
        .map(|owner| turn.payload(step, owner).join(name))
        .collect()
}

/// The server's question, which is about the model that it posted and the owners that it named.
pub(super) fn asked(
    setting: &Setting,
    turn: &Turn<'_>,
    joint_key: &Path,
) -> Result<Asked, RunError> {
    let files = QuestionFiles {
        joint_key: joint_key.to_owned(),
        model: only(turn, Step::Model).join(MODEL),
        question: only(turn, Step::Question).join(QUESTION),
    };
    let asked = question::read(setting, &files)?;
    require_named(
        turn,
        &turn.view.active()?.unwrap_or_default(),
        asked.parties(),
    )?;
    Ok(asked)
}

/// The server's question of refresh `number`, which is about the weights that it posted beside and the owners that it named.
pub(super) fn asked_refresh(
    setting: &Setting,
    turn: &Turn<'_>,
    number: u32,
    joint_key: &Path,
) -> Result<AskedRefresh, RunError> {
    let payload = only(turn, Step::RefreshQuestion(number));
    let files = RefreshFiles {
        joint_key: joint_key.to_owned(),
        request: payload.join(REQUEST),
        question: payload.join(QUESTION),
    };
    let asked = refresh::read(setting, &files)?;
    if asked.number() != number {
        return Err(RunError::unverified(format!(
            "expected the question of refresh {number}, as the server's message says, found that of refresh {}",
            asked.number()
        ))
        .at("the question")
        .hint(CHEATS));
    }
    require_named(turn, &turn.view.refreshers(number)?, asked.parties())?;
    Ok(asked)
}

/// A step of a later version.
pub(super) fn unknown(step: Step) -> RunError {
    RunError::input(format!(
        "expected a step that this version knows, found \"{step}\""
    ))
    .at("the board")
    .hint("all members need a version that knows it: begin a new session")
}

/// Whether the model of this plan is there already.
pub(super) fn is_this(plan: &PlanFile, out: &Path) -> bool {
    let model = Model::read(out).ok();
    let of = model.and_then(|model| model.provenance().plan_blake3.clone());
    of == Some(plan.hash_hex())
}

/// What a question that says two things is a sign of.
const CHEATS: &str =
    "nothing was answered: the server's tool is of another version, or the server cheats";

/// A question is to the owners that the server's message names.
fn require_named(turn: &Turn<'_>, members: &[usize], mut found: Vec<u32>) -> Result<(), RunError> {
    let charter = turn.view.charter;
    let named = members.iter().filter_map(|member| charter.owner(*member));
    let mut named: Vec<u32> = named.map(|owner| owner as u32).collect();
    named.sort_unstable();
    found.sort_unstable();
    if named == found {
        return Ok(());
    }
    Err(RunError::unverified(format!(
        "expected a question to owners {named:?}, as the server's message says, found one to {found:?}"
    ))
    .at("the question")
    .hint(CHEATS))
}
