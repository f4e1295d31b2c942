//! CKKS proper: encoding, levels, scales, noise.

mod embedding;
pub mod encode;
pub mod lift;
pub mod noise;
pub mod plaintext;
