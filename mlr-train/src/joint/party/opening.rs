//! A party's part of the one opening: what it deals out before, and its answer.

use std::path::{Path, PathBuf};

use he_core::multiparty::{DealtShare, MultipartyError, OpeningKey, PartySecret};
use he_core::wire::{self, Existing, Source};
use zeroize::Zeroizing;

use crate::artifacts::RunError;
use crate::files::{self, Access};
use crate::joint::Setting;
use crate::joint::question::Asked;

/// Larger files are no share of any ring.
const LARGEST: u64 = 1 << 30;
/// How the record of an answer begins.
const ANSWERED: &str = "velum party answered ";

/// This party's shares of its secret, one for each party in their order, itself included. **Secret**: each is for the eyes of its receiver alone, who keeps it in a file of its own.
///
/// None where all parties open together.
///
/// # Errors
/// None for a checked setting.
pub fn deal(setting: &Setting, secret: &PartySecret) -> Result<Vec<Zeroizing<Vec<u8>>>, RunError> {
    let session = setting.session();
    if session.is_additive() {
        return Ok(vec![]);
    }
    let dealt = secret.deal()?;
    let bytes = |share: &DealtShare| {
        let (_, bytes) = wire::write_dealt_share(vec![], "dealt share", session, share)?;
        Ok(Zeroizing::new(bytes))
    };
    dealt.iter().map(bytes).collect()
}

/// Refuses bytes that are no share of `from` for `to`: what a receiver asks before it keeps them.
///
/// # Errors
/// A share of another session, sender or receiver.
pub fn require_dealt(setting: &Setting, from: u32, to: u32, bytes: &[u8]) -> Result<(), RunError> {
    let (from, to) = (setting.party(from)?, setting.party(to)?);
    let source = Source::of("dealt share", bytes);
    wire::read_dealt_share(source, setting.session(), from, to)?;
    Ok(())
}

/// What [`answer`] needs.
#[derive(Clone, Debug)]
pub struct AnswerInput {
    /// What all parties dealt to this one, in their order; empty where all open together.
    pub dealt: Vec<PathBuf>,
    /// Where this party remembers what it has answered: beside its secret. Once it is there, no other question is answered.
    pub answered: PathBuf,
    /// Where its share of the opening goes; a file of that name is replaced.
    pub out: PathBuf,
}

/// Answers a question, once: another question under this secret is refused from then on, the same one gets the same share, bit by bit. What is answered is remembered before it is.
///
/// Whoever has the encrypted model and the shares of all active parties has the model.
///
/// # Errors
/// [`MultipartyError::Spent`] for a second question; [`MultipartyError::Missing`] for a party that is not asked; dealt shares that are not this party's; the system's.
pub fn answer(
    setting: &Setting,
    secret: &PartySecret,
    asked: &Asked,
    input: &AnswerInput,
) -> Result<(), RunError> {
    let session = setting.session();
    let key = opening_key(setting, secret, &input.dealt)?;
    let mut key = match answered(&input.answered)? {
        Some(before) => key.resume(before),
        None => key,
    };
    let question = *asked.opening.question();
    if key.answered().is_some_and(|before| *before != question) {
        let spent = RunError::from(MultipartyError::Spent);
        return Err(spent.at(input.answered.display().to_string()));
    }
    if !asked.opening.active().parties().contains(&secret.party()) {
        return Err(MultipartyError::Missing {
            what: "the activity",
            party: secret.party(),
        }
        .into());
    }
    let hash = blake3::Hash::from_bytes(question).to_hex();
    let text = format!("{ANSWERED}{hash}\n");
    files::write_atomic(&input.answered, text.as_bytes(), Access::Private)?;
    let share = key.answer(&asked.opening)?;
    let name = input.out.display().to_string();
    wire::write_file(&input.out, Existing::Replace, true, |sink| {
        wire::write_opening_share(sink, &name, session, &share).map(|_| ())
    })?;
    Ok(())
}

/// The question that was answered, if one was.
fn answered(path: &Path) -> Result<Option<[u8; 32]>, RunError> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let bytes = files::read_limited(path, 4096)?;
    let text = String::from_utf8_lossy(&bytes);
    let hash = text.trim().strip_prefix(ANSWERED.trim_end()).map(str::trim);
    let hash = hash.and_then(|hash| blake3::Hash::from_hex(hash).ok());
    match hash {
        Some(hash) => Ok(Some(*hash.as_bytes())),
        // What cannot be read may be any question.
        None => Err(RunError::input(
            "expected the record of an answered opening, found another file",
        )
        .at(path.display().to_string())
        .hint("this secret may have opened something: begin a new session")),
    }
}

pub(super) fn opening_key(
    setting: &Setting,
    secret: &PartySecret,
    dealt: &[PathBuf],
) -> Result<OpeningKey, RunError> {
    let session = setting.session();
    if session.is_additive() {
        return Ok(OpeningKey::additive(secret)?);
    }
    let read = |(from, path): (_, &PathBuf)| {
        let bytes = Zeroizing::new(files::read_limited(path, LARGEST)?);
        let file = path.display().to_string();
        let source = Source::of(&file, &bytes);
        Ok(wire::read_dealt_share(
            source,
            session,
            from,
            secret.party(),
        )?)
    };
    let shares: Result<Vec<_>, RunError> = session.all().zip(dealt).map(read).collect();
    Ok(OpeningKey::from_dealt(secret, &shares?)?)
}
