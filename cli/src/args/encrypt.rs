//! The arguments of `encrypt`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::features::FeatureArgs;
use super::positive;

/// Arguments of `encrypt`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("sealing").required(true).args(["key", "public_key"])))]
#[command(group(ArgGroup::new("mapping").required(true).args(["private", "whitening"])))]
#[command(after_help = "Runs at: the client.\n\
                  Leaves the machine: the dataset directory, all of it ciphertexts but for sizes. The private directory (mean, axes, class names, clear twin) stays here.")]
pub struct EncryptArgs {
    /// The plan.
    #[arg(long, value_name = "FILE")]
    pub plan: PathBuf,
    /// The secret key to encrypt with: half the size of public-key encryption.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Make the keys first, as `keygen` does: the secret one at --key, where none is yet, and the evaluation keys here, for the server.
    #[arg(long, value_name = "DIR")]
    pub eval_keys: Option<PathBuf>,
    /// The public key to encrypt with, for an owner of data who has no secret key.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// The fingerprint that `keygen` printed: encrypt with no other key. Its first 16 digits are enough.
    #[arg(long, value_name = "HEX")]
    pub expect_key: Option<String>,
    /// Features to encrypt.
    #[command(flatten)]
    pub features: FeatureArgs<true>,
    /// What is private of the plan's recipe, as `plan` wrote it [default: found beside the plan].
    #[arg(long, value_name = "FILE")]
    pub recipe: Option<PathBuf>,
    /// Whitening: share of the largest variance that is added to every variance [default: the recipe's; 0.01 without one].
    #[arg(long, value_name = "X", value_parser = positive)]
    pub lambda: Option<f64>,
    /// Which of several owners these rows belong to: 1 for the first whose statistics were merged.
    #[arg(long, value_name = "K")]
    pub owner: Option<usize>,
    /// The whitening map that several owners share, as `plan --stats` wrote it.
    #[arg(long, value_name = "FILE")]
    pub whitening: Option<PathBuf>,
    /// One of several owners under another's public key: go on although its holder could read these rows. `velum group` needs no such trust.
    #[arg(long, requires = "public_key")]
    pub trust_key_holder: bool,
    /// Where the client's own data goes: a new directory that never leaves this machine. Not for several owners.
    #[arg(long, value_name = "DIR")]
    pub private: Option<PathBuf>,
    /// Where the encrypted dataset goes: a new directory, for the server.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
