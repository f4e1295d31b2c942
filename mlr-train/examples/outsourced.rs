//! A client, a server that learns nothing of the data, and the client again, in one process and without files.
//!
//! `cargo run --release -p mlr-train --example outsourced`

use std::error::Error;
use std::sync::Arc;

use he_core::evaluator::{Ckks, Evaluator};
use he_core::key_holder::{SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::rlwe::{Context, EvaluationKeys, SecretKey};
use mlr_train::clear::whitened::Schedule;
use mlr_train::client::Whitening;
use mlr_train::client::decrypt::decrypt;
use mlr_train::client::encrypt::Uploads;
use mlr_train::client::prepare::{Recipe, Twin};
use mlr_train::data::{FeatureSet, TrainingSet};
use mlr_train::metrics;
use mlr_train::packing::Shape;
use mlr_train::plan::{FirstGradient, Plan};
use mlr_train::server::{MemorySource, Unobserved, train};
use mlr_train::sigmoid::{Degree, OddPolynomial};
use ndarray::Array2;

type Ct = <Ckks as Evaluator>::Ct;

/// What the server does: it has the plan, evaluation keys and ciphertexts, and returns ciphertexts.
fn server(
    plan: &[u8],
    keys: EvaluationKeys,
    uploads: &MemorySource<Ct>,
) -> Result<Vec<Vec<Ct>>, Box<dyn Error>> {
    let plan = Plan::parse(plan)?;
    Ok(train(plan.job(), &Ckks::new(keys)?, uploads, &Unobserved)?)
}

/// The client, which calls the server once.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // The client's rows: 90 of 4 features around 3 centres.
    let labels: Vec<u32> = (0..90).map(|row| row % 3).collect();
    let features = Array2::from_shape_fn((90, 4), |(row, column)| {
        f64::from(u8::from(row % 3 == column)) + ((row * 7 + column * 5) % 11) as f64 / 20.0
    });
    let set = TrainingSet::try_from(FeatureSet::new(features, labels, None, "rows")?)?;
    let whitening = Whitening::fit(&set, 4, 0.03)?;
    let rows = whitening.apply(set.features().view())?;
    let recipe = Recipe::Whitened {
        schedule: Schedule::new(vec![4.0; 2])?,
        polynomials: OddPolynomial::fit(Degree::Three, 6.0)?.into(),
        rounding: None,
    };
    // The same training in clear: its sizes bound those of the encrypted one.
    let twin = Twin::train(&recipe, &set, rows.view())?;
    let shape = Shape {
        samples: set.rows(),
        columns: rows.ncols(),
        classes: set.classes(),
    };
    let seen = Some((rows.view(), &twin));
    let request = recipe.request(shape, FirstGradient::Client, seen);
    let plan = Plan::search(&request.ok_or("no request")?)?;
    let context = Context::new(Arc::clone(plan.params()))?;
    let secret = Arc::new(SecretKey::generate(&context)?);
    let keys = || secret.evaluation_keys_at(plan.key_levels());
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&secret))?;
    let uploads = Uploads::new(plan.job(), rows.view(), set.labels())?;
    let uploads: MemorySource<Ct> = uploads
        .encrypt_all::<Ckks>(&encryptor)
        .collect::<Result<_, _>>()?;
    // What goes to the server and comes back.
    let weights = server(&plan.to_json(), keys()?, &uploads)?;
    // The client again, who alone has the secret key.
    let decryptor = SecretKeyDecryptor::new(Arc::clone(&secret))?;
    let trained = decrypt(plan.job(), &Ckks::new(keys()?)?, &decryptor, &weights)?;
    let right = metrics::accuracy(rows.dot(&trained.weights.t()).view(), set.labels());
    println!("{right:.3} of the rows are right");
    (right > 0.9)
        .then_some(())
        .ok_or("a model that learnt nothing".into())
}
