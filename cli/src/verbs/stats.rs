//! `stats`: what owners of data add up before they whiten alike.

use std::io::{self, Write};

use mlr_train::roles::owner::{StatsFrom, StatsInput, stats};
use velum_record::client::Stats;

use crate::args::stats::StatsArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Computes or merges statistics as the arguments say.
pub(crate) fn run(args: &StatsArgs, console: &Console) -> Result<Stats, Failure> {
    let from = if args.features.features.is_some() {
        StatsFrom::Rows(args.features.rows()?)
    } else {
        StatsFrom::Merge(args.merge.clone())
    };
    let out = args.out.clone();
    let input = StatsInput { from, out };
    Ok(stats::run(&input, &Reported::quick(console))?)
}

impl Summary for Stats {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "statistics of {} rows of {} features, {} classes",
            self.rows, self.features, self.classes
        )?;
        for (owner, rows) in self.owners.iter().enumerate() {
            writeln!(out, "  owner {}: {rows} rows", owner + 1)?;
        }
        Ok(())
    }
}
