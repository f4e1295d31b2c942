//! What a party has said and answered in a session, on its own disk: it says everything once.
//!
//! A file that only grows, in the session's private folder. Every line is a hash, a space and a JSON entry; the hash is over the line before it and the entry, so a line that was lost or changed is noticed. Each is on disk
//! before what it says is done: an answer is noted before it is computed, a message before it is posted. A line that a kill or a power cut left unfinished is cut off: nothing had been done for it.
//!
//! It refuses a second answer to a question, another message for a step, and everything after the key is spent. A copy of the folder elsewhere does not know of what this one does: two processes on two copies
//! send two messages for one step, which everybody sees and nobody accepts.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use he_core::wire::{Lock, sync_names};
use serde::{Deserialize, Serialize};

use super::message::short;
use super::{Card, GroupError, Message, Step};
use crate::artifacts::{RunError, secret_key};
use crate::canonical::hex;
use crate::files;

/// Its name in the session's folder.
pub const FILE: &str = "transcript";
const CHAIN_CONTEXT: &str = "velum mlr-train 2026 v1 line of a transcript";
const VERSION: u32 = 1;
/// Thousands of messages with thousands of files.
const LARGEST: u64 = 1 << 30;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    /// Whose, in which session.
    Begin {
        version: u32,
        session: String,
        party: String,
    },
    /// A question that is about to be answered.
    Answer { question: String, hash: String },
    /// A message that is about to be posted: its text.
    Sent { text: String },
}

/// What is answered once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The opening of the model.
    Opening,
    /// A refresh of the weights.
    Refresh(u32),
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opening => f.write_str("opening"),
            Self::Refresh(number) => write!(f, "refresh-{number}"),
        }
    }
}

/// A party's transcript of one session. While it lives, no other process has it.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    session: [u8; 32],
    card: Card,
    last: [u8; 32],
    answered: BTreeMap<String, String>,
    sent: BTreeMap<Step, Message>,
    spent: bool,
    file: File,
    _lock: Lock,
}

impl Transcript {
    /// Opens the transcript in `folder`, which is made with mode 0700 if there is none, or begins one.
    ///
    /// # Errors
    /// [`GroupError::Transcript`] for one of another session or party, a damaged one, and a folder that has had one; another process that has it; the system's.
    pub fn open(folder: &Path, session: &[u8; 32], card: &Card) -> Result<Self, RunError> {
        let home = files::parent(folder);
        fs::create_dir_all(home).map_err(|error| RunError::io("create", home, &error))?;
        secret_key::make_private_directory(folder)?;
        let path = folder.join(FILE);
        let locked = Lock::take(&path).map_err(|error| RunError::io("lock", &path, &error))?;
        let Some(lock) = locked else {
            return Err(
                RunError::input("expected one process a party, found another at work")
                    .at(path.display().to_string())
                    .hint("wait for it, or stop it"),
            );
        };
        let at = |error: GroupError| RunError::from(error).at(path.display().to_string());
        let found = |found: &str| {
            at(GroupError::Transcript {
                found: found.to_owned(),
            })
        };
        let begun = path.symlink_metadata().is_ok_and(|there| there.len() > 0);
        if !begun && others(folder) {
            return Err(found("none, in a folder that had one"));
        }
        let file = open_private(&path)?;
        let mut own = Self {
            session: *session,
            card: card.clone(),
            last: [0; 32],
            answered: BTreeMap::new(),
            sent: BTreeMap::new(),
            spent: false,
            file,
            _lock: lock,
            path: path.clone(),
        };
        own.replay().map_err(|what| found(&what))?;
        if own.last == [0; 32] {
            own.append(&Entry::Begin {
                version: VERSION,
                session: hex(session),
                party: card.fingerprint(),
            })?;
            sync_names(folder).map_err(|error| RunError::io("sync", folder, &error))?;
        }
        Ok(own)
    }

    /// Reads every line; what is behind the last whole one is cut off.
    fn replay(&mut self) -> Result<(), String> {
        let bytes = files::read_limited(&self.path, LARGEST).map_err(|error| error.to_string())?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        if whole < bytes.len() {
            let cut = self
                .file
                .set_len(whole as u64)
                .and_then(|()| self.file.sync_all());
            cut.map_err(|error| error.to_string())?;
        }
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
            let damaged = || format!("one that is damaged in line {}", number + 1);
            let text = std::str::from_utf8(line).map_err(|_| damaged())?;
            let (hash, entry) = text.split_once(' ').ok_or_else(damaged)?;
            self.last = self.chain(entry.as_bytes());
            if hex(&self.last) != hash {
                return Err(damaged());
            }
            let entry = serde_json::from_str(entry).map_err(|_| damaged())?;
            self.take(entry, number == 0)?;
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry, first: bool) -> Result<(), String> {
        match entry {
            Entry::Begin {
                version,
                session,
                party,
            } if first => {
                if version != VERSION {
                    return Err(format!("one of version {version}"));
                }
                if session != hex(&self.session) {
                    return Err(format!("that of session {}", short(&session)));
                }
                if party != self.card.fingerprint() {
                    return Err(format!("that of party {}", short(&party)));
                }
            }
            _ if first => return Err("one without its beginning".to_owned()),
            Entry::Begin { .. } => return Err("one that begins twice".to_owned()),
            Entry::Answer { question, hash } => {
                self.answered.insert(question, hash);
            }
            Entry::Sent { text } => {
                let message = Message::parse(text.as_bytes(), &self.session, &[&self.card]);
                let message = message.map_err(|error| format!("one with a message: {error}"))?;
                self.spent |= message.step() == Step::Share;
                self.sent.insert(message.step(), message);
            }
        }
        Ok(())
    }

