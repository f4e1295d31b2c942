//! The owner's steps: the roles of a key holder, whose files lie in the job's folder; what goes to the server lies in the session's folder until it is posted.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ANSWER, DATASET, EVAL_KEYS};
use crate::artifacts::folder::JobFolder;
use crate::artifacts::{PlanFile, RunError, record};
use crate::data::RowSelection;
use crate::files::Together;
use crate::group::charter::Charter;
use crate::group::runner::OWN;
use crate::group::transcript::Question;
use crate::group::{Step, Turn};
use crate::roles::Rows;
use crate::roles::client::{
    DecryptInput, EncryptInput, EncryptionKey, KeygenInput, RefreshInput, decrypt, encrypt, keygen,
    refresh,
};
use crate::roles::group::payloads::{MODEL, RECEIVING, REQUEST, SUBMITTING, is_this, only, take};
use crate::roles::group::plans::{Making, PLAN, Plans};
use crate::roles::group::pooled;
use crate::roles::group::terms::GroupInput;

/// The rows that train: those that were asked for; of the job's own features those that the job's verbs train on, so that the others can judge.
fn rows(input: &GroupInput) -> Result<Rows, RunError> {
    let given = input
        .rows
        .as_ref()
        .ok_or_else(|| RunError::input("expected this owner's rows, found none").at("arguments"))?;
    let usual = given.rows.is_none() && given.features == input.job.features();
    Ok(Rows {
        rows: match usual {
            true => Some(RowSelection::Stratified { held: false }),
            false => given.rows.clone(),
        },
        ..given.clone()
    })
}

/// Refuses rows of other sizes or classes than the charter says.
pub(super) fn look(input: &GroupInput, turn: &Turn<'_>) -> Result<(), RunError> {
    let (set, task) = (rows(input)?.load()?, turn.view.charter.task());
    pooled::require_width(&set, task)?;
    if set.classes() == task.classes.len() {
        return pooled::matched(set, turn).map(drop);
    }
    Err(RunError::input(format!(
        "expected rows of {} classes, as the charter says, found {}",
        task.classes.len(),
        set.classes()
    ))
    .at(set.source().display().to_string())
    .hint("choose rows of every class, or begin a new session with as many classes"))
}

/// The places of what the owner's steps write are nobody's yet.
fn free(job: &JobFolder) -> Result<(), RunError> {
    let places = [
        (job.secret_key(), "secret key"),
        (job.private(), "private directory"),
        (job.plan(), "plan"),
        (job.recipe(), "recipe"),
        (job.encrypted_model(), "encrypted model"),
    ];
    let there = |place: &(PathBuf, &str)| place.0.symlink_metadata().is_ok();
    match places.into_iter().find(there) {
        None => Ok(()),
        Some((path, what)) => Err(RunError::input(format!(
            "expected no {what} in the job's folder yet, found one"
        ))
        .at(path.display().to_string())
        .hint("the folder has another job: run this one in a folder of its own, with --job DIR, and name the key of velum party with --key FILE")),
    }
}

/// Refuses places that are taken before anybody waits, unless this session has taken them.
pub(in crate::roles::group) fn require_places(
    charter: &Charter,
    input: &GroupInput,
    folder: &Path,
) -> Result<(), RunError> {
    if !charter.has_one_owner() || folder.join(OWN).join(SUBMITTING).exists() {
        return Ok(());
    }
    free(&input.job)
}

/// Plans on its rows, and shows the plan.
pub(super) fn plan(input: &GroupInput, plans: &dyn Plans, turn: &Turn<'_>) -> Result<(), RunError> {
    take(turn, SUBMITTING, |_| free(&input.job))?;
    let charter = turn.view.charter;
    let (rows, job) = (&rows(input)?, &input.job);
    plans.make(charter, Making::Alone { rows, job }, turn.reporter)?;
    let out = turn.out.join(PLAN);
    fs::copy(input.job.plan(), &out).map_err(|error| RunError::io("write", &out, &error))?;
    Ok(())
}

