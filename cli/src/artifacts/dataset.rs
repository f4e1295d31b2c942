//! The encrypted dataset: a directory with one shard a ciphertext, so that a transfer can resume and run in parallel.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use he_core::evaluator::{Ckks, CkksCt};
use he_core::holder::Sealer;
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter};
use mlr_train::client::encrypt::Uploads;
use mlr_train::packing::Upload;
use mlr_train::server::{BlockSource, SourceError};
use rayon::prelude::*;

use super::directory::NewDirectory;
use super::manifest::{self, Entry, Manifest};
use crate::convert::from_text;
use crate::failure::Failure;
use crate::interrupt::Stoppable;
use crate::plan_file::PlanFile;
use crate::progress::Stage;

/// A shard's kind of file; it is bound to the plan's hash.
pub(crate) const SHARD: wire::Kind = wire::Kind {
    code: 0x100,
    version: 1,
    name: "shard of an encrypted dataset",
};

/// Encrypts the uploads and writes each to its shard: every thread packs, encrypts, writes and syncs one, then takes the next. So as many
/// are in memory as there are threads, and no core waits for a disk that another one writes to.
///
/// # Errors
/// A refused encryption; the system's; interruption.
pub(crate) fn write(
    directory: &NewDirectory,
    plan: &PlanFile,
    context: &Arc<Context>,
    uploads: &Uploads<'_>,
    sealer: &dyn Sealer<Ckks>,
    (stage, stop): (&Stage, &Stoppable),
) -> Result<Manifest, Failure> {
    let kind = manifest::Kind::Dataset;
    let all: Vec<Upload> = plan.plan.job().uploads_of(uploads.owner()).collect();
    let done = AtomicU64::new(0);
    let entries: Result<Vec<Entry>, Failure> = all
        .par_iter()
        .map(|&upload| {
            stop.check()?;
            let name = upload.to_string();
            let ct = uploads
                .seal(sealer, upload)
                .map_err(|error| from_text(&error))?;
            let shape = wire::Shape::of(ct.ciphertext());
            let (sink, shapes) = (Vec::new(), vec![shape]);
            let mut writer =
                CiphertextWriter::new(sink, &name, &SHARD, &plan.hash, context, shapes, &[])?;
            writer.push(ct.ciphertext(), &ct.meta())?;
            let (_, bytes) = writer.finish()?;
            let entry = Entry::write(directory.path(), kind, name, &bytes)?;
            stage.set(1 + done.fetch_add(1, Ordering::Relaxed), "ciphertexts");
            Ok(entry)
        })
        .collect();
    let manifest = Manifest::of(kind, plan.hash_hex(), entries?);
    manifest.write(directory.path())?;
    Ok(manifest)
}

/// The datasets of all owners, which the training reads from one shard at a time.
#[derive(Debug)]
pub(crate) struct Shards<'a> {
    /// Owner by owner.
    datasets: Vec<(PathBuf, Manifest)>,
    /// In which dataset an upload is, and where in its manifest.
    places: BTreeMap<Upload, (usize, usize)>,
    plan: &'a PlanFile,
    context: Arc<Context>,
}

impl<'a> Shards<'a> {
    /// Opens one dataset for each owner, in any order: each manifest must list exactly the ciphertexts of one owner.
    ///
    /// # Errors
    /// Another kind of directory, another plan, missing entries; too few datasets, or two of one owner.
    pub(crate) fn open(
        directories: &[PathBuf],
        plan: &'a PlanFile,
        context: &Arc<Context>,
    ) -> Result<Self, Failure> {
        let job = plan.plan.job();
        let blocks = job.owner_blocks();
        let mut datasets: Vec<Option<(PathBuf, Manifest)>> = vec![None; blocks.len()];
        let mut places = BTreeMap::new();
        let kind = manifest::Kind::Dataset;
        for directory in directories {
            let found = Manifest::read(directory)?;
            // An owner is known by its first block; any other manifest is compared with the first one's and refused.
            let owner = blocks.iter().position(|own| {
                let first = Upload::Data {
                    block: own.start,
                    group: 0,
                };
                let name = first.to_string();
                found.files().iter().any(|entry| entry.name == name)
            });
            let owner = owner.unwrap_or(0);
            let uploads: Vec<Upload> = job.uploads_of(owner).collect();
            let names: Vec<String> = uploads.iter().map(Upload::to_string).collect();
            let manifest = Manifest::expect(directory, kind, &plan.hash_hex(), names.into_iter())?;
            places.extend(uploads.into_iter().zip((0..).map(|entry| (owner, entry))));
            if let Some((other, _)) = datasets[owner].replace((directory.clone(), manifest)) {
                return Err(Failure::input(format!(
                    "expected one dataset of owner {}, found two",
                    owner + 1
                ))
                .at(format!("{}, {}", other.display(), directory.display()))
                .hint("give --dataset once for each owner"));
            }
        }
        if let Some(missing) = datasets.iter().position(Option::is_none) {
            return Err(Failure::input(format!(
                "expected {} datasets, one of each owner, found none of owner {}",
                datasets.len(),
                missing + 1
            ))
            .at("--dataset")
            .hint("give --dataset once for each owner of data"));
        }
        Ok(Self {
            datasets: datasets.into_iter().flatten().collect(),
            places,
            plan,
            context: Arc::clone(context),
        })
    }

    /// Hash of the manifests, and so of every shard.
    pub(crate) fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("velum cli datasets v1");
        for (_, manifest) in &self.datasets {
            hasher.update(manifest.hash().as_bytes());
        }
        hasher.finalize()
    }

    fn read(&self, upload: Upload) -> Result<CkksCt, Failure> {
        let found = self.places.get(&upload).and_then(|&(owner, entry)| {
            let (directory, manifest) = self.datasets.get(owner)?;
            Some((directory, manifest, manifest.files().get(entry)?))
        });
        let (directory, manifest, entry) = found.ok_or_else(|| {
            Failure::input(format!("expected a shard {upload}, found none")).at("--dataset")
        })?;
        let placement = self.plan.plan.job().placement(upload);
        let full = wire::Shape {
            form: wire::Form::Full,
            level: placement.level,
        };
        // The envelope adds less than 64 KiB.
        let limit = full.bytes(self.context.params()) + (1 << 16);
        let (path, bytes) = manifest.load(directory, entry, limit)?;
        let file = path.display().to_string();
        let mut reader = CiphertextReader::open(
            bytes.as_slice(),
            &file,
            Some(entry.bytes),
            limit,
            &SHARD,
            &self.plan.hash,
            &self.context,
        )?;
        let read = reader.next(Some(placement))?;
        reader.finish()?;
        let (ciphertext, meta) = read
            .ok_or_else(|| Failure::input("expected a ciphertext, found none").at(file.clone()))?;
        CkksCt::admit(&self.context, ciphertext, meta).map_err(|error| from_text(&error).at(file))
    }
}

impl BlockSource<Ckks> for Shards<'_> {
    fn load(&self, upload: Upload) -> Result<CkksCt, SourceError> {
        Ok(self.read(upload)?)
    }
}
