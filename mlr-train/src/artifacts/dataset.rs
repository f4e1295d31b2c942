//! The encrypted dataset: a directory with one shard a ciphertext, so that a transfer can resume and run in parallel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::client::encrypt::Uploads;
use crate::packing::Upload;
use crate::server::{BlockSource, SourceError, upload_noise};
use he_core::evaluator::{Ckks, CkksCt, Level, Meta, Placement};
use he_core::key_holder::Encryptor;
use he_core::rlwe::{Ciphertext, Context};
use he_core::wire::{self, CiphertextReader, CiphertextWriter};
use rayon::prelude::*;

use super::Reporter;
use super::RunError;
use super::manifest::{self, Entry, Manifest};
use super::plan::PlanFile;
use crate::files::{Ahead, NewDirectory};

/// A shard's kind of file; it is bound to the plan's hash.
pub const SHARD: wire::Kind = wire::Kind {
    code: 0x100,
    version: wire::CIPHERTEXT_VERSION,
    name: "shard of an encrypted dataset",
};

/// What a dataset is made of.
#[derive(Clone, Copy)]
pub struct NewDataset<'a> {
    /// The plan.
    pub plan: &'a PlanFile,
    /// Of the plan's parameters.
    pub context: &'a Arc<Context>,
    /// One owner's rows, packed.
    pub uploads: &'a Uploads<'a>,
    /// What encrypts them.
    pub encryptor: &'a dyn Encryptor<Ckks>,
    /// Fingerprint of its public key, hex.
    pub key: &'a str,
}

impl std::fmt::Debug for NewDataset<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewDataset").finish_non_exhaustive()
    }
}

/// Hash of the datasets of all owners, and so of every shard.
pub fn hash<'a>(manifests: impl IntoIterator<Item = &'a Manifest>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("velum cli datasets v1");
    for manifest in manifests {
        hasher.update(manifest.hash().as_bytes());
    }
    hasher.finalize()
}

/// Encrypts the uploads and writes each to its shard: every thread packs, encrypts, writes and syncs one, then takes the next. So as many
/// are in memory as there are threads, and no core waits for a disk that another one writes to.
///
/// # Errors
/// A refused encryption; the system's; interruption.
pub fn write(
    directory: &NewDirectory,
    dataset: &NewDataset<'_>,
    reporter: &dyn Reporter,
) -> Result<Manifest, RunError> {
    let NewDataset {
        plan,
        context,
        uploads,
        encryptor,
        key,
    } = *dataset;
    let kind = manifest::Kind::Dataset;
    let all: Vec<Upload> = plan.plan.job().uploads_of(uploads.owner()).collect();
    let done = AtomicU64::new(0);
    let files = CiphertextFiles {
        directory: directory.path(),
        kind,
        label: SHARD.bound_to(&plan.hash),
        context,
        ahead: Ahead::begin(),
    };
    let entries: Result<Vec<Entry>, RunError> = all
        .par_iter()
        .map(|&upload| {
            reporter.check()?;
            let ct = uploads.encrypt(encryptor, upload)?;
            let entry = files.write(upload, &ct)?;
            reporter.advance(1 + done.fetch_add(1, Ordering::Relaxed), "ciphertexts");
            Ok(entry)
        })
        .collect();
    let mut manifest = Manifest::of(kind, plan.hash_hex(), entries?);
    manifest.set_key(key.to_owned());
    manifest.write(directory.path())?;
    Ok(manifest)
}

/// Files of ciphertexts, each bound to the same label, in a directory in the making.
#[derive(Debug)]
pub(crate) struct CiphertextFiles<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) kind: manifest::Kind,
    pub(crate) label: wire::Label<'a>,
    pub(crate) context: &'a Arc<Context>,
    /// Brings files to disk while others are made.
    pub(crate) ahead: Ahead,
}

impl CiphertextFiles<'_> {
    /// Writes one ciphertext to its file, hashed once.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, upload: Upload, ct: &CkksCt) -> Result<Entry, RunError> {
        let (name, shape) = (upload.to_string(), wire::Shape::of(ct.ciphertext()));
        let bytes = shape.bytes(self.context.params()) + wire::MAX_ENVELOPE;
        let (sink, shapes) = (Vec::with_capacity(bytes as usize), vec![shape]);
        let mut writer = CiphertextWriter::new(sink, &name, self.label, self.context, shapes, &[])?;
        writer.push(ct.ciphertext(), &ct.meta())?;
        let (_, hash, bytes) = writer.finish_hashed()?;
        let path = self.directory.join(self.kind.file(&name));
        let entry = Entry::write_hashed(self.directory, self.kind, name, &bytes, hash)?;
        self.ahead.sync(path);
        Ok(entry)
    }
}

