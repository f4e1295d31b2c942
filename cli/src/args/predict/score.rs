//! The arguments of `predict score`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// Arguments of `predict score`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("head").required(true).args(["model", "encrypted_model"])))]
#[command(after_help = "Runs at: the server.\n\
                  Leaves the machine: the encrypted scores, for the client. Needs no secret key, and refuses to run where one lies.")]
pub struct PredictScoreArgs {
    /// The plan of `predict plan`.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The evaluation keys that keygen made for it.
    #[arg(long, value_name = "DIR")]
    pub eval_keys: PathBuf,
    /// The encrypted rows.
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The model in clear.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// The encrypted model.
    #[arg(long, value_name = "FILE")]
    pub encrypted_model: Option<PathBuf>,
    /// Where the encrypted scores go; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
