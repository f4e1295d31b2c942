//! The arguments of `predict exact` and of its steps.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::TableArgs;
use crate::args::features::FeatureArgs;

/// Arguments of `predict exact`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Runs at: the client, but for `score`, which the server runs.\n\
                  Leaves the machine: plan, public key, encrypted rows (from the client), encrypted scores (from the server). The server has the model in clear.\n\
                  Scores are exact integers of the model rounded to integers: they carry no noise of the key and may be shown to others. Rows and model lie encrypted under BFV, by the library sunscreen.\n\
                  Needs a build with the cargo feature `sunscreen`. That library is under AGPL-3.0, which then governs the built program, and its build needs cmake and clang.\n\
                  Its own parameters would be 218 bits at N = 8192, where the security table (ePrint 2024/463) allows 214: velum gives it moduli of 192 bits."
)]
pub struct ExactArgs {
    /// Which step.
    #[command(subcommand)]
    pub step: ExactStep,
}

/// The steps of an exact prediction, in order.
#[derive(Debug, Subcommand)]
pub enum ExactStep {
    /// Client: choose how model and rows are rounded to integers.
    Plan(ExactPlanArgs),
    /// Client: make the secret key and the public key that goes to the server.
    Keygen(ExactKeygenArgs),
    /// Client: encrypt rows.
    Encrypt(ExactEncryptArgs),
    /// Server: score encrypted rows with the model, rounded to integers.
    Score(ExactScoreArgs),
    /// Client: decrypt integer scores into labels.
    Decrypt(ExactDecryptArgs),
}

/// Arguments of `predict exact plan`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the plan, which is public: sizes, steps of rounding, and a hash of the model's weights.")]
pub struct ExactPlanArgs {
    /// The model.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Rows like those to predict.
    #[command(flatten)]
    pub features: FeatureArgs<true>,
    /// Rows of the largest batch, at most 8192 [default: as many as --features has].
    #[arg(long, value_name = "N")]
    pub batch: Option<NonZeroUsize>,
    /// Where the plan goes; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predict exact keygen`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the public key, for the server. The secret key file never does.")]
pub struct ExactKeygenArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// Where the secret key goes: a new file, in a directory of its own.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where the public key goes: a new file.
    #[arg(long, value_name = "FILE")]
    pub public_key: PathBuf,
}

/// Arguments of `predict exact encrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the file of --out: ciphertexts, and the number of rows.")]
pub struct ExactEncryptArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The public key.
    #[arg(long, value_name = "FILE")]
    pub public_key: PathBuf,
    /// Rows to encrypt.
    #[command(flatten)]
    pub features: FeatureArgs<true>,
    /// Where the ciphertexts go; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predict exact score`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the server.\n\
                  Leaves the machine: the encrypted scores, for the client. Needs no secret key.")]
pub struct ExactScoreArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The public key.
    #[arg(long, value_name = "FILE")]
    pub public_key: PathBuf,
    /// The encrypted rows.
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The model.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Where the encrypted scores go; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predict exact decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. The scores carry no noise of the key and may be shown to others.")]
pub struct ExactDecryptArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The encrypted rows, as they were sent: the scores must answer them.
    #[arg(long, value_name = "FILE")]
    pub query: PathBuf,
    /// The encrypted scores from the server.
    #[arg(long, value_name = "FILE")]
    pub scores: PathBuf,
    /// Open these scores although the key has opened others of the same rows: whoever learns whether velum takes both learns more of the key.
    #[arg(long)]
    pub open_again: bool,
    /// How and where to say it.
    #[command(flatten)]
    pub table: TableArgs,
}
