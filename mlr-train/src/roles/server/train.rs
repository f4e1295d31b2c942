//! `train`: what the server runs. No type in here can hold a secret key.

mod exchange;
mod together;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use he_core::evaluator::{Ckks, CkksCt, CountedOp, Evaluator as _};
use he_core::wire::Lock;
use velum_record::server::Trained;
use velum_record::{Step, Subject};

use self::exchange::Exchange;
pub(crate) use self::together::require_together;
use self::watch::Watch;
use super::pace;
use crate::artifacts::checkpoint::{self, Checkpoint};
use crate::artifacts::dataset::Shards;
use crate::artifacts::manifest::Manifest;
use crate::artifacts::progress::{self, Teller};
use crate::artifacts::weights::{self, TrainedWith};
use crate::artifacts::{PlanFile, evaluation_keys, kinds, record, refresh, secrets};
use crate::files::{Outputs, Place};
use crate::plan::cost::Rates;
use crate::roles::machine::{self, peak_rss_mb};
use crate::roles::{Reporter, RunError, keep};
use crate::server::{self, State, TrainError};

/// What [`train`] needs.
#[derive(Clone, Debug)]
pub struct TrainInput {
    /// The plan.
    pub plan: PathBuf,
    /// The evaluation keys.
    pub eval_keys: PathBuf,
    /// The encrypted datasets, one of each owner, in any order.
    pub datasets: Vec<PathBuf>,
    /// Where the encrypted model goes; the checkpoint is beside it until the model is there.
    pub out: PathBuf,
    /// Whether to go on from a checkpoint, if there is one.
    pub resume: bool,
    /// The answer to the request for a refresh that the training stopped with: the client's, or made of the owners' shares.
    pub refreshed: Option<PathBuf>,
}

/// Trains, from the start or from a checkpoint, and writes the encrypted model.
///
/// # Errors
/// Files that do not belong together, or that are secret; a training that is refused; the system's; interruption, after which the
/// checkpoint is there; [`he_core::error::Class::Waiting`] where the weights need a refresh: then the request is beside the result, and the training goes on with
/// its answer.
pub fn train(input: &TrainInput, reporter: &dyn Reporter) -> Result<Trained, RunError> {
    let begun = Begun::new(input, reporter)?;
    begun.train(input, &PlanFile::read(&input.plan)?, reporter)
}

