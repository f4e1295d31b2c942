//! The command line as types. Every verb says where it runs and what leaves that machine.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::budget::BudgetArgs;
use crate::exact::ExactArgs;
use crate::extraction::ExtractArgs;
use crate::features::FeatureArgs;
use crate::prediction::{
    PredictArgs, PredictDecryptArgs, PredictEncryptArgs, PredictPlanArgs, PredictServerArgs,
};
use crate::shape::Shape;

/// Train a classifier on encrypted features: the server computes, only the client sees data and model.
#[derive(Debug, Parser)]
#[command(
    name = "velum",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Order of work: extract, plan, keygen, encrypt (client) -> train (server) -> decrypt, evaluate, predict (client).\n\
                  Predictions on encrypted rows: predict-plan, keygen, predict-encrypt (client) -> predict-server (server) -> predict-decrypt (client).\n\
                  Exit codes: 0 done, 1 wrong input or refused, 2 environment, 3 verification failed, 130 interrupted."
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
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
    #[arg(short, long, global = true, display_order = 902)]
    pub verbose: bool,
    /// Threads to compute with [default: all cores]. The result does not depend on it.
    #[arg(long, global = true, value_name = "N", display_order = 903)]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Show no progress.
    #[arg(long, global = true, display_order = 904)]
    pub no_progress: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Client: turn images into features by a pretrained network.
    Extract(ExtractArgs),
    /// Client: sums of one owner's features, or of several owners', from which all whiten alike.
    Stats(StatsArgs),
    /// Client: choose and check everything about a training run before any work.
    Plan(PlanArgs),
    /// Client: make the secret key and exactly the evaluation keys that the plan needs.
    Keygen(KeygenArgs),
    /// Client: encrypt features (and labels) for the server.
    Encrypt(EncryptArgs),
    /// Server: train on the encrypted dataset.
    Train(TrainArgs),
    /// Client: decrypt the trained model.
    Decrypt(DecryptArgs),
    /// Client: accuracy of a decrypted model, beside the models that need no encryption.
    Evaluate(EvaluateArgs),
    /// Client: labels of new rows or pictures, by a decrypted model.
    Predict(PredictArgs),
    /// Client: choose how a server scores encrypted rows, with a model in clear or encrypted.
    PredictPlan(PredictPlanArgs),
    /// Client: encrypt rows to predict, or the model to predict with.
    PredictEncrypt(PredictEncryptArgs),
    /// Server: score encrypted rows.
    PredictServer(PredictServerArgs),
    /// Client: decrypt scores into labels.
    PredictDecrypt(PredictDecryptArgs),
    /// Client and server by turns: labels by exact integer scores (cargo feature `sunscreen`).
    PredictExact(ExactArgs),
    /// Anyone: what a file or directory of velum is, without a key.
    Inspect(InspectArgs),
    /// Client and server in one process: train on encrypted features of handwritten digits, embedded.
    Demo(DemoArgs),
}

impl Verb {
    /// The verb's name, as in every JSON object.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Extract(_) => "extract",
            Self::Stats(_) => "stats",
            Self::Plan(_) => "plan",
            Self::Keygen(_) => "keygen",
            Self::Encrypt(_) => "encrypt",
            Self::Train(_) => "train",
            Self::Decrypt(_) => "decrypt",
            Self::Evaluate(_) => "evaluate",
            Self::Predict(_) => "predict",
            Self::PredictPlan(_) => "predict-plan",
            Self::PredictEncrypt(_) => "predict-encrypt",
            Self::PredictServer(_) => "predict-server",
            Self::PredictDecrypt(_) => "predict-decrypt",
            Self::PredictExact(_) => "predict-exact",
            Self::Inspect(_) => "inspect",
            Self::Demo(_) => "demo",
        }
    }
}

/// The names of all verbs, for errors in arguments that do not parse.
pub(crate) const VERBS: [&str; 16] = [
    "extract",
    "stats",
    "plan",
    "keygen",
    "encrypt",
    "train",
    "decrypt",
    "evaluate",
    "predict",
    "predict-plan",
    "predict-encrypt",
    "predict-server",
    "predict-decrypt",
    "predict-exact",
    "inspect",
    "demo",
];

/// How the training goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MethodName {
    /// Full quadratic gradient: the client whitens the features, the server takes Newton-like steps.
    Whitened,
    /// The method of arXiv 2304.03807 as published: raw features, diagonal quadratic gradient.
    Paper,
}

/// Who computes the first gradient of the whitened method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FirstGradientName {
    /// The client, in clear: one ciphertext goes up instead of labels.
    Client,
    /// The server, on encrypted labels of every sample.
    Server,
}

