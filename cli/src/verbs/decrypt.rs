//! `decrypt`: from the server's ciphertexts to a model, rounded to what the noise leaves certain.

use std::io::{self, Write};
use std::sync::Arc;

use he_core::evaluator::Ckks;
use he_core::holder::SecretOpener;
use he_core::rlwe::EvaluationKeys;
use mlr_train::client::decrypt::{Decrypted, decrypt};
use mlr_train::client::prepare::{Coordinates, certified_by_twin};
use mlr_train::metrics::Agreement;
use mlr_train::model::{Model, Provenance};
use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::args::DecryptArgs;
use crate::artifacts::directory::{Access, NewDirectory};
use crate::artifacts::private::{PrivateDirectory, shared_whitening};
use crate::artifacts::{keys, weights};
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::failure::{Exit, Failure};
use crate::plan_file::PlanFile;

/// Replicas of a weight may differ by this many expected errors. Of 2^20 Gaussian values the largest stays below 5.5 standard
/// deviations but for one case in 40; the rest is for the formulas.
const LARGEST_SPREAD: f64 = 16.0;
/// Largest error of a weight relative to the twin's largest before the model counts as implausible.
const LARGEST_ERROR: f64 = 1e-2;

/// Weights beyond the plan's bound by this factor are no result of the plan's training, whatever the noise.
const IMPOSSIBLE_WEIGHT: f64 = 16.0;

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
    let known = known(args, &plan)?;
    let out = NewDirectory::begin(&args.out, Access::Shared, "model")?;
    let context = plan.context()?;
    let key = keys::read_secret(&args.key, &context)?;
    let eval = Ckks::new(EvaluationKeys::new(&context))?;
    let opener = SecretOpener::new(Arc::new(key))?;
    let encrypted = weights::read(&args.model, &plan, &eval)?;
    let opened =
        decrypt(plan.plan.job(), &eval, &opener, &encrypted).map_err(|error| from_text(&error))?;
    let reference = known.twin.as_ref();
    let agreement = reference
        .map(|twin| Agreement::new(opened.weights.view(), twin.view()))
        .transpose()?;
    let bound = plan.plan.job().program().bounds.weight;
    let usual = reference.map_or(bound, |twin| largest(twin.view()));
    require_plausible(&opened, bound, usual)
        .map_err(|failure| failure.at(args.model.display().to_string()))?;
    let warnings = warnings(&opened, agreement.as_ref(), bound);
    for warning in &warnings {
        console.warn(warning);
    }
    let expected_error = opened.expected_error;
    let opened = match reference {
        Some(twin) => certified_by_twin(opened, twin.view()),
        // Of several owners' rows nobody has a twin: the expected error alone says what is certain.
        None => opened,
    };
    let (weights, intercept) = known.coordinates.fold_back(opened.rounded().view())?;
    let provenance = Provenance {
        method: plan.method().to_owned(),
        encrypted: true,
        iterations: plan.plan.job().iterations(),
        training_rows: plan.plan.job().program().shape.samples,
        plan_blake3: Some(plan.hash_hex()),
        certified_bits: Some(opened.certified_bits()),
    };
    Model::new(weights, intercept, known.class_names, provenance)?.write(out.path())?;
    out.commit()?;
    console.note("client: the model is yours alone; nothing leaves this machine");
    Ok(Opened {
        seconds: console.seconds() - started,
        certified_bits: opened.certified_bits(),
        max_weight_error: agreement.map(|agreement| agreement.max_relative_error),
        replica_spread: opened.replica_spread,
        expected_error,
        warnings,
    })
}

/// What the client knows beside the ciphertexts.
struct Known {
    coordinates: Coordinates,
    class_names: Option<Vec<String>>,
    /// The twin's weights as trained; nobody has it of several owners' rows.
    twin: Option<Array2<f64>>,
}

