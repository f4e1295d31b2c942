//! An owner's uploads, verified: only then they become ciphertexts that anything is computed with.
//!
//! The proof comes first: it is of the owner's switching key, and bound to the hashes of all its files. Then one pass over the files, each of which is hashed, refused if its seed does not follow from the switching key and its name, switched to the joint key and written into a directory that has no name
//! before all are. What comes out is a dataset as every training reads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use he_core::evaluator::{CkksCt, Meta};
use he_core::multiparty::{
    JointPublicKey, MultipartyError, UploadTerms, VerifiedUploadKey, encoded_at,
};
use he_core::rlwe::Ciphertext;
use he_core::wire;
use rayon::prelude::*;

use super::Setting;
use super::files::{Directory, PROOF_NAME, ROWS, SWITCHING_KEY_NAME, fingerprint, read_joint_key};
use crate::artifacts::dataset::{CiphertextFiles, SHARD, read_ciphertext};
use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::artifacts::{Reporter, RunError};
use crate::files::{Access, Ahead, NewDirectory};
use crate::packing::Upload;
use crate::server::upload_noise;

const LABEL_CONTEXT: &str = "velum mlr-train 2026 v1 rows of an owner";

/// The entries of an owner's uploads: its ciphertexts in their order, then its switching key and the proof.
pub(super) fn entries(setting: &Setting, owner: usize) -> Vec<String> {
    let job = setting.plan().plan.job();
    let uploads = job.uploads_of(owner).map(|upload| upload.to_string());
    let last = [SWITCHING_KEY_NAME, PROOF_NAME].map(str::to_owned);
    uploads.chain(last).collect()
}

/// What the proof of an owner's switching key is bound to besides session and party: the plan, and name and hash of every ciphertext, in order.
pub(crate) fn label(setting: &Setting, ciphertexts: &[Entry]) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key(LABEL_CONTEXT);
    hash.update(setting.label());
    hash.update(&(ciphertexts.len() as u64).to_le_bytes());
    for entry in ciphertexts {
        for text in [&entry.name, &entry.blake3] {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    *hash.finalize().as_bytes()
}

/// What [`write()`] needs.
#[derive(Clone, Debug)]
pub struct VerifyInput {
    /// Whose uploads, from 0.
    pub party: u32,
    /// The joint public key of [`super::keys::write`] or [`super::party::shares::second`].
    pub joint_key: PathBuf,
    /// The uploads.
    pub uploads: PathBuf,
    /// Where the verified ciphertexts go: a new directory. Nothing is there if the proof does not hold.
    pub out: PathBuf,
}

/// What was found of uploads whose proof holds.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What lies in the new directory.
    pub manifest: Manifest,
    /// Time of the proof, and of switching all ciphertexts.
    pub verify_seconds: f64,
}

/// Verifies one owner's uploads, and writes them as ciphertexts that [`crate::roles::server::train`](crate::roles) takes.
///
/// # Errors
/// [`MultipartyError::Proof`] names the party; files of another session, plan or party; the system's; interruption.
pub fn write(
    setting: &Setting,
    input: &VerifyInput,
    reporter: &dyn Reporter,
) -> Result<Verified, RunError> {
    let directory = NewDirectory::begin(&input.out, Access::Shared, "verified uploads")?;
    let key = read_joint_key(setting, &input.joint_key)?;
    let began = std::time::Instant::now();
    let ours = fingerprint(&key)?;
    let given = Given::open(setting, input, &key, &ours)?;
    let entries = given.verified(directory.path(), reporter)?;
    let plan = setting.plan().hash_hex();
    let mut manifest = Manifest::of(Kind::VerifiedUploads, plan, entries);
    manifest.set_key(ours);
    manifest.write(directory.path())?;
    reporter.check()?;
    directory.commit()?;
    Ok(Verified {
        manifest,
        verify_seconds: began.elapsed().as_secs_f64(),
    })
}

