//! The arguments of `group`: what owners who trust nobody, or one owner and its server, do on a board.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::features::FeatureArgs;
use super::positive;

/// Arguments of `group`.
#[derive(Debug, Args)]
#[command(
    after_help = "Runs at: each member of a group, on a board that all of them reach: a shared folder, or a bucket of an object store.\n\
                  Leaves the machine: what the steps say. Whoever can write to the board can delay, and nothing else: every message is signed, and what is not public is sealed."
)]
pub struct GroupArgs {
    /// What to do.
    #[command(subcommand)]
    pub step: GroupStep,
}

/// What a member of a group does.
#[derive(Debug, Subcommand)]
pub enum GroupStep {
    /// Anyone: write down who takes part in what, and put it on the board.
    Create(GroupCreateArgs),
    /// Client and server alike: agree, and do everything that is this member's turn, until all is done; it can be stopped and started again at any time.
    Run(GroupRunArgs),
    /// Anyone: who has said what on a board, and whose turn it is.
    Status(GroupStatusArgs),
}

/// Who refreshes weights in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupRefreshName {
    /// Several owners: they open the weights under masks and encrypt them anew.
    Owners,
    /// One owner: it decrypts the weights, compares them with its own training in clear and encrypts them anew.
    Client,
    /// One owner's server, alone.
    Bootstrap,
}

/// Arguments of `group create`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: any member's machine.\n\
                  Leaves the machine: the charter, for all members: their cards, and what is computed. Nothing is computed before all of them have agreed to it. The members tell each other the session that this verb prints.")]
pub struct GroupCreateArgs {
    /// What all members reach: a folder, or s3://BUCKET/PREFIX, whose server and credentials are in AWS_ENDPOINT, AWS_ACCESS_KEY_ID and so on (cargo feature `object-store`).
    #[arg(long, value_name = "BOARD")]
    pub board: PathBuf,
    /// Cards of the owners, in the order that numbers them. One alone has an ordinary key of its own, and gets the model.
    #[arg(long, value_name = "CARD", num_args = 1.., required = true)]
    pub owner: Vec<PathBuf>,
    /// Card of the server that trains a model; without it the group pools statistics alone.
    #[arg(long, value_name = "CARD")]
    pub server: Option<PathBuf>,
    /// Cards of those who receive the model [default: the owners].
    #[arg(long, value_name = "CARD", num_args = 1.., requires = "server")]
    pub receiver: Vec<PathBuf>,
    /// How many owners open the model together, 2 or more, 1 of one [default: all of them].
    #[arg(long, value_name = "T", requires = "server")]
    pub threshold: Option<usize>,
    /// Principal axes to keep in the plan [default: as for velum plan].
    #[arg(long, value_name = "D", requires = "server")]
    pub keep: Option<usize>,
    /// Share of the largest variance that is added to every variance [default: as for velum plan].
    #[arg(long, value_name = "L", requires = "server", value_parser = positive)]
    pub lambda: Option<f64>,
    /// Iterations in all [default: 2].
    #[arg(long, value_name = "T", requires = "server", value_parser = clap::value_parser!(u8).range(1..=32))]
    pub iterations: Option<u8>,
    /// Step of every iteration in units of 1/rows [default: 4 each].
    #[arg(long, value_name = "S,S,..", requires = "iterations", value_delimiter = ',', value_parser = positive)]
    pub steps: Option<Vec<f64>>,
    /// The polynomial for the sigmoid is fitted on scores between -R and R [default: as for velum plan].
    #[arg(long, value_name = "R", requires = "server", value_parser = positive)]
    pub range: Option<f64>,
    /// Its degree, odd, 3 to 15 [default: as for velum plan].
    #[arg(long, value_name = "K", requires = "server", value_parser = clap::value_parser!(u32).range(3..=15))]
    pub degree: Option<u32>,
    /// Who gives the weights levels again during the training, for more iterations than parameters have levels for: of several owners as many as open the model.
    #[arg(long, value_enum, requires = "server")]
    pub refresh: Option<GroupRefreshName>,
    /// Iterations between two refreshes [default: the fastest].
    #[arg(long, value_name = "K", requires = "refresh", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub refresh_every: Option<u8>,
    /// Names of the classes, with commas between them; a number stands for classes 0, 1, 2 and so on.
    #[arg(long, value_name = "NAMES")]
    pub classes: String,
    /// Features of a row.
    #[arg(long, value_name = "N")]
    pub width: usize,
    /// What it is for, in words that all members read before they agree.
    #[arg(long, value_name = "TEXT")]
    pub purpose: String,
    /// Largest sum of any owner over its rows, of a feature or a product of two: fixed point has as many bits as it leaves.
    #[arg(long, value_name = "X", default_value = "1e9", value_parser = positive)]
    pub largest_sum: f64,
}

