//! What the features are worth: real SqueezeNet weights, MNIST, a classifier trained in clear and one on ciphertexts.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use velum_record::client::Evaluated;

use super::{Job, extract};
use crate::bench::paper::{call, said};
use crate::cargo;

/// The first images of MNIST's training and test set.
const TRAINING: (&str, usize) = ("train-images-idx3-ubyte.gz", 4_096);
const TEST: (&str, usize) = ("t10k-images-idx3-ubyte.gz", 2_000);
/// Principal axes, without the constant.
const KEEP: &str = "400";
const LAMBDA: &str = "1e-3";
/// Iterations in clear, and on ciphertexts.
const CLEAR: &str = "10";
const ENCRYPTED: &str = "2";

/// Extracts both sets and trains on the first; accuracies on the second.
pub(super) fn run(
    velum: &Path,
    weights: &Path,
    mnist: &Path,
    threads: usize,
    place: &Path,
) -> Result<Value> {
    for (name, (images, count)) in [("train", TRAINING), ("test", TEST)] {
        eprintln!("squeezenet1_0: {count} images of {images}");
        let job = Job {
            arch: "squeezenet1_0",
            weights: Some(weights.to_owned()),
            images: count,
        };
        extract(velum, &job, &mnist.join(images), threads, &place.join(name))?;
    }
    let mut example = cargo::cargo();
    example.args(["run", "--quiet", "--package", "mlr-train"]);
    example.args(["--example", "whitened", "--"]);
    example.args([place.join("train"), place.join("test")]);
    let text = cargo::output_of(example.args([KEEP, LAMBDA, CLEAR]))?;
    let clear: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .context("the example whitened printed no object")?;
    let after = clear["accuracy_after"].as_array();
    let last = after.and_then(|accuracies| accuracies.last()).cloned();
    let encrypted = encrypted(velum, place)?;
    Ok(json!({
        "training_images": TRAINING.1,
        "test_images": TEST.1,
        "columns": clear["columns"],
        "clear_accuracy_after_10": last,
        "encrypted_accuracy_after_2": encrypted.accuracy,
        "twin_accuracy_after_2": encrypted.accuracy_clear,
        "client_only_accuracy": encrypted.accuracy_client_only,
    }))
}

/// The whole job through the verbs; what `evaluate` prints.
fn encrypted(velum: &Path, place: &Path) -> Result<Evaluated> {
    let run = |verb: &str, arguments: &str| {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        call(velum, place, verb, &arguments)
    };
    run(
        "plan",
        &format!(
            "--features train --keep {KEEP} --lambda {LAMBDA} --iterations {ENCRYPTED} --out plan.json"
        ),
    )?;
    run(
        "keygen",
        "--plan plan.json --key keys/secret.key --eval-keys eval-keys",
    )?;
    run(
        "encrypt",
        &format!(
            "--plan plan.json --key keys/secret.key --features train --lambda {LAMBDA} --private private --out dataset"
        ),
    )?;
    std::fs::create_dir(place.join("server"))?;
    for name in ["plan.json", "eval-keys", "dataset"] {
        let to = place.join("server").join(name);
        if name == "plan.json" {
            std::fs::copy(place.join(name), to)?;
        } else {
            std::fs::rename(place.join(name), to)?;
        }
    }
    call(
        velum,
        &place.join("server"),
        "train",
        &[
            "--plan",
            "plan.json",
            "--eval-keys",
            "eval-keys",
            "--dataset",
            "dataset",
            "--out",
            "model.enc",
        ],
    )?;
    run(
        "decrypt",
        "--plan plan.json --key keys/secret.key --private private --model server/model.enc --out model",
    )?;
    let evaluate = [
        "--model",
        "model",
        "--features",
        "test",
        "--private",
        "private",
    ];
    said(velum, place, "evaluate", &evaluate)
}