/// Reads one ciphertext of this placement, or what is left of it at a lower level, and the hash of its whole file.
///
/// # Errors
/// Those of a damaged file, or of another one.
pub(crate) fn read_ciphertext(
    path: &Path,
    bytes: &[u8],
    label: wire::Label<'_>,
    at: Placement,
    lower: Option<Level>,
    context: &Arc<Context>,
) -> Result<((Ciphertext, Meta), [u8; 32]), RunError> {
    let (file, length) = (path.display().to_string(), bytes.len() as u64);
    let mut reader = CiphertextReader::open(bytes, &file, Some(length), length, label, context)?;
    let read = reader.next_lower(Some(at), lower)?;
    let (_, hash) = reader.finish_hashed()?;
    let read = read.ok_or_else(|| RunError::input("expected a ciphertext, found none").at(file))?;
    Ok((read, hash))
}

/// The datasets of all owners, which the training reads from one shard at a time.
#[derive(Debug)]
pub struct Shards<'a> {
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
    pub fn open(
        directories: &[PathBuf],
        plan: &'a PlanFile,
        context: &Arc<Context>,
    ) -> Result<Self, RunError> {
        let job = plan.plan.job();
        let blocks = job.owner_blocks();
        let mut datasets: Vec<Option<(PathBuf, Manifest)>> = vec![None; blocks.len()];
        let mut places = BTreeMap::new();
        // Under a joint key nothing is computed with that no proof is known of.
        let kind = match job.joint() {
            Some(_) => manifest::Kind::VerifiedUploads,
            None => manifest::Kind::Dataset,
        };
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
                return Err(RunError::input(format!(
                    "expected one dataset of owner {}, found two",
                    owner + 1
                ))
                .at(format!("{}, {}", other.display(), directory.display()))
                .hint("give --dataset once for each owner"));
            }
        }
        if let Some(missing) = datasets.iter().position(Option::is_none) {
            return Err(RunError::input(format!(
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
    pub fn hash(&self) -> blake3::Hash {
        hash(self.datasets.iter().map(|(_, manifest)| manifest))
    }

    /// Refuses datasets of another key than `key`, the fingerprint that `whose` names; older ones name none.
    ///
    /// # Errors
    /// Names the dataset.
    pub fn require_key(&self, key: &str, whose: &str) -> Result<(), RunError> {
        for (directory, manifest) in &self.datasets {
            if let Some(found) = manifest.key().filter(|found| *found != key) {
                return Err(RunError::input(format!(
                    "expected ciphertexts under the key {} of {whose}, found ciphertexts under the key {}",
                    manifest::short(key),
                    manifest::short(found)
                ))
                .at(directory.display().to_string())
                .hint("the dataset must be encrypted with the key that was made together with these evaluation keys"));
            }
        }
        Ok(())
    }

    fn read(&self, upload: Upload, lower: Option<Level>) -> Result<CkksCt, RunError> {
        let found = self.places.get(&upload).and_then(|&(owner, entry)| {
            let (directory, manifest) = self.datasets.get(owner)?;
            Some((directory, manifest, manifest.files().get(entry)?))
        });
        let (directory, manifest, entry) = found.ok_or_else(|| {
            RunError::input(format!("expected a shard {upload}, found none")).at("--dataset")
        })?;
        let placement = self.plan.plan.job().placement(upload);
        let full = wire::Shape {
            form: wire::Form::Full,
            level: placement.level,
        };
        // The envelope adds less than 64 KiB.
        let limit = full.bytes(self.context.params()) + wire::MAX_ENVELOPE;
        let file = directory.join(manifest.kind().file(&entry.name));
        let label = SHARD.bound_to(&self.plan.hash);
        let parse = |path: &Path, bytes: &[u8]| {
            read_ciphertext(path, bytes, label, placement, lower, &self.context)
        };
        let (ciphertext, stated) = manifest.load_parsed(directory, entry, limit, parse)?;
        // Bound and noise are the plan's: an owner's word could stop the training iterations later.
        let job = self.plan.plan.job();
        let bound = job.bound(upload);
        let meta = Meta {
            bound,
            rms: bound,
            noise: upload_noise(job, self.context.params()),
            ..stated
        };
        CkksCt::admit(&self.context, ciphertext, meta)
            .map_err(|error| RunError::from(error).at(file.display().to_string()))
    }
}

impl BlockSource<Ckks> for Shards<'_> {
    fn load(&self, upload: Upload) -> Result<CkksCt, SourceError> {
        self.read(upload, None).map_err(SourceError::new)
    }

    fn load_lower(&self, upload: Upload, level: Level) -> Result<CkksCt, SourceError> {
        self.read(upload, Some(level)).map_err(SourceError::new)
    }
}