/// Makes the key, which stays, and shows evaluation keys and encrypted rows: each is made once, whenever the process ends in between.
pub(super) fn upload(input: &GroupInput, plan: &PlanFile, turn: &Turn<'_>) -> Result<(), RunError> {
    let (own, job) = (turn.own()?, &input.job);
    let (keys, dataset) = (own.join(EVAL_KEYS), own.join(DATASET));
    for first in [&keys, &dataset] {
        Together::recover(first);
    }
    if !(keys.exists() && job.secret_key().exists()) {
        let making = KeygenInput {
            plan: job.plan(),
            key: job.secret_key(),
            eval_keys: keys.clone(),
            public_key: None,
        };
        keygen::make(&making, plan, turn.reporter)?;
    }
    if !(dataset.exists() && job.private().exists()) {
        let making = EncryptInput {
            plan: job.plan(),
            key: EncryptionKey::Secret(job.secret_key()),
            rows: rows(input)?,
            lambda: None,
            recipe: Some(job.recipe()),
            owner: None,
            whitening: None,
            trust_key_holder: false,
            expected_key: None,
            private: Some(job.private()),
            out: dataset.clone(),
        };
        encrypt::encrypt(&making, plan, turn.reporter)?;
    }
    link_all(&keys, &turn.out.join(EVAL_KEYS))?;
    link_all(&dataset, &turn.out.join(DATASET))
}

/// Answers a request for a refresh: once, whatever happens.
pub(super) fn refresh(
    input: &GroupInput,
    plan: &PlanFile,
    turn: &mut Turn<'_>,
    number: u32,
) -> Result<(), RunError> {
    let step = Step::RefreshQuestion(number);
    let asked = turn.view.inbox.all(step).next();
    let asked = asked
        .map(|(_, question)| *question.id())
        .unwrap_or_default();
    turn.transcript.answer(Question::Refresh(number), &asked)?;
    let answering = RefreshInput {
        plan: input.job.plan(),
        key: input.job.secret_key(),
        private: input.job.private(),
        request: only(turn, step).join(REQUEST),
        out: turn.out.join(ANSWER),
    };
    refresh::answer(&answering, plan, turn.reporter)?;
    Ok(())
}

/// Decrypts the model, checks it against the twin, and writes it, unless a process of this session that ended before it could say so has.
pub(super) fn receive(
    input: &GroupInput,
    plan: &PlanFile,
    turn: &mut Turn<'_>,
) -> Result<(), RunError> {
    let again = take(turn, RECEIVING, |outputs| {
        Ok(outputs.new_directory(&input.model, "model")?)
    })?;
    if again && is_this(plan, &input.model) {
        return Ok(());
    }
    let (came, kept) = (only(turn, Step::Model), input.job.encrypted_model());
    let records = [MODEL, "model.enc.record.json"].map(|name| came.join(name));
    for (from, to) in records.iter().zip([kept.clone(), record::beside(&kept)]) {
        if from.exists() && !to.exists() {
            link(from, &to)?;
        }
    }
    let opening = DecryptInput {
        plan: input.job.plan(),
        key: input.job.secret_key(),
        private: Some(input.job.private()),
        whitening: None,
        model: came.join(MODEL),
        out: input.model.clone(),
        open_again: false,
    };
    decrypt::open(&opening, plan, turn.reporter)?;
    Ok(())
}

/// Every file of a directory under a second name; copied where the system has no such names.
fn link_all(from: &Path, to: &Path) -> Result<(), RunError> {
    let failed = |error: std::io::Error| RunError::io("read", from, &error);
    fs::create_dir_all(to).map_err(|error| RunError::io("create", to, &error))?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<(), RunError> {
    // A copy that a kill cuts off must not look like the file.
    let part = to.with_extension("part");
    let copied = || fs::copy(from, &part).and_then(|_| fs::rename(&part, to));
    fs::hard_link(from, to)
        .or_else(|_| copied())
        .map_err(|error| RunError::io("write", to, &error))
}
