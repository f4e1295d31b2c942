//! `stats`: what owners of data add up before they whiten alike.

use std::io::{self, Write};

use mlr_train::client::Statistics;
use serde::Serialize;

use crate::args::StatsArgs;
use crate::artifacts::directory;
use crate::console::{Console, Summary};
use crate::convert::from_text;
use crate::failure::Failure;

/// What the statistics cover.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stats {
    /// Rows of each owner, in the order in which owners are numbered from 1.
    owners: Vec<usize>,
    rows: usize,
    features: usize,
    classes: usize,
    class_counts: Vec<u64>,
}

/// Computes or merges statistics as the arguments say.
pub(crate) fn run(args: &StatsArgs, console: &Console) -> Result<Stats, Failure> {
    directory::require_parent(&args.out)?;
    directory::refuse_existing(&args.out, "statistics")?;
    let stats = match args.features.load()? {
        Some(set) => Statistics::of(&set),
        None => merged(args)?,
    };
    stats.write(&args.out)?;
    console.note(&format!(
        "owners of data: {} holds rows, class counts, mean and covariance; it goes to the other owners and the key holder, not to the server",
        args.out.display()
    ));
    Ok(Stats {
        owners: stats.owners().to_vec(),
        rows: stats.rows(),
        features: stats.features(),
        classes: stats.class_counts().len(),
        class_counts: stats.class_counts().to_vec(),
    })
}

fn merged(args: &StatsArgs) -> Result<Statistics, Failure> {
    let mut pooled: Option<Statistics> = None;
    for path in &args.merge {
        let stats = Statistics::read(path)?;
        match &mut pooled {
            None => pooled = Some(stats),
            Some(sum) => sum
                .merge(&stats)
                .map_err(|error| from_text(&error).at(path.display().to_string()))?,
        }
    }
    pooled.ok_or_else(|| {
        Failure::input("expected --features or --merge, found neither").at("arguments")
    })
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
