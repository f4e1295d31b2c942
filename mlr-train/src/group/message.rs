//! What a member says: a signed envelope, and files that it names by their hashes.
//!
//! The text is canonical JSON on one line: kind, version, session, step, sender (the card's fingerprint), the hash of what it answers, numbers of the members
//! that it names, if any, its [refusal](Refusal), if it is one, name, bytes and BLAKE3 of every file, and last an Ed25519 signature of
//! [`DOMAIN`] and the text without its signature. A text of another spelling is no message. The [id](Message::id) is a hash of what is signed, not of the signature.

use std::collections::BTreeSet;
use std::path::Path;

use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize};

use super::{Card, GroupError, Identity, Refusal, Step};
use crate::artifacts::RunError;
use crate::{canonical, files};

/// What comes before the text that is signed: no signature of anything else is one of a message.
pub const DOMAIN: &[u8] = b"velum mlr-train 2026 v1 group message\n";
const ID_CONTEXT: &str = "velum mlr-train 2026 v1 id of a group message";
const SET_CONTEXT: &str = "velum mlr-train 2026 v1 set of group messages";
const KIND: &str = "velum group message";
const VERSION: u32 = 1;
/// Bytes of an envelope.
pub const LARGEST: u64 = 4 << 20;
/// Files of a payload.
pub const MOST_FILES: usize = 1 << 14;
/// Bytes of a file's name.
const LONGEST_NAME: usize = 128;

/// A file of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its path in the payload: words of lowercase letters, digits, dots, hyphens and underscores, with slashes between them.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its content, hex: its name on the board.
    pub blake3: String,
}

impl FileEntry {
    /// Describes a file on this machine.
    ///
    /// # Errors
    /// The system's.
    pub fn of(name: &str, path: &Path) -> Result<Self, RunError> {
        let (bytes, hash) = hash_file(path)?;
        Ok(Self {
            name: name.to_owned(),
            bytes,
            blake3: hash.to_hex().to_string(),
        })
    }

    /// The hash.
    pub(super) fn hash(&self) -> [u8; 32] {
        // An entry in a message has been checked.
        blake3::Hash::from_hex(&self.blake3).map_or([0; 32], Into::into)
    }

    fn is_sound(&self) -> bool {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        let word =
            |word: &str| !word.is_empty() && !word.starts_with('.') && word.bytes().all(plain);
        self.name.len() <= LONGEST_NAME && self.name.split('/').all(word) && is_hash(&self.blake3)
    }
}

/// Length and BLAKE3 of a file.
pub(super) fn hash_file(path: &Path) -> Result<(u64, blake3::Hash), RunError> {
    let bytes = files::size(path)?;
    let file = std::fs::File::open(path).map_err(|error| RunError::io("read", path, &error))?;
    let mut hash = blake3::Hasher::new();
    let hashed = hash.update_reader(file);
    hashed.map_err(|error| RunError::io("read", path, &error))?;
    Ok((bytes, hash.finalize()))
}

fn is_hash(text: &str) -> bool {
    blake3::Hash::from_hex(text).is_ok_and(|hash| hash.to_hex().as_str() == text)
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    kind: String,
    version: u32,
    session: String,
    step: String,
    sender: String,
    answers: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
    files: Vec<FileEntry>,
}

/// What a question says besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// After how many calls the members that it names were there.
    pub calls: u32,
    /// When it was asked by the sender's clock, in seconds since 1970, for people.
    pub seconds: u64,
}

/// The same with its signature, as it lies on the board. Entries that are no part of it change the spelling.
#[derive(Serialize, Deserialize)]
struct Envelope {
    #[serde(flatten)]
    body: Body,
    signature: String,
}

/// A message whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    step: Step,
    sender: String,
    answers: [u8; 32],
    members: Vec<u32>,
    refusal: Option<Refusal>,
    asked: Option<Asked>,
    files: Vec<FileEntry>,
    id: [u8; 32],
    text: Vec<u8>,
}

/// What a member is about to say.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The session.
    pub session: &'a [u8; 32],
    /// The step.
    pub step: Step,
    /// Hash of what it answers: [`set_hash`] of messages, or the charter's.
    pub answers: [u8; 32],
    /// Numbers of the members that it names: who opens.
    pub members: Vec<u32>,
    /// Its payload.
    pub files: Vec<FileEntry>,
}

impl Message {
    /// Signs a draft.
    ///
    /// # Errors
    /// [`GroupError::Form`] for files that no message can name, or too many.
    pub fn sign(draft: Draft<'_>, sender: &Identity) -> Result<Self, GroupError> {
        let session = draft.session;
        Self::seal(Self::body(draft, sender), session, sender)
    }

