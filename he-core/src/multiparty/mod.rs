//! A key that no party holds: joint keys, proved uploads, opening together.
//!
//! n parties each have a ternary secret; the joint secret is their sum, which exists nowhere. Every protocol runs over messages, with types of their own that check what came in;
//! [`crate::wire`] has their bytes. Nothing here sends or signs anything: who said what, and in which order, is for the layer above.
//!
//! | step | messages | where | source |
//! |---|---|---|---|
//! | common random string, secrets | | [`Session`], [`PartySecret`] | |
//! | commitments, then shares of the public key, of Galois keys, of the first round of relinearisation; proofs | [`Commitment`], [`KeyShare`], [`Proof`] | [`relinearise`], [`proof`] | ePrint 2020/304 |
//! | second round of relinearisation; proof | [`KeyShare`], [`Proof`] | [`relinearise`] | ePrint 2020/304 |
//! | from n of n to t of n | [`DealtShare`], for one receiver each | [`threshold`] | ePrint 2022/780 |
//! | rows under an owner's own key, a switching key to the joint one; proof | [`UploadKey`], [`Proof`] | [`upload`], [`proof`] | ePrint 2019/035, ASIACRYPT 2009 and 2014 |
//! | refresh | [`RefreshShare`] | [`refresh`] | ePrint 2020/304 |
//! | opening, or switch to a receiver's key | [`OpeningShare`] | [`opening`], [`smudging`] | ePrint 2020/304, 2022/816 |
//!
//! # Against whom
//! Up to t - 1 of n parties in league, who know each other's secrets, see every message and send what they like, with or without what the server sees. Towards *secrecy*: they learn what is opened, no row and no secret of an honest party.
//! This rests on ring learning with errors (the joint secret is an honest party's ternary secret plus something known), the random oracle model (BLAKE3) for commitments and proofs, circular security of evaluation keys as
//! everywhere, and on these rules, which types and the layer above hold together:
//!
//! - commitments come before shares: no share depends on another party's, so no key is anybody's own;
//! - a share that is shown twice is the same share: all of a party's randomness is bound to session, party, use and question;
//! - only a [`VerifiedUploadKey`] switches rows: what is computed with is known to its maker and no multiple of the secret;
//! - one opening a key: [`OpeningKey`] refuses a second question.
//!
//! Not against: a server that has something else opened than it was to compute (see [`opening`]); parties that spoil the result; a party that stays away, as long as
//! fewer than t are left.
//!
//! # Example
//! `he-core/examples/owners.rs`: three parties, two of whom open.

mod collective;
mod error;
mod gaussian;
mod key_item;
mod keys;
mod lift;
pub mod opening;
mod party;
pub mod proof;
pub mod refresh;
pub mod relinearise;
mod secret;
mod session;
mod share;
pub mod smudging;
mod stream;
#[cfg(test)]
mod tests;
pub mod threshold;
pub mod upload;

pub use collective::{CollectiveRefresh, RefreshExchange};
pub use error::MultipartyError;
pub use key_item::KeyItem;
pub use keys::{JointPublicKey, galois_key};
pub use opening::{Opening, OpeningShare};
pub use party::PartyId;
pub use proof::{Proof, Shape};
pub use refresh::{RefreshQuestion, RefreshShare};
pub use relinearise::{RelinearisationSum, relinearisation_key};
pub use secret::PartySecret;
pub use session::Session;
pub use share::{Commitment, KeyShare};
pub use smudging::{OpeningSecurity, Smudging};
pub use threshold::{ActiveSet, DealtShare, OpeningKey};
pub use upload::{
    RowSecret, RowSeeds, UploadKey, UploadTerms, VerifiedUploadKey, encoded_at, slack_noise,
    special_bits,
};