/// [`train`] with a plan that has been read: tests have insecure ones, which no file may hold.
pub(crate) fn train_planned(
    input: &TrainInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<Trained, RunError> {
    Begun::new(input, reporter)?.train(input, plan, reporter)
}

/// A training whose inputs hold nothing secret and whose output is its own. That comes before anything is read: a secret key in the plan's place is not told to be no plan.
struct Begun {
    at: Instant,
    lock: Lock,
}

impl Begun {
    fn new(input: &TrainInput, reporter: &dyn Reporter) -> Result<Self, RunError> {
        let at = Instant::now();
        refuse_secrets(input, reporter)?;
        let lock = claim(input)?;
        Ok(Self { at, lock })
    }

    fn train(
        self,
        input: &TrainInput,
        plan: &PlanFile,
        reporter: &dyn Reporter,
    ) -> Result<Trained, RunError> {
        let context = plan.context()?;
        let shards = Shards::open(&input.datasets, plan, &context)?;
        reporter.note("server: sees sizes, the plan, ciphertexts and evaluation keys; no feature, label or weight");
        let key = require_one_key(&input.eval_keys, &shards)?;
        require_memory(plan)?;
        let (evaluation, keys_hash) = evaluation_keys::read(&input.eval_keys, plan, &context)?;
        let inputs = inputs(keys_hash, &shards);
        let checkpoint = Checkpoint::beside(&input.out, plan, &context, inputs);
        let begun = begun(&checkpoint, input.resume, reporter)?;
        let eval = Ckks::new(evaluation)?;
        require_bootstrap_keys(input, plan)?;
        let with = trained_with(key, &shards);
        let exchange = Exchange {
            input,
            plan,
            eval: &eval,
            checkpoint: &checkpoint,
            with,
        };
        let begun = exchange.answered(begun, reporter)?;
        let load_seconds = self.at.elapsed().as_secs_f64();
        let resumed_iterations = begun.as_ref().map_or(0, |state| state.done);
        // A resumed run is told by its own pace.
        let predicted_seconds = match begun {
            Some(_) => None,
            None => pace::predicted_seconds(&eval, plan, &shards),
        };
        let measured = [CountedOp::KeyProduct, CountedOp::ModDown].map(|op| eval.tally().total(op));
        let (training, job) = (Instant::now(), plan.plan.job());
        let left = key_products_left(plan, resumed_iterations);
        let watch = Watch {
            reporter,
            checkpoint: &checkpoint,
            resumed_iterations,
            teller: Teller::new(&input.out, plan.hash_hex(), left, predicted_seconds),
            plan,
            eval: &eval,
            eval_keys: &input.eval_keys,
            kept: Mutex::default(),
        };
        begin(left, predicted_seconds, reporter);
        let trained = match begun {
            Some(state) => server::resume(job, &eval, &shards, &watch, state),
            None => server::train(job, &eval, &shards, &watch),
        };
        let trained = match trained {
            Err(TrainError::Refresh { .. }) => return Err(exchange.ask()),
            other => other.map_err(|error| stopped(error, &checkpoint))?,
        };
        let compute_seconds = training.elapsed().as_secs_f64();
        weights::write(&input.out, plan, &context, with, &trained)?;
        exchange.finish();
        drop(self.lock);
        reporter.note(&format!(
            "server: {} goes to the client, who alone can read it",
            input.out.display()
        ));
        let done = Trained {
            wall_seconds: self.at.elapsed().as_secs_f64(),
            load_seconds,
            compute_seconds,
            resumed_iterations,
            predicted_seconds,
            key_switches: eval.tally().total(CountedOp::KeyProduct) - measured[0],
            mod_downs: eval.tally().total(CountedOp::ModDown) - measured[1],
            peak_rss_mb: peak_rss_mb(),
        };
        let subject = subject(input, plan, key, &shards);
        let place = record::beside(&input.out);
        keep(&place, Step::Train(done.clone()), subject, reporter);
        Ok(done)
    }
}

/// Says how much there is to do, and how long that is going to take.
fn begin(key_products: u64, seconds: Option<f64>, reporter: &dyn Reporter) {
    reporter.stage("train", key_products);
    if let Some(seconds) = seconds {
        reporter.expect(seconds);
        reporter.note(&format!("server: about {seconds:.1} s on this machine"));
    }
}

/// Keys that are damaged for a refresh in an hour are damaged now.
fn require_bootstrap_keys(input: &TrainInput, plan: &PlanFile) -> Result<(), RunError> {
    if let Some(bootstrapping) = plan.plan.bootstrapping() {
        evaluation_keys::read_bootstrap(&input.eval_keys, plan, bootstrapping)?;
    }
    Ok(())
}

/// What the model is to name: none where older files do not name the key.
fn trained_with(key: Option<blake3::Hash>, shards: &Shards<'_>) -> Option<TrainedWith> {
    key.map(|key| TrainedWith {
        key: *key.as_bytes(),
        datasets: *shards.hash().as_bytes(),
    })
}

/// What the training worked on.
fn subject(
    input: &TrainInput,
    plan: &PlanFile,
    key: Option<blake3::Hash>,
    shards: &Shards<'_>,
) -> Subject {
    Subject {
        plan: Some(plan.hash_hex()),
        key: key.map(|key| key.to_hex().to_string()),
        dataset: Some(shards.hash().to_hex().to_string()),
        model: weights::hash(&input.out).ok(),
    }
}

/// Refuses secrets in what is given, and warns of those beside.
fn refuse_secrets(input: &TrainInput, reporter: &dyn Reporter) -> Result<(), RunError> {
    let mut given: Vec<&Path> = vec![&input.plan, &input.eval_keys, &input.out];
    given.extend(
        input
            .datasets
            .iter()
            .chain(&input.refreshed)
            .map(PathBuf::as_path),
    );
    secrets::refuse(&given)?;
    if let Some(private) = secrets::beside(&[&input.plan, &input.out]) {
        reporter.warn(&format!(
            "{} must never leave the client; the training does not read it, but keep it away from a server",
            private.display()
        ));
    }
    Ok(())
}

/// The key that keys and datasets belong to, refused where they do not agree; none where older files do not name it.
fn require_one_key(
    eval_keys: &Path,
    shards: &Shards<'_>,
) -> Result<Option<blake3::Hash>, RunError> {
    let manifest = Manifest::read(eval_keys)?;
    let Some(key) = manifest.key() else {
        return Ok(None);
    };
    shards.require_key(key, "the evaluation keys")?;
    let hash = blake3::Hash::from_hex(key).map_err(|_| {
        RunError::input("expected the fingerprint of a key, found other text")
            .at(eval_keys.display().to_string())
            .hint("the directory is damaged: transfer it again")
    })?;
    Ok(Some(hash))
}

/// Refuses a training for which this process has not the memory, before any work.
fn require_memory(plan: &PlanFile) -> Result<(), RunError> {
    let threads = rayon::current_num_threads();
    let needed = plan.plan.memory_bound(threads);
    match machine::memory_left() {
        Some(left) if left < needed => Err(RunError::machine(format!(
            "the training needs up to {} MB of memory on {threads} threads, the limits of this process leave {} MB",
            needed.div_ceil(1_000_000),
            left / 1_000_000
        ))
        .at("memory")
        .hint("raise the limit (ulimit -v, the batch system's or the container's), or plan with a smaller --max-memory")),
        _ => Ok(()),
    }
}

/// Checks the places of result and checkpoint, and keeps other trainings from them.
fn claim(input: &TrainInput) -> Result<Lock, RunError> {
    let mut read: Vec<&Path> = vec![&input.plan, &input.eval_keys];
    read.extend(input.datasets.iter().map(PathBuf::as_path));
    let mut outputs = Outputs::new(read);
    let place = || input.out.display().to_string();
    if outputs.file(&input.out, kinds::MODEL)? == Place::Stream {
        return Err(RunError::input(
            "expected a file for the encrypted model, found a device or a pipe",
        )
        .at(place())
        .hint("a training keeps its checkpoint beside the result: name a file"));
    }
    outputs.file(&checkpoint::beside(&input.out), kinds::CHECKPOINT)?;
    outputs.file(&refresh::beside(&input.out), kinds::REFRESH)?;
    outputs.file(&progress::beside(&input.out), kinds::PROGRESS)?;
    outputs.file(&record::beside(&input.out), kinds::RECORD)?;
    Lock::take(&input.out)
        .map_err(|error| RunError::io("lock", &input.out, &error))?
        .ok_or_else(|| {
            RunError::input(
                "expected a result of this training alone, found another that writes it",
            )
            .at(place())
            .hint("wait for the other training, or choose another name")
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
    reporter: &dyn Reporter,
) -> Result<Option<State<CkksCt>>, RunError> {
    match (checkpoint.exists(), resume) {
        (true, true) => {
            let state = checkpoint.read()?;
            reporter.note(&format!("server: goes on after iteration {}", state.done));
            Ok(Some(state))
        }
        (true, false) => Err(RunError::input(
            "expected no unfinished training, found the checkpoint of one",
        )
        .at(checkpoint.path().display().to_string())
        .hint("--resume goes on from it; remove it to train anew")),
        (false, true) => {
            reporter.note("server: there is no checkpoint yet; the training begins");
            Ok(None)
        }
        (false, false) => Ok(None),
    }
}

/// Key products that this process will do: all but those of the iterations done, which a traced run tells.
fn key_products_left(plan: &PlanFile, done: usize) -> u64 {
    let all = plan.plan.estimate().key_products;
    if done == 0 {
        return all;
    }
    let costs = plan.plan.iteration_costs(&Rates::default());
    let spent = costs.map_or(0, |rows| {
        let spent = rows.iter().filter(|row| row.iteration <= done);
        spent.map(|row| row.key_products).sum()
    });
    all.saturating_sub(spent)
}

/// An interruption says what is kept.
fn stopped(error: TrainError, checkpoint: &Checkpoint<'_>) -> RunError {
    let cancelled = matches!(error, TrainError::Cancelled { .. });
    let failure = RunError::from(error);
    match (cancelled, checkpoint.exists()) {
        (true, true) => failure
            .at(checkpoint.path().display().to_string())
            .hint("train again with --resume to go on after the last whole iteration"),
        (true, false) => failure.hint("no iteration was whole yet: train again from the start"),
        (false, _) => failure,
    }
}
