//! Flags that decide how a verb speaks, the same for all verbs.

use clap::{Args, ValueEnum};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, elsewhere a line every 30 seconds.
    Auto,
    /// Everything on stderr as one JSON object a line.
    Json,
}

/// Flags of every verb.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Print the result (or the error) as one JSON object on the last line of stdout.
    #[arg(long, global = true, display_order = 900)]
    pub json: bool,
    /// Say nothing on stderr but warnings and errors.
    #[arg(short, long, global = true, display_order = 901)]
    pub quiet: bool,
    /// Say more on stderr.
    #[arg(
        short,
        long,
        global = true,
        display_order = 902,
        conflicts_with = "quiet"
    )]
    pub verbose: bool,
    /// Threads to compute with [default: all cores]. The result does not depend on it.
    #[arg(long, global = true, value_name = "N", display_order = 903)]
    pub threads: Option<std::num::NonZeroUsize>,
    /// How progress is shown: a bar on a terminal and else a line every 30 seconds, or everything on stderr as one JSON object a line.
    #[arg(
        long,
        global = true,
        value_name = "HOW",
        default_value = "auto",
        display_order = 904
    )]
    pub progress: Progress,
    /// Show no progress.
    #[arg(long, global = true, display_order = 905, conflicts_with = "progress")]
    pub no_progress: bool,
    /// The job's folder, with client and server in it, from which paths are taken that are not given [default: this folder].
    #[arg(long, global = true, value_name = "DIR", display_order = 906)]
    pub job: Option<std::path::PathBuf>,
}
