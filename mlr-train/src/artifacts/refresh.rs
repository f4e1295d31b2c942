//! What goes between server and client where weights are refreshed: `model.enc.refresh`, the request, and its answer.
//!
//! Both are files in the common envelope, bound to the plan's hash. A request holds V and W by class and part of a vector, at level 0; its note names
//! the iteration before which they are refreshed (u32), the key and the datasets. An answer holds the same vectors anew, fresh from encryption; its note
//! names the iteration, the hash of the request and the key. The same state gives the same request to the last byte, so a request has one answer.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use he_core::ckks::noise;
use he_core::evaluator::{Ckks, CkksCt, Meta};
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Hash};

use super::RunError;
use super::plan::PlanFile;
use super::weights::TrainedWith;
use crate::files::{self, Access};
use crate::job::Iterate;
use crate::plan::at_refresh;
use crate::server::{Refreshed, State};

/// The kind of a request.
pub const REQUEST: wire::Kind = wire::Kind {
    code: 0x103,
    version: wire::CIPHERTEXT_VERSION,
    name: "request for a refresh",
};
/// The kind of an answer.
pub const ANSWER: wire::Kind = wire::Kind {
    code: 0x104,
    version: wire::CIPHERTEXT_VERSION,
    name: "refreshed weights",
};

/// Both notes: iteration, two hashes.
const NOTE: usize = 4 + 2 * 32;
/// What the envelope adds to the ciphertexts is less.
const ENVELOPE: u64 = 1 << 16;

/// Where the request of the training with result `out` is.
pub fn beside(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".refresh");
    name.into()
}

/// What a request says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The iteration (from 1) before which the weights are refreshed.
    pub before: usize,
    /// Key and datasets of the training.
    pub with: TrainedWith,
}

/// What an answer says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The iteration (from 1) before which the weights are refreshed.
    pub before: usize,
    /// Hash of the request.
    pub request: Hash,
    /// Fingerprint of the public key.
    pub key: Hash,
}

fn note(before: usize, hashes: [Hash; 2]) -> Vec<u8> {
    // Plans have at most 32 iterations.
    let before = u32::try_from(before).unwrap_or(u32::MAX);
    let mut note = Vec::with_capacity(NOTE);
    note.extend(before.to_le_bytes());
    hashes.iter().for_each(|hash| note.extend(hash));
    note
}

fn parse_note(note: &[u8]) -> Option<(usize, [Hash; 2])> {
    let (before, rest) = note.split_first_chunk::<4>()?;
    let (first, rest) = rest.split_first_chunk::<32>()?;
    let second: Hash = rest.try_into().ok()?;
    Some((u32::from_le_bytes(*before) as usize, [*first, second]))
}

/// A file of V and W in memory, and its hash.
fn encode(
    kind: &wire::Kind,
    plan: &PlanFile,
    context: &Arc<Context>,
    note: &[u8],
    vectors: [&[Vec<CkksCt>]; 2],
) -> Result<(Hash, Vec<u8>), RunError> {
    let all = || vectors.into_iter().flatten().flatten();
    let shapes = all().map(|ct| wire::Shape::of(ct.ciphertext())).collect();
    let (hash, name) = (&plan.hash, kind.name);
    let mut writer =
        CiphertextWriter::new(Vec::new(), name, kind.bound_to(hash), context, shapes, note)?;
    let fresh = noise::fresh_secret(plan.plan.params().n());
    for ct in all() {
        // What a fresh ciphertext says of itself is the noise of encryption; the error of its value is the plan's to know.
        let noise = ct.ciphertext().seed().map_or(ct.meta().noise, |_| fresh);
        let meta = Meta { noise, ..ct.meta() };
        writer.push(ct.ciphertext(), &meta)?;
    }
    Ok(writer.finish()?)
}

/// The request of a state that waits, and its hash.
///
/// # Errors
/// None for a state of the plan's job.
pub fn request(
    plan: &PlanFile,
    context: &Arc<Context>,
    with: TrainedWith,
    state: &State<CkksCt>,
) -> Result<(Hash, Vec<u8>), RunError> {
    let note = note(state.done + 1, [with.key, with.datasets]);
    encode(
        &REQUEST,
        plan,
        context,
        &note,
        [&state.look_ahead, &state.weights],
    )
}

/// Writes a request or an answer in place of an older one, atomically. It may be shown to anybody.
///
/// # Errors
/// The system's.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    Ok(files::write_atomic(path, bytes, Access::Shared)?)
}

/// The bytes of an answer.
///
/// # Errors
/// None for answers to requests of the plan's job.
pub fn answer(
    plan: &PlanFile,
    context: &Arc<Context>,
    answered: &Answered,
    anew: &Refreshed<CkksCt>,
) -> Result<Vec<u8>, RunError> {
    let note = note(answered.before, [answered.request, answered.key]);
    let vectors = [&anew.look_ahead[..], &anew.weights[..]];
    Ok(encode(&ANSWER, plan, context, &note, vectors)?.1)
}

/// The envelope of a file of V and W, opened.
struct Open<'a, R> {
    name: String,
    reader: CiphertextReader<R>,
    context: &'a Arc<Context>,
}

impl<'a, R: Read> Open<'a, R> {
    fn damaged(&self, found: &str) -> RunError {
        RunError::input(format!("expected V and W of a training, found {found}"))
            .at(self.name.clone())
            .hint("transfer it again, or make it anew")
    }

