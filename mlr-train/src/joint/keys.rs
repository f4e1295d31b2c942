//! The evaluation keys of a group, from all parties' shares: what the server computes with.

use std::path::{Path, PathBuf};

use he_core::multiparty::{
    KeyItem, KeyShare, MultipartyError, Shape, galois_key, proof, relinearisation_key,
};
use he_core::rlwe::KeyId;

use super::files::{self, Directory, PROOF_NAME, second_manifest};
use super::{CheckedShares, Setting};
use crate::artifacts::evaluation_keys::PlannedKey;
use crate::artifacts::plan::KeyPlan as _;
use crate::artifacts::{Reporter, RunError, evaluation_keys};
use crate::files::{Access, NewDirectory};

/// What [`write()`] reads and writes.
#[derive(Clone, Debug)]
pub struct KeysInput {
    /// The first key shares of all parties, in their order.
    pub first: Vec<PathBuf>,
    /// Their commitments.
    pub commitments: Vec<PathBuf>,
    /// Their second rounds of relinearisation.
    pub second: Vec<PathBuf>,
    /// Where the evaluation keys go: a new directory.
    pub out: PathBuf,
    /// Where the joint public key goes; a file of that name is replaced.
    pub joint_key: PathBuf,
}

/// Makes the evaluation keys of shares that keep their commitments and proofs. Holds as many shares of one key as there are parties, for each thread.
///
/// # Errors
/// A party by its number, whose shares are not what they are to be; the system's; interruption.
pub fn write(
    setting: &Setting,
    input: &KeysInput,
    reporter: &dyn Reporter,
) -> Result<(), RunError> {
    let directory = NewDirectory::begin(&input.out, Access::Shared, "evaluation keys")?;
    let checked = CheckedShares::read(setting, &input.first, &input.commitments, reporter)?;
    let second = second(setting, &checked, &input.second)?;
    let plan = setting.plan();
    reporter.stage("keys", plan.keys_with_levels().len() as u64);
    let (session, context) = (setting.session(), setting.context());
    let key = files::fingerprint(checked.key())?;
    let make = |id| match id {
        PlannedKey::Own(KeyId::Galois(g), level) => {
            let shares = checked.shares(setting, KeyItem::Galois(g))?;
            Ok(galois_key(session, g, level, &shares)?)
        }
        _ => Ok(relinearisation_key(session, checked.sum(), &second)?),
    };
    evaluation_keys::write::<RunError>(&directory, plan, context, key, make, reporter)?;
    reporter.check()?;
    directory.commit()?;
    files::write_joint_key(&input.joint_key, checked.key())
}

/// All parties' shares of the second round, whose proofs hold.
fn second(
    setting: &Setting,
    checked: &CheckedShares,
    directories: &[PathBuf],
) -> Result<Vec<KeyShare>, RunError> {
    let session = setting.session();
    let expected = session.parties() as usize;
    if directories.len() != expected {
        let found = directories.len();
        return Err(RunError::input(format!(
            "expected {expected} second rounds of relinearisation, one of each party, found {found}"
        ))
        .at("key shares")
        .hint("wait for the others, or begin a new session without them"));
    }
    let public = checked.shares(setting, KeyItem::PublicKey)?;
    let one = |(directory, public): (&PathBuf, &KeyShare)| {
        second_of(setting, checked, directory, public)
            .map_err(|error| error.at(directory.display().to_string()))
    };
    directories.iter().zip(&public).map(one).collect()
}

fn second_of(
    setting: &Setting,
    checked: &CheckedShares,
    directory: &Path,
    public: &KeyShare,
) -> Result<KeyShare, RunError> {
    let (session, party) = (setting.session(), public.party());
    let manifest = second_manifest(setting, directory)?;
    let own = Directory {
        setting,
        manifest: &manifest,
        path: directory,
        party,
    };
    let share = own.share(KeyItem::RelinearisationTwo)?;
    let level = checked.sum().level();
    let proved = own.proof(PROOF_NAME, 1, &Shape::of_second(session, level)?)?;
    let (shares, label) = ([public, &share], setting.label());
    let held: Result<(), MultipartyError> =
        proof::verify_second(session, party, shares, checked.sum(), label, &proved);
    held?;
    Ok(share)
}
