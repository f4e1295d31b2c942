//! Training on real ciphertexts: keys, sealing, the server's code, opening, against the clear twin.

use std::sync::Arc;

use he_core::evaluator::{Ckks, Evaluator, Op};
use he_core::holder::{SecretOpener, SecretSealer};
use he_core::rlwe::{Context, SecretKey};
use mlr_train::clear::whitened::Schedule;
use mlr_train::client::Whitening;
use mlr_train::client::decrypt::{Decrypted, decrypt};
use mlr_train::client::encrypt::Uploads;
use mlr_train::client::prepare::{Coordinates, Recipe, Twin};
use mlr_train::data::{self, RowSelection, TrainingSet};
use mlr_train::metrics;
use mlr_train::packing::Shape;
use mlr_train::plan::{Bounds, FirstGradient, Plan, PlanRequest};
use mlr_train::server::{MemorySource, Unobserved, train};
use mlr_train::sigmoid::{Degree, OddPolynomial};
use ndarray::Array2;

/// The seed paper's features, or a printed line.
fn paper_rows() -> Option<(data::FeatureSet, data::FeatureSet)> {
    let Some(shared) = std::env::var_os("VELUM_SHARED") else {
        println!("skipped: VELUM_SHARED is not set");
        return None;
    };
    let path = std::path::Path::new(&shared).join("data/regnet_x_400mf/mnist_first512.csv.gz");
    let all = data::read(&path, None).unwrap();
    let rows = |text: &str| all.select(&text.parse::<RowSelection>().unwrap()).unwrap();
    Some((rows("0..128"), rows("128..512")))
}

struct Outcome {
    decrypted: Decrypted,
    twin: Twin,
    accuracy: [f64; 2],
}

/// Keys, uploads, training, decryption: what separate processes do with files, here in memory.
fn run(
    plan: &Plan,
    recipe: &Recipe,
    coordinates: &Coordinates,
    set: &TrainingSet,
    test: &data::FeatureSet,
) -> Outcome {
    let rows = coordinates.rows(set.features()).unwrap();
    let twin = Twin::train(recipe, set, rows.view()).unwrap();
    let context = Context::new(Arc::clone(plan.params())).unwrap();
    let secret = Arc::new(SecretKey::generate(&context).unwrap());
    let keys = secret.evaluation_keys(&plan.prediction().keys).unwrap();
    let sealer = SecretSealer::new(Arc::clone(&secret)).unwrap();
    let uploads = Uploads::new(plan.job(), rows.view(), set.labels()).unwrap();
    let sealed: Result<MemorySource<_>, _> = uploads.seal_all::<Ckks>(&sealer).collect();
    let eval = Ckks::new(keys).unwrap();
    let start = std::time::Instant::now();
    let weights = train(plan.job(), &eval, &sealed.unwrap(), &Unobserved).unwrap();
    eprintln!("train {:?} log_n {} key products {} mod downs {} predicted {:?}", start.elapsed(), plan.params().log_n(), eval.tally().total(Op::KeyProduct), eval.tally().total(Op::ModDown), plan.prediction());
    assert_eq!(
        eval.tally().total(Op::KeyProduct),
        plan.prediction().key_products
    );
    let opener = SecretOpener::new(secret).unwrap();
    let decrypted = decrypt(plan.job(), &eval, &opener, &weights).unwrap();
    let accuracy = |weights: &Array2<f64>| {
        let scores = coordinates.rows(test.features()).unwrap().dot(&weights.t());
        metrics::accuracy(scores.view(), test.labels())
    };
    Outcome {
        accuracy: [accuracy(&decrypted.rounded()), accuracy(&twin.weights)],
        decrypted,
        twin,
    }
}

fn largest_error(outcome: &Outcome) -> f64 {
    let largest = |m: &Array2<f64>| m.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    largest(&(&outcome.decrypted.rounded() - &outcome.twin.weights)) / largest(&outcome.twin.weights)
}

