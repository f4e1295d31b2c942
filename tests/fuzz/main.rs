//! Hostile files for every reader of the workspace.
//!
//! | module | readers |
//! |---|---|
//! | `wire` | ciphertexts, public, evaluation and secret keys |
//! | `run` | plans, manifests, checkpoints, models, and what is private: everything that a run keeps |
//! | `steps` | refreshes by the client, records and their report, what a key has opened, progress, rates, whatever `inspect` reads |
//! | `joint` | what parties of a key that nobody holds send each other and keep: shares, proofs, uploads, questions, refreshes, openings |
//! | `group` | cards, charters, signed messages, sealed payloads, transcripts, boards |
//! | `predictions` | encrypted rows to predict, encrypted scores |
//! | `tables` | features and labels: `.npy`, CSV, gzip, safetensors, feature sets |
//! | `pictures` | IDX, `.npy`, PNG, JPEG, and weights of networks |
//!
//! Runs, all of the same inputs on every machine:
//! - the default one reads some hundred files a target, the thorough one twenty thousand;
//! - with `VELUM_FUZZ_SECONDS` the thorough one goes on for so long a target, with `VELUM_FUZZ_TARGET` only the target of that name, with
//!   `VELUM_FUZZ_FIRST` from that input on, to make a failure again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine;
mod group;
mod joint;
mod pictures;
mod predictions;
mod run;
mod steps;
mod tables;
mod wire;

use std::time::{Duration, Instant};

use engine::Target;

/// Inputs of a target in the default run.
const QUICK: u64 = 200;
/// Inputs of a target in the thorough one.
const THOROUGH: u64 = 20_000;

/// Targets that verify a proof or look at a whole board for every input: they read a tenth of that.
const SLOW: [&str; 6] = [
    "board",
    "key-proof",
    "masked-sums",
    "upload",
    "upload-key",
    "upload-proof",
];

/// Of so many inputs of a target, those of this one.
fn share(target: &Target, count: u64) -> u64 {
    match SLOW.contains(&target.name) {
        true => count / 10,
        false => count,
    }
}

fn quick(targets: fn() -> Vec<Target>) {
    let _alone = engine::alone();
    for target in targets() {
        target.inputs(0, share(&target, QUICK));
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
fn readers_of_steps_withstand_changed_files() {
    quick(steps::targets);
}

#[test]
fn readers_of_a_joint_key_withstand_changed_files() {
    quick(joint::targets);
}

#[test]
fn readers_of_a_group_withstand_changed_files() {
    quick(group::targets);
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
#[ignore = "twenty thousand inputs a target, some minutes"]
fn every_reader_withstands_changed_files_for_long() {
    let setting = |name| std::env::var(name).ok();
    let only = setting("VELUM_FUZZ_TARGET");
    let first = setting("VELUM_FUZZ_FIRST").map_or(0, |text| text.parse().unwrap());
    let time = setting("VELUM_FUZZ_SECONDS").map(|text| text.parse().unwrap());
    let _alone = engine::alone();
    let all = [
        wire::targets(),
        run::targets(),
        steps::targets(),
        joint::targets(),
        group::targets(),
        predictions::targets(),
        tables::targets(),
        pictures::targets(),
    ];
    let mut targets: Vec<_> = all.into_iter().flatten().collect();
    targets.retain(|target| only.as_ref().is_none_or(|name| name == target.name));
    assert!(!targets.is_empty(), "no target is called {only:?}");
    for target in targets {
        let begin = Instant::now();
        let inputs = match time {
            Some(seconds) => target.during(first, Duration::from_secs(seconds)),
            None => target.inputs(first, share(&target, THOROUGH)),
        };
        let seconds = begin.elapsed().as_secs_f64();
        println!("{}: {inputs} inputs in {seconds:.1} s", target.name);
    }
}
