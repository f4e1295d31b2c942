//! The arguments of `predict plan`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::args::features::FeatureArgs;

/// Arguments of `predict plan`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the plan, which is public: sizes (rows, features, classes), largest and usual sizes of features, weights and scores as powers of two, encryption parameters. For a model in clear also a hash of its weights.\n\
                  Then: keygen with this plan, predict encrypt (client) -> predict score (server) -> predict decrypt (client).")]
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
