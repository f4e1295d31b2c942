//! `group run`: everything that is this member's turn, until all is done that is its to do. It can be stopped and started again at any time.

use std::path::Path;
use std::time::{Duration, Instant};

use he_core::error::{Class, Explain as _};
use serde::Serialize;

use super::member::Member;
use super::payloads::{POOLING, RECEIVING};
use super::plans::Plans;
use super::single::{self, Single};
use super::terms::{Consent, GroupInput};
use super::tidied::tidy;
use super::{NAMED, choose, names};
use crate::artifacts::{Reporter, RunError};
use crate::canonical::hex;
use crate::files::Outputs;
use crate::group::board::{self, Board, Sort};
use crate::group::charter::{Charter, Duty, Goal};
use crate::group::machine::Next;
use crate::group::runner::OWN;
use crate::group::{GroupError, Identity, Refusal, Round, Runner, Step, Work};

/// Rounds that may fail one after the other, as boards in a network do.
const MOST_FAILURES: usize = 10;
/// How often it is looked whether to stop.
const SLICE: Duration = Duration::from_millis(50);

/// What a member did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupRun {
    /// The session in hex.
    pub session: String,
    /// This member's name.
    pub party: String,
    /// Steps that were done now.
    pub steps: Vec<String>,
    /// The pooled statistics, where the group is for them.
    pub pooled: Option<String>,
    /// The model, where this member has received it.
    pub model: Option<String>,
    /// Entries on the board that were refused.
    pub refused: usize,
    /// Time, waiting included.
    pub seconds: f64,
}

