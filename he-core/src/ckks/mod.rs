//! CKKS proper: encoding, levels, scales, noise.

pub mod diagonals;
mod embedding;
pub mod encode;
pub mod lift;
pub mod noise;
pub mod plaintext;
mod wipe;

pub use wipe::wipe_slots;
