//! The arguments of `inspect`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: anyone's machine.\n\
                  Leaves the machine: nothing. Of a secret key or a private file it tells kind and parameters, never the content.")]
pub struct InspectArgs {
    /// A file or directory that velum wrote.
    #[arg(value_name = "FILE_OR_DIR")]
    pub path: PathBuf,

    /// Read all of it and compare it with its own hashes, as after a transfer; exit code 3 names what is missing, additional or altered.
    #[arg(long)]
    pub verify: bool,
}