/// Acts for a member until all is done that is its to do. `consent` is asked once a session, before anything is said.
///
/// # Errors
/// [`Problem::Waiting`](crate::artifacts::error::Problem::Waiting) where others have to act first and `once` is said; no consent; what stops the group, by name; a step's.
pub fn run(
    input: &GroupInput,
    board: &dyn Board,
    plans: &dyn Plans,
    consent: &dyn Fn(&Consent) -> Result<(), RunError>,
    reporter: &dyn Reporter,
) -> Result<GroupRun, RunError> {
    let started = Instant::now();
    let identity = Identity::read(&input.key)?;
    let own = identity.card().fingerprint();
    let session = input.session.as_deref();
    let charter = choose(board, session, |charter| charter.number(&own).is_some())?;
    let session = hex(&charter.session());
    let folder = input.sessions.join(&session[..NAMED]);
    require(&charter, &own, input, &folder)?;
    board::post_text(board, Sort::Charter, &charter.to_json())?;
    let mut runner = Runner::open(&charter, &identity, board, &folder)?;
    let mut work: Box<dyn Work> = match charter.has_one_owner() {
        true => Box::new(Single::new(input, plans, consent)),
        false => Box::new(Member::new(input, plans, consent)),
    };
    let mut waiting = Waiting::new(input, reporter);
    let mut steps = Vec::new();
    loop {
        reporter.check()?;
        match runner.round(&mut *work, reporter) {
            Ok(Round::Acted(step)) => {
                waiting.failures = 0;
                reporter.note(&format!("{}: {step}", identity.card().name()));
                steps.push(step.to_string());
            }
            Ok(Round::Done) => break,
            Ok(Round::Waits(next)) => waiting.pause(&awaited(&charter, &next))?,
            Ok(Round::Refused { member, refusal }) => {
                return Err(refused_by(&charter, member, &refusal));
            }
            Ok(Round::Lacks { step, member, file }) => {
                let names = names(&charter, &[member]);
                let what = if file.altered {
                    "was altered or is on its way"
                } else {
                    "is not there"
                };
                waiting.pause(&format!(
                    "waiting for {}: {} of its {} {what}",
                    names.join(", "),
                    file.file,
                    step.awaited()
                ))?;
            }
            Err(error) if error.class() == Class::Environment => waiting.failed(error)?,
            Err(error) => return Err(error),
        }
        waiting.refused(&runner);
    }
    if let Err(error) = tidy(&folder) {
        reporter.warn(&format!("{} could be smaller: {error}", folder.display()));
    }
    let received = runner.inbox().of(Step::Received, runner.me());
    let received = received.filter(|_| charter.task().goal == Goal::Model);
    Ok(GroupRun {
        session,
        party: identity.card().name().to_owned(),
        steps,
        pooled: (charter.task().goal == Goal::Statistics)
            .then(|| input.pooled.display().to_string()),
        model: received.map(|_| input.model.display().to_string()),
        refused: runner.inbox().refused().len(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// What can fail is tried before anybody waits.
fn require(
    charter: &Charter,
    own: &str,
    input: &GroupInput,
    folder: &Path,
) -> Result<(), RunError> {
    let me = charter.number(own).map(|me| &charter.members()[me]);
    let is = |duty| me.is_some_and(|me| me.is(duty));
    if is(Duty::Owner) && input.rows.is_none() {
        return Err(RunError::input("expected this owner's rows, found none")
            .at("arguments")
            .hint("name them with --features, and --rows for a part of them"));
    }
    let taken = |marker| folder.join(OWN).join(marker).exists();
    if charter.task().goal == Goal::Statistics && !taken(POOLING) {
        Outputs::default().new_file(&input.pooled, "statistics")?;
    }
    if is(Duty::Owner) {
        single::require_places(charter, input, folder)?;
    }
    if charter.task().goal == Goal::Model && is(Duty::Receiver) && !taken(RECEIVING) {
        Outputs::default().new_directory(&input.model, "model")?;
    }
    Ok(())
}

/// What this member ends with where another refuses what it waits for.
fn refused_by(charter: &Charter, member: usize, refusal: &Refusal) -> RunError {
    let sender = names(charter, &[member]).join(", ");
    GroupError::Refusal {
        sender,
        step: refusal.step(),
        reason: refusal.reason().to_owned(),
    }
    .into()
}

/// For whom a member waits, in words.
fn awaited(charter: &Charter, next: &Next) -> String {
    let Next::Wait {
        step,
        of,
        needed,
        all,
    } = next
    else {
        return String::new();
    };
    let who = match step {
        Step::Agree | Step::Accept => "members",
        Step::Received => "receivers",
        step if charter.senders(*step).len() == 1 => "members",
        _ => "owners",
    };
    format!(
        "waiting for {needed} of {all} {who} ({}): {}",
        names(charter, of).join(", "),
        step.awaited()
    )
}

/// How a member passes the time.
struct Waiting<'a> {
    input: &'a GroupInput,
    reporter: &'a dyn Reporter,
    said: String,
    failures: usize,
    refused: usize,
}

impl<'a> Waiting<'a> {
    fn new(input: &'a GroupInput, reporter: &'a dyn Reporter) -> Self {
        Self {
            input,
            reporter,
            said: String::new(),
            failures: 0,
            refused: 0,
        }
    }

    /// Says for whom it waits, if that is new, and waits.
    fn pause(&mut self, text: &str) -> Result<(), RunError> {
        self.failures = 0;
        if self.input.once {
            return Err(RunError::waiting(text.to_owned())
                .hint("run it again when they have acted; without --once it waits for them"));
        }
        if self.said != text {
            self.reporter.note(text);
            text.clone_into(&mut self.said);
        }
        self.sleep()
    }

    fn sleep(&self) -> Result<(), RunError> {
        let until = Instant::now() + self.input.poll;
        while Instant::now() < until {
            self.reporter.check()?;
            std::thread::sleep(SLICE.min(self.input.poll));
        }
        Ok(())
    }

    /// A board in a network may be away for a while.
    fn failed(&mut self, error: RunError) -> Result<(), RunError> {
        self.failures += 1;
        if self.failures > MOST_FAILURES || self.input.once {
            return Err(error);
        }
        self.reporter.warn(&format!("{error}; it is tried again"));
        self.sleep()
    }

    /// Names what was refused since it last looked.
    fn refused(&mut self, runner: &Runner<'_>) {
        let all = runner.inbox().refused();
        for refused in &all[self.refused.min(all.len())..] {
            self.reporter
                .warn(&format!("{} is ignored: {}", refused.name, refused.why));
        }
        self.refused = all.len();
    }
}