fn known(args: &DecryptArgs, plan: &PlanFile) -> Result<Known, Failure> {
    let shared = plan.plan.job().program().owners.whitening.is_some();
    match (&args.private, &args.whitening) {
        (Some(path), _) if !shared => {
            let private = PrivateDirectory::read(path)?;
            private.require_plan(path, &plan.hash_hex())?;
            let twin = &private.twin_as_trained;
            let twin = private
                .coordinates
                .join_constant(twin.weights(), twin.intercept())
                .map_err(|error| from_text(&error))?;
            Ok(Known {
                coordinates: private.coordinates,
                class_names: private.head.class_names,
                twin: Some(twin),
            })
        }
        (_, Some(path)) if shared => {
            let file = shared_whitening(path, plan)?;
            Ok(Known {
                coordinates: Coordinates::Whitened(Box::new(file.whitening)),
                class_names: file.class_names,
                twin: None,
            })
        }
        _ => Err(Failure::input(
            "expected --whitening for a plan of several owners and --private for one owner's, found the other",
        )
        .at("arguments")
        .hint("several owners share the map that plan --stats wrote")),
    }
}

/// Refuses what only another key or other ciphertexts can give: no bit of a weight is certain, or the weights are far beyond the plan's
/// bound. `usual` is the twin's largest weight.
fn require_plausible(opened: &Decrypted, bound: f64, usual: f64) -> Result<(), Failure> {
    let (found, spread) = (largest(opened.weights.view()), opened.replica_spread);
    // Written so that a value that is not a number is refused too.
    let certain = opened.certified_bits() > 0.0 && spread < usual;
    if certain && found <= IMPOSSIBLE_WEIGHT * bound {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Verification,
        format!(
            "expected weights of at most {bound:.1e} whose replicas agree within {:.1e}, found {found:.1e} and {spread:.1e}: this key did not make these ciphertexts, or the ciphertexts were changed",
            LARGEST_SPREAD * opened.expected_error
        ),
    )
    .hint("use the secret key that was made with this job's evaluation keys; if it is that key, the server must train again on the dataset as encrypted"))
}

fn largest(weights: ArrayView2<'_, f64>) -> f64 {
    weights.iter().fold(0.0, |most: f64, w| most.max(w.abs()))
}

/// What speaks against the weights.
fn warnings(opened: &Decrypted, agreement: Option<&Agreement>, bound: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    if opened.replica_spread > LARGEST_SPREAD * opened.expected_error {
        warnings.push(format!(
            "precision: replicas of a weight differ by {:.1e}, expected at most {:.1e}; the ciphertexts are not what an honest run of the plan gives",
            opened.replica_spread,
            LARGEST_SPREAD * opened.expected_error
        ));
    }
    let largest = largest(opened.weights.view());
    if largest > bound {
        warnings.push(format!(
            "precision: a weight of {largest:.1e} is beyond the plan's bound of {bound:.1e}; the values are implausible"
        ));
    }
    if let Some(agreement) = agreement
        && agreement.max_relative_error > LARGEST_ERROR
    {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn opened(weight: f64, spread: f64) -> Decrypted {
        Decrypted {
            weights: array![[weight, -0.25]],
            replica_spread: spread,
            expected_error: 1e-6,
        }
    }

    #[test]
    fn gross_disagreement_is_refused() {
        // The twin's largest weight is 0.5, the plan's bound 2.
        for (weight, spread) in [(0.5, 1.5), (0.5, 0.6), (33.0, 1e-6), (0.5, f64::NAN)] {
            let failure = require_plausible(&opened(weight, spread), 2.0, 0.5).unwrap_err();
            assert_eq!(failure.exit, Exit::Verification, "{weight} {spread}");
            assert!(failure.message.contains("did not make these ciphertexts"));
            assert!(failure.hint.is_some());
        }
    }

    #[test]
    fn less_precision_is_a_warning_and_none_is_lost_for_nothing() {
        let twin = array![[0.5, -0.25]];
        // Weight, spread, warnings: replicas apart, beyond the bound (and so off the twin), off the twin, nothing.
        for (weight, spread, count) in [
            (0.5, 1e-3, 1),
            (2.5, 1e-6, 2),
            (0.51, 1e-6, 1),
            (0.5, 1e-6, 0),
        ] {
            let opened = opened(weight, spread);
            require_plausible(&opened, 2.0, 0.5).unwrap();
            let agreement = Agreement::new(opened.weights.view(), twin.view()).unwrap();
            let warnings = warnings(&opened, Some(&agreement), 2.0);
            assert_eq!(warnings.len(), count, "{warnings:?}");
        }
    }
}
