//! `group status`: who has said what, for anybody who can read the board.

use serde::Serialize;

use super::create::{Described, described};
use super::{choose, names};
use crate::artifacts::RunError;
use crate::canonical::hex;
use crate::group::Step;
use crate::group::board::Board;
use crate::group::charter::Charter;
use crate::group::inbox::Inbox;
use crate::group::machine::{Next, View};

/// What lies on a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The session in hex.
    pub session: String,
    /// What it is for, in words.
    pub purpose: String,
    /// Who takes part.
    pub members: Vec<Described>,
    /// Who has said what, step by step.
    pub steps: Vec<Said>,
    /// Members whose turn it is, and what they do next.
    pub turns: Vec<Turn>,
    /// Members that do not do a step, and why: each can still go on.
    pub refusals: Vec<Refusing>,
    /// Entries that were refused, and why.
    pub refused: Vec<String>,
    /// Messages that are not what their names say.
    pub altered: usize,
    /// Entries that are nothing of velum's.
    pub foreign: usize,
    /// Whether everybody has done all.
    pub done: bool,
}

/// Who has said a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The step.
    pub step: String,
    /// Who has.
    pub said: Vec<String>,
    /// Who has not, and is to.
    pub missing: Vec<String>,
}

/// Whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Who.
    pub party: String,
    /// What.
    pub step: String,
    /// Where the server has named it for this step, and nobody else can do it: since when, in seconds since 1970 by the server's clock.
    pub asked: Option<u64>,
}

/// Who does not do what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusing {
    /// Who.
    pub party: String,
    /// What.
    pub step: String,
    /// `input` or `verification`.
    pub class: &'static str,
    /// Why, in its words.
    pub reason: String,
}

/// Reads a board.
///
/// # Errors
/// No charter, or several; what stops the group, by name; the board's.
pub fn run(board: &dyn Board, session: Option<&str>) -> Result<Status, RunError> {
    let charter = choose(board, session, |_| true)?;
    let listing = board.list()?;
    let mut inbox = Inbox::default();
    inbox.update(&charter, board, &listing)?;
    let (mut turns, mut refusals) = (Vec::new(), Vec::new());
    let mut done = true;
    for me in 0..charter.members().len() {
        let view = View {
            charter: &charter,
            me,
            inbox: &inbox,
        };
        let next = view.next()?;
        done &= next == Next::Done;
        let party = || charter.members()[me].card.name().to_owned();
        refusals.extend(view.refusal(me).map(|refusal| Refusing {
            party: party(),
            step: refusal.step().to_string(),
            class: refusal.class(),
            reason: refusal.reason().to_owned(),
        }));
        if let Next::Act(step) = next {
            turns.push(Turn {
                party: party(),
                step: step.to_string(),
                asked: asked(&inbox, step),
            });
        }
    }
    let refused = inbox.refused().iter();
    Ok(Status {
        session: hex(&charter.session()),
        purpose: charter.task().purpose.clone(),
        members: described(&charter),
        steps: said(&charter, &inbox),
        turns,
        refusals,
        refused: refused
            .map(|one| format!("{}: {}", one.name, one.why))
            .collect(),
        altered: inbox.altered().count(),
        foreign: listing.foreign,
        done,
    })
}

/// When the server asked for a step of members that it named.
fn asked(inbox: &Inbox, step: Step) -> Option<u64> {
    let question = match step {
        Step::Share => Step::Question,
        Step::RefreshShare(number) => Step::RefreshQuestion(number),
        _ => return None,
    };
    let (_, question) = inbox.all(question).next()?;
    question.asked().map(|asked| asked.seconds)
}

fn said(charter: &Charter, inbox: &Inbox) -> Vec<Said> {
    let view = View {
        charter,
        me: 0,
        inbox,
    };
    let one = |step: &Step| {
        let said: Vec<usize> = inbox.all(*step).map(|(member, _)| member).collect();
        let mut missing = view.sayers(*step);
        missing.retain(|member| !said.contains(member));
        Said {
            step: step.to_string(),
            said: names(charter, &said),
            missing: names(charter, &missing),
        }
    };
    let steps = inbox
        .steps()
        .filter(|step| !matches!(step, Step::Refusal(_)));
    steps.map(|step| one(&step)).collect()
}
