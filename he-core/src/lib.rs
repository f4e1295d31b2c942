//! CKKS homomorphic encryption on f64-FMA residues: arithmetic, rings, keys, evaluator.
