//! The arguments of `evaluate`.

use std::path::PathBuf;

use clap::Args;

use super::features::FeatureArgs;

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing.")]
pub struct EvaluateArgs {
    /// The decrypted model.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Rows to evaluate on.
    #[command(flatten)]
    pub features: FeatureArgs<true>,
    /// The private directory that `encrypt` wrote: adds the clear twin and the client-only model.
    #[arg(long, value_name = "DIR")]
    pub private: Option<PathBuf>,
    /// Features to train the best clear model on: adds its accuracy.
    #[arg(long, value_name = "F")]
    pub train_features: Option<PathBuf>,
    /// Labels of --train-features, if they are in a file of their own.
    #[arg(long, value_name = "L", requires = "train_features")]
    pub train_labels: Option<PathBuf>,
    /// Rows of --train-features that were trained on, as in --rows [default: all].
    #[arg(long, value_name = "A..B", requires = "train_features", value_parser = super::features::parse_rows)]
    pub train_rows: Option<mlr_train::data::RowSelection>,
    /// Two classes: what the model gives where a row is taken for the second class from this probability on; for a model without temperature, from this difference of scores on.
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = super::finite)]
    pub threshold: Option<f64>,
    /// Where the prediction of every row goes, by file name where it is known, with its probability: JSON if the name ends in .json, else CSV. A file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where a record of what was found goes, for a report; a record of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub record: Option<std::path::PathBuf>,
}
