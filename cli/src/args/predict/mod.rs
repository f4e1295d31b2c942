//! The arguments of `predict`: bare for predictions in clear, with a step for predictions on encrypted rows.

pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod exact;
pub(crate) mod plan;
pub(crate) mod score;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgGroup, ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::features::FeatureArgs;
use decrypt::PredictDecryptArgs;
use encrypt::PredictEncryptArgs;
use exact::ExactArgs;
use plan::PredictPlanArgs;
use score::PredictScoreArgs;

/// Arguments of `predict`: those of a prediction in clear, or a step on encrypted rows.
#[derive(Debug)]
pub enum PredictArgs {
    /// A prediction in clear.
    Clear(Box<ClearArgs>),
    /// A step on encrypted rows.
    Step(PredictStep),
}

impl Args for PredictArgs {
    fn augment_args(command: Command) -> Command {
        PredictStep::augment_subcommands(ClearArgs::augment_args(command))
            .subcommand_negates_reqs(true)
            .subcommand_required(false)
            .arg_required_else_help(false)
            .disable_help_subcommand(true)
            .subcommand_value_name("STEP")
            .subcommand_help_heading("Steps of a prediction on encrypted rows")
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PredictArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some(step) = matches.subcommand_name() else {
            return ClearArgs::from_arg_matches(matches).map(|args| Self::Clear(Box::new(args)));
        };
        let clear = ClearArgs::augment_args(Command::new("predict"));
        let given = clear.get_arguments().find(|arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
        });
        if let Some(given) = given {
            let name = given.get_long().unwrap_or_default();
            let text = format!(
                "--{name} belongs to a prediction in clear\n\n  tip: give `{step}` its arguments behind its name\n"
            );
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
        }
        PredictStep::from_arg_matches(matches).map(Self::Step)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The steps of a prediction on encrypted rows, in order.
#[derive(Debug, Subcommand)]
pub enum PredictStep {
    /// Client: choose how a server scores encrypted rows, with a model in clear or encrypted.
    Plan(PredictPlanArgs),
    /// Client: encrypt rows to predict, or the model to predict with.
    Encrypt(PredictEncryptArgs),
    /// Server: score encrypted rows.
    Score(PredictScoreArgs),
    /// Client: decrypt scores into labels.
    Decrypt(PredictDecryptArgs),
    /// Client and server by turns: labels by exact integer scores (cargo feature `sunscreen`).
    Exact(ExactArgs),
}

/// A prediction in clear.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("rows_from").required(true).args(["features", "images"])),
    after_help = "Runs at: the client, but for the steps of the server.\n\
                  Leaves the machine: nothing in clear; what a step on encrypted rows hands over is on its own page.\n\
                  Without a step the rows are predicted in clear. The result is CSV on stdout (row, file name of the picture where it is known, label, score and, where the classes have them, name of the best classes), JSON with --json. Where the rows have labels, the accuracy is told too. Pictures of a folder stand in byte order of their names: 10.png before 2.png.\n\
                  Order of the steps: plan, `velum keygen`, encrypt (client) -> score (server) -> decrypt (client)."
)]
pub struct ClearArgs {
    /// The model, as `decrypt` writes it.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Rows to predict; a .npy file, a table or a directory may be without labels.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Pictures to predict, in place of features: IDX (.gz too), .npy, a folder of pictures or with one subfolder a class, or one picture.
    #[arg(long, value_name = "P")]
    pub images: Option<PathBuf>,
    /// Network that turns pictures into features, one of `extract --list` [default: the model's; a model of earlier versions does not name it].
    #[arg(long, value_name = "A", requires = "images")]
    pub arch: Option<String>,
    /// Its weights; velum-compact has its own.
    #[arg(long, value_name = "W", requires = "images")]
    pub weights: Option<PathBuf>,
    /// What is done to pixels, as for `extract` [default: as for the model].
    #[arg(long, value_name = "N", requires = "images")]
    pub normalisation: Option<String>,
    /// Pass over pictures that cannot be read, and count them.
    #[arg(long, requires = "images")]
    pub skip_bad: bool,
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
