//! The arguments of `refresh`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `refresh`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the answer, ciphertexts alone, for the server. The weights are decrypted and compared with the clear twin; where they contradict it, nothing is written, the exit code is 3, and no later request is answered. A request that comes again gets the same answer.")]
pub struct RefreshArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The private directory that encrypt wrote.
    #[arg(long, value_name = "DIR")]
    pub private: PathBuf,
    /// The request that the training stopped with: FILE.refresh beside its --out.
    #[arg(long, value_name = "FILE")]
    pub request: PathBuf,
    /// Where the answer goes; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
