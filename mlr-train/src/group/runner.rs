//! One member at work on a board: it does all that is its turn, and says for whom it waits.
//!
//! A round reads the board, puts back what somebody deleted or altered of this member's, and takes one step if there is one to take. A step's files are made in a folder of their own; its message is noted in the
//! transcript before anything of it is posted, and from then on these bytes are sent, whatever happens. So a process may end at any moment, and the next one goes on.
//!
//! | in the session's folder | what |
//! |---|---|
//! | `transcript` | what was said and answered |
//! | `charter.json` | the charter |
//! | `sent/STEP/`, `sent/STEP.json` | payloads and messages of this member |
//! | `received/STEP/MEMBER/` | payloads of others, checked against their messages |
//! | `work/STEP/` | a payload in the making |
//! | `own/` | what the steps keep for themselves: secrets among them |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::board::{self, Board, Listing, Name, Sort};
use super::charter::{Charter, Duty};
use super::inbox::{Inbox, Lacking, fetch_payload};
use super::machine::{Next, View};
use super::message::{Asked, Draft, FileEntry, Message};
use super::{GroupError, Identity, Refusal, Step, Transcript};
use crate::artifacts::{Reporter, RunError};
use crate::files::{self, Access};

/// The charter's name in the session's folder.
pub const CHARTER: &str = "charter.json";
/// The folder in it of what a member's steps keep.
pub const OWN: &str = "own";
/// How deep a payload's folders go.
const DEEPEST: usize = 4;

/// What a member computes.
pub trait Work {
    /// Called whenever the board was read.
    fn look(&mut self, view: View<'_>) {
        let _ = view;
    }

    /// What the member does where it is its turn to do `step`: the plan, which lies in the session's folder, may have it ask for a refresh before it shows the model.
    ///
    /// # Errors
    /// A plan that cannot be read.
    fn choose(&mut self, view: View<'_>, folder: &Path, step: Step) -> Result<Step, RunError> {
        let _ = (view, folder);
        Ok(step)
    }

    /// Makes the payload of a step: every file below [`Turn::out`] when it returns.
    ///
    /// # Errors
    /// Those of the step; nothing is posted then.
    fn perform(&mut self, turn: &mut Turn<'_>) -> Result<(), RunError>;

    /// What the others are told of a step that failed: nothing, unless a member can show the reason to everybody who reads the board.
    fn refusal(&self, step: Step, error: &RunError) -> Option<Refusal> {
        let _ = (step, error);
        None
    }
}

/// A member's turn.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What it sees.
    pub view: View<'a>,
    /// The step.
    pub step: Step,
    /// The session's name.
    pub session: [u8; 32],
    /// The member's keys.
    pub identity: &'a Identity,
    /// What it has said and answered.
    pub transcript: &'a mut Transcript,
    /// The session's folder.
    pub folder: &'a Path,
    /// An empty folder for the payload.
    pub out: PathBuf,
    /// Who listens.
    pub reporter: &'a dyn Reporter,
}

impl std::fmt::Debug for dyn Reporter + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reporter")
    }
}

impl Turn<'_> {
    /// Where a member's payload of a step lies on this machine: its own, or one that was fetched.
    #[must_use]
    pub fn payload(&self, step: Step, member: usize) -> PathBuf {
        payload(self.folder, self.view.me, step, member)
    }

    /// A folder for what this member's steps keep.
    ///
    /// # Errors
    /// The system's.
    pub fn own(&self) -> Result<PathBuf, RunError> {
        let own = self.folder.join(OWN);
        fs::create_dir_all(&own).map_err(|error| RunError::io("create", &own, &error))?;
        Ok(own)
    }
}

fn payload(folder: &Path, me: usize, step: Step, member: usize) -> PathBuf {
    let step = step.to_string();
    match member == me {
        true => folder.join("sent").join(step),
        false => folder.join("received").join(step).join(member.to_string()),
    }
}

/// How a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Round {
    /// A step was taken.
    Acted(Step),
    /// Others have to do something first.
    Waits(Next),
    /// A member refuses what is waited for.
    Refused {
        /// Who.
        member: usize,
        /// What, and why.
        refusal: Refusal,
    },
    /// A file of another's message is not (or no longer) what it should be.
    Lacks {
        /// The step.
        step: Step,
        /// Whose.
        member: usize,
        /// The file.
        file: Lacking,
    },
    /// All is done that is this member's to do.
    Done,
}

