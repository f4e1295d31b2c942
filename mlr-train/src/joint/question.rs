//! What is to be opened: an encrypted model, by which parties.

use std::path::{Path, PathBuf};

use he_core::evaluator::{Ckks, CkksCt};
use he_core::multiparty::{ActiveSet, MultipartyError, Opening, Smudging};
use he_core::rlwe::EvaluationKeys;
use he_core::wire::{self, Existing};

use super::Setting;
use super::files::{QUESTION, fingerprint, read_joint_key};
use crate::artifacts::{RunError, weights};
use crate::canonical::hex;
use crate::plan;

/// The files that a question is of.
#[derive(Clone, Debug)]
pub struct QuestionFiles {
    /// The joint public key that this party made of checked shares.
    pub joint_key: PathBuf,
    /// The encrypted model.
    pub model: PathBuf,
    /// The question.
    pub question: PathBuf,
}

/// A question that was read and holds: its ciphertexts are those of the model, under this session's key.
#[derive(Debug)]
pub struct Asked {
    /// What the parties answer.
    pub opening: Opening,
    /// The encrypted weights, by class and part of a vector.
    pub weights: Vec<Vec<CkksCt>>,
    /// The noise that each party adds.
    pub smudging: Smudging,
    /// Hash of the datasets that it was trained on, hex, if the model says so.
    pub datasets: Option<String>,
}

impl Asked {
    /// The numbers of the parties that answer.
    pub fn parties(&self) -> Vec<u32> {
        let active = self.opening.active().parties().iter();
        active.map(|party| party.index()).collect()
    }
}

/// Writes the question of the model's one opening, by these parties: as many as open together. All must be asked the same: another question is refused by a key that has answered one.
///
/// # Errors
/// A model of another plan or key; another number of parties than the threshold.
pub fn write(setting: &Setting, files: &QuestionFiles, parties: &[u32]) -> Result<Asked, RunError> {
    let asked = ask(setting, files, parties)?;
    let (binding, name) = (setting.binding(), files.question.display().to_string());
    let payload = 32 + 4 * parties.len() as u64;
    wire::write_file(&files.question, Existing::Replace, false, |sink| {
        let mut writer = wire::Writer::new(sink, &name, &QUESTION, &binding, &[], payload)?;
        writer.write(asked.opening.question())?;
        for party in asked.opening.active().parties() {
            writer.write(&party.index().to_le_bytes())?;
        }
        writer.finish().map(|_| ())
    })?;
    Ok(asked)
}

/// Reads a question and the model that it is of.
///
/// # Errors
/// A question of another session or another model; as [`write()`].
pub fn read(setting: &Setting, files: &QuestionFiles) -> Result<Asked, RunError> {
    let (name, source, length) = wire::open_file(&files.question)?;
    let (binding, parties) = (setting.binding(), setting.joint().threshold);
    let payload = 32 + 4 * u64::from(parties);
    let limit = payload + wire::MAX_ENVELOPE;
    let mut reader = wire::Reader::open(source, &name, Some(length), limit, &QUESTION, &binding)?;
    if reader.envelope().payload != payload {
        return Err(RunError::input(format!(
            "expected a question to {parties} parties, found one to another number"
        ))
        .at(name));
    }
    let question: [u8; 32] = reader.array("a question")?;
    let active: Result<Vec<u32>, _> = (0..parties)
        .map(|_| reader.array("a party").map(u32::from_le_bytes))
        .collect();
    let active = active?;
    reader.finish()?;
    let asked = ask(setting, files, &active)?;
    if *asked.opening.question() == question {
        return Ok(asked);
    }
    Err(RunError::unverified(
        "expected the question of this model's opening, found one of other ciphertexts",
    )
    .at(name)
    .hint("the model and the question must be those that the server posted together"))
}

fn ask(setting: &Setting, files: &QuestionFiles, parties: &[u32]) -> Result<Asked, RunError> {
    let (session, plan) = (setting.session(), setting.plan());
    let key = read_joint_key(setting, &files.joint_key)?;
    let ours = fingerprint(&key)?;
    let active: Result<Vec<_>, MultipartyError> =
        parties.iter().map(|party| setting.party(*party)).collect();
    let active = ActiveSet::new(session, active?)?;
    let eval = Ckks::new(EvaluationKeys::new(setting.context()))?;
    let mut datasets = None;
    let weights = weights::read(&files.model, plan, &eval, |with| {
        datasets = Some(hex(&with.datasets));
        require_key(&ours, with.key, &files.model)
    })?;
    if datasets.is_none() {
        return Err(
            RunError::input("expected a model that names its key, found none")
                .at(files.model.display().to_string()),
        );
    }
    let noise = weights.iter().flatten().map(|ct| ct.meta().noise);
    let noise = noise.fold(0.0, f64::max);
    let (job, params) = (plan.plan.job(), plan.plan.params());
    let smudging = plan::smudging(job, params, noise)?;
    let data = weights.iter().flatten().map(|ct| ct.ciphertext().clone());
    let opening = Opening::new(session, data.collect(), active, None, smudging)?;
    Ok(Asked {
        opening,
        weights,
        smudging,
        datasets,
    })
}

fn require_key(ours: &str, found: [u8; 32], model: &Path) -> Result<(), RunError> {
    if hex(&found) == ours {
        return Ok(());
    }
    Err(RunError::input(
        "expected a model under the joint key of this session, found one under another",
    )
    .at(model.display().to_string())
    .hint("a model of another session is opened by that session's parties"))
}
