//! `train`: what the server runs.

use std::io::{self, Write};

use mlr_train::roles::server::{TrainInput, train};
use velum_record::server::Trained;

use crate::args::train::TrainArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Trains as the arguments say.
pub(crate) fn run(args: &TrainArgs, console: &Console) -> Result<Trained, Failure> {
    let input = TrainInput {
        plan: args.plan.clone(),
        eval_keys: args.eval_keys.clone(),
        datasets: args.dataset.clone(),
        out: args.out.clone(),
        resume: args.resume,
        refreshed: args.refreshed.clone(),
    };
    Ok(train(&input, &Reported::new(console))?)
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
