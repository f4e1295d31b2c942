//! SqueezeNet features of MNIST, if the environment names the development data, and a model trained on 4,000 of them in clear.

use std::path::Path;

use mlr_train::clear::whitened::Schedule;
use mlr_train::client::prepare::{Prepared, Recipe};
use mlr_train::data::{self, FeatureSet};
use mlr_train::model::{Model, Provenance};
use mlr_train::sigmoid::{Degree, OddPolynomial};

/// The model, its training rows, and 1,000 others; or a printed line.
pub(crate) fn squeezenet() -> Option<(Model, FeatureSet, FeatureSet)> {
    let Some(shared) = std::env::var_os("VELUM_SHARED") else {
        println!("skipped: VELUM_SHARED is not set");
        return None;
    };
    let folder = Path::new(&shared).join("data/features/squeezenet1_0_mnist");
    let rows = |name: &str, rows: &str| {
        let all = data::read(&folder.join(name), None).unwrap();
        all.select(&rows.parse().unwrap()).unwrap()
    };
    let train = rows("train_features.npy", "0..4000");
    let test = rows("test_features.npy", "0..1000");
    let recipe = Recipe::Whitened {
        schedule: Schedule::new(vec![4.0, 4.0]).unwrap(),
        polynomials: OddPolynomial::fit(Degree::Three, 6.0).unwrap().into(),
        rounding: None,
    };
    let prepared = Prepared::new(train.clone().try_into().unwrap(), recipe, 127, 0.03).unwrap();
    let (weights, intercept) = prepared
        .coordinates
        .fold_back(prepared.twin.weights.view())
        .unwrap();
    let provenance = Provenance {
        method: "whitened, in clear".to_owned(),
        encrypted: false,
        iterations: 2,
        training_rows: 4000,
        plan_blake3: None,
        certified_bits: None,
    };
    Some((
        Model::new(weights, intercept, None, provenance).unwrap(),
        train,
        test,
    ))
}
