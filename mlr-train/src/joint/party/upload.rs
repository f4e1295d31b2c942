//! An owner's rows as ciphertexts under a fresh key of its own, with a proved switching key to the joint one.
//!
//! Ciphertexts are encrypted and written one after the other, as many at once as there are threads; the secret of the rows is never written.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use he_core::multiparty::{RowSecret, UploadTerms};
use he_core::wire;
use rayon::prelude::*;

use super::rows::OwnRows;
use crate::artifacts::dataset::CiphertextFiles;
use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::artifacts::{Reporter, RunError};
use crate::client::PrivateFile;
use crate::client::encrypt::Uploads;
use crate::data::FeatureSet;
use crate::files::{Access, Ahead, NewDirectory};
use crate::joint::Setting;
use crate::joint::files::{PROOF_NAME, ROWS, SWITCHING_KEY_NAME, fingerprint, read_joint_key};
use crate::joint::verify::label;
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
    /// Time of the switching key and its proof.
    pub prove_seconds: f64,
    /// Bytes of the proof.
    pub proof_bytes: u64,
    /// Bytes of the switching key.
    pub switching_key_bytes: u64,
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
    if owner >= job.owner_rows().len() {
        return Err(RunError::input(format!(
            "expected a party below {}, one of the owners of data, found number {owner}",
            job.owner_rows().len()
        ))
        .at("party"));
    }
    let directory = NewDirectory::begin(&input.out, Access::Shared, "uploads with proofs")?;
    let key = read_joint_key(setting, &input.joint_key)?;
    let own = OwnRows::new(plan, owner, set, input.map, reporter)?;
    if let Some(refusal) = own.own_check(plan)? {
        reporter.warn(&format!(
            "trained on this owner's rows alone, the plan would be refused ({refusal}); the rows of all owners together may still be fine, which nobody can check in clear"
        ));
    }
    let uploads = Uploads::of_owner(job, owner, own.rows.view(), own.set.labels())?;
    let began = Instant::now();
    let (party, level) = (setting.party(input.party)?, job.upload_level().0);
    let secret = RowSecret::generate(&UploadTerms::new(&key, party, level)?)?;
    let mut entries = encrypted(setting, &secret, &uploads, directory.path(), reporter)?;
    let encrypt_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let label = label(setting, &entries);
    let [switching_key, proof] = proved(setting, &secret, &label, directory.path())?;
    let (switching_key_bytes, proof_bytes) = (switching_key.bytes, proof.bytes);
    entries.extend([switching_key, proof]);
    let prove_seconds = began.elapsed().as_secs_f64();
    let mut manifest = Manifest::of(Kind::ProvedUploads, setting.binding_hex(), entries);
    manifest.set_key(fingerprint(&key)?);
    manifest.write(directory.path())?;
    reporter.check()?;
    directory.commit()?;
    Ok(Uploaded {
        manifest,
        encrypt_seconds,
        prove_seconds,
        proof_bytes,
        switching_key_bytes,
    })
}

/// All ciphertexts of an owner, in order.
fn encrypted(
    setting: &Setting,
    secret: &RowSecret,
    uploads: &Uploads<'_>,
    to: &Path,
    reporter: &dyn Reporter,
) -> Result<Vec<Entry>, RunError> {
    let (job, context) = (setting.plan().plan.job(), setting.context());
    let all: Vec<Upload> = job.uploads_of(uploads.owner()).collect();
    reporter.stage("encrypt", all.len() as u64);
    let (binding, done) = (setting.binding(), AtomicU64::new(0));
    let files = CiphertextFiles {
        directory: to,
        kind: Kind::ProvedUploads,
        label: ROWS.bound_to(&binding),
        context,
        ahead: Ahead::begin(),
    };
    let one = |&upload: &Upload| {
        reporter.check()?;
        let slots = uploads.slots(upload);
        let (name, at) = (upload.to_string(), job.placement(upload));
        let rows = secret.encrypt(&name, &slots, at, job.bound(upload))?;
        let entry = files.write(upload, &rows)?;
        reporter.advance(1 + done.fetch_add(1, Ordering::Relaxed), "ciphertexts");
        Ok(entry)
    };
    all.par_iter().map(one).collect()
}

/// The switching key and its proof, bound to the label.
fn proved(
    setting: &Setting,
    secret: &RowSecret,
    label: &[u8; 32],
    to: &Path,
) -> Result<[Entry; 2], RunError> {
    let (session, terms) = (setting.session(), secret.terms());
    let proof = secret.prove(label)?;
    let (name, about) = (
        SWITCHING_KEY_NAME.to_owned(),
        (terms.party(), terms.level()),
    );
    let key = secret.switching_key();
    let (_, bytes) = wire::write_upload_key(vec![], &name, session, about, key)?;
    let key = Entry::write(to, Kind::ProvedUploads, name, &bytes)?;
    let (name, about) = (PROOF_NAME.to_owned(), (terms.party(), 0));
    let (_, bytes) = wire::write_proof(vec![], &name, session, about, terms.shape(), &proof)?;
    Ok([key, Entry::write(to, Kind::ProvedUploads, name, &bytes)?])
}
