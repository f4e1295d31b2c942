//! The arguments of `predict encrypt`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use crate::args::features::FeatureArgs;

/// Arguments of `predict encrypt`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["features", "model"])))]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the file of --out, all of it ciphertexts but for sizes. Encrypt the model once and every batch of rows anew.")]
pub struct PredictEncryptArgs {
    /// The plan of `predict plan`.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key that keygen made for it.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Rows to encrypt.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// The model to encrypt, in place of rows.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Where the ciphertexts go; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
