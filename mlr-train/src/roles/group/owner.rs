//! An owner's steps under the joint key: its secret, its shares of keys, what it deals, its rows, its share of the opening.

use std::fs;
use std::path::{Path, PathBuf};

use he_core::multiparty::PartySecret;

use super::payloads::{
    COMMITMENT, JOINT_KEY, LARGEST_SHARE, REFRESH, SHARE, SHARES, UPLOAD, asked, asked_refresh,
    binding, of_owners, put,
};
use super::plans::OWN_MAP;
use crate::artifacts::RunError;
use crate::artifacts::private::shared_whitening;
use crate::files::{self, Access};
use crate::group::charter::Duty;
use crate::group::runner::dealt_name;
use crate::group::seal;
use crate::group::transcript::Question;
use crate::group::{Card, Step, Turn};
use crate::joint::party::opening::{self, AnswerInput};
use crate::joint::party::refresh::{self, RefreshAnswerInput};
use crate::joint::party::upload::{self, UploadInput};
use crate::joint::party::{secret, shares};
use crate::joint::{CheckedShares, Setting};
use crate::roles::Rows;

/// Names in a member's own folder.
const SECRET: &str = "party.secret";
const FIRST: &str = "first-shares";
const ANSWERED: &str = "answered";

/// An owner at its turn.
pub(super) struct Owner<'a> {
    setting: &'a Setting,
    me: u32,
    own: PathBuf,
}

impl<'a> Owner<'a> {
    /// The member whose turn it is.
    pub(super) fn at(setting: &'a Setting, turn: &Turn<'_>) -> Result<Self, RunError> {
        let me = turn.view.charter.owner(turn.view.me);
        let me = me.ok_or_else(|| RunError::input("expected an owner, found another member"))?;
        Ok(Self {
            setting,
            me: me as u32,
            own: turn.own()?,
        })
    }

    /// Its secret in this session: made once.
    fn secret(&self) -> Result<PartySecret, RunError> {
        let path = self.own.join(SECRET);
        match path.symlink_metadata() {
            Ok(_) => secret::read(self.setting, self.me, &path),
            Err(_) => secret::create(self.setting, self.me, &path),
        }
    }

    /// Makes its first shares, keeps them, and commits to them.
    pub(super) fn commit(&self, turn: &Turn<'_>) -> Result<(), RunError> {
        let shares = self.own.join(FIRST);
        // Of a process that ended before it had committed to them.
        remove(&shares)?;
        let commitment = turn.out.join(COMMITMENT);
        shares::first(
            self.setting,
            &self.secret()?,
            &shares,
            &commitment,
            turn.reporter,
        )?;
        Ok(())
    }

    /// Shows the shares that it committed to.
    pub(super) fn key_share(&self, turn: &Turn<'_>) -> Result<(), RunError> {
        copy(&self.own.join(FIRST), &turn.out.join(SHARES))
    }

    /// Checks all shares, and makes its second round.
    pub(super) fn relinearise(&self, turn: &Turn<'_>) -> Result<(), RunError> {
        let checked = CheckedShares::read(
            self.setting,
            &of_owners(turn, Step::KeyShare, SHARES),
            &of_owners(turn, Step::Commit, COMMITMENT),
            turn.reporter,
        )?;
        let (out, key) = (turn.out.join(SHARES), self.own.join(JOINT_KEY));
        shares::second(self.setting, &self.secret()?, &checked, &out, &key)?;
        Ok(())
    }

    /// Shares of its secret, each sealed for its receiver.
    pub(super) fn deal(&self, turn: &Turn<'_>) -> Result<(), RunError> {
        let charter = turn.view.charter;
        let dealt = opening::deal(self.setting, &self.secret()?)?;
        for (to, (member, share)) in charter.with(Duty::Owner).zip(&dealt).enumerate() {
            let card = &charter.members()[member].card;
            let sealed = seal::seal(binding(turn, Step::Deal, turn.view.me), &[card], share)?;
            put(turn, &dealt_name(to), &sealed)?;
        }
        Ok(())
    }

