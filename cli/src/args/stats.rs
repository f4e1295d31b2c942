//! The arguments of `stats`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::features::FeatureArgs;

/// Arguments of `stats`.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("rows_from").required(true).args(["features", "merge"])),
    after_help = "Runs at: each owner of data; merging at any of them or at the key holder.\n\
                  Leaves the machine: the statistics, for the other owners and the key holder: rows, rows of each class, mean and covariance of the features. Never for the server."
)]
pub struct StatsArgs {
    /// Features to sum up.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Statistics to add up instead, one file of each owner; their order numbers the owners from 1.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..
    )]
    pub merge: Vec<PathBuf>,
    /// Where the statistics go: a new file, readable by its owner alone.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
