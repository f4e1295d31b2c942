//! The arguments of `demo`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Runs at: client and server, one after the other in this process.\n\
                  Leaves the machine: nothing. Each step says on stderr what its side sees."
)]
pub struct DemoArgs {
    /// Where the report goes; a report of that name is replaced [default: velum-demo.html here, or among temporary files where this folder cannot be written to].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
