//! Ring learning with errors: keys, encryption, key switching. Nothing here knows of slots or scales.
//!
//! A ciphertext `(c_0, c_1)` over `q_0 .. q_l` decrypts to `c_0 + c_1 s`, for a uniform ternary secret `s`.
//!
//! | module | what | source |
//! |---|---|---|
//! | `derive` | every stream of random numbers of a key, bound to its one use | BLAKE3 key derivation, ChaCha20 |
//! | `secret`, `public` | keys that encrypt; [`SecretKey`] alone decrypts | |
//! | `switching` | keys of hybrid key switching with `dnum` digits | Han and Ki, ePrint 2019/688, section 3 |
//! | `key_switch` | digits, key products, division by P, hoisting | Halevi and Shoup, ePrint 2018/244, section 5; Bossuat, Mouchet, Troncoso-Pastoriza and Hubaux, ePrint 2020/1203, section 4 |
//!
//! [`SecretKey`] is for [`crate::holder`] alone: the evaluator gets [`EvaluationKeys`], which contain no secret.

mod ciphertext;
mod context;
mod derive;
mod error;
mod evaluation;
mod key_switch;
mod public;
mod secret;
mod switching;
#[cfg(test)]
mod tests;

pub use ciphertext::Ciphertext;
pub(crate) use ciphertext::at_level;
pub use context::Context;
pub use derive::PublicSeed;
pub use error::RlweError;
pub use evaluation::EvaluationKeys;
pub use key_switch::{Digits, KeyProduct, KeySwitch};
pub use public::PublicKey;
pub use secret::SecretKey;
pub use switching::{KeyId, SwitchingKey};
