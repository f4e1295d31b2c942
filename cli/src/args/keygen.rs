//! The arguments of `keygen`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the directory of evaluation keys (for the server) and the public key file, if asked for. The secret key file never does: it is readable by its owner alone and is never overwritten.")]
pub struct KeygenArgs {
    /// The plan, of `plan` or of `predict plan`.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// Where the secret key goes: a new file, in a directory of its own.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where the evaluation keys go: a new directory, for the server.
    #[arg(long, value_name = "DIR")]
    pub eval_keys: PathBuf,
    /// Where a public key for further owners of data goes.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
}
