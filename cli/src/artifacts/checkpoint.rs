//! `model.enc.checkpoint`: where a training run stands after an iteration, so that it can go on after any kill with the same bits.
//!
//! One file in the common envelope, bound to the plan's hash. The header's note holds the iterations done (u32) and the hash of the run's
//! inputs: evaluation keys and datasets as their manifests name them. Then follow the ciphertexts: look-ahead weights, weights, first gradient.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use he_core::evaluator::CkksCt;
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter, Existing};
use mlr_train::server::State;

use super::directory::parent;
use crate::convert::from_text;
use crate::failure::Failure;
use crate::plan_file::PlanFile;

/// Its kind of file.
pub(crate) const CHECKPOINT: wire::Kind = wire::Kind {
    code: 0x102,
    version: 1,
    name: "checkpoint of a training run",
};

/// The note: iterations done, hash of the inputs, lengths of the three lists.
const NOTE: usize = 4 + 32 + 3 * 4;

/// The checkpoint of one run: its place and what it is bound to.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    path: PathBuf,
    plan: &'a PlanFile,
    context: Arc<Context>,
    inputs: blake3::Hash,
}

impl<'a> Checkpoint<'a> {
    /// The checkpoint beside the result `out`; `inputs` is the hash of everything that the run reads besides the plan.
    pub(crate) fn beside(
        out: &Path,
        plan: &'a PlanFile,
        context: &Arc<Context>,
        inputs: blake3::Hash,
    ) -> Self {
        let mut name = OsString::from(out);
        name.push(".checkpoint");
        Self {
            path: name.into(),
            plan,
            context: Arc::clone(context),
            inputs,
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    pub(crate) fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Writes the state in place of an older one: under a temporary name, synced, renamed.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, state: &State<CkksCt>) -> Result<(), Failure> {
        let lists = [&state.look_ahead, &state.weights, &state.first_gradient];
        let all = || lists.iter().flat_map(|list| list.iter().flatten());
        let full = |ct: &CkksCt| wire::Shape {
            form: wire::Form::Full,
            level: ct.meta().level,
        };
        let mut note = Vec::with_capacity(NOTE);
        note.extend((state.done as u32).to_le_bytes());
        note.extend(self.inputs.as_bytes());
        for list in lists {
            // A list is empty, or has a class for each entry; every class has the plan's column groups.
            note.extend((list.len() as u32).to_le_bytes());
        }
        let name = self.path.display().to_string();
        wire::write_file(&self.path, Existing::Replace, false, |sink| {
            let (hash, shapes) = (&self.plan.hash, all().map(full).collect());
            let context = &self.context;
            let mut writer =
                CiphertextWriter::new(sink, &name, &CHECKPOINT, hash, context, shapes, &note)?;
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
    pub(crate) fn read(&self) -> Result<State<CkksCt>, Failure> {
        let (name, source, length) = wire::open_file(&self.path)?;
        let (job, params) = (self.plan.plan.job(), self.plan.plan.params());
        let largest = wire::Shape {
            form: wire::Form::Full,
            level: he_core::evaluator::Level(params.max_level()),
        };
        let vectors = 3 * job.layout().vectors() as u64;
        // The envelope adds less than 64 KiB.
        let limit = vectors * largest.bytes(params) + (1 << 16);
        let (hash, context) = (&self.plan.hash, &self.context);
        let mut reader = CiphertextReader::open(
            source,
            &name,
            Some(length),
            limit,
            &CHECKPOINT,
            hash,
            context,
        )
        .map_err(|error| Failure::from(error).hint(ANEW))?;
        let damaged = |found: String| {
            Failure::input(format!(
                "expected the state of a training run, found {found}"
            ))
            .at(name.clone())
            .hint(ANEW)
        };
        let note: [u8; NOTE] = reader.note().try_into().map_err(|_| {
            let length = reader.note().len();
            damaged(format!("a note of {length} bytes"))
        })?;
        let number = |at: usize| {
            u32::from_le_bytes([note[at], note[at + 1], note[at + 2], note[at + 3]]) as usize
        };
        if note[4..36] != self.inputs.as_bytes()[..] {
            return Err(Failure::input(
                "expected a checkpoint of these evaluation keys and datasets, found one of others",
            )
            .at(name)
            .hint(ANEW));
        }
        let groups = job.layout().groups();
        let mut lists = [const { Vec::new() }; 3];
        for (list, at) in lists.iter_mut().zip([36, 40, 44]) {
            // As many as there are: a count beyond them ends at the first that is missing.
            for _ in 0..number(at) {
                let mut class = Vec::with_capacity(groups);
                for _ in 0..groups {
                    let (ct, meta) = reader
                        .next(None)?
                        .ok_or_else(|| damaged("fewer ciphertexts".to_owned()))?;
                    let ct = CkksCt::admit(context, ct, meta);
                    class.push(ct.map_err(|error| from_text(&error).at(name.clone()))?);
                }
                list.push(class);
            }
        }
        if reader.next(None)?.is_some() {
            return Err(damaged("more ciphertexts".to_owned()));
        }
        reader.finish()?;
        let [look_ahead, weights, first_gradient] = lists;
        Ok(State {
            done: number(0),
            look_ahead,
            weights,
            first_gradient,
        })
    }

    /// Removes the checkpoint, and what a killed process left of one that it was writing.
    pub(crate) fn remove(&self) {
        // The result is there already: whatever cannot be removed harms nothing but the space it takes.
        let _ = fs::remove_file(&self.path);
        let Some(own) = self.path.file_name().and_then(|name| name.to_str()) else {
            return;
        };
        let begins = format!(".{own}.");
        let entries = fs::read_dir(parent(&self.path)).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let left = name
                .to_str()
                .and_then(|name| name.strip_prefix(&begins)?.strip_suffix(".part"));
            if left.is_some_and(|random| {
                random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit())
            }) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What to do with a checkpoint that does not fit.
const ANEW: &str =
    "resume with the plan, keys and datasets that it was begun with, or remove it and train anew";
