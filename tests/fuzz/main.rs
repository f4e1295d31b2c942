//! Hostile files for every reader of the workspace.
//!
//! | module | readers |
//! |---|---|
//! | `wire` | ciphertexts, public, evaluation and secret keys |
//! | `run` | plans, manifests, checkpoints, models, and what is private: everything that a run keeps |
//! | `predictions` | encrypted rows to predict, encrypted scores |
//! | `tables` | features and labels: `.npy`, CSV, gzip, safetensors, feature sets |
//! | `pictures` | IDX, `.npy`, PNG, JPEG, and weights of networks |
//!
//! The default run reads some hundred files a target; the thorough one goes on for `VELUM_FUZZ_SECONDS` a target, ten if that is not set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine;
mod pictures;
mod predictions;
mod run;
mod tables;
mod wire;

use std::time::Duration;

use engine::Target;

/// Inputs of a target in the default run.
const QUICK: u64 = 200;
/// Seconds of a target in the thorough one.
const SECONDS: u64 = 10;

fn quick(targets: fn() -> Vec<Target>) {
    let _alone = engine::alone();
    for target in targets() {
        target.inputs(QUICK);
    }
}

#[test]
fn readers_of_keys_and_ciphertexts_withstand_changed_files() {
    quick(wire::targets);
}

#[test]
fn readers_of_a_run_withstand_changed_files() {
    quick(run::targets);
}

#[test]
fn readers_of_predictions_withstand_changed_files() {
    quick(predictions::targets);
}

#[test]
fn readers_of_tables_withstand_changed_files() {
    quick(tables::targets);
}

#[test]
fn readers_of_pictures_withstand_changed_files() {
    quick(pictures::targets);
}

#[test]
#[ignore = "ten seconds a target, some minutes"]
fn every_reader_withstands_changed_files_for_long() {
    let seconds = std::env::var("VELUM_FUZZ_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |text| text.parse().unwrap());
    let _alone = engine::alone();
    let all = [
        wire::targets(),
        run::targets(),
        predictions::targets(),
        tables::targets(),
        pictures::targets(),
    ];
    for target in all.into_iter().flatten() {
        let inputs = target.during(Duration::from_secs(seconds));
        println!("{}: {inputs} inputs in {seconds} s", target.name);
    }
}
