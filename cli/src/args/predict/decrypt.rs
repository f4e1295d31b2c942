//! The arguments of `predict decrypt`.

use std::path::PathBuf;

use clap::Args;

use super::TableArgs;

/// Arguments of `predict decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. Scores are rounded to the bits that the noise leaves certain. Do not show them, or labels that follow from them, to the server.")]
pub struct PredictDecryptArgs {
    /// The plan of `predict plan`.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key that keygen made for it.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The encrypted rows, as they were sent: the scores must answer them.
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The encrypted scores from the server.
    #[arg(long, value_name = "FILE")]
    pub scores: PathBuf,
    /// The model, for the names of its classes.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Open these scores although the key has opened others of the same rows: whoever sees both learns more of the key.
    #[arg(long)]
    pub open_again: bool,
    /// How and where to say it.
    #[command(flatten)]
    pub table: TableArgs,
}
