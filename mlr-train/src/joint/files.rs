//! Names and forms of what parties send each other, beyond single messages.

use std::path::Path;
use std::sync::Arc;

use he_core::multiparty::{
    JointPublicKey, KeyItem, KeyShare, MultipartyError, PartyId, Proof, Shape, UploadKey,
};
use he_core::rlwe::KeyId;
use he_core::wire::{self, Existing, Source};

use super::Setting;
use crate::artifacts::manifest::{Kind, Manifest};
use crate::artifacts::plan::KeyPlan as _;
use crate::artifacts::{RunError, public_key};
use crate::canonical::hex;

/// The digests of a party's first key shares, in order: what its commitment is to.
pub(crate) const DIGESTS: wire::Kind = wire::Kind {
    code: 0x130,
    version: 1,
    name: "digests of key shares",
};
/// What is to be opened, and by whom.
pub(crate) const QUESTION: wire::Kind = wire::Kind {
    code: 0x131,
    version: 1,
    name: "question of an opening",
};

/// Which refresh of the weights is asked for, and by whom it is answered.
pub(crate) const REFRESH_QUESTION: wire::Kind = wire::Kind {
    code: 0x132,
    version: 1,
    name: "question of a refresh",
};

/// A ciphertext of an owner's rows under its own key, bound to its session and plan. In version 2 its owner chose the seed.
pub(crate) const ROWS: wire::Kind = wire::Kind {
    code: 0x133,
    version: 3,
    name: "rows under their owner's key",
};

/// Entry of the digests.
pub(super) const DIGESTS_NAME: &str = "digests";
/// Entry of the proof of a directory of key shares, or of rows.
pub(super) const PROOF_NAME: &str = "proof";
/// Entry of the switching key of a directory of rows.
pub(super) const SWITCHING_KEY_NAME: &str = "switching-key";

/// The first key shares of a party, in the order of its digests: the public key's, the first round of relinearisation, Galois keys.
pub(super) fn first_items(setting: &Setting) -> Vec<KeyItem> {
    let keys = setting.plan().keys_with_levels().into_iter();
    let galois = keys.filter_map(|(id, _)| match id {
        KeyId::Galois(g) => Some(KeyItem::Galois(g)),
        _ => None,
    });
    [KeyItem::PublicKey, KeyItem::RelinearisationOne]
        .into_iter()
        .chain(galois)
        .collect()
}

/// Entry of a key share.
pub(super) fn share_name(item: KeyItem) -> String {
    match item {
        KeyItem::PublicKey => "public".to_owned(),
        KeyItem::RelinearisationOne => "relinearisation-1".to_owned(),
        KeyItem::RelinearisationTwo => "relinearisation-2".to_owned(),
        KeyItem::Galois(g) => format!("galois-{}", g.exponent()),
    }
}

/// The manifest of a party's first key shares.
pub(super) fn first_manifest(setting: &Setting, directory: &Path) -> Result<Manifest, RunError> {
    let items = first_items(setting);
    let mut names: Vec<String> = items.into_iter().map(share_name).collect();
    names.extend([DIGESTS_NAME, PROOF_NAME].map(str::to_owned));
    let binding = setting.binding_hex();
    Manifest::expect(directory, Kind::KeyShares, &binding, names.into_iter())
}

/// The manifest of a party's second round of relinearisation.
pub(super) fn second_manifest(setting: &Setting, directory: &Path) -> Result<Manifest, RunError> {
    let share = share_name(KeyItem::RelinearisationTwo);
    let names = vec![share, PROOF_NAME.to_owned()];
    let binding = setting.binding_hex();
    Manifest::expect(directory, Kind::KeyShares, &binding, names.into_iter())
}

/// Largest of the single files that are read here: a proof of many columns, the shares of a large ring.
const LARGEST: u64 = 1 << 32;

/// A party's directory, whose manifest has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory<'a> {
    pub(super) setting: &'a Setting,
    pub(super) manifest: &'a Manifest,
    pub(super) path: &'a Path,
    pub(super) party: PartyId,
}

