//! `cargo xtask check`: everything that a change must pass, cheap things first.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{aarch64, bench, bucket, cargo, features, tidy};

/// One step: a name, and how it is done.
struct Step {
    name: &'static str,
    full_only: bool,
    action: Action,
}

enum Action {
    /// A check of our own.
    Ours(fn() -> Result<()>),
    /// A cargo command and the environment that it needs.
    Cargo(
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    ),
}

const STEPS: &[Step] = &[
    Step {
        name: "tidy",
        full_only: false,
        action: Action::Ours(tidy::run),
    },
    Step {
        name: "format",
        full_only: false,
        action: Action::Cargo(&["fmt", "--all", "--check"], &[]),
    },
    Step {
        name: "features",
        full_only: false,
        action: Action::Ours(|| features::run(false)),
    },
    Step {
        name: "clippy",
        full_only: false,
        action: Action::Cargo(
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    },
    Step {
        name: "test",
        full_only: false,
        action: Action::Cargo(&["test", "--workspace", "--no-fail-fast"], &[]),
    },
    Step {
        name: "documentation",
        full_only: true,
        action: Action::Cargo(
            &["doc", "--workspace", "--no-deps"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
    },
    Step {
        name: "slow tests",
        full_only: true,
        action: Action::Cargo(
            // Doctests marked `ignore` are text, not tests: lib, bins and integration tests only.
            &[
                "test",
                "--workspace",
                "--no-fail-fast",
                "--lib",
                "--bins",
                "--tests",
                "--",
                "--ignored",
            ],
            &[],
        ),
    },
    Step {
        name: "pretraining",
        full_only: true,
        action: Action::Cargo(
            &[
                "clippy",
                "--package",
                "feature-extract",
                "--features",
                "pretrain",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    },
    Step {
        name: "exact prediction",
        full_only: true,
        action: Action::Ours(exact),
    },
    Step {
        name: "object store",
        full_only: true,
        action: Action::Ours(bucket::run),
    },
    Step {
        name: "aarch64",
        full_only: true,
        action: Action::Ours(aarch64::run),
    },
];

/// The cargo feature `sunscreen`, whose library needs cmake and clang: lints, its own tests, and the verb from outside.
fn exact() -> Result<()> {
    let there = |tool: &str| {
        Command::new(tool)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if let Some(missing) = ["cmake", "clang"].into_iter().find(|tool| !there(tool)) {
        eprintln!("exact prediction: skipped, there is no {missing}");
        return Ok(());
    }
    let feature = ["--features", "sunscreen"];
    let run = |words: &[&str], velum: Option<&Path>| {
        let mut command = cargo::cargo();
        command.args(words);
        if let Some(path) = velum {
            command.env("VELUM_BINARY", path);
        }
        let status = command.status().context("cannot start cargo")?;
        match status.success() {
            true => Ok(()),
            false => bail!("cargo {} ended with {status}", words.join(" ")),
        }
    };
    let lints = ["--all-targets", "--", "-D", "warnings"];
    for package in ["mlr-train", "cli"] {
        run(
            &[&["clippy", "--package", package][..], &feature, &lints].concat(),
            None,
        )?;
    }
    let tests = ["--", "--include-ignored", "exact"];
    run(
        &[&["test", "--package", "mlr-train"][..], &feature, &tests].concat(),
        None,
    )?;
    let velum = bench::build(&["--no-default-features", "--features", "sunscreen"])?;
    run(
        &[
            "test",
            "--package",
            "tests",
            "exact",
            "--",
            "--include-ignored",
        ],
        Some(&velum),
    )
}

/// Runs every step, also after a failure, and names those that failed.
pub(crate) fn run(full: bool) -> Result<()> {
    let mut failed = Vec::new();
    for step in STEPS.iter().filter(|step| full || !step.full_only) {
        eprintln!("== {}", step.name);
        let start = Instant::now();
        let outcome = perform(&step.action);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => eprintln!("== {}: passed in {seconds:.1} s", step.name),
            Err(error) => {
                eprintln!("== {}: FAILED after {seconds:.1} s: {error:#}", step.name);
                failed.push(step.name);
            }
        }
    }
    if failed.is_empty() {
        eprintln!("== all checks passed");
        Ok(())
    } else {
        bail!("failed: {}", failed.join(", "))
    }
}

fn perform(action: &Action) -> Result<()> {
    match action {
        Action::Ours(check) => check(),
        Action::Cargo(arguments, environment) => {
            let status = cargo::cargo()
                .args(*arguments)
                .envs(environment.iter().copied())
                .status()
                .context("cannot start cargo")?;
            if status.success() {
                Ok(())
            } else {
                bail!("cargo {} ended with {status}", arguments.join(" "))
            }
        }
    }
}
