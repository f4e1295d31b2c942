//! An owner's rows as ciphertexts under the joint key, with proofs that it knows what is in them.
//!
//! Two passes: ciphertexts are encrypted and written one after the other, then read again for the proof. Of each, 32 bytes stay in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use he_core::multiparty::{MultipartyError, PartyId, UploadProver, UploadTerms, WideCiphertext};
use he_core::rlwe::RlweError;
use he_core::wire::{self, Source};
use rayon::prelude::*;

use super::rows::OwnRows;
use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::artifacts::{Reporter, RunError};
use crate::client::PrivateFile;
use crate::client::encrypt::Uploads;
use crate::data::FeatureSet;
use crate::files::{Access, NewDirectory};
use crate::job::ProofGroup;
use crate::joint::Setting;
use crate::joint::files::{fingerprint, read_joint_key};
use crate::joint::verify::{entries, numbers, proof_name, read_upload};
use crate::packing::Upload;

/// What [`write()`] needs.
#[derive(Clone, Debug)]
pub struct UploadInput<'a> {
    /// Which party, from 0; the owners of data are the first ones.
    pub party: u32,
    /// The joint public key that this party made of checked shares.
    pub joint_key: PathBuf,
    /// The whitening map that all owners share.
    pub map: &'a PrivateFile,
    /// Where the uploads go: a new directory.
    pub out: PathBuf,
}

/// What was uploaded.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// What lies in the directory.
    pub manifest: Manifest,
    /// Time of packing, encrypting and writing.
    pub encrypt_seconds: f64,
    /// Time of the proofs.
    pub prove_seconds: f64,
    /// Bytes of the proofs.
    pub proof_bytes: u64,
    /// Why the plan would be refused for these rows alone, if it would.
    pub own_check: Option<String>,
}

/// Encrypts and proves one owner's rows.
///
/// # Errors
/// Rows that do not fit the plan; a joint key of another session; a name that is taken; the system's; interruption.
pub fn write(
    setting: &Setting,
    input: &UploadInput<'_>,
    set: FeatureSet,
    reporter: &dyn Reporter,
) -> Result<Uploaded, RunError> {
    let (plan, owner) = (setting.plan(), input.party as usize);
    let job = plan.plan.job();
    let groups = job.proofs_of(owner);
    if groups.is_empty() {
        return Err(RunError::input(format!(
            "expected a party below {}, one of the owners of data, found number {owner}",
            job.owner_rows().len()
        ))
        .at("party"));
    }
    let directory = NewDirectory::begin(&input.out, Access::Shared, "uploads with proofs")?;
    let key = read_joint_key(setting, &input.joint_key)?;
    let own = OwnRows::new(plan, owner, set, input.map, reporter)?;
    let own_check = own.own_check(plan)?;
    if let Some(refusal) = &own_check {
        reporter.warn(&format!(
            "trained on this owner's rows alone, the plan would be refused ({refusal}); the rows of all owners together may still be fine, which nobody can check in clear"
        ));
    }
    let uploads = Uploads::of_owner(job, owner, own.rows.view(), own.set.labels())?;
    reporter.stage(
        "encrypt and prove",
        2 * job.uploads_of(owner).count() as u64,
    );
    let mut made = Made {
        setting,
        directory: directory.path(),
        party: setting.party(input.party)?,
        numbers: numbers(setting, owner),
        entries: vec![],
        seconds: [0.0; 2],
        done: 0,
        reporter,
    };
    let mut proofs = vec![];
    for (number, group) in groups.iter().enumerate() {
        let label = *setting.label();
        let terms = UploadTerms::new(&key, made.party, label, group.size())?;
        proofs.push(made.group(number, group, terms, &uploads)?);
    }
    let proof_bytes = proofs.iter().map(|entry: &Entry| entry.bytes).sum();
    let [encrypt_seconds, prove_seconds] = made.seconds;
    let manifest = in_order(setting, owner, made.entries, proofs, fingerprint(&key)?)?;
    manifest.write(directory.path())?;
    reporter.check()?;
    directory.commit()?;
    Ok(Uploaded {
        manifest,
        encrypt_seconds,
        prove_seconds,
        proof_bytes,
        own_check,
    })
}

