//! The arguments of `party`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `party`.
#[derive(Debug, Args)]
#[command(after_help = "Runs at: each member of a group.\n\
                  Leaves the machine: the card, which is public: a name and two public keys. The others compare its fingerprint with what this verb prints, by telephone say. The key file stays here, with mode 0600.")]
pub struct PartyArgs {
    /// The party's name, as the others know it: makes its keys. Without it the card of keys that are there is written again.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The key file: to sign, and to read what is sealed for this party.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Where the card goes.
    #[arg(long, value_name = "FILE")]
    pub card: PathBuf,
}
