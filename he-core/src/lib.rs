#![doc = include_str!("../README.md")]

pub mod arith;
pub mod circuits;
pub mod ckks;
pub mod conformance;
pub mod error;
pub mod evaluator;
pub mod key_holder;
pub mod multiparty;
pub mod params;
pub mod ring;
pub mod rlwe;
pub mod wire;
