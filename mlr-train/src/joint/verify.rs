//! An owner's uploads, verified: only then they become ciphertexts that anything is computed with.
//!
//! One pass over the files: what they are with the special primes divided away lies in a directory that has no name yet, and gets one when all proofs hold. What comes out is a dataset as every training reads it, a third smaller.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use he_core::evaluator::{CkksCt, Meta};
use he_core::multiparty::{
    JointPublicKey, MultipartyError, PartyId, ProvisionalCiphertext, UploadTerms, UploadVerifier,
    WideCiphertext,
};
use he_core::wire::{self, CiphertextWriter, Source};
use rayon::prelude::*;

use super::Setting;
use super::files::{Directory, fingerprint, read_joint_key};
use crate::artifacts::dataset::SHARD;
use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::artifacts::{Reporter, RunError};
use crate::files::{Access, NewDirectory};
use crate::job::ProofGroup;
use crate::packing::Upload;
use crate::server::upload_noise;

/// Larger files are no upload of any plan.
const LARGEST: u64 = 1 << 30;

/// Fewest uploads that are read, checked and written together: enough for sums to be read seldom. More threads take one each, for the sake of memory.
const AT_ONCE: usize = 8;

/// The entries of an owner's uploads: its ciphertexts in their order, then its proofs.
pub(super) fn entries(setting: &Setting, owner: usize) -> Vec<String> {
    let job = setting.plan().plan.job();
    let proofs = (0..job.proofs_of(owner).len()).map(proof_name);
    let uploads = job.uploads_of(owner).map(|upload| upload.to_string());
    uploads.chain(proofs).collect()
}

/// Entry of proof number `number`.
pub(super) fn proof_name(number: usize) -> String {
    format!("proof-{number}")
}

/// The number of an upload among its owner's, from 0.
pub(super) fn numbers(setting: &Setting, owner: usize) -> std::collections::BTreeMap<Upload, u32> {
    let uploads = setting.plan().plan.job().uploads_of(owner);
    uploads.zip(0..).collect()
}

pub(super) fn read_upload(
    setting: &Setting,
    source: Source<'_, &[u8]>,
    party: PartyId,
    index: u32,
    level: usize,
) -> Result<WideCiphertext, RunError> {
    let session = setting.session();
    Ok(wire::read_wide_ciphertext(
        source, session, party, index, level,
    )?)
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
    /// Where the verified ciphertexts go: a new directory. Nothing is there if a proof does not hold.
    pub out: PathBuf,
}

/// What was found of uploads whose proofs hold.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What lies in the new directory.
    pub manifest: Manifest,
    /// Time of the proofs, and of making ciphertexts of what they are of.
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
    let given = Given::open(setting, input, &key)?;
    reporter.stage("verify", given.numbers.len() as u64);
    let mut entries = given.verified(directory.path(), reporter)?;
    let numbers = &given.names;
    entries.sort_by_key(|entry: &Entry| numbers.iter().position(|name| *name == entry.name));
    let plan = setting.plan().hash_hex();
    let mut manifest = Manifest::of(Kind::VerifiedUploads, plan, entries);
    manifest.set_key(fingerprint(&key)?);
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
    key: &'a Arc<JointPublicKey>,
    directory: &'a Path,
    manifest: Manifest,
    party: PartyId,
    groups: Vec<ProofGroup>,
    numbers: std::collections::BTreeMap<Upload, u32>,
    names: Vec<String>,
}

