//! The arguments of `run`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Runs at: client and server, one after the other in this process.\n\
                  Leaves the machine: nothing. It is a rehearsal: who holds key and ciphertexts on one machine hides nothing from it."
)]
pub struct RunArgs {
    /// Pictures, one subfolder a class [default: the job's client/features, as extract wrote them].
    #[arg(long, value_name = "PATH")]
    pub images: Option<PathBuf>,
    /// Network, one of `extract --list`.
    #[arg(long, value_name = "NAME", default_value = "velum-compact")]
    pub arch: String,
    /// Its weights; velum-compact has its own.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
}