/// A member at work.
#[derive(Debug)]
pub struct Runner<'a> {
    charter: &'a Charter,
    me: usize,
    identity: &'a Identity,
    board: &'a dyn Board,
    folder: PathBuf,
    transcript: Transcript,
    inbox: Inbox,
    /// Whose content on the board this process has seen to be right.
    verified: BTreeSet<Name>,
}

impl<'a> Runner<'a> {
    /// Begins or goes on with a session in this folder, which is the member's own.
    ///
    /// # Errors
    /// An identity that is no member's; as [`Transcript::open`].
    pub fn open(
        charter: &'a Charter,
        identity: &'a Identity,
        board: &'a dyn Board,
        folder: &Path,
    ) -> Result<Self, RunError> {
        let fingerprint = identity.card().fingerprint();
        let Some(me) = charter.number(&fingerprint) else {
            return Err(RunError::from(GroupError::Stranger {
                found: identity.card().name().to_owned(),
            })
            .hint_instead("name the key file of a card that is in the charter, with --key"));
        };
        let transcript = Transcript::open(folder, &charter.session(), identity.card())?;
        let path = folder.join(CHARTER);
        if !path.is_file() {
            files::write_atomic(&path, &charter.to_json(), Access::Private)?;
        }
        Ok(Self {
            charter,
            me,
            identity,
            board,
            folder: folder.to_owned(),
            transcript,
            inbox: Inbox::default(),
            verified: BTreeSet::new(),
        })
    }

    /// Number of the member.
    #[must_use]
    pub fn me(&self) -> usize {
        self.me
    }

    /// The messages that were read.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Reads the board, mends it, and takes a step if it is this member's turn. The board is listed once.
    ///
    /// # Errors
    /// What stops the group, by name; the step's; a board or disk that fails.
    pub fn round(
        &mut self,
        work: &mut dyn Work,
        reporter: &dyn Reporter,
    ) -> Result<Round, RunError> {
        let listing = self.board.list()?;
        self.mend(&listing)?;
        self.inbox.update(self.charter, self.board, &listing)?;
        let own: Vec<Message> = self.transcript.all_sent().cloned().collect();
        for message in own {
            self.inbox.take(self.charter, message)?;
        }
        let view = View {
            charter: self.charter,
            me: self.me,
            inbox: &self.inbox,
        };
        work.look(view);
        match view.next()? {
            Next::Act(step) => {
                let step = work.choose(view, &self.folder, step)?;
                let acted = self.act(step, &listing, work, reporter);
                if let Err(error) = &acted {
                    // What cannot be posted now the next process posts: the error that is told is the step's.
                    let _unposted = self.refuse(work.refusal(step, error), &listing);
                }
                acted
            }
            Next::Done => Ok(Round::Done),
            wait @ Next::Wait { .. } => Ok(match view.refused_by(&wait) {
                Some((member, refusal)) => Round::Refused {
                    member,
                    refusal: refusal.clone(),
                },
                None => Round::Waits(wait),
            }),
        }
    }

    /// Says why a step is not done, unless that is what was said last.
    fn refuse(&mut self, refusal: Option<Refusal>, listing: &Listing) -> Result<(), RunError> {
        let Some(refusal) = refusal else {
            return Ok(());
        };
        let last = self.inbox.last_refusal(self.me);
        if last.is_some_and(|(_, last)| *last == refusal) {
            return Ok(());
        }
        let number = last.map_or(0, |(number, _)| number + 1);
        let session = self.charter.session();
        let message = Message::refuse(&session, number, refusal, self.identity)?;
        self.transcript.send(&message)?;
        self.post(&message, listing)
    }

    /// Posts again what is missing of this member's messages, files first.
    fn mend(&mut self, listing: &Listing) -> Result<(), RunError> {
        let own: Vec<Message> = self.transcript.all_sent().cloned().collect();
        for message in own {
            self.post(&message, listing)?;
        }
        Ok(())
    }

    fn post(&mut self, message: &Message, listing: &Listing) -> Result<(), RunError> {
        let place = payload(&self.folder, self.me, message.step(), self.me);
        for file in message.files() {
            let name = Name::new(Sort::File, file.hash());
            self.post_one(&name, &place.join(&file.name), listing)?;
        }
        let name = Name::of(Sort::Message, message.text());
        if listing.entries.contains_key(&name) && self.verified.contains(&name) {
            return Ok(());
        }
        let text = self
            .folder
            .join("sent")
            .join(format!("{}.json", message.step()));
        if text.symlink_metadata().is_err() {
            let home = files::parent(&text);
            fs::create_dir_all(home).map_err(|error| RunError::io("create", home, &error))?;
            files::write_atomic(&text, message.text(), Access::Private)?;
        }
        self.post_one(&name, &text, listing)
    }