/// Arguments of `group run`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: each member.\n\
                  Leaves the machine: of an owner, sums of its rows under masks that cancel in the total, sealed for the owners; for a model also shares of keys and of its secret, its rows as ciphertexts with proofs, where the charter says so shares of refreshes of the weights, which are under masks, and one share of the opening, sealed for the receivers. \
                  Of an only owner, the plan, evaluation keys, its rows as ciphertexts, and where the charter says so weights that it encrypts anew; its key, plan and what else is its own lie in the job's folder as those of keygen, plan and encrypt do, and of the job's own features it trains on the rows that those do, unless --rows says others. What is revealed to whom is shown, and asked once a session; nothing is said before.\n\
                  Exit code 4 with --once: others have to act first; 1: this member, or one that is waited for, refuses a step, and says why.")]
pub struct GroupRunArgs {
    /// What all members reach: a folder, or s3://BUCKET/PREFIX, whose server and credentials are in AWS_ENDPOINT, AWS_ACCESS_KEY_ID and so on (cargo feature `object-store`).
    #[arg(long, value_name = "BOARD")]
    pub board: PathBuf,
    /// The session, its first 16 digits or more, if the board has several, and with --yes.
    #[arg(long, value_name = "HEX", value_parser = session)]
    pub session: Option<String>,
    /// The party's key file.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The folder of this party's sessions, with what it has said: keep it until the end, and never copy it.
    #[arg(long, value_name = "DIR")]
    pub sessions: PathBuf,
    /// This owner's rows.
    #[command(flatten)]
    pub features: FeatureArgs<false>,
    /// Where the pooled statistics go.
    #[arg(long, value_name = "FILE")]
    pub pooled: PathBuf,
    /// Where the model goes, for who receives it: a new directory.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Agree without being asked, to the session that --session names.
    #[arg(long, requires = "session")]
    pub yes: bool,
    /// End with exit code 4 where others have to act first, rather than wait.
    #[arg(long)]
    pub once: bool,
    /// Seconds between two looks at the board.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = positive)]
    pub poll: f64,
}

/// Arguments of `group status`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: anyone's machine that reaches the board.\n\
                  Leaves the machine: nothing.")]
pub struct GroupStatusArgs {
    /// What all members reach: a folder, or s3://BUCKET/PREFIX, whose server and credentials are in AWS_ENDPOINT, AWS_ACCESS_KEY_ID and so on (cargo feature `object-store`).
    #[arg(long, value_name = "BOARD")]
    pub board: PathBuf,
    /// The session, its first 16 digits or more, if the board has several.
    #[arg(long, value_name = "HEX", value_parser = session)]
    pub session: Option<String>,
}

/// Enough digits of a session that nobody finds another with the same.
fn session(text: &str) -> Result<String, String> {
    let digits = text.to_lowercase();
    let fits = (16..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if fits {
        return Ok(digits);
    }
    Err("expected 16 to 64 hexadecimal digits".to_owned())
}
