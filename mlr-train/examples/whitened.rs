//! Accuracy of whitened training in clear, after every iteration, by the exact sigmoid and steps of 4/n.
//!
//! `cargo run -p mlr-train --example whitened -- TRAIN TEST KEEP LAMBDA ITERATIONS`, where TRAIN and TEST are feature sets and KEEP is the
//! number of principal axes, without the constant. Prints one JSON object.

use std::error::Error;
use std::path::Path;

use mlr_train::clear::whitened::{self, Schedule};
use mlr_train::client::Whitening;
use mlr_train::data::{TrainingSet, read};
use mlr_train::metrics;
use mlr_train::sigmoid::Activation;

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [train, test, keep, lambda, iterations] = &given[..] else {
        return Err("expected TRAIN TEST KEEP LAMBDA ITERATIONS".into());
    };
    let train: TrainingSet = read(Path::new(train), None)?.try_into()?;
    let test = read(Path::new(test), None)?;
    let whitening = Whitening::fit(&train, keep.parse()?, lambda.parse()?)?;
    let rows = whitening.apply(train.features().view())?;
    let schedule = Schedule::new(vec![4.0; iterations.parse()?])?;
    let (labels, classes) = (train.labels(), train.classes());
    let run = whitened::train(rows.view(), labels, classes, &schedule, &Activation::Exact)?;
    let mut accuracies = Vec::new();
    for weights in &run.weights {
        // Of the folded model on raw features, as it would be passed on.
        let (raw, intercept) = whitening.fold_back(weights.view())?;
        let scores = test.features().dot(&raw.t()) + &intercept;
        accuracies.push(metrics::accuracy(scores.view(), test.labels()));
    }
    let object = serde_json::json!({
        "training_rows": train.rows(),
        "test_rows": test.rows(),
        "columns": rows.ncols(),
        "accuracy_after": accuracies,
    });
    println!("{object}");
    Ok(())
}
