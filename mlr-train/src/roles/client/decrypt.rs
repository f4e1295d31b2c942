//! `decrypt`: from the server's ciphertexts to a model, rounded to what the noise leaves certain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use he_core::evaluator::{Ckks, CkksCt};
use he_core::key_holder::SecretKeyDecryptor;
use he_core::rlwe::EvaluationKeys;
use ndarray::Array2;
use velum_record::client::Opened;
use velum_record::{Step, Subject};

use crate::artifacts::manifest::short;
use crate::artifacts::openings::{self, Opening, Question};
use crate::artifacts::plan::KeyPlan as _;
use crate::artifacts::private::{PrivateDirectory, shared_whitening};
use crate::artifacts::weights::{self, TrainedWith};
use crate::artifacts::{PlanFile, kinds, record, secret_key};
use crate::client::accept::{Witness, accept};
use crate::client::decrypt::decrypt;
use crate::client::norm::LargestNorm;
use crate::client::prepare::Coordinates;
use crate::data::Description;
use crate::files::Outputs;
use crate::files::{Access, NewDirectory};
use crate::model::{Model, Provenance};
use crate::roles::{Reporter, RunError, keep};

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct DecryptInput {
    /// The plan.
    pub plan: PathBuf,
    /// The secret key.
    pub key: PathBuf,
    /// The private directory of the encryption.
    pub private: Option<PathBuf>,
    /// The whitening map that several owners share, in place of a private directory.
    pub whitening: Option<PathBuf>,
    /// The encrypted model.
    pub model: PathBuf,
    /// Where the model goes: a new directory.
    pub out: PathBuf,
    /// Opens the model although the key has opened another.
    pub open_again: bool,
}

/// Decrypts the weights, judges them, and writes them as a model over raw features, rounded to what the noise leaves certain.
///
/// A key is spent by the first model that it opens ([`openings`]), and remembers it before it opens it.
///
/// # Errors
/// Files that do not belong together; a key that has opened another model; weights that are not accepted; the system's.
pub fn run(input: &DecryptInput, reporter: &dyn Reporter) -> Result<Opened, RunError> {
    open(input, &PlanFile::read(&input.plan)?, reporter)
}

