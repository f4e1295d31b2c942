//! CKKS homomorphic encryption on f64-FMA residues: arithmetic, rings, keys, evaluator.

pub mod arith;
pub mod ring;
