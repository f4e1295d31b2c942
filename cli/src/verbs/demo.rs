//! `demo`: the whole way on embedded images of handwritten digits, as a client and a server would go it, with their files in two
//! directories. The client's network, velum-compact, has seen letters but no digit: this is transfer learning.

mod digits;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::{decrypt, encrypt, evaluate, keygen, plan, train};
use crate::args::{
    DecryptArgs, DemoArgs, EncryptArgs, FitName, KeygenArgs, MethodName, PlanArgs, TrainArgs,
};
use crate::artifacts::private::PrivateDirectory;
use crate::budget::BudgetArgs;
use crate::console::{Console, Summary};
use crate::failure::{Exit, Failure};
use crate::features::{self, FeatureArgs};
use mlr_train::model::Model;

/// Every fifth row tests, the others train.
const TRAINING: &str = "not every 5 offset 4";
const TESTING: &str = "every 5 offset 4";

// As many axes as the 64 pixels can usefully give, the default steps, and the lambda of thousands of rows: nothing is tuned on the test rows.
const KEEP: usize = 61;
const LAMBDA: f64 = 0.001;
const STEPS: [f64; 2] = [4.0, 4.0];
const RANGE: f64 = 6.0;

/// Accuracy that the encrypted run may lose against the clear twin, either way: two of 359 rows.
const LARGEST_DIFFERENCE: f64 = 0.006;

/// The five accuracies, and what the server took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Demo {
    accuracy_encrypted: f64,
    accuracy_clear: f64,
    accuracy_client_only: f64,
    accuracy_best_clear: f64,
    /// Of the same training in clear on the pixels, without the network.
    accuracy_pixels: f64,
    train_seconds: f64,
    seconds: f64,
    max_weight_error: Option<f64>,
    #[serde(skip)]
    evaluated: evaluate::Evaluated,
}

/// Runs the demonstration.
pub(crate) fn run(_: &DemoArgs, console: &Console) -> Result<Demo, Failure> {
    let place = tempfile::Builder::new()
        .prefix("velum-demo-")
        .tempdir()
        .map_err(|error| Failure::io("create a directory", Path::new("temporary"), &error))?;
    let (client, server) = (place.path().join("client"), place.path().join("server"));
    for side in [&client, &server] {
        std::fs::create_dir(side)
            .map_err(|error| Failure::io("create a directory", side, &error))?;
    }
    console.note("client: turns its images into features by velum-compact, a network that has seen letters but no digit");
    let pixels = digits::pixels(&client)?;
    let directory = client.join("features");
    digits::extract(&pixels, &directory)?;
    let plan_file = server.join("plan.json");
    let step = console.hushed();
    let features = |rows: &str| -> Result<FeatureArgs<true>, Failure> {
        Ok(FeatureArgs {
            features: Some(directory.clone()),
            labels: None,
            rows: Some(rows.parse().map_err(Failure::from)?),
        })
    };
    let training = features(TRAINING)?;

    console.note("client: plans on its own rows; the plan is public and goes to the server");
    let planned = plan_args(training.clone(), &plan_file);
    plan::run(&planned, &step)?;
    console.note(
        "client: makes a secret key, which stays, and evaluation keys, which go to the server",
    );
    let key = client.join("secret.key");
    let keys = KeygenArgs {
        plan: plan_file.clone(),
        key: key.clone(),
        eval_keys: server.join("keys"),
        public_key: None,
    };
    keygen::run(&keys, &step)?;
    console.note("client: encrypts features and first gradient; no label of any image leaves it");
    let private = client.join("private");
    let encryption = EncryptArgs {
        plan: plan_file.clone(),
        key: Some(key.clone()),
        public_key: None,
        features: training.clone(),
        lambda: LAMBDA,
        owner: None,
        whitening: None,
        private: Some(private.clone()),
        out: server.join("dataset"),
    };
    encrypt::run(&encryption, &step)?;
    console.note(
        "server: trains on ciphertexts; it has plan, evaluation keys and dataset, nothing else",
    );
    let encrypted = server.join("model.enc");
    let started = console.seconds();
    let on_server = TrainArgs {
        plan: plan_file.clone(),
        eval_keys: keys.eval_keys,
        dataset: vec![encryption.out],
        out: encrypted.clone(),
        resume: false,
    };
    train::run(&on_server, &console.only_progress())?;
    let train_seconds = console.seconds() - started;
    console.note("client: decrypts the model and evaluates it on images that were not trained on");
    let model = client.join("model");
    let opening = DecryptArgs {
        plan: plan_file,
        key,
        private: Some(private.clone()),
        whitening: None,
        model: encrypted,
        out: model.clone(),
    };
    let opened = decrypt::run(&opening, &step)?;
    let evaluated = compare(&private, &model, &features(TESTING)?, &training)?;
    let choice = |rows: &str| rows.parse().map_err(Failure::from);
    let split = (&choice(TRAINING)?, &choice(TESTING)?);
    let recipe = plan::recipe(&planned)?;
    let accuracy_pixels = digits::clear_accuracy(&pixels, split, &recipe, (KEEP, LAMBDA))?;
    let missing = || {
        Failure::new(
            Exit::Verification,
            "expected every model to be compared with",
        )
        .at("demo")
    };
    let demo = Demo {
        accuracy_encrypted: evaluated.accuracy,
        accuracy_clear: evaluated.accuracy_clear.ok_or_else(missing)?,
        accuracy_client_only: evaluated.accuracy_client_only.ok_or_else(missing)?,
        accuracy_best_clear: evaluated.accuracy_best_clear.ok_or_else(missing)?,
        accuracy_pixels,
        train_seconds,
        seconds: console.seconds(),
        max_weight_error: opened.max_weight_error,
        evaluated,
    };
    if (demo.accuracy_encrypted - demo.accuracy_clear).abs() > LARGEST_DIFFERENCE {
        return Err(Failure::new(
            Exit::Verification,
            format!(
                "expected the accuracy of the clear twin, {:.4}, found {:.4} on ciphertexts",
                demo.accuracy_clear, demo.accuracy_encrypted
            ),
        )
        .at("demo"));
    }
    Ok(demo)
}

