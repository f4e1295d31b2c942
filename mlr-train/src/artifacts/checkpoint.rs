//! `model.enc.checkpoint`: where a training run stands after an iteration, so that it can go on after any kill with the same bits.
//!
//! One file in the common envelope, bound to the plan's hash. The header's note holds the iterations done (u32) and the hash of the run's
//! inputs: evaluation keys and datasets as their manifests name them. Then follow the ciphertexts: look-ahead weights, weights, first gradient. What the file
//! says of their levels and scales must be what the plan says; their bounds and noise are taken from the plan.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::server::{Observer, Refreshed, ShapeSource, SourceError, State, StateShape, train};
use he_core::circuits::Refresh;
use he_core::evaluator::{CkksCt, Evaluator as _, Meta, SimulatedCt, Simulator};
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Existing};

use super::RunError;
use super::plan::PlanFile;

/// Its kind of file.
pub const CHECKPOINT: wire::Kind = wire::Kind {
    code: 0x102,
    version: wire::CIPHERTEXT_VERSION,
    name: "checkpoint of a training run",
};

/// The note: iterations done, hash of the inputs, lengths of the three lists.
const NOTE: usize = 4 + 32 + 3 * 4;

/// Where the checkpoint of the result `out` is.
pub fn beside(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".checkpoint");
    name.into()
}

/// The checkpoint of one run: its place and what it is bound to.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    path: PathBuf,
    plan: &'a PlanFile,
    context: Arc<Context>,
    inputs: blake3::Hash,
}

