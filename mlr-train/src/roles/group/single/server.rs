//! The server's steps for one owner: what the plan is, whether keys and rows belong to it, the training. It can name no secret.

use std::fs;

use he_core::error::{Class, Explain as _};
use serde::Serialize;

use super::{ANSWER, DATASET, EVAL_KEYS};
use crate::artifacts::{self, PlanFile, RunError, record};
use crate::group::{Step, Turn};
use crate::roles::group::payloads::{MODEL, REQUEST, only, put};
use crate::roles::group::plans::{PLAN, Plans, wrong};
use crate::roles::group::server::{VERDICT, not_due, waits_for};
use crate::roles::group::wished::{require_wished, summary};
use crate::roles::server::TrainInput;
use crate::roles::server::train::{require_together, train_planned};

/// Checks the plan and keeps it.
///
/// # Errors
/// A plan that is not what the charter says, by the name of who made it.
pub(super) fn accept(plans: &dyn Plans, turn: &Turn<'_>) -> Result<(), RunError> {
    let charter = turn.view.charter;
    let plan = plans.read(&only(turn, Step::Plan).join(PLAN))?;
    let owners = &plan.plan.job().program().owners;
    if !owners.is_default() {
        let expected = "for one owner with a key of its own".to_owned();
        return Err(wrong(charter, expected, "for several".to_owned()));
    }
    require_wished(charter, plan.plan.job())
        .map_err(|(expected, found)| wrong(charter, expected, found))?;
    turn.reporter.note(&summary(&plan));
    plan.write(&turn.own()?.join(PLAN))
}

/// What the server says of the upload, when keys and rows belong to the plan and to each other.
#[derive(Serialize)]
struct Verdict {
    kind: &'static str,
    version: u32,
    /// Fingerprint of the key.
    key: String,
    /// Hash of the encrypted rows.
    dataset: String,
}

/// What the training takes: it goes on from a checkpoint if there is one, with the owner's answer that it waits for if it is there.
fn training(plan: &PlanFile, turn: &Turn<'_>) -> Result<TrainInput, RunError> {
    let (own, upload) = (turn.own()?, only(turn, Step::Upload));
    let answered = waits_for(plan, turn)?;
    Ok(TrainInput {
        plan: own.join(PLAN),
        eval_keys: upload.join(EVAL_KEYS),
        datasets: vec![upload.join(DATASET)],
        out: own.join(MODEL),
        resume: true,
        refreshed: answered.map(|number| only(turn, Step::RefreshShare(number)).join(ANSWER)),
    })
}

/// Checks that evaluation keys are whole, and keys and rows for this plan and under one key. Files of rows have the hashes that the owner signed, and are read when they are trained on.
pub(super) fn verdict(plan: &PlanFile, turn: &Turn<'_>) -> Result<(), RunError> {
    let (key, dataset) = require_together(&training(plan, turn)?, plan, turn.reporter)?;
    let verdict = Verdict {
        kind: "velum verdict on an upload",
        version: 1,
        key: key.to_hex().to_string(),
        dataset: dataset.to_hex().to_string(),
    };
    let text = serde_json::to_vec(&verdict)
        .map_err(|error| RunError::io("encode", &turn.out.join(VERDICT), &error.into()))?;
    put(turn, VERDICT, &text)
}

/// Trains up to a refresh, and asks the owner for it.
pub(super) fn refresh(plan: &PlanFile, turn: &Turn<'_>, number: u32) -> Result<(), RunError> {
    let input = training(plan, turn)?;
    match train_planned(&input, plan, turn.reporter) {
        // It waits for this refresh.
        Err(error) if error.class() == Class::Waiting => (),
        Err(error) => return Err(error),
        Ok(_) => return Err(not_due(number)),
    }
    let request = turn.out.join(REQUEST);
    fs::copy(artifacts::refresh::beside(&input.out), &request)
        .map_err(|error| RunError::io("write", &request, &error))?;
    Ok(())
}

/// Trains, from a checkpoint if there is one, and shows the encrypted model with the record of the training.
pub(super) fn model(plan: &PlanFile, turn: &Turn<'_>) -> Result<(), RunError> {
    let out = turn.own()?.join(MODEL);
    if !out.exists() {
        train_planned(&training(plan, turn)?, plan, turn.reporter)?;
    }
    for from in [out.clone(), record::beside(&out)] {
        if let Some(name) = from.file_name().filter(|_| from.exists()) {
            let to = turn.out.join(name);
            fs::copy(&from, &to).map_err(|error| RunError::io("write", &to, &error))?;
        }
    }
    Ok(())
}
