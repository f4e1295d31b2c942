//! The arguments of `status`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Runs at: the server, while or after a training runs there.\n\
                  Leaves the machine: nothing."
)]
pub struct StatusArgs {
    /// The plan [default: server/plan.json of the job].
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// Where the training writes its encrypted model, as in `train --out` [default: server/model.enc of the job].
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
}
