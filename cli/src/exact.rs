//! The arguments of `predict-exact`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::features::FeatureArgs;
use crate::prediction::TableArgs;

/// Arguments of `predict-exact`.
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
    pub step: Step,
}

/// The steps of an exact prediction, in order.
#[derive(Debug, Subcommand)]
pub enum Step {
    /// Client: choose how model and rows are rounded to integers.
    Plan {
        /// The model.
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// Rows like those to predict.
        #[command(flatten)]
        features: FeatureArgs<true>,
        /// Rows of the largest batch, at most 8192 [default: as many as --features has].
        #[arg(long, value_name = "N")]
        batch: Option<NonZeroUsize>,
        /// Where the plan goes; a file of that name is replaced.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Client: make the secret key and the public key that goes to the server.
    Keygen {
        /// The plan.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// Where the secret key goes: a new file, in a directory of its own.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Where the public key goes: a new file.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
    },
    /// Client: encrypt rows.
    Encrypt {
        /// The plan.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// The public key.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// Rows to encrypt.
        #[command(flatten)]
        features: FeatureArgs<true>,
        /// Where the ciphertexts go; a file of that name is replaced.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Server: score encrypted rows with the model, rounded to integers.
    Score {
        /// The plan.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// The public key.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// The encrypted rows.
        #[arg(long, value_name = "FILE")]
        query: PathBuf,
        /// The model.
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// Where the encrypted scores go; a file of that name is replaced.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Client: decrypt integer scores into labels.
    Decrypt {
        /// The plan.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// The secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The encrypted rows, as they were sent: the scores must answer them.
        #[arg(long, value_name = "FILE")]
        query: PathBuf,
        /// The encrypted scores from the server.
        #[arg(long, value_name = "FILE")]
        scores: PathBuf,
        /// How and where to say it.
        #[command(flatten)]
        table: TableArgs,
    },
}
