//! All parties' first key shares, checked: commitments, then proofs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use he_core::multiparty::{
    JointPublicKey, KeyItem, KeyShare, MultipartyError, RelinearisationSum, Shape, proof,
};
use he_core::wire::{self, Source};

use super::Setting;
use super::files::{Directory, PROOF_NAME, first_items, first_manifest};
use crate::artifacts::manifest::Manifest;
use crate::artifacts::{Reporter, RunError};

/// The first key shares of all parties: those of the public key and of relinearisation read and checked, those of Galois keys where they lie.
#[derive(Debug)]
pub struct CheckedShares {
    key: Arc<JointPublicKey>,
    sum: RelinearisationSum,
    /// Directory, manifest and digests, party by party.
    parties: Vec<(PathBuf, Manifest, Vec<[u8; 32]>)>,
}

impl CheckedShares {
    /// Reads the shares of all parties, in their order, and checks them against their commitments and proofs. A directory may lack its Galois shares, which only the server needs.
    ///
    /// # Errors
    /// Another number of directories or commitments than there are parties; a party by its number, whose shares are not those that it committed to, whose proof does not hold, or whose messages are of another
    /// session.
    pub fn read(
        setting: &Setting,
        directories: &[PathBuf],
        commitments: &[PathBuf],
        reporter: &dyn Reporter,
    ) -> Result<Self, RunError> {
        let session = setting.session();
        let expected = session.parties() as usize;
        for (what, found) in [
            ("directories of key shares", directories.len()),
            ("commitments", commitments.len()),
        ] {
            if found != expected {
                return Err(RunError::input(format!(
                    "expected {expected} {what}, one of each party, found {found}"
                ))
                .at("key shares")
                .hint("wait for the others, or begin a new session without them"));
            }
        }
        let (mut public, mut first, mut parties) = (vec![], vec![], vec![]);
        for (party, (directory, commitment)) in
            session.all().zip(directories.iter().zip(commitments))
        {
            reporter.check()?;
            let manifest = first_manifest(setting, directory)?;
            let own = Directory {
                setting,
                manifest: &manifest,
                path: directory,
                party,
            };
            let digests = committed(&own, commitment)?;
            let [a, b] = proved(&own, &digests)?;
            public.push(a);
            first.push(b);
            parties.push((directory.clone(), manifest, digests));
        }
        let level = setting.level_of(KeyItem::RelinearisationOne);
        Ok(Self {
            key: Arc::new(JointPublicKey::from_shares(session, &public)?),
            sum: RelinearisationSum::of(session, level, &first)?,
            parties,
        })
    }

    /// The joint public key.
    pub fn key(&self) -> &Arc<JointPublicKey> {
        &self.key
    }

    /// The sum of the first round of relinearisation.
    pub fn sum(&self) -> &RelinearisationSum {
        &self.sum
    }

    /// All parties' shares of one key, compared with what they committed to.
    pub(super) fn shares(
        &self,
        setting: &Setting,
        item: KeyItem,
    ) -> Result<Vec<KeyShare>, RunError> {
        let mut shares = Vec::with_capacity(self.parties.len());
        for (party, (path, manifest, digests)) in setting.session().all().zip(&self.parties) {
            let own = Directory {
                setting,
                manifest,
                path,
                party,
            };
            shares.push(share(&own, digests, item)?);
        }
        Ok(shares)
    }
}

/// One share, compared with what the party committed to.
fn share(own: &Directory<'_>, digests: &[[u8; 32]], item: KeyItem) -> Result<KeyShare, RunError> {
    let share = own.share(item)?;
    let at = first_items(own.setting).iter().position(|one| *one == item);
    let committed = at.and_then(|at| digests.get(at));
    if committed == Some(&share.digest(own.setting.session())) {
        return Ok(share);
    }
    Err(own.refused(MultipartyError::Commitment { party: own.party }))
}

/// The shares that carry a proof, whose proof holds.
fn proved(own: &Directory<'_>, digests: &[[u8; 32]]) -> Result<[KeyShare; 2], RunError> {
    let (session, party) = (own.setting.session(), own.party);
    let a = share(own, digests, KeyItem::PublicKey)?;
    let b = share(own, digests, KeyItem::RelinearisationOne)?;
    let level = own.setting.level_of(KeyItem::RelinearisationOne);
    let proof = own.proof(PROOF_NAME, 0, &Shape::of_first(session, level)?)?;
    let label = own.setting.label();
    proof::verify_first(session, party, level, [&a, &b], label, &proof)
        .map_err(|error| own.refused(error))?;
    Ok([a, b])
}

/// A party's digests, which are those that it committed to.
fn committed(own: &Directory<'_>, commitment: &Path) -> Result<Vec<[u8; 32]>, RunError> {
    let (session, party) = (own.setting.session(), own.party);
    let (name, bytes, length) = wire::open_file(commitment)?;
    let source = Source {
        bytes,
        file: &name,
        length: Some(length),
    };
    let commitment = wire::read_commitment(source, session, party)?;
    let digests = own.digests()?;
    let checked = commitment.check_digests(session, party, &digests);
    checked.map_err(|error| own.refused(error))?;
    Ok(digests)
}
