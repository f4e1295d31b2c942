//! The arguments of `check`.

use clap::Args;

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: client or server, in the job's folder.\n\
                  Leaves the machine: nothing. Of the secret key it reads the fingerprint.")]
pub struct CheckArgs {}
