//! The arguments of `decrypt`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// Arguments of `decrypt`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("mapping").required(true).args(["private", "whitening"])))]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. The model is rounded to the bits that the noise leaves certain, so that it can be passed on.")]
pub struct DecryptArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The private directory that `encrypt` wrote.
    #[arg(long, value_name = "DIR")]
    pub private: Option<PathBuf>,
    /// The whitening map that several owners share, as `plan --stats` wrote it, in place of a private directory.
    #[arg(long, value_name = "FILE")]
    pub whitening: Option<PathBuf>,
    /// The encrypted model from the server.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Where the model goes: model.safetensors, config.json and a model card.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Open this model although the key has opened another: whoever sees both learns more of the key.
    #[arg(long)]
    pub open_again: bool,
}
