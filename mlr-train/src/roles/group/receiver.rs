//! What a receiver does: it opens the shares that were sealed for it, and puts the model together.

use std::path::Path;

use super::payloads::{
    JOINT_KEY, LARGEST_SHARE, RECEIVING, SHARE, asked, binding, is_this, only, take,
};
use super::plans::OWN_MAP;
use crate::artifacts::RunError;
use crate::artifacts::private::shared_whitening;
use crate::files::{self, Access};
use crate::group::seal;
use crate::group::{Step, Turn};
use crate::joint::Setting;
use crate::joint::opened::{self, OpenedInput};

/// Writes the model to `out`, unless a process of this session that ended before it could say so has.
pub(super) fn receive(setting: &Setting, turn: &Turn<'_>, out: &Path) -> Result<(), RunError> {
    let again = take(turn, RECEIVING, |outputs| {
        Ok(outputs.new_directory(out, "model")?)
    })?;
    if again && is_this(setting.plan(), out) {
        return Ok(());
    }
    let own = turn.own()?;
    let charter = turn.view.charter;
    let joint_key = only(turn, Step::Model).join(JOINT_KEY);
    let kept = own.join(JOINT_KEY);
    // An owner has made the key itself; another receiver takes the server's, under which the model is.
    let asked = asked(
        setting,
        turn,
        if kept.exists() { &kept } else { &joint_key },
    )?;
    let mut shares = Vec::new();
    for party in asked.parties() {
        let mut owners = charter.with(crate::group::charter::Duty::Owner);
        let member = owners.nth(party as usize).unwrap_or(0);
        let sealed = turn.payload(Step::Share, member).join(SHARE);
        let sealed = files::read_limited(&sealed, LARGEST_SHARE)?;
        let share = seal::open(binding(turn, Step::Share, member), turn.identity, &sealed)?;
        let path = own.join(format!("opening-{party}"));
        files::write_atomic(&path, &share, Access::Private)?;
        shares.push(path);
    }
    let map = shared_whitening(&own.join(OWN_MAP), setting.plan())?;
    let input = OpenedInput {
        shares,
        map: &map,
        out: out.to_owned(),
    };
    let opened = opened::write(setting, &asked, &input, turn.reporter)?;
    turn.reporter.note(&format!(
        "the model is in {}: {} certain bits behind the point",
        out.display(),
        opened.certified_bits
    ));
    Ok(())
}
