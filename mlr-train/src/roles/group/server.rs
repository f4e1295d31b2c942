//! The server's steps: keys of all shares, proofs of all uploads, the training, the question. It can name no secret.

use std::fs;

use serde::Serialize;

use super::payloads::{COMMITMENT, JOINT_KEY, MODEL, QUESTION, SHARES, UPLOAD, of_owners, put};
use super::plans::PLAN;
use crate::artifacts::RunError;
use crate::group::{Step, Turn};
use crate::joint::Setting;
use crate::joint::keys::{self, KeysInput};
use crate::joint::question::{self, QuestionFiles};
use crate::joint::verify::{self, VerifyInput};
use crate::roles::server::TrainInput;
use crate::roles::server::train::train_planned;

const VERDICT: &str = "verdict.json";
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

/// Trains, from a checkpoint if there is one, and shows the encrypted model with the joint key that it is under.
pub(super) fn model(setting: &Setting, turn: &Turn<'_>) -> Result<(), RunError> {
    let own = turn.own()?;
    let trained = own.join(MODEL);
    if !trained.exists() {
        let owners = 0..setting.joint().parties as usize;
        let input = TrainInput {
            plan: own.join(PLAN),
            eval_keys: own.join(KEYS),
            datasets: owners
                .map(|party| own.join(format!("verified-{party}")))
                .collect(),
            out: trained.clone(),
            resume: true,
            refreshed: None,
        };
        train_planned(&input, setting.plan(), turn.reporter)?;
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
