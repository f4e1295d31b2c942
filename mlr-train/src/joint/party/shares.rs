//! A party's shares of the joint keys, written one at a time.

use std::path::Path;

use he_core::multiparty::{
    Commitment, KeyItem, KeyShare, MultipartyError, PartySecret, Shape, proof,
};
use he_core::wire::{self, Existing};
use rayon::prelude::*;

use crate::artifacts::manifest::{Entry, Kind, Manifest};
use crate::artifacts::{Reporter, RunError};
use crate::files::{Access, NewDirectory};
use crate::joint::files::{
    DIGESTS_NAME, PROOF_NAME, digests_bytes, first_items, share_name, write_joint_key,
};
use crate::joint::{CheckedShares, Setting};

/// Writes a party's first key shares with their proof to a new directory, and its commitment to them to a file, which is replaced. **The directory is to be shown when the commitments of all parties are
/// there**, no sooner. Made again, both are the same, but for the proof.
///
/// # Errors
/// A name that is taken; the system's; interruption.
pub fn first(
    setting: &Setting,
    secret: &PartySecret,
    out: &Path,
    commitment: &Path,
    reporter: &dyn Reporter,
) -> Result<Manifest, RunError> {
    let (session, party) = (setting.session(), secret.party());
    let directory = NewDirectory::begin(out, Access::Private, "key shares")?;
    let items = first_items(setting);
    reporter.stage("key shares", items.len() as u64);
    let made: Result<Vec<_>, RunError> = items
        .par_iter()
        .map(|&item| {
            reporter.check()?;
            let share = share(secret, item, setting.level_of(item))?;
            let digest = share.digest(session);
            Ok((write_share(setting, directory.path(), &share)?, digest))
        })
        .collect();
    let (mut entries, digests): (Vec<_>, Vec<_>) = made?.into_iter().unzip();
    let bytes = digests_bytes(setting, party, &digests)?;
    entries.push(entry(directory.path(), DIGESTS_NAME, &bytes)?);
    let level = setting.level_of(KeyItem::RelinearisationOne);
    let proved = proof::prove_first(secret, level, setting.label())?;
    let (shape, about) = (Shape::of_first(session, level)?, (party, 0));
    let (_, bytes) = wire::write_proof(vec![], PROOF_NAME, session, about, &shape, &proved)?;
    entries.push(entry(directory.path(), PROOF_NAME, &bytes)?);
    let manifest = Manifest::of(Kind::KeyShares, setting.binding_hex(), entries);
    manifest.write(directory.path())?;
    let to = Commitment::of_digests(session, party, digests.iter().copied());
    let name = commitment.display().to_string();
    wire::write_file(commitment, Existing::Replace, false, |sink| {
        wire::write_commitment(sink, &name, session, party, &to).map(|_| ())
    })?;
    directory.commit()?;
    Ok(manifest)
}

/// Writes a party's second round of relinearisation with its proof to a new directory, and the joint public key, for itself, to a file that is replaced.
///
/// # Errors
/// As [`first`].
pub fn second(
    setting: &Setting,
    secret: &PartySecret,
    checked: &CheckedShares,
    out: &Path,
    joint_key: &Path,
) -> Result<Manifest, RunError> {
    let (session, party) = (setting.session(), secret.party());
    let directory = NewDirectory::begin(out, Access::Shared, "key shares")?;
    let share = secret.relinearisation_two(checked.sum())?;
    let proved = proof::prove_second(secret, checked.sum(), setting.label())?;
    let level = checked.sum().level();
    let (shape, about) = (Shape::of_second(session, level)?, (party, 1));
    let (_, bytes) = wire::write_proof(vec![], PROOF_NAME, session, about, &shape, &proved)?;
    let entries = vec![
        write_share(setting, directory.path(), &share)?,
        entry(directory.path(), PROOF_NAME, &bytes)?,
    ];
    let manifest = Manifest::of(Kind::KeyShares, setting.binding_hex(), entries);
    manifest.write(directory.path())?;
    write_joint_key(joint_key, checked.key())?;
    directory.commit()?;
    Ok(manifest)
}

fn share(secret: &PartySecret, item: KeyItem, level: usize) -> Result<KeyShare, MultipartyError> {
    match item {
        KeyItem::PublicKey => secret.public_key_share(),
        KeyItem::Galois(g) => secret.galois_share(g, level),
        // The second round has a step of its own.
        KeyItem::RelinearisationOne | KeyItem::RelinearisationTwo => {
            secret.relinearisation_one(level)
        }
    }
}

fn entry(directory: &Path, name: &str, bytes: &[u8]) -> Result<Entry, RunError> {
    Entry::write(directory, Kind::KeyShares, name.to_owned(), bytes)
}

fn write_share(setting: &Setting, directory: &Path, share: &KeyShare) -> Result<Entry, RunError> {
    let name = share_name(share.item());
    let (_, bytes) = wire::write_key_share(vec![], &name, setting.session(), share)?;
    entry(directory, &name, &bytes)
}
