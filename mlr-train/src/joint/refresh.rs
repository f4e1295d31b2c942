//! A refresh of the weights by the parties of a joint key: the server's question, and what it makes of their shares.
//!
//! The training stops with a request (`model.enc.refresh`: W and V, as for a client). The question says which refresh of the plan it is and which parties answer; it goes to them beside the request. Their
//! shares make the answer that the training goes on with. Everything that is read has the size that the plan gives it.

use std::path::PathBuf;

use he_core::evaluator::{Ckks, CkksCt, Meta};
use he_core::multiparty::{ActiveSet, MultipartyError, PartyId, RefreshQuestion, RefreshShare};
use he_core::rlwe::EvaluationKeys;
use he_core::wire::{self, Existing, Hash, Source};

use super::Setting;
use super::files::{REFRESH_QUESTION, fingerprint, read_joint_key};
use crate::artifacts::refresh::{self, Answered, Request};
use crate::artifacts::{RunError, public_key};
use crate::canonical::hex;
use crate::job::{Iterate, Job};
use crate::server::Refreshed;

const CONTEXT: &str = "velum mlr-train 2026 v1 question of a refresh";

/// The files that a refresh is asked by.
#[derive(Clone, Debug)]
pub struct RefreshFiles {
    /// The joint public key that this party made of checked shares.
    pub joint_key: PathBuf,
    /// The request that the training stopped with.
    pub request: PathBuf,
    /// The question.
    pub question: PathBuf,
}

/// A refresh that was asked for: its ciphertexts are those of the request, under this session's key, where the plan refreshes weights.
#[derive(Debug)]
pub struct AskedRefresh {
    number: u32,
    before: usize,
    hash: [u8; 32],
    active: ActiveSet,
    questions: Vec<RefreshQuestion>,
    request: Hash,
    key: Hash,
}

impl AskedRefresh {
    /// Which refresh of the plan it is, from 0.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The iteration (from 1) before which the weights are refreshed.
    #[cfg(test)]
    pub(crate) fn before(&self) -> usize {
        self.before
    }