    /// Signs a question, with what it says besides.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn ask(draft: Draft<'_>, asked: Asked, sender: &Identity) -> Result<Self, GroupError> {
        let session = draft.session;
        let body = Body {
            asked: Some(asked),
            ..Self::body(draft, sender)
        };
        Self::seal(body, session, sender)
    }

    /// Signs the refusal number `number` of a member. It answers nothing: it stands until the member says the step.
    ///
    /// # Errors
    /// [`GroupError::Form`] for more refusals than a session has numbers for.
    pub fn refuse(
        session: &[u8; 32],
        number: u32,
        refusal: Refusal,
        sender: &Identity,
    ) -> Result<Self, GroupError> {
        let draft = Draft {
            session,
            step: Step::Refusal(number),
            answers: *session,
            members: Vec::new(),
            files: Vec::new(),
        };
        let body = Body {
            refusal: Some(refusal),
            ..Self::body(draft, sender)
        };
        Self::seal(body, session, sender)
    }

    fn body(draft: Draft<'_>, sender: &Identity) -> Body {
        Body {
            kind: KIND.to_owned(),
            version: VERSION,
            session: canonical::hex(draft.session),
            step: draft.step.to_string(),
            sender: sender.card().fingerprint(),
            answers: canonical::hex(&draft.answers),
            members: draft.members,
            refusal: None,
            asked: None,
            files: draft.files,
        }
    }

    fn seal(body: Body, session: &[u8; 32], sender: &Identity) -> Result<Self, GroupError> {
        let signature = Signature::from_bytes(&sender.sign(&signed(&body)));
        let envelope = Envelope {
            body,
            signature: signature.to_string().to_lowercase(),
        };
        Self::parse(&canonical::line(&envelope), session, &[sender.card()])
    }

    /// Reads and verifies a message of this session by one of these members.
    ///
    /// # Errors
    /// [`GroupError::Form`], [`GroupError::Session`], [`GroupError::Stranger`], [`GroupError::Signature`].
    pub fn parse(text: &[u8], session: &[u8; 32], members: &[&Card]) -> Result<Self, GroupError> {
        let form = |found: String| GroupError::Form {
            expected: "a message of a group, version 1",
            found,
        };
        if text.len() as u64 > LARGEST {
            return Err(form(format!("{} bytes", text.len())));
        }
        let envelope: Envelope = serde_json::from_slice(text)
            .map_err(|error| form(files::describe_json(text, &error)))?;
        if envelope.body.kind != KIND || envelope.body.version != VERSION {
            return Err(form(format!("version {}", envelope.body.version)));
        }
        if canonical::line(&envelope) != text {
            return Err(form("one of another spelling".to_owned()));
        }
        let Envelope { body, signature } = envelope;
        let expected = blake3::Hash::from_bytes(*session).to_hex();
        if body.session != expected.as_str() {
            return Err(GroupError::Session {
                expected: short(&expected),
                found: short(&body.session),
            });
        }
        let sender = members
            .iter()
            .find(|card| card.fingerprint() == body.sender);
        let Some(sender) = sender else {
            return Err(GroupError::Stranger {
                found: short(&body.sender),
            });
        };
        let parsed = signature.parse::<Signature>().ok();
        // Of digits in either case one signature would make many texts.
        let signature = parsed.filter(|one| one.to_string().to_lowercase() == signature);
        let key = sender.verifying_key()?;
        let good = |given: &Signature| key.verify_strict(&signed(&body), given).is_ok();
        if !signature.is_some_and(|given| good(&given)) {
            return Err(GroupError::Signature {
                sender: sender.name().to_owned(),
            });
        }
        Self::of(body, text)
            .ok_or_else(|| form("one with files or steps that no message has".to_owned()))
    }

    fn of(body: Body, text: &[u8]) -> Option<Self> {
        let mut names = BTreeSet::new();
        let sound = |file: &FileEntry| file.is_sound() && names.insert(file.name.clone());
        if body.files.len() > MOST_FILES || !body.files.iter().all(sound) || !is_hash(&body.answers)
        {
            return None;
        }
        let sizes = body.files.iter().map(|file| file.bytes);
        sizes.into_iter().try_fold(0, u64::checked_add)?;
        let step: Step = body.step.parse().ok()?;
        // A refusal is nothing but that, and nothing else is one.
        let refuses = matches!(step, Step::Refusal(_));
        let bare = body.files.is_empty() && body.members.is_empty();
        let fits = match &body.refusal {
            Some(refusal) => refuses && bare && refusal.is_sound(),
            None => !refuses,
        };
        let asks = matches!(step, Step::Question | Step::RefreshQuestion(_));
        if !fits || body.asked.is_some() && !asks {
            return None;
        }
        let id = blake3::derive_key(ID_CONTEXT, &signed(&body));
        Some(Self {
            step,
            answers: blake3::Hash::from_hex(&body.answers).ok()?.into(),
            sender: body.sender,
            members: body.members,
            refusal: body.refusal,
            asked: body.asked,
            files: body.files,
            id,
            text: text.to_vec(),
        })
    }

    /// What it is.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// Fingerprint of the sender's card.
    #[must_use]
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// Hash of what it answers.
    #[must_use]
    pub fn answers(&self) -> &[u8; 32] {
        &self.answers
    }

    /// Numbers of the members that it names.
    #[must_use]
    pub fn members(&self) -> &[u32] {
        &self.members
    }

    /// What a question says besides.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        self.asked
    }

    /// Why its sender does not do a step, if that is what it says.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Its payload.
    #[must_use]
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Bytes of its payload.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Hash of what was signed.
    #[must_use]
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The text as it lies on the board.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

fn signed(body: &Body) -> Vec<u8> {
    let mut text = DOMAIN.to_vec();
    text.extend(serde_json::to_vec(body).unwrap_or_default());
    text
}

/// Hash of a set of messages, in any order: what a message answers that comes after all of them.
#[must_use]
pub fn set_hash<'a>(messages: impl IntoIterator<Item = &'a Message>) -> [u8; 32] {
    let ids: BTreeSet<[u8; 32]> = messages.into_iter().map(|message| message.id).collect();
    let mut hash = blake3::Hasher::new_derive_key(SET_CONTEXT);
    ids.iter().for_each(|id| {
        hash.update(id);
    });
    *hash.finalize().as_bytes()
}

/// The beginning of a hash, for people.
pub(super) fn short(hash: &str) -> String {
    crate::artifacts::manifest::short(hash)
}

#[cfg(test)]
mod tests;
