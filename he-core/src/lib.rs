#![doc = include_str!("../README.md")]

pub mod arith;
pub mod ckks;
pub mod evaluator;
pub mod holder;
pub mod params;
pub mod ring;
pub mod rlwe;
pub mod wire;