    fn chain(&self, entry: &[u8]) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key(CHAIN_CONTEXT);
        hash.update(&self.last);
        hash.update(entry);
        *hash.finalize().as_bytes()
    }

    /// Writes a line and waits until it is on disk.
    fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        let failed = |error: io::Error| RunError::io("write", &self.path, &error);
        let entry = serde_json::to_string(entry).map_err(|error| failed(error.into()))?;
        let hash = self.chain(entry.as_bytes());
        let line = format!("{} {entry}\n", hex(&hash));
        let before = self.file.metadata().map_err(failed)?.len();
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_all());
        if let Err(error) = written {
            // A disk that is full leaves a part of a line: the next one must not follow it.
            let _ = self.file.set_len(before);
            return Err(failed(error));
        }
        self.last = hash;
        Ok(())
    }

    /// What this party has said in a step.
    #[cfg(test)]
    pub(crate) fn sent(&self, step: Step) -> Option<&Message> {
        self.sent.get(&step)
    }

    /// All that it has said.
    pub fn all_sent(&self) -> impl Iterator<Item = &Message> {
        self.sent.values()
    }

    /// Whether the key has opened the model.
    #[cfg(test)]
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Hash of what was answered, in hex.
    #[cfg(test)]
    pub(crate) fn answered(&self, question: Question) -> Option<&str> {
        self.answered.get(&question.to_string()).map(String::as_str)
    }

    /// Notes that a question is about to be answered: from now on this one, and no other. The same may be answered again, with the same bytes.
    ///
    /// # Errors
    /// [`GroupError::Answered`] if another one was, [`GroupError::Spent`]; the system's.
    pub fn answer(&mut self, question: Question, hash: &[u8; 32]) -> Result<(), RunError> {
        let hash = hex(hash);
        let name = question.to_string();
        match self.answered.get(&name) {
            Some(before) if *before == hash => Ok(()),
            Some(before) => Err(GroupError::Answered {
                question: name,
                first: short(before),
                second: short(&hash),
            }
            .into()),
            None if self.spent => Err(GroupError::Spent.into()),
            None => {
                self.append(&Entry::Answer {
                    question: name.clone(),
                    hash: hash.clone(),
                })?;
                self.answered.insert(name, hash);
                Ok(())
            }
        }
    }

    /// Notes what is about to be posted: from now on this is what the party says in its step.
    ///
    /// # Errors
    /// [`GroupError::Answered`] if it said something else, [`GroupError::Spent`] for anything new of a spent key but word that the model has come, or why it has not; the system's.
    pub fn send(&mut self, message: &Message) -> Result<(), RunError> {
        if let Some(before) = self.sent.get(&message.step()) {
            if before.id() == message.id() {
                return Ok(());
            }
            return Err(GroupError::Answered {
                question: format!("step {}", message.step()),
                first: short(&hex(before.id())),
                second: short(&hex(message.id())),
            }
            .into());
        }
        if self.spent && !matches!(message.step(), Step::Received | Step::Refusal(_)) {
            return Err(GroupError::Spent.into());
        }
        if message.sender() != self.card.fingerprint() {
            return Err(GroupError::Transcript {
                found: "another party's message".to_owned(),
            }
            .into());
        }
        let text = String::from_utf8_lossy(message.text()).into_owned();
        self.append(&Entry::Sent { text })?;
        // Its share of the opening is what the key was made for.
        self.spent |= message.step() == Step::Share;
        self.sent.insert(message.step(), message.clone());
        Ok(())
    }
}

/// Whether a folder has anything in it but the transcript and its lock.
fn others(folder: &Path) -> bool {
    let ours = |name: &std::ffi::OsStr| name.to_string_lossy().contains(FILE);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .any(|entry| !ours(&entry.file_name()))
}

fn open_private(path: &Path) -> Result<File, RunError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map_err(|error| RunError::io("open", path, &error))
}

#[cfg(test)]
mod tests;
