//! The verified messages of a board, and what was refused there, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::board::{self, Board, Fetched, Listing, Name, Sort, fetch_small};
use super::charter::Charter;
use super::message::{self, FileEntry, Message, set_hash, short};
use super::{Card, GroupError, Refusal, Step};
use crate::artifacts::RunError;

/// Refused messages after which a board is taken for flooded.
const MOST_REFUSED: usize = 4096;

/// Something on the board that is no message of this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name there.
    pub name: Name,
    /// Why.
    pub why: GroupError,
}

/// What a member has read so far.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    seen: BTreeSet<Name>,
    said: BTreeMap<Step, BTreeMap<usize, Message>>,
    refused: Vec<Refused>,
    altered: BTreeSet<Name>,
}

impl Inbox {
    /// Reads every message that is new. What is refused is remembered and ignored.
    ///
    /// # Errors
    /// [`GroupError::Equivocation`] if a member said two things in one step; a board that cannot be reached or is flooded.
    pub fn update(
        &mut self,
        charter: &Charter,
        board: &dyn Board,
        listing: &Listing,
    ) -> Result<(), RunError> {
        let session = charter.session();
        let cards: Vec<&Card> = charter
            .members()
            .iter()
            .map(|member| &member.card)
            .collect();
        self.altered.clear();
        for (name, bytes) in &listing.entries {
            if name.sort() != Sort::Message || self.seen.contains(name) {
                continue;
            }
            let (fetched, text) = match *bytes <= message::LARGEST {
                true => fetch_small(board, name, message::LARGEST)?,
                false => (Fetched::Altered, Vec::new()),
            };
            match fetched {
                // It may still be on its way, or come back when its sender posts it again.
                Fetched::Altered => drop(self.altered.insert(*name)),
                Fetched::Missing => (),
                Fetched::Whole => {
                    self.seen.insert(*name);
                    let read = Message::parse(&text, &session, &cards);
                    let taken = read.and_then(|message| self.take(charter, message));
                    match taken {
                        Err(why @ GroupError::Equivocation { .. }) => return Err(why.into()),
                        Err(why) => self.refused.push(Refused { name: *name, why }),
                        Ok(()) => (),
                    }
                }
            }
            if self.refused.len() > MOST_REFUSED {
                return Err(RunError::machine(format!(
                    "expected the messages of a group, found {MOST_REFUSED} and more of nobody in it"
                ))
                .at(board.place())
                .hint("somebody floods the board: remove what is not the group's, and keep others from writing there"));
            }
        }
        Ok(())
    }

    /// Takes a verified message.
    ///
    /// # Errors
    /// [`GroupError::Role`], [`GroupError::Equivocation`].
    pub fn take(&mut self, charter: &Charter, message: Message) -> Result<(), GroupError> {
        let step = message.step();
        let Some(sender) = charter.number(message.sender()) else {
            return Err(GroupError::Stranger {
                found: short(message.sender()),
            });
        };
        let name = || charter.members()[sender].card.name().to_owned();
        if !charter.senders(step).contains(&sender) {
            return Err(GroupError::Role {
                sender: name(),
                step,
            });
        }
        let limit = charter.task().most_bytes;
        if message.bytes() > limit {
            return Err(GroupError::Payload {
                sender: name(),
                step,
                expected: format!("at most {limit} bytes"),
                found: format!("{} bytes", message.bytes()),
            });
        }
        let before = self.said.entry(step).or_default();
        match before.get(&sender) {
            Some(other) if other.id() != message.id() => {
                let id =
                    |message: &Message| short(&blake3::Hash::from_bytes(*message.id()).to_hex());
                Err(GroupError::Equivocation {
                    sender: name(),
                    step,
                    first: id(other),
                    second: id(&message),
                })
            }
            _ => {
                before.insert(sender, message);
                Ok(())
            }
        }
    }

    /// What a member said in a step.
    #[must_use]
    pub fn of(&self, step: Step, member: usize) -> Option<&Message> {
        self.said.get(&step)?.get(&member)
    }

    /// All that was said in a step, by number of the member.
    pub fn all(&self, step: Step) -> impl Iterator<Item = (usize, &Message)> {
        let said = self.said.get(&step).into_iter().flatten();
        said.map(|(member, message)| (*member, message))
    }

    /// The last refusal of a member, with its number.
    #[must_use]
    pub fn last_refusal(&self, member: usize) -> Option<(u32, &Refusal)> {
        let all = self.said.range(Step::Refusal(0)..=Step::Refusal(u32::MAX));
        all.rev().find_map(|(step, by)| match step {
            Step::Refusal(number) => Some((*number, by.get(&member)?.refusal()?)),
            _ => None,
        })
    }

    /// Steps that somebody has said, in order.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let said = self.said.iter().filter(|(_, by)| !by.is_empty());
        said.map(|(step, _)| *step)
    }

    /// Who has not said this step, of those who do.
    #[must_use]
    pub fn missing(&self, charter: &Charter, step: Step) -> Vec<usize> {
        let senders = charter.senders(step).into_iter();
        senders
            .filter(|member| self.of(step, *member).is_none())
            .collect()
    }

    /// Hash of all messages of a step.
    #[must_use]
    pub fn hash(&self, step: Step) -> [u8; 32] {
        set_hash(self.all(step).map(|(_, message)| message))
    }

    /// What was refused, in the order in which it was read.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Messages that are not what their names say: altered, or on their way.
    pub fn altered(&self) -> impl Iterator<Item = &Name> {
        self.altered.iter()
    }
}

/// What keeps a payload from coming.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The file's name in the payload.
    pub file: String,
    /// Whether something else lies in its place, rather than nothing.
    pub altered: bool,
}

/// Brings the files of a message's payload whose names are `wanted` into the folder `place`; what is there already is not fetched again. None: all is there.
///
/// # Errors
/// The board's and the disk's.
pub fn fetch_payload(
    board: &dyn Board,
    message: &Message,
    place: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Option<Lacking>, RunError> {
    for file in message.files().iter().filter(|file| wanted(&file.name)) {
        let target = place.join(&file.name);
        if is_there(&target, file)? {
            continue;
        }
        let home = crate::files::parent(&target);
        std::fs::create_dir_all(home).map_err(|error| RunError::io("create", home, &error))?;
        let name = Name::new(Sort::File, file.hash());
        let fetched = board::fetch(board, &name, file.bytes, &target)?;
        if fetched != Fetched::Whole {
            return Ok(Some(Lacking {
                file: file.name.clone(),
                altered: fetched == Fetched::Altered,
            }));
        }
    }
    Ok(None)
}

/// A file of this length is what was fetched: it got its name when its hash was right, and the folder is the party's own.
fn is_there(target: &Path, file: &FileEntry) -> Result<bool, RunError> {
    match target.symlink_metadata() {
        Ok(there) => Ok(there.is_file() && there.len() == file.bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(RunError::io("read", target, &error)),
    }
}