/// The manifest, in the order that a reader expects.
fn in_order(
    setting: &Setting,
    owner: usize,
    mut all: Vec<Entry>,
    proofs: Vec<Entry>,
    key: String,
) -> Result<Manifest, RunError> {
    all.extend(proofs);
    let names = entries(setting, owner);
    let at = |entry: &Entry| names.iter().position(|name| *name == entry.name);
    all.sort_by_key(at);
    let mut manifest = Manifest::of(Kind::ProvedUploads, setting.binding_hex(), all);
    manifest.set_key(key);
    Ok(manifest)
}

/// An owner's directory in the making.
struct Made<'a> {
    setting: &'a Setting,
    directory: &'a Path,
    party: PartyId,
    numbers: BTreeMap<Upload, u32>,
    entries: Vec<Entry>,
    /// Of encrypting, of proving.
    seconds: [f64; 2],
    done: u64,
    reporter: &'a dyn Reporter,
}

impl Made<'_> {
    /// Encrypts and proves the uploads of one proof.
    fn group(
        &mut self,
        number: usize,
        group: &ProofGroup,
        terms: UploadTerms,
        uploads: &Uploads<'_>,
    ) -> Result<Entry, RunError> {
        let began = std::time::Instant::now();
        let mut prover = UploadProver::new(terms.clone())?;
        let first = self.entries.len();
        // Packing and writing share the threads; encryption has them to itself.
        let at_once = 4 * rayon::current_num_threads();
        for some in group.uploads.chunks(at_once) {
            self.reporter.check()?;
            let slots: Vec<_> = some.par_iter().map(|one| uploads.slots(*one)).collect();
            let wide = slots.iter().map(|slots| prover.encrypt(slots));
            let wide = wide.collect::<Result<Vec<_>, _>>()?;
            let written = some.par_iter().zip(&wide);
            let written = written.map(|(upload, wide)| self.write(*upload, wide));
            let written = written.collect::<Result<Vec<_>, _>>()?;
            self.entries.extend(written);
            self.done += some.len() as u64;
            self.reporter.advance(self.done, "ciphertexts");
        }
        self.seconds[0] += began.elapsed().as_secs_f64();
        let began = std::time::Instant::now();
        let written = &self.entries[first..];
        let again = |i: usize| self.again(&written[i], group.uploads[i], group.level);
        let proof = prover.prove(|i| again(i).map_err(|error| protocol(&error)))?;
        let (name, about) = (proof_name(number), (terms.party(), number as u32));
        let session = self.setting.session();
        let (_, bytes) = wire::write_proof(vec![], &name, session, about, terms.shape(), &proof)?;
        let entry = Entry::write(self.directory, Kind::ProvedUploads, name, &bytes)?;
        self.done += group.uploads.len() as u64;
        self.reporter.advance(self.done, "proofs");
        self.seconds[1] += began.elapsed().as_secs_f64();
        Ok(entry)
    }

    fn number(&self, upload: Upload) -> u32 {
        self.numbers.get(&upload).copied().unwrap_or(u32::MAX)
    }

    fn write(&self, upload: Upload, wide: &WideCiphertext) -> Result<Entry, RunError> {
        let (name, number) = (upload.to_string(), self.number(upload));
        let (session, party) = (self.setting.session(), self.party);
        let (_, bytes) = wire::write_wide_ciphertext(vec![], &name, session, party, number, wide)?;
        Entry::write(self.directory, Kind::ProvedUploads, name, &bytes)
    }

    /// A ciphertext that was written, read again.
    fn again(
        &self,
        entry: &Entry,
        upload: Upload,
        level: usize,
    ) -> Result<WideCiphertext, RunError> {
        let path = self.directory.join(Kind::ProvedUploads.file(&entry.name));
        let bytes = crate::files::read_limited(&path, entry.bytes)?;
        let source = Source::of(&entry.name, &bytes);
        read_upload(self.setting, source, self.party, self.number(upload), level)
    }
}

/// An error of a file in the terms of the protocol.
fn protocol(error: &RunError) -> MultipartyError {
    MultipartyError::Rlwe(RlweError::Protocol {
        reason: error.to_string(),
    })
}
