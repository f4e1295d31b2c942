//! The arguments of `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: anyone's.\n\
                  Leaves the machine: nothing.\n\
                  For bash: velum completions bash > ~/.local/share/bash-completion/completions/velum")]
pub struct CompletionsArgs {
    /// The shell that the script is for; it is printed.
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: anyone's.\n\
                  Leaves the machine: nothing.")]
pub struct ManArgs {
    /// A new or empty directory for the pages: man -l DIR/velum-plan.1 shows one.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