    /// Hash of all that is asked: the session's parties answer one of this number.
    #[must_use]
    pub fn question(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The parties that answer.
    #[must_use]
    pub fn active(&self) -> &[PartyId] {
        self.active.parties()
    }

    /// The numbers of the parties that answer.
    #[must_use]
    pub fn parties(&self) -> Vec<u32> {
        let active = self.active().iter();
        active.map(|party| party.index()).collect()
    }

    /// What is asked of each ciphertext: those of V by class and part of a vector, then those of W.
    #[must_use]
    pub fn questions(&self) -> &[RefreshQuestion] {
        &self.questions
    }
}

/// Writes the question of a request, to these parties: as many as open together. All must be asked the same.
///
/// # Errors
/// A request of another plan or key, or where the plan refreshes nothing; another number of parties than the threshold.
pub fn write(
    setting: &Setting,
    files: &RefreshFiles,
    parties: &[u32],
) -> Result<AskedRefresh, RunError> {
    let asked = ask(setting, files, parties)?;
    let (binding, name) = (setting.binding(), files.question.display().to_string());
    let payload = payload(setting);
    wire::write_file(&files.question, Existing::Replace, false, |sink| {
        let kind = &REFRESH_QUESTION;
        let mut writer = wire::Writer::new(sink, &name, kind, &binding, &[], payload)?;
        writer.write(&asked.hash)?;
        writer.write(&asked.number.to_le_bytes())?;
        for party in asked.parties() {
            writer.write(&party.to_le_bytes())?;
        }
        writer.finish().map(|_| ())
    })?;
    Ok(asked)
}

/// Bytes of a question: hash, number, parties.
fn payload(setting: &Setting) -> u64 {
    32 + 4 + 4 * u64::from(setting.joint().threshold)
}

/// Reads a question and the request that it is of.
///
/// # Errors
/// A question of another session or another request; as [`write()`].
pub fn read(setting: &Setting, files: &RefreshFiles) -> Result<AskedRefresh, RunError> {
    let (name, source, length) = wire::open_file(&files.question)?;
    let (binding, parties) = (setting.binding(), setting.joint().threshold);
    let payload = payload(setting);
    let limit = payload + wire::MAX_ENVELOPE;
    let kind = &REFRESH_QUESTION;
    let mut reader = wire::Reader::open(source, &name, Some(length), limit, kind, &binding)?;
    if reader.envelope().payload != payload {
        return Err(RunError::input(format!(
            "expected a question to {parties} parties, found one to another number"
        ))
        .at(name));
    }
    let hash: [u8; 32] = reader.array("a question")?;
    let number = u32::from_le_bytes(reader.array("the number of a refresh")?);
    let active: Result<Vec<u32>, _> = (0..parties)
        .map(|_| reader.array("a party").map(u32::from_le_bytes))
        .collect();
    let active = active?;
    reader.finish()?;
    let asked = ask(setting, files, &active)?;
    if (asked.hash, asked.number) == (hash, number) {
        return Ok(asked);
    }
    Err(RunError::unverified(format!(
        "expected the question of this request for refresh {}, found one of other ciphertexts or of refresh {number}",
        asked.number
    ))
    .at(name)
    .hint("the request and the question must be those that the server posted together"))
}

fn ask(setting: &Setting, files: &RefreshFiles, parties: &[u32]) -> Result<AskedRefresh, RunError> {
    let (session, plan) = (setting.session(), setting.plan());
    let job = plan.plan.job();
    let (Some(bound), true) = (job.masked_bound(), job.asks_owners()) else {
        return Err(
            RunError::input("expected a plan whose owners refresh weights, found another")
                .at("plan")
                .hint("plan with --refresh owners"),
        );
    };
    let key = read_joint_key(setting, &files.joint_key)?;
    let (ours, key) = (
        fingerprint(&key)?,
        public_key::fingerprint(&key.public_key()?)?,
    );
    let active: Result<Vec<_>, MultipartyError> =
        parties.iter().map(|party| setting.party(*party)).collect();
    let active = ActiveSet::new(session, active?)?;
    let eval = Ckks::new(EvaluationKeys::new(setting.context()))?;
    let request = Request::read(&files.request, plan, &eval, |asked| {
        if hex(&asked.with.key) == ours {
            return Ok(());
        }
        Err(RunError::input(
            "expected weights under the joint key of this session, found some under another",
        )
        .hint("weights of another session are refreshed by that session's parties"))
    })?;
    let before = request.asked.before;
    let order = job.refreshed_before();
    let number = order.iter().position(|at| *at == before);
    let (Some(number), Some(to)) = (number, job.levels().refreshed_to(before)) else {
        return Err(no_refresh(before));
    };
    let mut questions = Vec::new();
    let Refreshed {
        look_ahead,
        weights,
    } = &request.vectors;
    for (list, to) in [look_ahead, weights].into_iter().zip(to) {
        for ct in list.iter().flatten() {
            let data = ct.ciphertext().clone();
            let one = RefreshQuestion::new(session, data, bound, to.0, active.clone())?;
            questions.push(one);
        }
    }
    // Plans have at most 32 iterations.
    let number = number as u32;
    let mut hash = blake3::Hasher::new_derive_key(CONTEXT);
    hash.update(&setting.binding());
    hash.update(&number.to_le_bytes());
    hash.update(&request.hash);
    for question in &questions {
        hash.update(question.question());
    }
    Ok(AskedRefresh {
        number,
        before,
        hash: *hash.finalize().as_bytes(),
        active,
        questions,
        request: request.hash,
        key,
    })
}

fn no_refresh(before: usize) -> RunError {
    RunError::input(format!(
        "expected an iteration before which the plan refreshes weights, found {before}"
    ))
    .at("request")
    .hint("nothing was answered: the request is no training's of this plan")
}

/// Makes the answer that the training goes on with (`train --resume --refreshed`) from the shares of all active parties, in the question's order; a file of that name is replaced.
///
/// # Errors
/// A share that is missing, of another question or party, by its party's number; the system's.
pub fn answer(
    setting: &Setting,
    asked: &AskedRefresh,
    shares: &[PathBuf],
    out: &std::path::Path,
) -> Result<(), RunError> {
    let session = setting.session();
    let mut all: Vec<Vec<RefreshShare>> = Vec::new();
    for (party, path) in asked.active().iter().zip(shares) {
        let (file, bytes, length) = wire::open_file(path)?;
        let source = Source {
            bytes,
            file: &file,
            length: Some(length),
        };
        all.push(wire::read_refresh_shares(
            source,
            session,
            &asked.questions,
            *party,
        )?);
    }
    let mut anew = Vec::with_capacity(asked.questions.len());
    for (i, question) in asked.questions.iter().enumerate() {
        let of = all.iter().filter_map(|shares| shares.get(i)).cloned();
        anew.push(question.refreshed(&of.collect::<Vec<_>>())?);
    }
    let (job, context) = (setting.plan().plan.job(), setting.context());
    let known = |of| known(job, asked.before, of, context.params().n());
    let metas = [known(Iterate::LookAhead)?, known(Iterate::Weights)?];
    let each = job.layout().ciphertexts_per_matrix().get();
    let admitted = anew.into_iter().enumerate().map(|(i, data)| {
        let meta = metas[usize::from(i >= each)];
        CkksCt::admit(context, data, meta)
    });
    let mut look_ahead: Vec<CkksCt> = admitted.collect::<Result<_, _>>()?;
    let weights = look_ahead.split_off(each.min(look_ahead.len()));
    let per_vector = job.layout().ciphertexts_per_vector();
    let anew = Refreshed {
        look_ahead: per_vector.cut(look_ahead),
        weights: per_vector.cut(weights),
    };
    let answered = Answered {
        before: asked.before,
        request: asked.request,
        key: asked.key,
    };
    let bytes = refresh::answer(setting.plan(), context, &answered, &anew)?;
    refresh::write(out, &bytes)
}

fn known(job: &Job, before: usize, of: Iterate, n: usize) -> Result<Meta, RunError> {
    job.refreshed(before, of, n)
        .ok_or_else(|| no_refresh(before))
}