impl<'a> Given<'a> {
    fn open(
        setting: &'a Setting,
        input: &'a VerifyInput,
        key: &'a Arc<JointPublicKey>,
    ) -> Result<Self, RunError> {
        let owner = input.party as usize;
        let names = entries(setting, owner);
        let binding = setting.binding_hex();
        let expected = names.clone().into_iter();
        let manifest = Manifest::expect(&input.uploads, Kind::ProvedUploads, &binding, expected)?;
        let ours = fingerprint(key)?;
        if manifest.key() != Some(ours.as_str()) {
            return Err(RunError::input(
                "expected uploads under the joint key of this session, found uploads under another",
            )
            .at(input.uploads.display().to_string())
            .hint("its owner has made another key of the shares: compare them"));
        }
        Ok(Self {
            setting,
            key,
            directory: &input.uploads,
            manifest,
            party: setting.party(input.party)?,
            groups: setting.plan().plan.job().proofs_of(owner),
            numbers: numbers(setting, owner),
            names,
        })
    }

    /// All proofs hold, and ciphertexts are written, or a refusal.
    fn verified(&self, to: &Path, reporter: &dyn Reporter) -> Result<Vec<Entry>, RunError> {
        let mut entries = vec![];
        for number in 0..self.groups.len() {
            let one = self.group(number, to, &mut entries, reporter);
            one.map_err(|error| error.at(self.directory.display().to_string()))?;
        }
        Ok(entries)
    }

    fn group(
        &self,
        number: usize,
        to: &Path,
        entries: &mut Vec<Entry>,
        reporter: &dyn Reporter,
    ) -> Result<(), RunError> {
        let (label, group) = (*self.setting.label(), &self.groups[number]);
        let terms = UploadTerms::new(self.key, self.party, label, group.size())?;
        let own = Directory {
            setting: self.setting,
            manifest: &self.manifest,
            path: self.directory,
            party: self.party,
        };
        let proof = own.proof(&proof_name(number), number as u32, terms.shape())?;
        let mut verifier = UploadVerifier::new(terms, proof);
        for some in group
            .uploads
            .chunks(AT_ONCE.max(rayon::current_num_threads()))
        {
            reporter.check()?;
            let wide = some.par_iter().map(|one| self.read(*one, group.level));
            let wide = wide.collect::<Result<Vec<_>, _>>()?;
            let provisional = verifier.add_all(&wide)?;
            let pairs = some.par_iter().zip(provisional);
            let written = pairs.map(|(upload, one)| self.write(*upload, one, to));
            entries.extend(written.collect::<Result<Vec<_>, _>>()?);
            reporter.advance(entries.len() as u64, "proofs");
        }
        verifier.finish()?;
        Ok(())
    }

    fn read(&self, upload: Upload, level: usize) -> Result<WideCiphertext, RunError> {
        let number = self.numbers.get(&upload).copied().unwrap_or(u32::MAX);
        let entry = self.manifest.files().get(number as usize);
        let entry = entry.ok_or(MultipartyError::Missing {
            what: "an upload",
            party: self.party,
        })?;
        let (path, bytes) = self.manifest.load(self.directory, entry, LARGEST)?;
        let file = path.display().to_string();
        let source = Source::of(&file, &bytes);
        read_upload(self.setting, source, self.party, number, level)
    }

    fn write(
        &self,
        upload: Upload,
        provisional: ProvisionalCiphertext,
        to: &Path,
    ) -> Result<Entry, RunError> {
        // Into a directory that has no name before the verdict.
        let ciphertext = provisional.before_the_verdict();
        let (plan, context) = (self.setting.plan(), self.setting.context());
        let job = plan.plan.job();
        let (at, bound) = (job.placement(upload), job.bound(upload));
        let meta = Meta {
            level: at.level,
            scale: at.scale,
            bound,
            rms: bound,
            noise: upload_noise(job, context.params()),
        };
        let ct = CkksCt::admit(context, ciphertext, meta)?;
        let (name, shapes) = (upload.to_string(), vec![wire::Shape::of(ct.ciphertext())]);
        let label = SHARD.bound_to(&plan.hash);
        let mut writer = CiphertextWriter::new(vec![], &name, label, context, shapes, &[])?;
        writer.push(ct.ciphertext(), &ct.meta())?;
        let (_, bytes) = writer.finish()?;
        Entry::write(to, Kind::VerifiedUploads, name, &bytes)
    }
}
