//! The paper's own method for as long as its clear curve climbs: 30 iterations on its 128 rows, its weights refreshed by bootstrapping.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use velum_record::client::Evaluated;

use super::paper::{Work, once, said};
use super::summary::summarise;

/// From there on the clear curve is flat.
const ITERATIONS: &str = "30";

/// One run; what it took, and how far both models got on the rows that they were trained on and on others.
pub(super) fn run(velum: &Path, features: &Path, max_memory: &str) -> Result<Value> {
    let features = features
        .canonicalize()
        .with_context(|| format!("cannot find the features {}", features.display()))?;
    let mut plan = vec!["--method", "paper", "--iterations", ITERATIONS];
    plan.extend(["--refresh", "bootstrap", "--max-memory", max_memory]);
    let work = Work::of_the_paper(&features, plan)?;
    let scratch = tempfile::Builder::new()
        .prefix("velum-bench-long-paper-")
        .tempdir()?;
    let place = scratch.path().join("run");
    let done = once(velum, &work, &place)?;
    let model = ["--model", "model", "--private", "private"];
    let arguments = [&model[..], &work.train].concat();
    let fit: Evaluated = said(velum, &place.join("client"), "evaluate", &arguments)?;
    let refreshes = done.plan.refreshes;
    let mut record = summarise(&[done]);
    record["refreshes"] = refreshes.into();
    record["training_accuracy_encrypted"] = fit.accuracy.into();
    record["training_accuracy_clear"] = fit.accuracy_clear.into();
    Ok(record)
}

/// Its line under the table of the ways.
pub(super) fn line(record: &Value) -> String {
    let percent =
        |name: &str| format!("{:.1} %", 100.0 * record[name].as_f64().unwrap_or(f64::NAN));
    let seconds = record["train_seconds"].as_f64().unwrap_or(f64::NAN);
    format!(
        "the paper's method, {} iterations, {} refreshes by bootstrapping: {} of its rows (clear twin {}), {} of others ({}), server {seconds:.0} s\n",
        record["iterations"],
        record["refreshes"],
        percent("training_accuracy_encrypted"),
        percent("training_accuracy_clear"),
        percent("accuracy_encrypted"),
        percent("accuracy_clear"),
    )
}