    /// V and W, as `expected` says where they stand and what is known of them.
    fn vectors(
        mut self,
        expected: [&[Vec<Meta>]; 2],
    ) -> Result<(Hash, Refreshed<CkksCt>), RunError> {
        let [look_ahead, weights] = [self.list(expected[0])?, self.list(expected[1])?];
        if self.reader.next(None)?.is_some() {
            return Err(self.damaged("more ciphertexts"));
        }
        let anew = Refreshed {
            look_ahead,
            weights,
        };
        Ok((self.reader.finish()?, anew))
    }

    fn list(&mut self, expected: &[Vec<Meta>]) -> Result<Vec<Vec<CkksCt>>, RunError> {
        let mut all = Vec::with_capacity(expected.len());
        for metas in expected {
            let mut parts = Vec::with_capacity(metas.len());
            for &meta in metas {
                let next = self.reader.next(Some(meta.placement()))?;
                let (ct, _) = next.ok_or_else(|| self.damaged("fewer ciphertexts"))?;
                let ct = CkksCt::admit(self.context, ct, meta);
                parts.push(ct.map_err(|error| RunError::from(error).at(self.name.clone()))?);
            }
            all.push(parts);
        }
        Ok(all)
    }
}

fn open<'a>(
    path: &Path,
    kind: &wire::Kind,
    plan: &PlanFile,
    context: &'a Arc<Context>,
) -> Result<Open<'a, impl Read + use<>>, RunError> {
    let (name, source, length) = wire::open_file(path)?;
    let (job, params) = (plan.plan.job(), plan.plan.params());
    let largest = wire::Shape {
        form: wire::Form::Full,
        level: he_core::evaluator::Level(params.max_level()),
    };
    let most = job.layout().ciphertexts_per_matrix().times(2).get() as u64;
    let limit = most * largest.bytes(params) + ENVELOPE;
    let hash = &plan.hash;
    let reader = CiphertextReader::open(
        source,
        &name,
        Some(length),
        limit,
        kind.bound_to(hash),
        context,
    )?;
    Ok(Open {
        name,
        reader,
        context,
    })
}

/// A request, read.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it says of itself.
    pub asked: Asked,
    /// Its hash.
    pub hash: Hash,
    /// V and W.
    pub vectors: Refreshed<CkksCt>,
}

impl Request {
    /// Reads a request; `judge` sees what it says of itself before any ciphertext is read. Level, scale, bound and noise are those of the plan's
    /// traced training.
    ///
    /// # Errors
    /// A file of another plan, for an iteration without a refresh, or damaged.
    pub fn read(
        path: &Path,
        plan: &PlanFile,
        eval: &Ckks,
        judge: impl FnOnce(&Asked) -> Result<(), RunError>,
    ) -> Result<Self, RunError> {
        let open = open(path, &REQUEST, plan, eval.context())?;
        let found = parse_note(open.reader.note());
        let (before, [key, datasets]) = found.ok_or_else(|| open.damaged("another note"))?;
        let asked = Asked {
            before,
            with: TrainedWith { key, datasets },
        };
        judge(&asked).map_err(|error| error.at(open.name.clone()))?;
        let planned = at_refresh(plan.plan.job(), plan.plan.params(), before)?;
        let planned = planned.ok_or_else(|| open.damaged("an iteration without a refresh"))?;
        let expected = [&planned.look_ahead[..], &planned.weights[..]];
        let (hash, vectors) = open.vectors(expected)?;
        Ok(Self {
            asked,
            hash,
            vectors,
        })
    }
}

/// What an answer says of itself, without its ciphertexts.
///
/// # Errors
/// A file that is no answer under this plan.
pub fn answered(
    path: &Path,
    plan: &PlanFile,
    context: &Arc<Context>,
) -> Result<Answered, RunError> {
    let open = open(path, &ANSWER, plan, context)?;
    let found = parse_note(open.reader.note());
    let (before, [request, key]) = found.ok_or_else(|| open.damaged("another note"))?;
    Ok(Answered {
        before,
        request,
        key,
    })
}

/// Reads the answer to a request.
///
/// # Errors
/// An answer to another request, of another plan or key, or damaged.
pub fn read_answer(
    path: &Path,
    plan: &PlanFile,
    eval: &Ckks,
    expected: &Answered,
) -> Result<Refreshed<CkksCt>, RunError> {
    let open = open(path, &ANSWER, plan, eval.context())?;
    let found = parse_note(open.reader.note());
    let (before, hashes) = found.ok_or_else(|| open.damaged("another note"))?;
    if (before, hashes) != (expected.before, [expected.request, expected.key]) {
        return Err(RunError::input(format!(
            "expected the answer to this training's request before iteration {}, found one to another, before iteration {before}",
            expected.before
        ))
        .at(open.name.clone())
        .hint("name the file that velum refresh made from the last request of this training"));
    }
    let job = plan.plan.job();
    let n = plan.plan.params().n();
    let shape = |of: Iterate| -> Result<Vec<Vec<Meta>>, RunError> {
        let meta = job.refreshed(before, of, n);
        let meta = meta.ok_or_else(|| open.damaged("an iteration without a refresh"))?;
        let parts = job.layout().ciphertexts_per_vector().get();
        Ok(vec![vec![meta; parts]; job.layout().shape().classes])
    };
    let (ahead, weights) = (shape(Iterate::LookAhead)?, shape(Iterate::Weights)?);
    Ok(open.vectors([&ahead, &weights])?.1)
}
