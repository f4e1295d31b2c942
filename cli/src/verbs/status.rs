//! `status`: how far a training is.

use std::io::{self, Write};
use std::time::Duration;

use mlr_train::roles::server::{Stage, Status, status};

use crate::args::status::StatusArgs;
use crate::face::console::Summary;
use crate::face::failure::Failure;
use crate::face::progress::human_time;

/// Looks at the training.
pub(crate) fn run(args: &StatusArgs) -> Result<Status, Failure> {
    Ok(status(&args.plan, &args.model)?)
}

fn time(seconds: f64) -> String {
    human_time(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

impl Summary for Status {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let (kept, all) = (self.kept, self.iterations);
        match self.stage {
            Stage::NotBegun => writeln!(out, "not begun: velum train begins it"),
            Stage::Running => running(self, out),
            Stage::Stopped => writeln!(
                out,
                "stopped after iteration {kept} of {all}: velum train --resume goes on from there"
            ),
            Stage::Waiting => writeln!(
                out,
                "waits for a refresh after iteration {kept} of {all}: the client runs velum refresh, of a group the owners velum group run"
            ),
            Stage::Done => writeln!(
                out,
                "done, {all} iterations{}: {} goes to the client, for velum decrypt",
                self.seconds
                    .map_or(String::new(), |took| format!(" in {}", time(took))),
                self.model.display()
            ),
        }
    }
}

fn running(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    let (Some(iteration), Some(share)) = (status.iteration, status.share) else {
        return writeln!(out, "running: it reads keys and data, or has just begun");
    };
    writeln!(
        out,
        "running: iteration {iteration} of {}, {}, {:.0} % done",
        status.iterations,
        status.phase.as_deref().unwrap_or("at work"),
        100.0 * share
    )?;
    let worked = time(status.seconds.unwrap_or(0.0));
    match status.seconds_left {
        Some(left) => writeln!(out, "  for {worked}, about {} left", time(left))?,
        None => writeln!(out, "  for {worked}")?,
    }
    match status.kept {
        0 => Ok(()),
        kept => writeln!(out, "  kept so far: {kept} whole iterations"),
    }
}