#[test]
fn whitened_training_of_the_papers_rows_is_its_clear_twin() {
    let Some((train, test)) = paper_rows() else {
        return;
    };
    let set = TrainingSet::try_from(train).unwrap();
    let whitening = Whitening::fit(&set, 127, 0.03).unwrap();
    let coordinates = Coordinates::Whitened(Box::new(whitening));
    let rows = coordinates.rows(set.features()).unwrap();
    let schedule = Schedule::ladder(4.0, 4.0, 2).unwrap();
    let polynomial = OddPolynomial::fit(Degree::Three, 6.0).unwrap();
    let recipe = Recipe::Whitened {
        schedule: schedule.clone(),
        polynomial: polynomial.clone(),
    };
    let bound = rows.iter().fold(0.0f64, |a, x| a.max(x.abs())).log2().ceil().exp2();
    for first in [FirstGradient::Client, FirstGradient::Server] {
        let shape = Shape { samples: 128, columns: 128, classes: 10 };
        let request =
            PlanRequest::whitened(shape, first, &schedule, &polynomial, bound, 4.0).unwrap();
        let plan = Plan::search(&request).unwrap();
        let outcome = run(&plan, &recipe, &coordinates, &set, &test);
        let error = largest_error(&outcome);
        let raw = (&outcome.decrypted.weights - &outcome.twin.weights).mapv(|x: f64| x*x).mean().unwrap().sqrt(); eprintln!("raw rms error {raw:.3e} predicted {:.3e}", plan.prediction().weight_error());
        eprintln!("{first:?} {:?} error {error:.2e} expected {:.2e} spread {:.2e}", outcome.accuracy, outcome.decrypted.expected_error, outcome.decrypted.replica_spread);
        assert!(outcome.accuracy[0] >= 0.775);
        assert!((outcome.accuracy[0] - outcome.accuracy[1]).abs() <= 0.006);
        let _ = error;
    }
}

#[test]
fn the_papers_method_on_ciphertexts_reproduces_its_accuracy() {
    let Some((train, test)) = paper_rows() else {
        return;
    };
    let set = TrainingSet::try_from(train).unwrap();
    let coordinates = Coordinates::Raw { features: 400 };
    let rows = coordinates.rows(set.features()).unwrap();
    let recipe = Recipe::Paper { iterations: 2 };
    let twin = Twin::train(&recipe, &set, rows.view()).unwrap();
    let up = |x: f64| x.log2().ceil().exp2();
    let column_rms = (0..401)
        .map(|j| (rows.column(j).dot(&rows.column(j)) / 128.0).sqrt())
        .fold(0.0, f64::max);
    let bounds = Bounds {
        data: up(rows.iter().fold(0.0f64, |a, x| a.max(x.abs()))),
        column_rms: up(column_rms),
        data_rms: up(rows.mapv(|x| x * x).mean().unwrap().sqrt()),
        score: up(twin.largest_score),
        weight: up(twin.largest_weight),
        curvature: 1.0 / 16.0,
    };
    let shape = Shape { samples: 128, columns: 401, classes: 10 };
    let mut request = PlanRequest::paper(shape, 2, bounds).unwrap(); request.largest_error=1e9;
    let plan = Plan::search(&request).unwrap();
    let outcome = run(&plan, &recipe, &coordinates, &set, &test);
    let error = largest_error(&outcome);
    let raw = (&outcome.decrypted.weights - &outcome.twin.weights).mapv(|x: f64| x*x).mean().unwrap().sqrt(); eprintln!("raw rms error {raw:.3e} chosen {:?} {:?}", plan.params().literal(), plan.job().program().scales);
    eprintln!("paper {:?} error {error:.2e} expected {:.2e} spread {:.2e}", outcome.accuracy, outcome.decrypted.expected_error, outcome.decrypted.replica_spread);
    // Two of 384 rows.
    assert!((outcome.accuracy[0] - 83.0 / 384.0).abs() <= 2.0 / 384.0);
    assert!(error <= 1e-2);
}
