//! The server's steps: keys of all shares, proofs of all uploads, the training with its refreshes, the question. It can name no secret.

use std::fs;
use std::path::PathBuf;

use he_core::error::{Class, Explain as _};
use serde::Serialize;

use super::payloads::{
    COMMITMENT, JOINT_KEY, MODEL, QUESTION, REFRESH, REQUEST, SHARES, UPLOAD, asked_refresh,
    of_owners, put,
};
use super::plans::PLAN;
use crate::artifacts::{self, PlanFile, RunError, checkpoint};
use crate::group::charter::Duty;
use crate::group::{Step, Turn};
use crate::joint::Setting;
use crate::joint::keys::{self, KeysInput};
use crate::joint::question::{self, QuestionFiles};
use crate::joint::refresh::{self, RefreshFiles};
use crate::joint::verify::{self, VerifyInput};
use crate::roles::server::TrainInput;
use crate::roles::server::train::train_planned;

pub(super) const VERDICT: &str = "verdict.json";
const KEYS: &str = "eval-keys";

/// What the server says of the uploads, when all proofs hold.
#[derive(Serialize)]
struct Verdict {
    kind: &'static str,
    version: u32,
    /// Hash of every owner's verified ciphertexts.
    verified: Vec<String>,
}

/// Evaluation keys, and every owner's uploads verified: each once, whenever the process ends in between.
pub(super) fn verdict(setting: &Setting, turn: &Turn<'_>) -> Result<(), RunError> {
    let own = turn.own()?;
    if !(own.join(KEYS).exists() && own.join(JOINT_KEY).exists()) {
        let keys = own.join(KEYS);
        if keys.exists() {
            fs::remove_dir_all(&keys).map_err(|error| RunError::io("remove", &keys, &error))?;
        }
        let input = KeysInput {
            first: of_owners(turn, Step::KeyShare, SHARES),
            commitments: of_owners(turn, Step::Commit, COMMITMENT),
            second: of_owners(turn, Step::Relinearise, SHARES),
            out: keys,
            joint_key: own.join(JOINT_KEY),
        };
        keys::write(setting, &input, turn.reporter)?;
    }
    let mut verified = Vec::new();
    for (party, uploads) in of_owners(turn, Step::Upload, UPLOAD)
        .into_iter()
        .enumerate()
    {
        let out = own.join(format!("verified-{party}"));
        if !out.exists() {
            let input = VerifyInput {
                party: party as u32,
                joint_key: own.join(JOINT_KEY),
                uploads,
                out: out.clone(),
            };
            verify::write(setting, &input, turn.reporter)?;
        }
        let manifest = crate::artifacts::manifest::Manifest::read(&out)?;
        verified.push(
            crate::artifacts::dataset::hash([&manifest])
                .to_hex()
                .to_string(),
        );
    }
    let verdict = Verdict {
        kind: "velum verdict on uploads",
        version: 1,
        verified,
    };
    let text = serde_json::to_vec(&verdict)
        .map_err(|error| RunError::io("encode", &turn.out.join(VERDICT), &error.into()))?;
    put(turn, VERDICT, &text)
}

/// What the training takes: it goes on from a checkpoint if there is one, with the shares of the refresh that it waits for if they are there.
fn training(setting: &Setting, turn: &Turn<'_>) -> Result<TrainInput, RunError> {
    let own = turn.own()?;
    let owners = 0..setting.joint().parties as usize;
    Ok(TrainInput {
        plan: own.join(PLAN),
        eval_keys: own.join(KEYS),
        datasets: owners
            .map(|party| own.join(format!("verified-{party}")))
            .collect(),
        out: own.join(MODEL),
        resume: true,
        refreshed: refreshed(setting, turn)?,
    })
}

