//! Reference figures on development data outside the repository, which VELUM_SHARED names.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its data must fail"
)]

use std::path::PathBuf;

use mlr_train::clear::paper::{self, Direction};
use mlr_train::clear::softmax::{self, Stop};
use mlr_train::data::{FeatureSet, TrainingSet, read};
use mlr_train::metrics;
use mlr_train::sigmoid::{Activation, OddPolynomial};

fn shared() -> Option<PathBuf> {
    let directory = std::env::var_os("VELUM_SHARED").map(PathBuf::from);
    if directory.is_none() {
        println!("skipped: VELUM_SHARED is not set");
    }
    directory
}

/// Rows 0..128 for training, the other 384 for testing.
fn regnet(shared: &std::path::Path) -> (TrainingSet, FeatureSet) {
    let path = shared.join("data/regnet_x_400mf/mnist_first512.csv.gz");
    let set = read(&path, None).unwrap();
    let part = |rows: &str| set.select(&rows.parse().unwrap()).unwrap();
    (part("0..128").try_into().unwrap(), part("128..512"))
}

#[test]
fn the_five_reference_accuracies() {
    let Some(shared) = shared() else { return };
    let (train, test) = regnet(&shared);
    let cubic = Activation::Polynomial(OddPolynomial::paper_cubic());
    let run = paper::train(&train, 30, &cubic, Direction::QuadraticGradient).unwrap();
    let correct = |set: &FeatureSet, iteration: usize| {
        let scores = paper::with_constant(set.features()).dot(&run.weights[iteration - 1].t());
        metrics::correct(scores.view(), set.labels())
    };
    // 21.1, 21.6 and 21.1 % of 384 test rows; 29.7 and 94.5 % of 128 training rows.
    assert_eq!([1, 2, 3].map(|t| correct(&test, t)), [81, 83, 81]);
    assert_eq!([2, 30].map(|t| correct(&train, t)), [38, 121]);
}

#[test]
fn the_best_clear_model_of_128_rows() {
    let Some(shared) = shared() else { return };
    let (train, test) = regnet(&shared);
    let fit = softmax::best(&train, Stop::default()).unwrap();
    let scores = test.features().dot(&fit.weights.t()) + &fit.intercept;
    let accuracy = metrics::accuracy(scores.view(), test.labels());
    // Other logistic regressions reach 78 to 80 % here; four of 384 rows beyond either end.
    assert!((0.77..=0.82).contains(&accuracy), "{accuracy} with {fit:?}");
}