/// How the sigmoid's polynomial is fitted on its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FitName {
    /// Smallest mean square error.
    LeastSquares,
    /// Smallest largest error.
    Minimax,
}

/// Arguments of `stats`.
#[derive(Debug, Args)]
#[command(
    after_help = "Runs at: each owner of data; merging at any of them or at the key holder.\n\
                  Leaves the machine: the statistics, for the other owners and the key holder: rows, rows of each class, mean and covariance of the features. Never for the server."
)]
pub struct StatsArgs {
    /// Features to sum up.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Statistics to add up instead, one file of each owner; their order numbers the owners from 1.
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        conflicts_with = "features",
        required_unless_present = "features"
    )]
    pub merge: Vec<PathBuf>,
    /// Where the statistics go: a new file, readable by its owner alone.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: plan.json, which is public: sizes (rows, features, classes), method, iterations, steps, polynomial, encryption parameters. No feature, label or weight.\n\
                  With --features the plan is also checked by training in clear, and refused if it would fail.")]
pub struct PlanArgs {
    /// Features to plan for and to check the plan with.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Sizes to plan for when the features are elsewhere. FEATURES counts them before --keep, without a constant.
    #[arg(
        long,
        value_name = "ROWS,FEATURES,CLASSES",
        conflicts_with_all = ["features", "stats"],
        required_unless_present_any = ["features", "stats"]
    )]
    pub shape: Option<Shape>,
    /// Pooled statistics of several owners, as `stats --merge` wrote them, in place of features. The owners encrypt with a public key.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "features",
        requires = "whitening"
    )]
    pub stats: Option<PathBuf>,
    /// Where the whitening map goes that the owners share; a file of that name is replaced.
    #[arg(long, value_name = "FILE", requires = "stats")]
    pub whitening: Option<PathBuf>,
    /// Largest whitened value that an owner's rows may have [default: 64, or what the number of rows allows].
    #[arg(long, value_name = "X", requires = "stats", value_parser = positive)]
    pub data_bound: Option<f64>,
    /// Plan for encryption with a public key: twice the upload, more noise. Always so with --stats.
    #[arg(long)]
    pub public_key: bool,
    /// Training method.
    #[arg(long, value_enum, default_value = "whitened")]
    pub method: MethodName,
    /// Iterations in all; the first gradient counts as one.
    #[arg(long, value_name = "T", default_value_t = 2)]
    pub iterations: usize,
    /// Who computes the first gradient [default: client; the paper's method leaves everything to the server].
    #[arg(long, value_enum)]
    pub first_gradient: Option<FirstGradientName>,
    /// Principal axes to keep [default: all, at most 127].
    #[arg(long, value_name = "D")]
    pub keep: Option<usize>,
    /// Whitening: share of the largest variance that is added to every variance. Stays at the client.
    #[arg(long, value_name = "X", value_parser = positive, default_value_t = crate::defaults::LAMBDA)]
    pub lambda: f64,
    /// Step of every iteration in units of 1/rows [default: 4 each].
    #[arg(long, value_name = "S,S,..", value_delimiter = ',', value_parser = positive)]
    pub steps: Option<Vec<f64>>,
    /// The polynomial for the sigmoid is fitted on scores between -R and R [default: 6].
    #[arg(long, value_name = "R", value_parser = positive)]
    pub range: Option<f64>,
    /// Degree of that polynomial: 3, 5 or 7. The higher ones take a level more an iteration.
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=7))]
    pub degree: u32,
    /// How the polynomial is fitted.
    #[arg(long, value_enum, default_value = "least-squares")]
    pub fit: FitName,
    /// Limits and rates.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Choose axes, lambda, iterations, steps and range on a split of the training rows, and say what accuracy to expect.
    #[arg(
        long,
        requires = "features",
        conflicts_with_all = ["keep", "lambda", "iterations", "steps", "range"]
    )]
    pub tune: bool,
    /// log2 of the ring degree [default: the cheapest that fits].
    #[arg(long, value_name = "N")]
    pub log_n: Option<u32>,
    /// Where the plan goes; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the directory of evaluation keys (for the server) and the public key file, if asked for. The secret key file never does: it is readable by its owner alone and is never overwritten.")]
pub struct KeygenArgs {
    /// The plan, of `plan` or of `predict-plan`.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// Where the secret key goes: a new file, in a directory of its own.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where the evaluation keys go: a new directory, for the server.
    #[arg(long, value_name = "DIR")]
    pub eval_keys: PathBuf,
    /// Where a public key for further owners of data goes.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
}