/// The refresh that the checkpoint waits for and that was asked for; none where it waits for none, or its question is still to be asked.
pub(super) fn waits_for(plan: &PlanFile, turn: &Turn<'_>) -> Result<Option<u32>, RunError> {
    let begun = checkpoint::beside(&turn.own()?.join(MODEL));
    if begun.symlink_metadata().is_err() {
        return Ok(None);
    }
    let done = checkpoint::iterations_done(&begun, plan)?;
    let order = plan.plan.job().refreshed_before();
    let number = order.iter().position(|before| *before == done + 1);
    let number = number.map(|number| number as u32);
    Ok(number.filter(|number| *number < turn.view.refreshes()))
}

/// The answer that the checkpoint waits for, made of the owners' shares; none where it waits for none, or its question is still to be asked.
fn refreshed(setting: &Setting, turn: &Turn<'_>) -> Result<Option<PathBuf>, RunError> {
    let own = turn.own()?;
    let Some(number) = waits_for(setting.plan(), turn)? else {
        return Ok(None);
    };
    let asked = asked_refresh(setting, turn, number, &own.join(JOINT_KEY))?;
    let owners: Vec<usize> = turn.view.charter.with(Duty::Owner).collect();
    let member = |party: u32| owners.get(party as usize).copied();
    let members = asked.parties().into_iter().filter_map(member);
    let share = |member| {
        turn.payload(Step::RefreshShare(number), member)
            .join(REFRESH)
    };
    let out = own.join(format!("refreshed-{number}"));
    refresh::answer(
        setting,
        &asked,
        &members.map(share).collect::<Vec<_>>(),
        &out,
    )?;
    Ok(Some(out))
}

/// Trains up to a refresh, and asks the owners that are named for it.
pub(super) fn refresh(setting: &Setting, turn: &Turn<'_>, number: u32) -> Result<(), RunError> {
    let own = turn.own()?;
    let input = training(setting, turn)?;
    match train_planned(&input, setting.plan(), turn.reporter) {
        // It waits for this refresh.
        Err(error) if error.class() == Class::Waiting => (),
        Err(error) => return Err(error),
        Ok(_) => return Err(not_due(number)),
    }
    let request = turn.out.join(REQUEST);
    fs::copy(artifacts::refresh::beside(&input.out), &request)
        .map_err(|error| RunError::io("write", &request, &error))?;
    let charter = turn.view.charter;
    let named = turn.view.named(turn.step).into_iter();
    let parties = named.filter_map(|member| charter.owner(member));
    let files = RefreshFiles {
        joint_key: own.join(JOINT_KEY),
        request,
        question: turn.out.join(QUESTION),
    };
    let parties: Vec<u32> = parties.map(|owner| owner as u32).collect();
    match refresh::write(setting, &files, &parties)?.number() == number {
        true => Ok(()),
        false => Err(not_due(number)),
    }
}

pub(super) fn not_due(number: u32) -> RunError {
    RunError::input(format!(
        "expected a training that waits for refresh {number}, found one that does not"
    ))
    .at("training")
    .hint("the checkpoint in the session's folder is another session's")
}

/// Trains, from a checkpoint if there is one, and shows the encrypted model with the joint key that it is under.
pub(super) fn model(setting: &Setting, turn: &Turn<'_>) -> Result<(), RunError> {
    let own = turn.own()?;
    if !own.join(MODEL).exists() {
        train_planned(&training(setting, turn)?, setting.plan(), turn.reporter)?;
    }
    for name in [MODEL, JOINT_KEY] {
        let out = turn.out.join(name);
        fs::copy(own.join(name), &out).map_err(|error| RunError::io("write", &out, &error))?;
    }
    Ok(())
}

/// Asks the owners that were ready first.
pub(super) fn question(setting: &Setting, turn: &Turn<'_>) -> Result<(), RunError> {
    let own = turn.own()?;
    let charter = turn.view.charter;
    let openers = turn.view.openers();
    let openers = openers.iter().filter_map(|member| charter.owner(*member));
    let parties: Vec<u32> = openers.map(|owner| owner as u32).collect();
    let files = QuestionFiles {
        joint_key: own.join(JOINT_KEY),
        model: own.join(MODEL),
        question: turn.out.join(QUESTION),
    };
    question::write(setting, &files, &parties)?;
    Ok(())
}
