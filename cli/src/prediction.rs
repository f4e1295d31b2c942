//! The arguments of `predict` and of the verbs that predict on encrypted rows.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::features::FeatureArgs;

/// Arguments of `predict`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing.\n\
                  The result is CSV on stdout (label, score and, where the classes have them, name of the best classes), JSON with --json. Where the rows have labels, the accuracy is told too.")]
pub struct PredictArgs {
    /// The model, as `decrypt` writes it.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Rows to predict; a .npy file or a directory may be without labels.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Pictures to predict, in place of features: IDX (.gz too), .npy, or a folder with one subfolder a class.
    #[arg(
        long,
        value_name = "P",
        conflicts_with = "features",
        required_unless_present = "features",
        requires = "arch"
    )]
    pub images: Option<PathBuf>,
    /// Network that turns pictures into features, one of `extract --list`: the one that the model was trained on.
    #[arg(long, value_name = "A", requires = "images")]
    pub arch: Option<String>,
    /// Its weights; velum-compact has its own.
    #[arg(long, value_name = "W", requires = "images")]
    pub weights: Option<PathBuf>,
    /// What is done to pixels, as for `extract`.
    #[arg(long, value_name = "N", default_value = "none")]
    pub normalisation: String,
    /// How and where to say it.
    #[command(flatten)]
    pub table: TableArgs,
}

/// Which predictions go where.
#[derive(Clone, Debug, Args)]
pub struct TableArgs {
    /// Best classes to name for each row.
    #[arg(long, value_name = "K", default_value = "1")]
    pub top: NonZeroUsize,
    /// Where the predictions go in place of stdout: JSON if the name ends in .json, else CSV. A file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `predict-plan`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the plan, which is public: sizes (rows, features, classes), largest and usual sizes of features, weights and scores as powers of two, encryption parameters. For a model in clear also a hash of its weights.\n\
                  Then: keygen with this plan, predict-encrypt (client) -> predict-server (server) -> predict-decrypt (client).")]
pub struct PredictPlanArgs {
    /// The model.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Rows like those to predict, such as the rows that were trained on.
    #[command(flatten)]
    pub features: FeatureArgs<true>,
    /// Rows of the largest batch [default: as many as --features has].
    #[arg(long, value_name = "N")]
    pub batch: Option<NonZeroUsize>,
    /// The server gets ciphertexts of the model, not the model.
    #[arg(long)]
    pub encrypted_model: bool,
    /// Where the plan goes; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predict-encrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the file of --out, all of it ciphertexts but for sizes. Encrypt the model once and every batch of rows anew.")]
pub struct PredictEncryptArgs {
    /// The plan of predict-plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key that keygen made for it.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Rows to encrypt.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// The model to encrypt, in place of rows.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "features",
        required_unless_present = "features"
    )]
    pub model: Option<PathBuf>,
    /// Where the ciphertexts go; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predict-server`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the server.\n\
                  Leaves the machine: the encrypted scores, for the client. Needs no secret key, and refuses to run where one lies.")]
pub struct PredictServerArgs {
    /// The plan of predict-plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The evaluation keys that keygen made for it.
    #[arg(long, value_name = "DIR")]
    pub eval_keys: PathBuf,
    /// The encrypted rows.
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The model in clear.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// The encrypted model.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "model",
        required_unless_present = "model"
    )]
    pub encrypted_model: Option<PathBuf>,
    /// Where the encrypted scores go; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predict-decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. Scores are rounded to the bits that the noise leaves certain. Do not show them, or labels that follow from them, to the server.")]
pub struct PredictDecryptArgs {
    /// The plan of predict-plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key that keygen made for it.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The encrypted rows, as they were sent: the scores must answer them.
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The encrypted scores from the server.
    #[arg(long, value_name = "FILE")]
    pub scores: PathBuf,
    /// The model, for the names of its classes.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// How and where to say it.
    #[command(flatten)]
    pub table: TableArgs,
}
