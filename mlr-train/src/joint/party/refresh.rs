//! A party's part of a refresh: an answer that is given once, kept, and sent again byte for byte.

use std::path::{Path, PathBuf};

use he_core::multiparty::{MultipartyError, PartySecret, RefreshShare};
use he_core::wire::{self, Existing};

use super::opening::opening_key;
use crate::artifacts::RunError;
use crate::files::{self, Access};
use crate::joint::Setting;
use crate::joint::refresh::AskedRefresh;

/// Larger files are no answer of any ring.
const LARGEST: u64 = 1 << 33;
/// How the record of an answer begins.
const ANSWERED: &str = "velum party answered refresh ";

/// What [`answer`] needs.
#[derive(Clone, Debug)]
pub struct RefreshAnswerInput {
    /// What all parties dealt to this one, in their order; empty where all open together.
    pub dealt: Vec<PathBuf>,
    /// Where this party remembers the opening that it has answered ([`super::opening::AnswerInput`]): once that is there, no new question is.
    pub opened: PathBuf,
    /// A folder of this party's own, beside its secret: which refreshes it has answered, and its answers.
    pub kept: PathBuf,
    /// Where its share goes; a file of that name is replaced.
    pub out: PathBuf,
}

/// Answers the question of a refresh, once for each refresh of the plan: another question of its number is refused from then on, the same one gets the same bytes. What is answered is remembered before it
/// is, and kept before it is given away.
///
/// What it shows are masked values: each party's mask alone hides W and V, to a statistical distance of 2^-64 a ciphertext, as long as they are what the plan's training makes.
///
/// # Errors
/// Another question of a refresh that was answered, or of one before it; [`MultipartyError::Spent`] after the opening; [`MultipartyError::Missing`] for a party that is not asked; dealt shares that are
/// not this party's; the system's.
pub fn answer(
    setting: &Setting,
    secret: &PartySecret,
    asked: &AskedRefresh,
    input: &RefreshAnswerInput,
) -> Result<(), RunError> {
    let kept = Kept::of(&input.kept, asked.number());
    let before = kept.question()?;
    if let Some(before) = before.filter(|before| before != asked.question()) {
        let hex = |hash: &[u8; 32]| blake3::Hash::from_bytes(*hash).to_hex()[..12].to_owned();
        return Err(RunError::unverified(format!(
            "expected the question of refresh {} that was answered, {}, found another, {}",
            asked.number(),
            hex(&before),
            hex(asked.question())
        ))
        .at(kept.record.display().to_string())
        .hint("every refresh is answered once: the server goes on from its checkpoint with the shares that it has"));
    }
    if before.is_some() && kept.share.symlink_metadata().is_ok() {
        let bytes = files::read_limited(&kept.share, LARGEST)?;
        return Ok(files::write_atomic(&input.out, &bytes, Access::Shared)?);
    }
    if before.is_none() {
        require_turn(setting, asked, input)?;
    }
    if !asked.active().contains(&secret.party()) {
        return Err(MultipartyError::Missing {
            what: "the activity",
            party: secret.party(),
        }
        .into());
    }
    let key = opening_key(setting, secret, &input.dealt)?;
    kept.remember(asked)?;
    let shares: Result<Vec<RefreshShare>, MultipartyError> = asked
        .questions()
        .iter()
        .map(|one| key.refresh(one))
        .collect();
    let (shares, name) = (shares?, kept.share.display().to_string());
    let (session, party) = (setting.session(), secret.party());
    wire::write_file(&kept.share, Existing::Replace, true, |sink| {
        wire::write_refresh_shares(sink, &name, session, party, &shares).map(|_| ())
    })?;
    let bytes = files::read_limited(&kept.share, LARGEST)?;
    Ok(files::write_atomic(&input.out, &bytes, Access::Shared)?)
}

/// A new question is one that comes after all that were answered, and before the opening.
fn require_turn(
    setting: &Setting,
    asked: &AskedRefresh,
    input: &RefreshAnswerInput,
) -> Result<(), RunError> {
    if input.opened.symlink_metadata().is_ok() {
        let spent = RunError::from(MultipartyError::Spent);
        return Err(spent.at(input.opened.display().to_string()));
    }
    let all = setting.plan().plan.job().refreshes() as u32;
    let later = (asked.number() + 1..all).find(|number| Kept::of(&input.kept, *number).is_there());
    match later {
        None => Ok(()),
        Some(later) => Err(RunError::unverified(format!(
            "expected refreshes in the order of the plan, found refresh {} after refresh {later}",
            asked.number()
        ))
        .at(input.kept.display().to_string())
        .hint("nothing was answered: the server asks for what it has had, or for what it skipped")),
    }
}

/// What a party keeps of one refresh.
struct Kept {
    number: u32,
    record: PathBuf,
    share: PathBuf,
}

impl Kept {
    fn of(folder: &Path, number: u32) -> Self {
        Self {
            number,
            record: folder.join(format!("refresh-{number}")),
            share: folder.join(format!("refresh-{number}.share")),
        }
    }

    fn is_there(&self) -> bool {
        self.record.symlink_metadata().is_ok()
    }

    fn beginning(&self) -> String {
        format!("{ANSWERED}{} ", self.number)
    }

    /// The question that was answered, if one was.
    fn question(&self) -> Result<Option<[u8; 32]>, RunError> {
        if !self.is_there() {
            return Ok(None);
        }
        let bytes = files::read_limited(&self.record, 4096)?;
        let text = String::from_utf8_lossy(&bytes);
        let hash = text.trim().strip_prefix(&self.beginning());
        let hash = hash.and_then(|hash| blake3::Hash::from_hex(hash).ok());
        match hash {
            Some(hash) => Ok(Some(*hash.as_bytes())),
            // What cannot be read may be any question.
            None => Err(RunError::input(
                "expected the record of an answered refresh, found another file",
            )
            .at(self.record.display().to_string())
            .hint("this secret may have answered something: begin a new session")),
        }
    }

    fn remember(&self, asked: &AskedRefresh) -> Result<(), RunError> {
        let hash = blake3::Hash::from_bytes(*asked.question()).to_hex();
        let text = format!("{}{hash}\n", self.beginning());
        Ok(files::write_atomic(
            &self.record,
            text.as_bytes(),
            Access::Private,
        )?)
    }
}
