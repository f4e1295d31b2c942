//! The encrypted dataset: a directory with one shard a ciphertext, so that a transfer can resume and run in parallel.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::holder::Sealer;
use he_core::rlwe::Context;
use he_core::wire::{self, CiphertextReader, CiphertextWriter};
use mlr_train::client::encrypt::Uploads;
use mlr_train::packing::Upload;
use mlr_train::server::{BlockSource, SourceError};
use rayon::prelude::*;

use super::directory::NewDirectory;
use super::manifest::{self, Manifest};
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

/// Encrypts the uploads one after the other and writes each to its shard. As many are in memory as there are threads.
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
    let mut manifest = Manifest::new(manifest::Kind::Dataset, plan.hash_hex());
    let all: Vec<Upload> = plan.plan.job().uploads().collect();
    for some in all.chunks(rayon::current_num_threads()) {
        stop.check()?;
        let written: Result<Vec<_>, Failure> = some
            .par_iter()
            .map(|&upload| {
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
                Ok((name, bytes))
            })
            .collect();
        for (name, bytes) in written? {
            manifest.add(directory.path(), name, &bytes)?;
        }
        stage.set(manifest.files().len() as u64, "ciphertexts");
    }
    manifest.write(directory.path())?;
    Ok(manifest)
}

/// A dataset that the training reads from, one shard at a time.
#[derive(Debug)]
pub(crate) struct Shards<'a> {
    directory: PathBuf,
    manifest: Manifest,
    plan: &'a PlanFile,
    context: Arc<Context>,
}

impl<'a> Shards<'a> {
    /// Opens a dataset: the manifest must list exactly the plan's ciphertexts.
    ///
    /// # Errors
    /// Another kind of directory, another plan, missing entries.
    pub(crate) fn open(
        directory: &Path,
        plan: &'a PlanFile,
        context: &Arc<Context>,
    ) -> Result<Self, Failure> {
        let names: Vec<String> = plan
            .plan
            .job()
            .uploads()
            .map(|upload| upload.to_string())
            .collect();
        let kind = manifest::Kind::Dataset;
        let manifest = Manifest::expect(directory, kind, &plan.hash_hex(), names.into_iter())?;
        Ok(Self {
            directory: directory.to_owned(),
            manifest,
            plan,
            context: Arc::clone(context),
        })
    }

    fn read(&self, upload: Upload) -> Result<CkksCt, Failure> {
        let name = upload.to_string();
        let entry = self
            .manifest
            .files()
            .iter()
            .find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| {
            Failure::input(format!("expected a shard {name}, found none"))
                .at(self.directory.display().to_string())
        })?;
        let placement = self.plan.plan.job().placement(upload);
        let full = wire::Shape {
            form: wire::Form::Full,
            level: placement.level,
        };
        // The envelope adds less than 64 KiB.
        let limit = full.bytes(self.context.params()) + (1 << 16);
        let (path, bytes) = self.manifest.load(&self.directory, entry, limit)?;
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
