//! The arguments of `extract`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// Arguments of `extract`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. Images, features and weights stay here; `encrypt` reads the features.\n\
                  velum downloads nothing: --list names the files that torchvision publishes, and where.")]
pub struct ExtractArgs {
    /// List the networks, their numbers of features and torchvision's files of weights.
    #[arg(long, conflicts_with_all = ["images", "labels", "arch", "weights", "normalisation", "limit", "classes", "skip_bad", "resume", "out"])]
    pub list: bool,
    /// Images: IDX (.gz too), .npy, a folder with one subfolder of PNG or JPEG files a class, or one without subfolders.
    #[arg(long, value_name = "PATH", required_unless_present = "list")]
    pub images: Option<PathBuf>,
    /// Labels of an IDX or .npy file [default: found beside].
    #[arg(long, value_name = "L")]
    pub labels: Option<PathBuf>,
    /// Network, one of --list.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    pub arch: Option<String>,
    /// Its weights, .pth or .safetensors; velum-compact has its own.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// What is done to pixels in 0..1: `none` as in the paper, `imagenet`, or a JSON file with mean and std.
    #[arg(long, value_name = "N", default_value = "none")]
    pub normalisation: String,
    /// Only N images: of a folder as many of every class, else the first.
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroUsize>,
    /// Names of the whole set's classes, in the order of their labels: the folder may lack some.
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Pass over images that cannot be read, and count them.
    #[arg(long)]
    pub skip_bad: bool,
    /// Go on where an interrupted run with the same input stopped.
    #[arg(long)]
    pub resume: bool,
    /// Where the features go: a directory that the other verbs take as --features.
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    pub out: Option<PathBuf>,
}