    fn post_one(&mut self, name: &Name, source: &Path, listing: &Listing) -> Result<(), RunError> {
        let verify = !self.verified.contains(name);
        board::post(self.board, listing, name, source, verify)?;
        self.verified.insert(*name);
        Ok(())
    }

    /// Takes a step. `listing` may be old by now: what has come since is posted once more, what has gone is noticed when it is read.
    fn act(
        &mut self,
        step: Step,
        listing: &Listing,
        work: &mut dyn Work,
        reporter: &dyn Reporter,
    ) -> Result<Round, RunError> {
        let view = View {
            charter: self.charter,
            me: self.me,
            inbox: &self.inbox,
        };
        if let Some(lacks) = self.fetch(view, step)? {
            return Ok(lacks);
        }
        let out = self.folder.join("work").join(step.to_string());
        let sent = payload(&self.folder, self.me, step, self.me);
        // Of a process that ended before it had said anything.
        for left in [&out, &sent] {
            if left.exists() {
                fs::remove_dir_all(left).map_err(|error| RunError::io("remove", left, &error))?;
            }
        }
        fs::create_dir_all(&out).map_err(|error| RunError::io("create", &out, &error))?;
        let mut turn = Turn {
            view,
            step,
            session: self.charter.session(),
            identity: self.identity,
            transcript: &mut self.transcript,
            folder: &self.folder,
            out: out.clone(),
            reporter,
        };
        work.perform(&mut turn)?;
        reporter.check()?;
        let members = view.named(step);
        let draft = Draft {
            session: &self.charter.session(),
            step,
            answers: view.answers(step),
            members: members.iter().map(|member| *member as u32).collect(),
            files: described(&out)?,
        };
        let message = match step {
            Step::Question | Step::RefreshQuestion(_) => {
                Message::ask(draft, asked(view), self.identity)?
            }
            _ => Message::sign(draft, self.identity)?,
        };
        fs::create_dir_all(files::parent(&sent))
            .and_then(|()| fs::rename(&out, &sent))
            .map_err(|error| RunError::io("rename", &out, &error))?;
        files::sync_parent(&sent)?;
        self.transcript.send(&message)?;
        self.post(&message, listing)?;
        Ok(Round::Acted(step))
    }

    /// Brings every payload that a step needs; what is missing of one, if anything.
    fn fetch(&self, view: View<'_>, step: Step) -> Result<Option<Round>, RunError> {
        for needed in view.needs(step) {
            for (member, message) in view.inbox.all(needed) {
                if member == self.me {
                    continue;
                }
                let place = payload(&self.folder, self.me, needed, member);
                let wanted = |name: &str| self.wants(needed, name);
                if let Some(file) = fetch_payload(self.board, message, &place, &wanted)? {
                    return Ok(Some(Round::Lacks {
                        step: needed,
                        member,
                        file,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Of what is dealt, everybody fetches its own share: the others' are sealed for them. Shares of Galois keys are for the server.
    fn wants(&self, step: Step, name: &str) -> bool {
        let serves = self.charter.members()[self.me].is(Duty::Server);
        let own = self.charter.owner(self.me);
        match step {
            Step::Deal => own.is_some_and(|own| name == dealt_name(own)),
            Step::KeyShare => serves || !name.contains("/galois-"),
            _ => true,
        }
    }
}

/// Name of the file that is dealt to owner number `owner`.
#[must_use]
pub fn dealt_name(owner: usize) -> String {
    format!("to-{owner}")
}

/// What a question says besides.
fn asked(view: View<'_>) -> Asked {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Asked {
        calls: view.calls(),
        seconds: since.map_or(0, |since| since.as_secs()),
    }
}

/// Every file below a folder, by name.
fn described(folder: &Path) -> Result<Vec<FileEntry>, RunError> {
    let mut found = Vec::new();
    collect(folder, "", DEEPEST, &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn collect(
    folder: &Path,
    above: &str,
    depth: usize,
    found: &mut Vec<FileEntry>,
) -> Result<(), RunError> {
    let failed = |error: std::io::Error| RunError::io("read", folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = match above {
            "" => name,
            above => format!("{above}/{name}"),
        };
        match entry.file_type().map_err(failed)?.is_dir() {
            true if depth > 0 => collect(&entry.path(), &name, depth - 1, found)?,
            true => {}
            false => found.push(FileEntry::of(&name, &entry.path())?),
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