/// Arguments of `encrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the dataset directory, all of it ciphertexts but for sizes. The private directory (mean, axes, class names, clear twin) stays here.")]
pub struct EncryptArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key to encrypt with: half the size of public-key encryption.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "public_key",
        required_unless_present = "public_key"
    )]
    pub key: Option<PathBuf>,
    /// The public key to encrypt with, for an owner of data who has no secret key.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Features to encrypt.
    #[command(flatten)]
    pub features: FeatureArgs<true>,
    /// Whitening: share of the largest variance that is added to every variance.
    #[arg(long, value_name = "X", value_parser = positive, default_value_t = crate::defaults::LAMBDA)]
    pub lambda: f64,
    /// Which of several owners these rows belong to: 1 for the first whose statistics were merged.
    #[arg(long, value_name = "K")]
    pub owner: Option<usize>,
    /// The whitening map that several owners share, as `plan --stats` wrote it.
    #[arg(long, value_name = "FILE")]
    pub whitening: Option<PathBuf>,
    /// Where the client's own data goes: a new directory that never leaves this machine. Not for several owners.
    #[arg(long, value_name = "DIR", required_unless_present = "whitening")]
    pub private: Option<PathBuf>,
    /// Where the encrypted dataset goes: a new directory, for the server.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the server.\n\
                  Leaves the machine: the encrypted model, for the client. Needs no secret key, and refuses to run where one lies.")]
pub struct TrainArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The evaluation keys.
    #[arg(long, value_name = "DIR")]
    pub eval_keys: PathBuf,
    /// The encrypted dataset; of several owners, each one's with a --dataset of its own, in any order.
    #[arg(long, value_name = "DIR", required = true)]
    pub dataset: Vec<PathBuf>,
    /// Where the encrypted model goes; a file of that name is replaced. The checkpoint lies beside it, as FILE.checkpoint, until the model is there.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Go on from the checkpoint that an interrupted run left beside --out, if there is one. The result has the same bits.
    #[arg(long)]
    pub resume: bool,
}

/// Arguments of `decrypt`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: nothing. The model is rounded to the bits that the noise leaves certain, so that it can be passed on.")]
pub struct DecryptArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The private directory that `encrypt` wrote.
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "whitening",
        required_unless_present = "whitening"
    )]
    pub private: Option<PathBuf>,
    /// The whitening map that several owners share, as `plan --stats` wrote it, in place of a private directory.
    #[arg(long, value_name = "FILE")]
    pub whitening: Option<PathBuf>,
    /// The encrypted model from the server.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Where the model goes: model.safetensors, config.json and a model card.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

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
    #[arg(long, value_name = "A..B", requires = "train_features", value_parser = crate::features::parse_rows)]
    pub train_rows: Option<mlr_train::data::RowSelection>,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: anyone's machine.\n\
                  Leaves the machine: nothing. Of a secret key or a private file it tells kind and parameters, never the content.")]
pub struct InspectArgs {
    /// A file or directory that velum wrote.
    #[arg(value_name = "FILE_OR_DIR")]
    pub path: PathBuf,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Runs at: client and server, one after the other in this process.\n\
                  Leaves the machine: nothing. Each step says on stderr what its side sees."
)]
pub struct DemoArgs {}

/// A number above zero and finite.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a finite number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_verb_says_where_it_runs_and_what_leaves_the_machine() {
        let command = Cli::command();
        command.clone().debug_assert();
        assert!(
            command
                .get_version()
                .is_some_and(|version| !version.is_empty())
        );
        let names: Vec<&str> = command
            .get_subcommands()
            .map(|verb| verb.get_name())
            .collect();
        assert_eq!(names, VERBS);
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            let about = verb.get_about().unwrap().to_string();
            let place = ["Client: ", "Server: ", "Anyone: ", "Client and server "];
            assert!(place.iter().any(|place| about.starts_with(place)), "{name}");
            let help = verb.clone().render_long_help().to_string();
            assert!(help.contains("Runs at: "), "{name}");
            assert!(help.contains("Leaves the machine: "), "{name}");
            for argument in verb.get_arguments() {
                assert!(argument.get_help().is_some(), "{name} {argument}");
            }
        }
    }

    #[test]
    fn defaults_are_shown() {
        let mut command = Cli::command();
        let plan = command.find_subcommand_mut("plan").unwrap();
        let help = plan.render_long_help().to_string();
        for default in [
            "whitened".to_owned(),
            "2".to_owned(),
            format!("{}", crate::defaults::LAMBDA),
            format!("{}", crate::defaults::RANGE),
            format!("{} each", crate::defaults::STEP),
            format!("all, at most {}", crate::defaults::KEEP),
        ] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}");
        }
    }
}
