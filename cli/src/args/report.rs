//! The arguments of `report`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `report`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. The report shows accuracies and names of classes: hand it on only to those who may know them.")]
pub struct ReportArgs {
    /// Records of the job, or folders in which they are looked for [default: client and server of the job].
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    pub records: Vec<PathBuf>,
    /// Where the page goes; a report of that name is replaced [default: client/report.html of the job].
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Folder of the pictures that were judged, as in `extract --images`: the page shows small ones among the worst confused.
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
}
