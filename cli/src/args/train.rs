//! The arguments of `train`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `train`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: the server.\n\
                  Leaves the machine: the encrypted model, for the client. Needs no secret key, refuses one in what it is given, and warns of one beside the plan or the result.")]
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
    /// The answer to the request for a refresh that the training stopped with (exit code 4): the client's, or made of the owners' shares.
    #[arg(long, value_name = "FILE", requires = "resume")]
    pub refreshed: Option<PathBuf>,
}
