//! `decrypt`: from the server's ciphertexts to a model, rounded to what the noise leaves certain.

use std::io::{self, Write};
use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::holder::SecretOpener;
use he_core::rlwe::EvaluationKeys;
use mlr_train::client::decrypt::{Decrypted, decrypt};
use mlr_train::client::prepare::certified_by_twin;
use mlr_train::metrics::Agreement;
use mlr_train::model::{Model, Provenance};
use serde::Serialize;

use crate::args::DecryptArgs;
use crate::artifacts::directory::{Access, NewDirectory};
use crate::artifacts::private::PrivateDirectory;
use crate::artifacts::{keys, weights};
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::failure::Failure;
use crate::plan_file::PlanFile;

/// Replicas of a weight may differ by this many expected errors. Of 2^20 Gaussian values the largest stays below 5.5 standard
/// deviations but for one case in 40; the rest is for the formulas.
const LARGEST_SPREAD: f64 = 16.0;
/// Largest error of a weight relative to the twin's largest before the model counts as implausible.
const LARGEST_ERROR: f64 = 1e-2;

/// What was decrypted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Opened {
    seconds: f64,
    /// Bits after the binary point of a weight, as trained, that the noise leaves certain.
    certified_bits: f64,
    /// Largest difference to the twin's weights as trained, relative to the largest of them.
    pub(super) max_weight_error: Option<f64>,
    /// Largest distance of a replica of a weight from its mean.
    replica_spread: f64,
    expected_error: f64,
    /// Signs of lost precision or of ciphertexts that are not what they claim to be.
    warnings: Vec<String>,
}

/// Decrypts as the arguments say.
pub(crate) fn run(args: &DecryptArgs, console: &Console) -> Result<Opened, Failure> {
    let started = console.seconds();
    let plan = PlanFile::read(&args.plan)?;
    let private = PrivateDirectory::read(&args.private)?;
    private.require_plan(&args.private, &plan.hash_hex())?;
    let out = NewDirectory::begin(&args.out, Access::Shared, "model")?;
    let context = plan.context()?;
    let key = keys::read_secret(&args.key, &context)?;
    let eval = Ckks::new(EvaluationKeys::new(&context))?;
    let opener = SecretOpener::new(Arc::new(key))?;
    let encrypted = weights::read(&args.model, &plan, &eval)?;
    let opened =
        decrypt(plan.plan.job(), &eval, &opener, &encrypted).map_err(|error| from_text(&error))?;
    let twin = &private.twin_as_trained;
    let reference = private
        .coordinates
        .join_constant(twin.weights(), twin.intercept())
        .map_err(|error| from_text(&error))?;
    let agreement = Agreement::new(opened.weights.view(), reference.view())?;
    let bound = plan.plan.job().program().bounds.weight;
    let warnings = warnings(&opened, &agreement, bound);
    for warning in &warnings {
        console.warn(warning);
    }
    let expected_error = opened.expected_error;
    let opened = certified_by_twin(opened, reference.view());
    let (weights, intercept) = private.coordinates.fold_back(opened.rounded().view())?;
    let provenance = Provenance {
        method: plan.method().to_owned(),
        encrypted: true,
        iterations: plan.plan.job().iterations(),
        training_rows: plan.plan.job().program().shape.samples,
        plan_blake3: Some(plan.hash_hex()),
        certified_bits: Some(opened.certified_bits()),
    };
    let names = private.head.class_names.clone();
    Model::new(weights, intercept, names, provenance)?.write(out.path())?;
    out.commit()?;
    console.note("client: the model is yours alone; nothing leaves this machine");
    Ok(Opened {
        seconds: console.seconds() - started,
        certified_bits: opened.certified_bits(),
        max_weight_error: Some(agreement.max_relative_error),
        replica_spread: opened.replica_spread,
        expected_error,
        warnings,
    })
}

/// What speaks against the weights.
fn warnings(opened: &Decrypted, agreement: &Agreement, bound: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    if opened.replica_spread > LARGEST_SPREAD * opened.expected_error {
        warnings.push(format!(
            "precision: replicas of a weight differ by {:.1e}, expected at most {:.1e}; the ciphertexts are not what an honest run of the plan gives",
            opened.replica_spread,
            LARGEST_SPREAD * opened.expected_error
        ));
    }
    let largest = opened
        .weights
        .iter()
        .fold(0.0, |most: f64, w| most.max(w.abs()));
    if largest > bound {
        warnings.push(format!(
            "precision: a weight of {largest:.1e} is beyond the plan's bound of {bound:.1e}; the values are implausible"
        ));
    }
    if agreement.max_relative_error > LARGEST_ERROR {
        warnings.push(format!(
            "precision: weights differ from the clear twin's by {:.1e} of the largest, expected at most {LARGEST_ERROR:.0e}",
            agreement.max_relative_error
        ));
    }
    warnings
}

impl Summary for Opened {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{:.1} certified bits a weight", self.certified_bits)?;
        if let Some(error) = self.max_weight_error {
            write!(out, ", largest error against the clear twin {error:.1e}")?;
        }
        writeln!(out, ", in {:.1} s", self.seconds)
    }
}