/// [`run`] with a plan that has been read: tests have insecure ones, which no file may hold.
pub(crate) fn open(
    input: &DecryptInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<Opened, RunError> {
    let started = Instant::now();
    plan.require_key_holder()
        .map_err(|error| error.at(input.plan.display().to_string()))?;
    let known = known(input, plan)?;
    let read = [Some(&input.plan), Some(&input.key), Some(&input.model)];
    let read = read
        .into_iter()
        .chain([input.private.as_ref(), input.whitening.as_ref()]);
    let read = read.flatten().map(PathBuf::as_path);
    // Beside the model, which may be handed on.
    let place = record::beside(&input.out);
    let mut outputs = Outputs::new(read);
    outputs.new_directory(&input.out, "model")?;
    outputs.file_in_new_directory(&place, kinds::RECORD)?;
    let out = NewDirectory::begin(&input.out, Access::Private, "model")?;
    let context = plan.context()?;
    let key = secret_key::read(&input.key, &context)?;
    let fingerprint = secret_key::fingerprint(&key)?;
    let named = hex(fingerprint);
    known.require_key(input, &named)?;
    let eval = Ckks::new(EvaluationKeys::new(&context))?;
    let decryptor = SecretKeyDecryptor::new(Arc::new(key))?;
    let mut dataset = known.dataset.clone();
    let encrypted = weights::read(&input.model, plan, &eval, |with| {
        dataset = Some(hex(with.datasets));
        known.require_run(&with, &fingerprint)
    })?;
    reporter.check()?;
    remember(input, &named, &encrypted, reporter)?;
    let opened = decrypt(plan.plan.job(), &eval, &decryptor, &encrypted)?;
    let expected_error = opened.expected_error;
    let bound = plan.plan.job().program().bounds.weight;
    let witness = match &known.twin {
        Some(twin) => Witness::Twin(twin.view()),
        None => Witness::Owners(LargestNorm::of(plan.plan.job())),
    };
    let accepted = accept(opened, bound, witness)
        .map_err(|refused| RunError::caused(refused).at(input.model.display().to_string()))?;
    for warning in &accepted.warnings {
        reporter.warn(warning);
    }
    let (weights, intercept) = known.coordinates.fold_back(accepted.weights.view())?;
    let provenance = Provenance {
        method: plan.method().to_owned(),
        encrypted: true,
        iterations: plan.plan.job().iterations(),
        training_rows: plan.plan.job().program().shape.samples,
        plan_blake3: Some(plan.hash_hex()),
        certified_bits: Some(f64::from(accepted.bits)),
    };
    let model = Model::new(weights, intercept, known.class_names, provenance)?;
    let model = model.with_description(known.description);
    let model = model.with_temperature(known.temperature);
    let written = model.write_private(out.path());
    written.map_err(|error| RunError::from(error).settled(&out))?;
    let done = Opened {
        seconds: started.elapsed().as_secs_f64(),
        certified_bits: accepted.bits,
        max_weight_error: accepted.max_relative_error,
        expected_error,
        warnings: accepted.warnings,
    };
    let subject = Subject {
        plan: Some(plan.hash_hex()),
        key: Some(named),
        dataset,
        model: Some(weights::hash(&input.model)?),
    };
    reporter.check()?;
    out.commit()?;
    keep(&place, Step::Decrypt(done.clone()), subject, reporter);
    reporter.note("client: the model is yours alone; nothing leaves this machine");
    Ok(done)
}

/// Spends the key on this model.
fn remember(
    input: &DecryptInput,
    fingerprint: &str,
    encrypted: &[Vec<CkksCt>],
    reporter: &dyn Reporter,
) -> Result<(), RunError> {
    let opening = Opening {
        key: &input.key,
        fingerprint,
        question: Question::Model,
        answer: &openings::answer(encrypted.iter().flatten()),
    };
    opening
        .remember(input.open_again, reporter)
        .map_err(|error| error.at(input.model.display().to_string()))
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

/// What the client knows beside the ciphertexts.
struct Known {
    coordinates: Coordinates,
    class_names: Option<Vec<String>>,
    description: Description,
    temperature: Option<f64>,
    /// Key and dataset of the encryption, hex, where the private directory names them.
    key: Option<String>,
    dataset: Option<String>,
    /// The twin's weights as trained; nobody has it of several owners' rows.
    twin: Option<Array2<f64>>,
}

impl Known {
    /// Refuses a key that is not the one of the private directory.
    fn require_key(&self, input: &DecryptInput, key: &str) -> Result<(), RunError> {
        match &self.key {
            Some(expected) if expected != key => Err(RunError::input(format!(
                "expected the secret key {} that the private directory names, found the key {}",
                short(expected),
                short(key)
            ))
            .at(input.key.display().to_string())
            .hint("use the key that encrypted, or the private directory of this key's run")),
            _ => Ok(()),
        }
    }

    /// Refuses a model that was trained with another key or on another dataset.
    fn require_run(&self, found: &TrainedWith, key: &[u8; 32]) -> Result<(), RunError> {
        if found.key != *key {
            return Err(RunError::input(format!(
                "expected a model under the key {}, found one under the key {}",
                short(&hex(*key)),
                short(&hex(found.key))
            ))
            .hint("use the secret key that was made with this job's evaluation keys"));
        }
        match &self.dataset {
            Some(expected) if *expected != hex(found.datasets) => Err(RunError::input(format!(
                "expected a model trained on the dataset {} of the private directory, found one trained on {}",
                short(expected),
                short(&hex(found.datasets))
            ))
            .hint("name the private directory that encrypt wrote together with the dataset that was trained on")),
            _ => Ok(()),
        }
    }
}

fn known(input: &DecryptInput, plan: &PlanFile) -> Result<Known, RunError> {
    let shared = plan.plan.job().program().owners.whitening.is_some();
    match (&input.private, &input.whitening) {
        (Some(path), _) if !shared => {
            let private = PrivateDirectory::read(path)?;
            private.require_plan(path, &plan.hash_hex())?;
            let twin = &private.twin_as_trained;
            let twin = private
                .coordinates
                .join_constant(twin.weights(), twin.intercept())
                .map_err(|error| RunError::input(error.to_string()))?;
            Ok(Known {
                coordinates: private.coordinates,
                class_names: private.head.class_names,
                description: private.head.description,
                temperature: private.head.temperature,
                key: private.head.key,
                dataset: private.head.dataset,
                twin: Some(twin),
            })
        }
        (_, Some(path)) if shared => {
            let file = shared_whitening(path, plan)?;
            Ok(Known {
                coordinates: Coordinates::Whitened(Box::new(file.whitening)),
                class_names: file.class_names,
                description: file.description,
                temperature: None,
                key: None,
                dataset: None,
                twin: None,
            })
        }
        _ => Err(RunError::input(
            "expected --whitening for a plan of several owners and --private for one owner's, found the other",
        )
        .at("arguments")
        .hint("several owners share the map that plan --stats wrote")),
    }
}
