//! `keygen`: the secret key, and exactly the evaluation keys that the plan needs.

use std::path::PathBuf;
use std::time::Instant;

use he_core::rlwe::{BridgeKeyMaker, RlweError, SecretKey, SwitchingKey};
use velum_record::client::Keygen;
use velum_record::{Step, Subject};

use crate::artifacts::evaluation_keys::PlannedKey;
use crate::artifacts::plan::KeyPlan;
use crate::artifacts::{
    PlanFile, ScorePlanFile, evaluation_keys, kinds, public_key, record, secret_key,
};
use crate::files::Outputs;
use crate::files::{Access, NewDirectory, Together};
use crate::roles::{Reporter, RunError, keep};

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct KeygenInput {
    /// The plan, of a training or of predictions.
    pub plan: PathBuf,
    /// Where the secret key goes: a new file, in a directory of its own.
    pub key: PathBuf,
    /// Where the evaluation keys go: a new directory.
    pub eval_keys: PathBuf,
    /// Where the public key goes, if somebody encrypts with it.
    pub public_key: Option<PathBuf>,
}

/// Makes the keys.
///
/// # Errors
/// Names that are taken; the system's; interruption.
pub fn run(input: &KeygenInput, reporter: &dyn Reporter) -> Result<Keygen, RunError> {
    let plan: Box<dyn KeyPlan> = if ScorePlanFile::claims(&input.plan) {
        Box::new(ScorePlanFile::read(&input.plan)?)
    } else {
        Box::new(PlanFile::read(&input.plan)?)
    };
    make(input, plan.as_ref(), reporter)
}

/// [`run`] with a plan that has been read: tests have insecure ones, which no file may hold.
pub(crate) fn make(
    input: &KeygenInput,
    plan: &dyn KeyPlan,
    reporter: &dyn Reporter,
) -> Result<Keygen, RunError> {
    let started = Instant::now();
    plan.require_key_holder()
        .map_err(|error| error.at(input.plan.display().to_string()))?;
    if plan.wants_public_key() && input.public_key.is_none() {
        return Err(RunError::input(
            "expected a place for the public key, with which the plan's owners encrypt, found none",
        )
        .at("--public-key")
        .hint("name a new file"));
    }
    Together::recover(&input.eval_keys);
    let mut outputs = Outputs::new([input.plan.as_path()]);
    outputs.secret_file(&input.key, "secret key")?;
    if let Some(path) = &input.public_key {
        outputs.new_file(path, "public key")?;
    }
    outputs.new_directory(&input.eval_keys, "evaluation keys")?;
    let place = record::beside(&input.key);
    outputs.file_in_new_directory(&place, kinds::RECORD)?;
    let directory = NewDirectory::begin(&input.eval_keys, Access::Shared, "evaluation keys")?;
    let context = plan.context()?;
    let key = SecretKey::generate(&context)?;
    let fingerprint = secret_key::fingerprint_hex(&key)?;
    let bootstrapping = plan.bootstrapping();
    let maker = bootstrapping.map(|b| key.bridge_maker(b.plan().bridge()));
    let maker = maker.transpose()?;
    reporter.stage("keygen", evaluation_keys::count(plan) as u64);
    let manifest = evaluation_keys::write(
        &directory,
        plan,
        &context,
        fingerprint.clone(),
        |id| planned(id, &key, maker.as_ref()),
        reporter,
    )
    .map_err(|error| error.settled(&directory))?;
    reporter.check()?;
    // The secret key comes last: without it the others are nothing.
    let mut outputs = Together::default().directory(directory);
    if let Some(path) = &input.public_key {
        outputs = outputs.file(public_key::write(path, &key.public_key()?)?);
    }
    outputs
        .file(secret_key::write(&input.key, &key)?)
        .commit()?;
    reporter.note(&format!(
        "client: {} stays here and must be kept secret; {} goes to the server",
        input.key.display(),
        input.eval_keys.display()
    ));
    if let Some(public) = &input.public_key {
        reporter.note(&format!(
            "client: {} goes to the owners of data, who encrypt with it",
            public.display()
        ));
    }
    let done = Keygen {
        seconds: started.elapsed().as_secs_f64(),
        keys: manifest.files().len(),
        eval_key_bytes: manifest.bytes(),
        key_binding: plan.key_binding_hex(),
        key: fingerprint,
    };
    let subject = Subject {
        plan: Some(plan.plan_hash_hex()),
        key: Some(done.key.clone()),
        ..Subject::default()
    };
    keep(&place, Step::Keygen(done.clone()), subject, reporter);
    Ok(done)
}

/// A key of the plan, at its level.
fn planned(
    id: PlannedKey,
    key: &SecretKey,
    maker: Option<&BridgeKeyMaker>,
) -> Result<SwitchingKey, RlweError> {
    match (id, maker) {
        (PlannedKey::Bootstrap(id, level), Some(maker)) => maker.switching_key_at(id, level),
        (PlannedKey::Own(id, level) | PlannedKey::Bootstrap(id, level), _) => {
            key.switching_key_at(id, level)
        }
    }
}
