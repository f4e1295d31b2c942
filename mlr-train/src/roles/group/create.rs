//! `group create`: a charter, put on a board for all members to read and agree to.

use std::path::PathBuf;

use serde::Serialize;

use crate::artifacts::RunError;
use crate::canonical::hex;
use crate::group::Card;
use crate::group::board::{self, Board, Sort};
use crate::group::charter::{Charter, Duty, Member, Task};

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct CreateInput {
    /// Cards of the members, each with what it does; one may be there several times. Owners are numbered in this order.
    pub members: Vec<(PathBuf, Vec<Duty>)>,
    /// How many owners open a model together.
    pub threshold: usize,
    /// What is computed.
    pub task: Task,
}

/// A group, as its members see it before they agree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Created {
    /// The session: hash of the charter. Members tell it each other.
    pub session: String,
    /// Where the charter is.
    pub board: String,
    /// Who takes part.
    pub members: Vec<Described>,
    /// How many owners open a model together.
    pub threshold: usize,
}

/// A member, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Fingerprint of its card.
    pub fingerprint: String,
    /// What it does.
    pub duties: Vec<&'static str>,
}

/// Makes a charter and posts it.
///
/// # Errors
/// Cards that are none; a group that cannot work; the board's.
pub fn run(input: &CreateInput, board: &dyn Board) -> Result<Created, RunError> {
    let mut members: Vec<Member> = Vec::new();
    for (path, duties) in &input.members {
        let card = Card::read(path)?;
        match members.iter_mut().find(|member| member.card == card) {
            Some(member) => member.duties.extend(duties),
            None => members.push(Member {
                card,
                duties: duties.clone(),
            }),
        }
    }
    for member in &mut members {
        member.duties.sort_unstable();
        member.duties.dedup();
    }
    let charter = Charter::new(members, input.threshold, input.task.clone())?;
    board::post_text(board, Sort::Charter, &charter.to_json())?;
    Ok(Created {
        session: hex(&charter.session()),
        board: board.place(),
        members: described(&charter),
        threshold: charter.threshold(),
    })
}

/// All members, for people.
pub(super) fn described(charter: &Charter) -> Vec<Described> {
    let one = |member: &Member| Described {
        name: member.card.name().to_owned(),
        fingerprint: member.card.fingerprint(),
        duties: member.duties.iter().map(|duty| duty.word()).collect(),
    };
    charter.members().iter().map(one).collect()
}