/// An owner's directory, whose manifest is what it is to be.
struct Given<'a> {
    setting: &'a Setting,
    directory: &'a Path,
    manifest: Manifest,
    uploads: Vec<Upload>,
    key: VerifiedUploadKey,
}

impl<'a> Given<'a> {
    /// Refused unless the proof holds.
    fn open(
        setting: &'a Setting,
        input: &'a VerifyInput,
        key: &Arc<JointPublicKey>,
        ours: &str,
    ) -> Result<Self, RunError> {
        let (owner, party) = (input.party as usize, setting.party(input.party)?);
        let (binding, path) = (setting.binding_hex(), input.uploads.as_path());
        let expected = entries(setting, owner).into_iter();
        let manifest = Manifest::expect(path, Kind::ProvedUploads, &binding, expected)?;
        if manifest.key() != Some(ours) {
            return Err(RunError::input(
                "expected uploads under the joint key of this session, found uploads under another",
            )
            .at(path.display().to_string())
            .hint("its owner has made another key of the shares: compare them"));
        }
        let job = setting.plan().plan.job();
        let uploads: Vec<Upload> = job.uploads_of(owner).collect();
        let level = job.upload_level().0;
        let own = Directory {
            setting,
            manifest: &manifest,
            path,
            party,
        };
        let label = label(setting, &manifest.files()[..uploads.len()]);
        let terms = UploadTerms::new(key, party, level)?;
        let proof = own.proof(PROOF_NAME, 0, terms.shape())?;
        let key = terms.verify(own.switching_key(level)?, &label, &proof);
        Ok(Self {
            key: key.map_err(|error| own.refused(error))?,
            setting,
            directory: path,
            manifest,
            uploads,
        })
    }

    /// All ciphertexts are switched and written, or a refusal.
    fn verified(&self, to: &Path, reporter: &dyn Reporter) -> Result<Vec<Entry>, RunError> {
        reporter.stage("verify", self.uploads.len() as u64);
        let (plan, context) = (self.setting.plan(), self.setting.context());
        let (job, done) = (plan.plan.job(), AtomicU64::new(0));
        let noise = upload_noise(job, context.params());
        let files = CiphertextFiles {
            directory: to,
            kind: Kind::VerifiedUploads,
            label: SHARD.bound_to(&plan.hash),
            context,
            ahead: Ahead::begin(),
        };
        let all = self.uploads.par_iter().zip(self.manifest.files());
        let all = all.map(|(&upload, entry)| {
            reporter.check()?;
            let rows = self.read(upload, entry)?;
            let switched = self.key.switch(&entry.name, rows);
            let switched = switched.map_err(|error| self.refused(entry, error))?;
            let (at, bound) = (job.placement(upload), job.bound(upload));
            let meta = Meta {
                level: at.level,
                scale: at.scale,
                bound,
                rms: bound,
                noise,
            };
            let entry = files.write(upload, &CkksCt::admit(context, switched, meta)?)?;
            reporter.advance(1 + done.fetch_add(1, Ordering::Relaxed), "ciphertexts");
            Ok(entry)
        });
        all.collect()
    }

    fn refused(&self, entry: &Entry, error: MultipartyError) -> RunError {
        let path = self.directory.join(Kind::ProvedUploads.file(&entry.name));
        RunError::from(error).at(path.display().to_string())
    }

    fn read(&self, upload: Upload, entry: &Entry) -> Result<Ciphertext, RunError> {
        let (context, binding) = (self.setting.context(), self.setting.binding());
        let at = encoded_at(self.setting.plan().plan.job().placement(upload));
        let seeded = wire::Shape {
            form: wire::Form::Seeded,
            level: at.level,
        };
        let limit = seeded.bytes(context.params()) + wire::MAX_ENVELOPE;
        let label = ROWS.bound_to(&binding);
        let parse =
            |path: &Path, bytes: &[u8]| read_ciphertext(path, bytes, label, at, None, context);
        let (rows, _) = self
            .manifest
            .load_parsed(self.directory, entry, limit, parse)?;
        Ok(rows)
    }
}
