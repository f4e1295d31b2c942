//! What a member of a group does on a board: make its keys, agree, act when it is its turn, look at who has said what.
//!
//! | module | what |
//! |---|---|
//! | [`party`] | a party's keys and its card |
//! | [`create`] | a charter, put on a board |
//! | [`plans`] | where the group's plan comes from |
//! | [`run`] | everything that is this member's turn, until all is done |
//! | [`status`] | who has said what, for anybody who can read the board |

pub mod create;
mod member;
mod owner;
pub mod party;
mod payloads;
pub mod plans;
mod pooled;
mod presence;
mod receiver;
mod refusals;
pub mod run;
mod server;
mod single;
pub mod status;
mod terms;
mod tidied;
mod wished;

pub use terms::{Consent, GroupInput, USUAL_FRESH};

use crate::artifacts::RunError;
use crate::canonical::hex;
use crate::group::board::{Board, Fetched, Listing, Sort, fetch_small};
use crate::group::charter::{self, Charter};

/// Digits of a session by which people name it.
const NAMED: usize = 16;

/// The sound charters on a board.
fn charters(board: &dyn Board, listing: &Listing) -> Result<Vec<Charter>, RunError> {
    let mut found = Vec::new();
    for (name, bytes) in &listing.entries {
        if name.sort() != Sort::Charter || *bytes > charter::LARGEST {
            continue;
        }
        let (fetched, text) = fetch_small(board, name, charter::LARGEST)?;
        if fetched == Fetched::Whole {
            // What is none is somebody's garbage.
            found.extend(Charter::parse(&text));
        }
    }
    Ok(found)
}

/// The one charter that is meant: by the first digits of its session, else the only one that `fits`.
fn choose(
    board: &dyn Board,
    session: Option<&str>,
    fits: impl Fn(&Charter) -> bool,
) -> Result<Charter, RunError> {
    let all = charters(board, &board.list()?)?;
    let is_meant = |charter: &&Charter| match session {
        Some(digits) => hex(&charter.session()).starts_with(digits),
        None => fits(charter),
    };
    let mut meant = all.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Err(RunError::input(match session {
            Some(digits) => format!("expected the charter of session {digits}, found none"),
            None => "expected the charter of a group, found none that is meant".to_owned(),
        })
        .at(board.place())
        .hint("one of the group makes it: velum group create")),
        (Some(_), Some(_)) => Err(RunError::input(
            "expected one charter that is meant, found several on the board",
        )
        .at(board.place())
        .hint("name the session with --session, as the others know it")),
    }
}

/// Names of members, for people.
fn names(charter: &Charter, members: &[usize]) -> Vec<String> {
    let name = |member: &usize| charter.members()[*member].card.name().to_owned();
    members.iter().map(name).collect()
}

#[cfg(test)]
mod tests;
