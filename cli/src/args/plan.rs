//! The arguments of `plan`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::budget::BudgetArgs;
use super::features::FeatureArgs;
use super::shape::Shape;
use super::{percent, positive};

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

/// Polynomials for the sigmoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SigmoidName {
    /// One for all iterations, on --range.
    One,
    /// One for each, on a public ladder of ranges: for long trainings.
    Each,
}

/// Who refreshes weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefreshName {
    /// Nobody, or whoever takes least time within the limits; every round trip counts as 30 seconds.
    Auto,
    /// Nobody: the chain has levels for all iterations.
    None,
    /// The server alone, by bootstrapping: larger evaluation keys, and nobody is asked anything.
    Bootstrap,
    /// The client, by velum refresh.
    Client,
    /// The parties of a joint key, as many as open the model: they open the weights under masks and encrypt them anew.
    Owners,
}

/// What the parties' noise hides when they open the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HideName {
    /// So much of the ciphertexts' noise that no key is found: about 12 bits of precision.
    KeyRecovery,
    /// All of it, to 64 bits of statistical security: more precision than usual scales leave.
    Statistical,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rows_from").required(true).args(["features", "shape", "stats"])))]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: plan.json, which is public: sizes (rows, features, classes), method, iterations, steps, polynomial, encryption parameters. No feature, label or weight. plan.recipe.json stays.\n\
                  With --features the plan is also checked by training in clear, and refused if it would fail.")]
pub struct PlanArgs {
    /// Features to plan for and to check the plan with.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Sizes to plan for when the features are elsewhere. FEATURES counts them before --keep, without a constant.
    #[arg(long, value_name = "ROWS,FEATURES,CLASSES")]
    pub shape: Option<Shape>,
    /// Pooled statistics of several owners, as `stats --merge` wrote them, in place of features. The owners encrypt with a public key.
    #[arg(long, value_name = "FILE", requires = "whitening")]
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
    /// Plan for a key that no party holds: so many parties make it together, the owners of --stats first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=256))]
    pub parties: Option<u32>,
    /// How many of the parties open the model together, 2 or more [default: all of them].
    #[arg(long, value_name = "T", requires = "parties", value_parser = clap::value_parser!(u32).range(2..=256))]
    pub threshold: Option<u32>,
    /// What the noise that each of them adds then hides.
    #[arg(long, value_enum, requires = "parties", default_value = "key-recovery")]
    pub hide: HideName,
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
    /// Whitening: share of the largest variance that is added to every variance [default: 0.01]. Stays at the client.
    #[arg(long, value_name = "X", value_parser = positive)]
    pub lambda: Option<f64>,
    /// Where what is private of the recipe goes, for `encrypt`: lambda. Stays at the client [default: beside the plan, plan.recipe.json].
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Step of every iteration in units of 1/rows [default: 4 each].
    #[arg(long, value_name = "S,S,..", value_delimiter = ',', value_parser = positive)]
    pub steps: Option<Vec<f64>>,
    /// The polynomial for the sigmoid is fitted on scores between -R and R [default: 6].
    #[arg(long, value_name = "R", value_parser = positive)]
    pub range: Option<f64>,
    /// Degree of that polynomial, odd, 3 to 15. 5 and 7 take a level more an iteration than 3, from 9 on two.
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=15))]
    pub degree: u32,
    /// One polynomial for all iterations, or one for each, fitted to the scores that the twin meets there.
    #[arg(long, value_enum, default_value = "one")]
    pub sigmoid: SigmoidName,
    /// Who gives the weights levels again during the training: nobody, the server alone, the client, who decrypts, checks and encrypts them anew, or, with --parties, the owners
    /// [default: none; auto with --accuracy-goal].
    #[arg(long, value_enum)]
    pub refresh: Option<RefreshName>,
    /// Iterations between two refreshes [default: the fastest].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub refresh_every: Option<u8>,
    /// Passes of a bootstrapping: with 2 the error of the first is bootstrapped as well, for about 20 bits in place of 13 and twice the time [default: 1].
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub bootstrap_passes: Option<u8>,
    /// How the polynomial is fitted.
    #[arg(long, value_enum, default_value = "least-squares")]
    pub fit: FitName,
    /// Limits and rates.
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Choose axes, lambda, iterations, steps and range on a split of the training rows, and say what accuracy to expect. With --refresh client, bootstrap or auto
    /// also up to 20 iterations with polynomials of degree 3 to 15: the cheapest plan of the choices within a standard error of the best. With --accuracy-goal: the axes, and
    /// lambda, that the ladder is climbed with.
    #[arg(
        long,
        requires = "features",
        conflicts_with_all = ["keep", "lambda", "iterations", "steps", "range", "degree", "fit"]
    )]
    pub tune: bool,
    /// Choose iterations, steps, polynomial and --refresh: the cheapest of a ladder of eight that gets so many per cent of held-out training rows right.
    #[arg(
        long,
        value_name = "PERCENT",
        requires = "features",
        conflicts_with_all = ["iterations", "steps", "range", "degree", "sigmoid", "fit"],
        value_parser = percent
    )]
    pub accuracy_goal: Option<f64>,
    /// log2 of the ring degree [default: the cheapest that fits].
    #[arg(long, value_name = "N")]
    pub log_n: Option<u32>,
    /// Where the plan goes; a file of that name is replaced.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
