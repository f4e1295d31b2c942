//! A job under a key that no party holds, step by step over files.
//!
//! A step takes what others have sent, as files and directories at paths that the caller names, and writes what this party sends, as one file or one directory. Nothing here signs, seals, sends or
//! waits: whose turn it is, who said what, and that nobody says two things, is for the layer above. Everything that a step reads is checked before it is used, and refused with the number of the party
//! that it came from.
//!
//! | step | who | reads | writes |
//! |---|---|---|---|
//! | [`party::secret::create`] | every party | | its secret in this session |
//! | [`party::shares::first`] | every party | | a directory of key shares with a proof, to be shown when all have committed; the commitment |
//! | [`CheckedShares::read`], [`party::shares::second`] | every party | all commitments and first shares | its second round of relinearisation with a proof; `joint.key` for itself |
//! | [`party::opening::deal`] | every party, unless all open | | a share of its secret for each other party: **to be sealed** |
//! | [`keys::write`] | server | all commitments and shares | evaluation keys, `joint.key` |
//! | [`party::upload::write`] | owner of data | rows, the shared map, `joint.key` | a directory of ciphertexts under a key of its own, with a proved switching key |
//! | [`verify::write`] | server; anybody may | an owner's uploads | a directory of ciphertexts that [`crate::server`] takes, or the refusal |
//! | training | server | verified uploads, evaluation keys | the encrypted model; where the plan has refreshes, first a request for each |
//! | [`refresh::write`] | server, for each refresh | the request | the question: which refresh it is, and which parties answer |
//! | [`party::refresh::answer`] | each of t parties, once a refresh | question, request, its dealt shares | its share of the refresh: masked values, for everybody |
//! | [`refresh::answer`] | server | question, request, all t shares | the answer that the training goes on with |
//! | [`question::write`] | server | the encrypted model | the question: which parties open it |
//! | [`party::opening::answer`] | each of t parties, once | question, model, its dealt shares | its share of the opening: **for those who may have the model** |
//! | [`opened::write`] | who may have the model | question, model, all t shares, the map | the model |
//!
//! # Memory
//! Shares and uploads are read and written one at a time, or as many as there are threads.

mod checked;
mod files;
pub mod keys;
pub mod opened;
pub mod party;
pub mod question;
pub mod refresh;
mod setting;
pub mod verify;

pub use checked::CheckedShares;
#[cfg(test)]
pub(crate) use files::read_joint_key;
pub(crate) use files::{DIGESTS, QUESTION, REFRESH_QUESTION, ROWS};
pub use setting::Setting;

/// The keys that a party's first digests are of.
#[cfg(test)]
pub(crate) fn first_items_of_test(setting: &Setting) -> Vec<he_core::multiparty::KeyItem> {
    files::first_items(setting)
}

/// The level of the key that a share is of.
#[cfg(test)]
pub(crate) fn level_of_test(setting: &Setting, item: he_core::multiparty::KeyItem) -> usize {
    setting.level_of(item)
}

/// A file of digests of a party's choice.
#[cfg(test)]
pub(crate) fn digests_of_test(
    setting: &Setting,
    party: he_core::multiparty::PartyId,
    digests: &[[u8; 32]],
) -> Vec<u8> {
    files::digests_bytes(setting, party, digests).unwrap()
}
