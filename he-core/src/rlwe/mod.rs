//! Ring learning with errors: keys, encryption, key switching. Nothing here knows of slots or scales.
//!
//! A ciphertext `(c_0, c_1)` over `q_0 .. q_l` decrypts to `c_0 + c_1 s`, for a uniform ternary secret `s`.
//!
//! | module | what | source |
//! |---|---|---|
//! | `derive` | every stream of random numbers of a key, bound to its one use | BLAKE3 key derivation, ChaCha20 |
//! | `wipe` | seeds, generators and stack that leave no secret behind | |
//! | `secret`, `public` | keys that encrypt; [`SecretKey`] alone decrypts | |
//! | `switching`, `generate` | keys of hybrid key switching with `dnum` digits | Han and Ki, ePrint 2019/688, section 3 |
//! | `key_switch` | digits, key products, division by P, hoisting | Halevi and Shoup, ePrint 2018/244, section 5; Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux, ePrint 2020/1203, section 4 |
//! | `bridge`, `generate_bridge` | ways to a larger ring and back, sparse keys | ePrint 2022/024 |
//!
//! [`SecretKey`] is for [`crate::key_holder`] alone: the evaluator gets [`EvaluationKeys`], which contain no secret.

mod bridge;
mod ciphertext;
mod context;
mod derive;
mod error;
mod evaluation;
mod generate;
mod generate_bridge;
mod key_id;
mod key_switch;
mod public;
mod secret;
mod switching;
#[cfg(test)]
mod tests;
mod wipe;
#[cfg(test)]
pub(crate) mod wipe_tests;

pub use bridge::{Bridge, BridgeError, BridgeKeys, BridgeShape};
pub use ciphertext::Ciphertext;
pub(crate) use ciphertext::at_level;
pub use context::Context;
pub use derive::PublicSeed;
pub(crate) use derive::{os_rng, os_seed};
pub use error::RlweError;
pub use evaluation::EvaluationKeys;
pub use generate_bridge::BridgeKeyMaker;
pub use key_id::KeyId;
pub use key_switch::{Digits, KeyProduct, KeySwitch};
pub use public::PublicKey;
pub use secret::SecretKey;
pub(crate) use secret::SecretPoly;
pub use switching::SwitchingKey;
pub(crate) use switching::gadget;
pub(crate) use wipe::{SecretStream, on_clean_stack};