impl Directory<'_> {
    /// Reads an entry by its name, compared with the manifest's hash.
    fn load<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str, &[u8]) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        let found = self
            .manifest
            .files()
            .iter()
            .find(|entry| entry.name == name);
        let entry = found.ok_or_else(|| {
            RunError::input(format!("expected a file named {name}, found none"))
                .at(self.path.display().to_string())
                .hint("the directory is damaged: transfer it again")
        })?;
        let (path, bytes) = self.manifest.load(self.path, entry, LARGEST)?;
        parse(&path.display().to_string(), &bytes)
    }

    /// The party's share of a key, at the plan's level.
    pub(super) fn share(&self, item: KeyItem) -> Result<KeyShare, RunError> {
        let (session, party) = (self.setting.session(), self.party);
        let level = self.setting.level_of(item);
        self.load(&share_name(item), |file, bytes| {
            let source = Source::of(file, bytes);
            Ok(wire::read_key_share(source, session, party, item, level)?)
        })
    }

    /// The party's proof number `number`.
    pub(super) fn proof(&self, name: &str, number: u32, shape: &Shape) -> Result<Proof, RunError> {
        let (session, about) = (self.setting.session(), (self.party, number));
        self.load(name, |file, bytes| {
            let source = Source::of(file, bytes);
            Ok(wire::read_proof(source, session, about, shape)?)
        })
    }

    /// The party's switching key.
    pub(super) fn switching_key(&self, level: usize) -> Result<UploadKey, RunError> {
        let (session, about) = (self.setting.session(), (self.party, level));
        self.load(SWITCHING_KEY_NAME, |file, bytes| {
            let source = Source::of(file, bytes);
            Ok(wire::read_upload_key(source, session, about)?)
        })
    }

    /// The party's digests of its first shares.
    pub(super) fn digests(&self) -> Result<Vec<[u8; 32]>, RunError> {
        let count = first_items(self.setting).len();
        let party = self.party;
        let payload = 32 * count as u64;
        self.load(DIGESTS_NAME, |file, bytes| {
            let (binding, limit) = (self.setting.binding(), payload + wire::MAX_ENVELOPE);
            let length = Some(bytes.len() as u64);
            let mut reader = wire::Reader::open(bytes, file, length, limit, &DIGESTS, &binding)?;
            let envelope = reader.envelope();
            if envelope.header != party.index().to_le_bytes() || envelope.payload != payload {
                return Err(RunError::input(format!(
                    "expected {count} digests of {party}, found others"
                ))
                .at(file.to_owned())
                .hint("the directory is another party's, or damaged"));
            }
            let digests: Result<Vec<_>, _> = (0..count).map(|_| reader.array("a digest")).collect();
            let digests = digests?;
            reader.finish()?;
            Ok(digests)
        })
    }

    /// An error of what lies here.
    pub(super) fn refused(&self, error: MultipartyError) -> RunError {
        RunError::from(error).at(self.path.display().to_string())
    }
}

/// The bytes of a party's digests.
pub(super) fn digests_bytes(
    setting: &Setting,
    party: PartyId,
    digests: &[[u8; 32]],
) -> Result<Vec<u8>, RunError> {
    let (binding, header) = (setting.binding(), party.index().to_le_bytes());
    let payload = 32 * digests.len() as u64;
    let mut writer = wire::Writer::new(vec![], DIGESTS_NAME, &DIGESTS, &binding, &header, payload)?;
    for digest in digests {
        writer.write(digest)?;
    }
    Ok(writer.finish()?.1)
}

/// Writes a joint public key, for oneself; one of the same name is replaced.
pub(super) fn write_joint_key(path: &Path, key: &JointPublicKey) -> Result<(), RunError> {
    let name = path.display().to_string();
    wire::write_file(path, Existing::Replace, false, |sink| {
        wire::write_joint_public_key(sink, &name, key).map(|_| ())
    })?;
    Ok(())
}

/// Reads the joint public key that this party made of checked shares.
///
/// # Errors
/// A key of another session, or damaged.
pub(crate) fn read_joint_key(
    setting: &Setting,
    path: &Path,
) -> Result<Arc<JointPublicKey>, RunError> {
    let (name, bytes, length) = wire::open_file(path)?;
    let source = Source {
        bytes,
        file: &name,
        length: Some(length),
    };
    let key = wire::read_joint_public_key(source, setting.session())?;
    Ok(Arc::new(key))
}

/// What files name a joint key by, hex: the fingerprint of its public key, as of every other key.
pub(super) fn fingerprint(key: &JointPublicKey) -> Result<String, RunError> {
    Ok(hex(&public_key::fingerprint(&key.public_key()?)?))
}