impl<'a> Checkpoint<'a> {
    /// The checkpoint beside the result `out`; `inputs` is the hash of everything that the run reads besides the plan.
    pub fn beside(
        out: &Path,
        plan: &'a PlanFile,
        context: &Arc<Context>,
        inputs: blake3::Hash,
    ) -> Self {
        Self {
            path: beside(out),
            plan,
            context: Arc::clone(context),
            inputs,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Writes the state in place of an older one: under a temporary name, synced, renamed.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, state: &State<CkksCt>) -> Result<(), RunError> {
        let all = || state.ciphertexts();
        let full = |ct: &CkksCt| wire::Shape {
            form: wire::Form::Full,
            level: ct.meta().level,
        };
        let mut note = Vec::with_capacity(NOTE);
        note.extend((state.done as u32).to_le_bytes());
        note.extend(self.inputs.as_bytes());
        for list in state.lists() {
            note.extend((list.len() as u32).to_le_bytes());
        }
        let name = self.path.display().to_string();
        wire::write_file(&self.path, Existing::Replace, false, |sink| {
            let (hash, shapes) = (&self.plan.hash, all().map(full).collect());
            let context = &self.context;
            let mut writer = CiphertextWriter::new(
                sink,
                &name,
                CHECKPOINT.bound_to(hash),
                context,
                shapes,
                &note,
            )?;
            for ct in all() {
                writer.push(ct.ciphertext(), &ct.meta())?;
            }
            writer.finish().map(|_| ())
        })?;
        Ok(())
    }

    /// Reads the state and checks that it belongs to this plan and these inputs.
    ///
    /// # Errors
    /// A checkpoint of another run, or a damaged one.
    pub fn read(&self) -> Result<State<CkksCt>, RunError> {
        let (job, context) = (self.plan.plan.job(), &self.context);
        let (name, mut reader, note) = open(&self.path, self.plan, context)?;
        let damaged = |found: String| damaged(&name, &found);
        let number = |at: usize| number(&note, at);
        if note[4..36] != self.inputs.as_bytes()[..] {
            return Err(RunError::input(
                "expected a checkpoint of these evaluation keys and datasets, found one of others",
            )
            .at(name)
            .hint(ANEW));
        }
        let shape = StateShape::after(job, number(0));
        let shape = shape.map_err(|error| damaged(error.to_string()))?;
        let found = [36, 40, 44].map(number);
        if found != shape.classes() {
            let expected = shape.classes();
            return Err(damaged(format!(
                "lists of {found:?} classes instead of {expected:?}"
            )));
        }
        let mut metas = self.planned(number(0))?.into_iter();
        let state = shape.collect(|| {
            let fewer = || damaged("fewer ciphertexts".to_owned());
            let meta = metas.next().ok_or_else(fewer)?;
            let (ct, _) = reader.next(Some(meta.placement()))?.ok_or_else(fewer)?;
            let ct = CkksCt::admit(context, ct, meta);
            ct.map_err(|error| RunError::from(error).at(name.clone()))
        })?;
        if reader.next(None)?.is_some() {
            return Err(damaged("more ciphertexts".to_owned()));
        }
        reader.finish()?;
        Ok(state)
    }

    /// Level, scale, bound and noise of every ciphertext of the state after `done` iterations, as the plan's traced training has them. A run knows no
    /// other ones, so that what a file claims is compared where it must agree, and not used.
    fn planned(&self, done: usize) -> Result<Vec<Meta>, RunError> {
        let simulator = Simulator::new(Arc::clone(self.plan.plan.params()));
        let job = self.plan.plan.job();
        let shapes =
            ShapeSource::new(&simulator, job).with_bootstrap(self.plan.plan.under().bootstrap());
        let trace = Trace {
            shapes: &shapes,
            done,
            metas: OnceLock::new(),
        };
        let ended = train(job, &simulator, &shapes, &trace);
        match (trace.metas.into_inner(), ended) {
            // The trace ends where it has seen enough.
            (Some(metas), _) => Ok(metas),
            (None, ended) => {
                ended?;
                Err(RunError::input(format!(
                    "expected a state after at most {} iterations, found one after {done}",
                    job.iterations()
                ))
                .at(self.path.display().to_string())
                .hint(ANEW))
            }
        }
    }

    /// Removes the checkpoint, and what a killed process left of one that it was writing.
    pub fn remove(&self) {
        // The result is there already: whatever cannot be removed harms nothing but the space it takes.
        let _ = fs::remove_file(&self.path);
        wire::Pending::sweep(&self.path);
    }
}

/// Whole iterations that the checkpoint at `path` keeps, by its header; the rest is not read.
///
/// # Errors
/// A checkpoint of another plan, or a damaged one.
pub fn iterations_done(path: &Path, plan: &PlanFile) -> Result<usize, RunError> {
    let (name, _, note) = open(path, plan, &plan.context()?)?;
    let done = number(&note, 0);
    let all = plan.plan.job().iterations();
    match done <= all {
        true => Ok(done),
        false => Err(damaged(&name, &format!("{done} of {all} iterations"))),
    }
}

/// Its name, what reads its ciphertexts, and its note.
type Opened = (String, CiphertextReader<BufReader<File>>, [u8; NOTE]);

fn open(path: &Path, plan: &PlanFile, context: &Arc<Context>) -> Result<Opened, RunError> {
    let (name, source, length) = wire::open_file(path)?;
    let (job, params) = (plan.plan.job(), plan.plan.params());
    let largest = wire::Shape {
        form: wire::Form::Full,
        level: he_core::evaluator::Level(params.max_level()),
    };
    let most = job.layout().ciphertexts_per_matrix().times(3).get() as u64;
    // The envelope adds less than 64 KiB.
    let limit = most * largest.bytes(params) + wire::MAX_ENVELOPE;
    let label = CHECKPOINT.bound_to(&plan.hash);
    let reader = CiphertextReader::open(source, &name, Some(length), limit, label, context);
    let reader = reader.map_err(|error| RunError::from(error).hint(ANEW))?;
    let note: [u8; NOTE] = reader.note().try_into().map_err(|_| {
        let length = reader.note().len();
        damaged(&name, &format!("a note of {length} bytes"))
    })?;
    Ok((name, reader, note))
}

fn number(note: &[u8; NOTE], at: usize) -> usize {
    u32::from_le_bytes([note[at], note[at + 1], note[at + 2], note[at + 3]]) as usize
}

fn damaged(name: &str, found: &str) -> RunError {
    RunError::input(format!(
        "expected the state of a training run, found {found}"
    ))
    .at(name.to_owned())
    .hint(ANEW)
}

/// Keeps what a traced training says of its state after some iterations.
struct Trace<'a> {
    shapes: &'a ShapeSource<'a>,
    done: usize,
    metas: OnceLock<Vec<Meta>>,
}

impl Observer<Simulator> for Trace<'_> {
    fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<Simulator>>>, SourceError> {
        self.shapes.bootstrap()
    }

    fn refresh(
        &self,
        state: &State<SimulatedCt>,
    ) -> Result<Option<Refreshed<SimulatedCt>>, SourceError> {
        self.shapes.refresh(state)
    }

    fn iteration_done(&self, state: &State<SimulatedCt>) -> Result<(), SourceError> {
        if state.done == self.done {
            let metas = state
                .ciphertexts()
                .map(|ct| self.shapes.simulator().meta(ct));
            // Each state is reported once.
            let _ = self.metas.set(metas.collect());
        }
        Ok(())
    }

    fn cancelled(&self) -> bool {
        self.metas.get().is_some()
    }
}

/// What to do with a checkpoint that does not fit.
const ANEW: &str =
    "resume with the plan, keys and datasets that it was begun with, or remove it and train anew";

#[cfg(test)]
mod tests;
