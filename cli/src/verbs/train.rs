//! `train`: what the server runs. No type in here can hold a secret key.

use std::io::{self, Write};
use std::sync::atomic::Ordering;

use he_core::evaluator::{Ckks, Evaluator as _, Op};
use mlr_train::server::{self, Observer, Progress};
use serde::Serialize;

use crate::args::TrainArgs;
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
    key_switches: u64,
    mod_downs: u64,
    /// Largest resident memory of the process, where the system tells.
    peak_rss_mb: Option<f64>,
}

/// Trains as the arguments say.
pub(crate) fn run(args: &TrainArgs, console: &Console) -> Result<Trained, Failure> {
    let began = console.seconds();
    keys::refuse_secrets(&[&args.plan, &args.eval_keys, &args.dataset, &args.out])?;
    directory::require_parent(&args.out)?;
    let plan = PlanFile::read(&args.plan)?;
    let context = plan.context()?;
    let shards = Shards::open(&args.dataset, &plan, &context)?;
    console.note("server: sees sizes, the plan, ciphertexts and evaluation keys; no feature, label or weight");
    let eval = Ckks::new(keys::read_evaluation(&args.eval_keys, &plan, &context)?)?;
    let load_seconds = console.seconds() - began;
    let stop = Stoppable::begin();
    let training = console.seconds();
    let watch = Watch {
        stage: console.stage("train", plan.plan.prediction().key_products),
    };
    let trained = server::train(plan.plan.job(), &eval, &shards, &watch)?;
    drop(watch);
    let compute_seconds = console.seconds() - training;
    weights::write(&args.out, &plan, &context, &trained)?;
    drop(stop);
    console.note(&format!(
        "server: {} goes to the client, who alone can read it",
        args.out.display()
    ));
    Ok(Trained {
        wall_seconds: console.seconds(),
        load_seconds,
        compute_seconds,
        key_switches: eval.tally().total(Op::KeyProduct),
        mod_downs: eval.tally().total(Op::ModDown),
        peak_rss_mb: peak_rss_mb(),
    })
}

struct Watch {
    stage: Stage,
}

impl Observer<Ckks> for Watch {
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