    /// What was dealt to it, opened and checked: files of its own, in the owners' order.
    fn dealt(&self, turn: &Turn<'_>) -> Result<Vec<PathBuf>, RunError> {
        if self.setting.session().is_additive() {
            return Ok(Vec::new());
        }
        let mut kept = Vec::new();
        for (from, member) in turn.view.charter.with(Duty::Owner).enumerate() {
            let path = self.own.join(format!("dealt-{from}"));
            if path.symlink_metadata().is_err() {
                let name = turn.view.charter.members()[member].card.name();
                let at = |error: RunError| error.at(format!("share of {name}"));
                let sealed = turn
                    .payload(Step::Deal, member)
                    .join(dealt_name(self.me as usize));
                let sealed = files::read_limited(&sealed, LARGEST_SHARE)?;
                let share = seal::open(binding(turn, Step::Deal, member), turn.identity, &sealed);
                let share = share.map_err(|error| at(error.into()))?;
                opening::require_dealt(self.setting, from as u32, self.me, &share).map_err(at)?;
                files::write_atomic(&path, &share, Access::Private)?;
            }
            kept.push(path);
        }
        Ok(kept)
    }

    /// Its rows, encrypted and proved; what others dealt to it is on its disk before.
    pub(super) fn upload(&self, rows: &Rows, turn: &Turn<'_>) -> Result<(), RunError> {
        self.dealt(turn)?;
        let map = shared_whitening(&self.own.join(OWN_MAP), self.setting.plan())?;
        let input = UploadInput {
            party: self.me,
            joint_key: self.own.join(JOINT_KEY),
            map: &map,
            out: turn.out.join(UPLOAD),
        };
        upload::write(self.setting, &input, rows.load()?, turn.reporter)?;
        Ok(())
    }

    /// Its share of a refresh, for everybody, since it is masked: once, whatever happens.
    pub(super) fn refresh(&self, turn: &mut Turn<'_>, number: u32) -> Result<(), RunError> {
        let asked = asked_refresh(self.setting, turn, number, &self.own.join(JOINT_KEY))?;
        turn.transcript
            .answer(Question::Refresh(number), asked.question())?;
        let input = RefreshAnswerInput {
            dealt: self.dealt(turn)?,
            opened: self.own.join(ANSWERED),
            kept: self.own.clone(),
            out: turn.out.join(REFRESH),
        };
        refresh::answer(self.setting, &self.secret()?, &asked, &input)
    }

    /// Its share of the opening, sealed for the receivers: once, whatever happens.
    pub(super) fn share(&self, turn: &mut Turn<'_>) -> Result<(), RunError> {
        let asked = asked(self.setting, turn, &self.own.join(JOINT_KEY))?;
        turn.transcript
            .answer(Question::Opening, asked.opening.question())?;
        let share = self.own.join("opening");
        let input = AnswerInput {
            dealt: self.dealt(turn)?,
            answered: self.own.join(ANSWERED),
            out: share.clone(),
        };
        opening::answer(self.setting, &self.secret()?, &asked, &input)?;
        let clear = zeroize::Zeroizing::new(files::read_limited(&share, LARGEST_SHARE)?);
        let charter = turn.view.charter;
        let receivers: Vec<&Card> = charter
            .with(Duty::Receiver)
            .map(|member| &charter.members()[member].card)
            .collect();
        let sealed = seal::seal(binding(turn, Step::Share, turn.view.me), &receivers, &clear)?;
        put(turn, SHARE, &sealed)
    }
}

fn remove(path: &Path) -> Result<(), RunError> {
    match path.symlink_metadata() {
        Ok(_) => fs::remove_dir_all(path).map_err(|error| RunError::io("remove", path, &error)),
        Err(_) => Ok(()),
    }
}

/// Copies a folder of files.
fn copy(from: &Path, to: &Path) -> Result<(), RunError> {
    let failed = |error: std::io::Error| RunError::io("copy", from, &error);
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
    }
    Ok(())
}
