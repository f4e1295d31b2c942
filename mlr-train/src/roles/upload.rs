//! What encrypting rows takes and gives, for the key holder and for one of several owners alike.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::key_holder::{Encryptor, PublicKeyEncryptor, SecretKeyEncryptor};
use he_core::rlwe::Context;
use velum_record::{Record, Step, Subject};

pub use velum_record::client::Encrypted;

use crate::artifacts::{PlanFile, public_key, secret_key};
use crate::roles::{Rows, RunError};

/// Digits of a fingerprint that nobody finds a second key for by chance.
const LEAST_DIGITS: usize = 16;

/// What to encrypt with.
#[derive(Clone, Debug)]
pub enum EncryptionKey {
    /// The file of the secret key: half the size of public-key encryption.
    Secret(PathBuf),
    /// The file of the public key, for an owner of data who has no secret key.
    Public(PathBuf),
}

/// What [`super::client::encrypt::run`] needs.
#[derive(Clone, Debug)]
pub struct EncryptInput {
    /// The plan.
    pub plan: PathBuf,
    /// What to encrypt with.
    pub key: EncryptionKey,
    /// The training rows.
    pub rows: Rows,
    /// Share of the largest variance that is added to every variance, if it is not the recipe's: without a recipe the default.
    pub lambda: Option<f64>,
    /// What is private of the plan's recipe; looked for beside the plan.
    pub recipe: Option<PathBuf>,
    /// Which of several owners, from 1.
    pub owner: Option<usize>,
    /// The whitening map that several owners share.
    pub whitening: Option<PathBuf>,
    /// Whether this one of several owners trusts whoever holds the secret half of a public key: it can read the rows.
    pub trust_key_holder: bool,
    /// The fingerprint that the key must have, hex; its first 16 digits are enough.
    pub expected_key: Option<String>,
    /// Where the client's own data goes: a new directory. Not for several owners.
    pub private: Option<PathBuf>,
    /// Where the encrypted dataset goes: a new directory.
    pub out: PathBuf,
}

/// The record of an encryption to the dataset of this hash, hex.
pub(super) fn record_of(done: &Encrypted, plan: &PlanFile, dataset: String) -> Record {
    let subject = Subject {
        plan: Some(plan.hash_hex()),
        key: Some(done.key.clone()),
        dataset: Some(dataset),
        model: None,
    };
    let step = Step::Encrypt(done.clone());
    Record::new(step, subject, rayon::current_num_threads())
}

/// Everything that is read.
pub(super) fn inputs(input: &EncryptInput) -> impl Iterator<Item = &Path> {
    let key = match &input.key {
        EncryptionKey::Secret(path) | EncryptionKey::Public(path) => path,
    };
    let rows = &input.rows;
    let given = [Some(&input.plan), Some(key), Some(&rows.features)];
    let optional = [
        rows.labels.as_ref(),
        input.whitening.as_ref(),
        input.recipe.as_ref(),
    ];
    given
        .into_iter()
        .chain(optional)
        .flatten()
        .map(PathBuf::as_path)
}

/// The encryptor of a key file, and the fingerprint of its public key, hex.
pub(super) fn encryptor(
    key: &EncryptionKey,
    context: &Arc<Context>,
) -> Result<(Box<dyn Encryptor<Ckks>>, String), RunError> {
    match key {
        EncryptionKey::Secret(path) => {
            let key = secret_key::read(path, context)?;
            let fingerprint = secret_key::fingerprint_hex(&key)?;
            Ok((
                Box::new(SecretKeyEncryptor::new(Arc::new(key))?),
                fingerprint,
            ))
        }
        EncryptionKey::Public(path) => {
            let key = public_key::read(path, context)?;
            let fingerprint = blake3::Hash::from_bytes(public_key::fingerprint(&key)?);
            let fingerprint = fingerprint.to_hex().to_string();
            Ok((
                Box::new(PublicKeyEncryptor::new(Arc::new(key))?),
                fingerprint,
            ))
        }
    }
}

/// Refuses another key than the one that the caller was told of.
pub(super) fn require_expected_key(input: &EncryptInput, key: &str) -> Result<(), RunError> {
    let Some(expected) = &input.expected_key else {
        return Ok(());
    };
    let expected = expected.to_ascii_lowercase();
    if expected.len() >= LEAST_DIGITS && key.starts_with(&expected) {
        return Ok(());
    }
    let path = match &input.key {
        EncryptionKey::Secret(path) | EncryptionKey::Public(path) => path,
    };
    Err(RunError::input(format!(
        "expected the key {expected}, at least {LEAST_DIGITS} digits of it, found the key {key}"
    ))
    .at(path.display().to_string())
    .hint("ask the key holder for the fingerprint that keygen printed, by another way than the key came"))
}

/// Refuses options that would have no effect.
pub(super) fn refuse_options(input: &EncryptInput, why: &str) -> Result<(), RunError> {
    let given = [
        ("--lambda", input.lambda.is_some()),
        ("--recipe", input.recipe.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(RunError::input(format!(
            "expected no {option}, found one: {why}"
        ))
        .at(*option)
        .hint("leave it out")),
        None => Ok(()),
    }
}
