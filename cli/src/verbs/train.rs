//! `train`: what the server runs. No type in here can hold a secret key.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use he_core::evaluator::{Ckks, CkksCt, Evaluator as _, Op};
use mlr_train::server::{self, Observer, Progress, SourceError, State, TrainError};
use serde::Serialize;

use crate::args::TrainArgs;
use crate::artifacts::checkpoint::Checkpoint;
use crate::artifacts::dataset::Shards;
use crate::artifacts::{directory, keys, weights};
use crate::console::{Console, Summary};
use crate::failure::Failure;
use crate::interrupt::{self, Stoppable};
use crate::plan_file::PlanFile;
use crate::progress::Stage;

/// What the training took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trained {
    /// From the process's start to this line.
    wall_seconds: f64,
    /// Reading plan and keys.
    load_seconds: f64,
    /// Training, the dataset's reading included.
    compute_seconds: f64,
    /// Iterations that the checkpoint had done already.
    resumed_iterations: usize,
    /// Of this process, as all that follows.
    key_switches: u64,
    mod_downs: u64,
    /// Largest resident memory of the process, where the system tells.
    peak_rss_mb: Option<f64>,
}

/// Trains as the arguments say.
pub(crate) fn run(args: &TrainArgs, console: &Console) -> Result<Trained, Failure> {
    let began = console.seconds();
    let mut given: Vec<&Path> = vec![&args.plan, &args.eval_keys, &args.out];
    given.extend(args.dataset.iter().map(PathBuf::as_path));
    keys::refuse_secrets(&given)?;
    directory::require_parent(&args.out)?;
    let plan = PlanFile::read(&args.plan)?;
    let context = plan.context()?;
    let shards = Shards::open(&args.dataset, &plan, &context)?;
    console.note("server: sees sizes, the plan, ciphertexts and evaluation keys; no feature, label or weight");
    let (evaluation, keys_hash) = keys::read_evaluation(&args.eval_keys, &plan, &context)?;
    let inputs = inputs(keys_hash, &shards);
    let checkpoint = Checkpoint::beside(&args.out, &plan, &context, inputs);
    let begun = begun(&checkpoint, args.resume, console)?;
    let eval = Ckks::new(evaluation)?;
    let load_seconds = console.seconds() - began;
    let stop = Stoppable::begin();
    let training = console.seconds();
    let job = plan.plan.job();
    let resumed_iterations = begun.as_ref().map_or(0, |state| state.done);
    let watch = Watch {
        stage: console.stage("train", key_products_left(&plan, resumed_iterations)),
        checkpoint: &checkpoint,
        resumed_iterations,
    };
    let trained = match begun {
        Some(state) => server::resume(job, &eval, &shards, &watch, state),
        None => server::train(job, &eval, &shards, &watch),
    };
    let trained = trained.map_err(|error| stopped(error, &checkpoint))?;
    drop(watch);
    let compute_seconds = console.seconds() - training;
    weights::write(&args.out, &plan, &context, &trained)?;
    checkpoint.remove();
    drop(stop);
    console.note(&format!(
        "server: {} goes to the client, who alone can read it",
        args.out.display()
    ));
    Ok(Trained {
        wall_seconds: console.seconds(),
        load_seconds,
        compute_seconds,
        resumed_iterations,
        key_switches: eval.tally().total(Op::KeyProduct),
        mod_downs: eval.tally().total(Op::ModDown),
        peak_rss_mb: peak_rss_mb(),
    })
}

/// Hash of all that the training reads besides the plan.
fn inputs(keys: blake3::Hash, shards: &Shards<'_>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("velum cli training inputs v1");
    hasher.update(keys.as_bytes());
    hasher.update(shards.hash().as_bytes());
    hasher.finalize()
}

/// The state to go on from, if there is one and it is wanted.
fn begun(
    checkpoint: &Checkpoint<'_>,
    resume: bool,
    console: &Console,
) -> Result<Option<State<CkksCt>>, Failure> {
    match (checkpoint.exists(), resume) {
        (true, true) => {
            let state = checkpoint.read()?;
            console.note(&format!("server: goes on after iteration {}", state.done));
            Ok(Some(state))
        }
        (true, false) => Err(Failure::input(
            "expected no unfinished training, found the checkpoint of one",
        )
        .at(checkpoint.path().display().to_string())
        .hint("--resume goes on from it; remove it to train anew")),
        (false, true) => {
            console.note("server: there is no checkpoint yet; the training begins");
            Ok(None)
        }
        (false, false) => Ok(None),
    }
}

/// Key products that this process will do: all but those of the iterations done.
fn key_products_left(plan: &PlanFile, done: usize) -> u64 {
    let (all, iterations) = (
        plan.plan.prediction().key_products,
        plan.plan.job().iterations() as u64,
    );
    // The first iteration costs little or nothing where the client computed its gradient; for a sign of life this is near enough.
    let left = iterations.saturating_sub(done as u64);
    all * left / iterations.saturating_sub(u64::from(done > 0)).max(1)
}

/// An interruption says what is kept.
fn stopped(error: TrainError, checkpoint: &Checkpoint<'_>) -> Failure {
    let cancelled = matches!(error, TrainError::Cancelled { .. });
    let failure = Failure::from(error);
    match (cancelled, checkpoint.exists()) {
        (true, true) => failure
            .at(checkpoint.path().display().to_string())
            .hint("train again with --resume to go on after the last whole iteration"),
        (true, false) => failure.hint("no iteration was whole yet: train again from the start"),
        (false, _) => failure,
    }
}

struct Watch<'a> {
    stage: Stage,
    checkpoint: &'a Checkpoint<'a>,
    resumed_iterations: usize,
}

impl Observer<Ckks> for Watch<'_> {
    fn iteration_done(&self, state: &State<CkksCt>) -> Result<(), SourceError> {
        // The state that the run began with is on disk already.
        if state.done > self.resumed_iterations {
            self.checkpoint.write(state)?;
        }
        Ok(())
    }

    fn progress(&self, progress: Progress) {
        let what = format!(
            "iteration {} of {}, {}",
            progress.iteration, progress.iterations, progress.phase
        );
        self.stage.set(progress.key_products, &what);
    }

    fn cancelled(&self) -> bool {
        interrupt::asked().load(Ordering::SeqCst)
    }
}

/// `VmHWM` of the process, which Linux keeps.
pub(super) fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

impl Summary for Trained {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "trained in {:.1} s (reading keys {:.1} s), {} key switches",
            self.wall_seconds, self.load_seconds, self.key_switches
        )?;
        match self.peak_rss_mb {
            Some(peak) => writeln!(out, ", at most {peak:.0} MB of memory"),
            None => writeln!(out),
        }
    }
}
