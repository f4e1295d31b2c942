//! `party`: a party's keys, and the card that the others need.

use std::path::PathBuf;

use he_core::wire::Existing;
use serde::Serialize;

use crate::artifacts::RunError;
use crate::files::{self, Access, Outputs};
use crate::group::Identity;

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct PartyInput {
    /// The party's name, to make its keys; without one those that are there are shown.
    pub name: Option<String>,
    /// The secret file.
    pub key: PathBuf,
    /// The card.
    pub card: PathBuf,
}

/// A party, as the others know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// What people compare, by telephone say.
    pub fingerprint: String,
    /// Where the card is.
    pub card: String,
    /// Whether the keys were made now.
    pub made: bool,
}

/// Makes a party's keys and card, or writes the card of keys that are there again.
///
/// # Errors
/// Keys that are there already, a name that no card has, no such file; the system's.
pub fn run(input: &PartyInput) -> Result<Party, RunError> {
    let identity = match &input.name {
        None if input.key.symlink_metadata().is_err() => {
            return Err(RunError::input("expected the keys of a party, found none")
                .at(input.key.display().to_string())
                .hint("velum party --name NAME makes them"));
        }
        None => Identity::read(&input.key)?,
        Some(name) => {
            if input.key.symlink_metadata().is_ok() {
                return Err(RunError::input("expected no keys of a party yet, found some")
                    .at(input.key.display().to_string())
                    .hint("without --name its card is shown; keys for another party go elsewhere, with --key"));
            }
            let identity = Identity::generate(name)?;
            identity.write(&input.key)?.name(Existing::Keep)?;
            identity
        }
    };
    let card = identity.card();
    let text = card.to_json();
    if std::fs::read(&input.card).ok().as_deref() != Some(&text) {
        Outputs::default().new_file(&input.card, "card")?;
        files::write_atomic(&input.card, &text, Access::Shared)?;
    }
    Ok(Party {
        name: card.name().to_owned(),
        fingerprint: card.fingerprint(),
        card: input.card.display().to_string(),
        made: input.name.is_some(),
    })
}