fn plan_args(features: FeatureArgs<true>, out: &Path) -> PlanArgs {
    PlanArgs {
        features: FeatureArgs {
            features: features.features,
            labels: features.labels,
            rows: features.rows,
        },
        shape: None,
        stats: None,
        whitening: None,
        data_bound: None,
        public_key: false,
        method: MethodName::Whitened,
        iterations: STEPS.len(),
        first_gradient: None,
        keep: Some(KEEP),
        lambda: LAMBDA,
        steps: Some(STEPS.to_vec()),
        range: Some(RANGE),
        degree: 3,
        fit: FitName::LeastSquares,
        budget: BudgetArgs {
            min_security: 128,
            ..BudgetArgs::default()
        },
        tune: false,
        log_n: None,
        out: out.to_owned(),
    }
}

/// The decrypted model beside its twin, the client's own and the best clear one, on the test rows.
fn compare(
    private: &Path,
    model: &Path,
    testing: &FeatureArgs<true>,
    training: &FeatureArgs<true>,
) -> Result<evaluate::Evaluated, Failure> {
    let load = |which: &FeatureArgs<true>| {
        features::load(which.path()?, None, which.rows.as_ref(), "rows")
    };
    let private = PrivateDirectory::read(private)?;
    let best = evaluate::best_clear(&load(training)?.try_into()?)?;
    let others = evaluate::Others {
        twin: Some(&private.twin),
        client_only: Some(&private.client_only),
        best: Some(&best),
    };
    evaluate::evaluate(&Model::read(model)?, load(testing)?, &others)
}

impl Summary for Demo {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "accuracy on {} handwritten digits that were not trained on",
            self.evaluated.rows
        )?;
        self.evaluated.comparison(out)?;
        writeln!(
            out,
            "{:<44}{:>7.2} %",
            "  the same in clear on pixels, no network",
            100.0 * self.accuracy_pixels
        )?;
        writeln!(
            out,
            "the server trained for {:.1} s on ciphertexts; everything together took {:.1} s",
            self.train_seconds, self.seconds
        )
    }
}
