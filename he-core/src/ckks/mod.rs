//! CKKS proper: encoding, levels, scales, noise.

pub mod noise;
