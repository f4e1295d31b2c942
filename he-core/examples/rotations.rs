//! The sum of all slots, in every slot: `cargo run -p he-core --example rotations`.

use std::error::Error;
use std::sync::Arc;

use he_core::evaluator::{Ckks, CountedOp, Evaluator, Level, Placement};
use he_core::key_holder::{Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{Context, SecretKey};
use num_complex::Complex64;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Insecure, and so fast: 512 slots.
    let literal = ParamsLiteral {
        log_n: 10,
        q_bits: vec![46],
        p_bits: vec![48, 48],
        dnum: 1,
    };
    let context = Context::new(Arc::new(Params::insecure_test(literal)?))?;
    let n = context.params().slots();

    // 512 = 8 x 8 x 8: three sums of eight rotations each, and a key for every rotation but 0.
    let steps: Vec<Vec<i64>> = [1, 8, 64].map(|k| (0..8).map(|i| k * i).collect()).to_vec();
    let rotations = steps.iter().flatten().filter(|k| **k != 0);
    let set = KeySet {
        rotations: rotations.map(|k| *k as usize).collect(),
        ..KeySet::default()
    };
    let key = Arc::new(SecretKey::generate(&context)?);
    let x: Vec<_> = (0..n)
        .map(|i| Complex64::new(1.0 / (i + 1) as f64, 0.0))
        .collect();
    let at = Placement {
        level: Level(0),
        scale: f64::from(1 << 30),
    };
    let ct = SecretKeyEncryptor::new(Arc::clone(&key))?.encrypt(&x, at, 1.0)?;

    let server = Ckks::new(key.evaluation_keys(&set)?)?;
    let mut sum = ct;
    for ks in &steps {
        // One decomposition and one division by P for all eight: far cheaper than eight rotations.
        sum = server.rotate_sum(&sum, ks)?;
    }
    let count = |op| server.tally().total(op);
    println!(
        "{} decompositions, {} key products, {} divisions by P",
        count(CountedOp::Decompose),
        count(CountedOp::KeyProduct),
        count(CountedOp::ModDown)
    );

    let found = SecretKeyDecryptor::new(key)?.decrypt(&sum)?;
    let expected: Complex64 = x.iter().sum();
    println!("slot 0: {:.5}, expected {expected:.5}", found[0]);
    for slot in found {
        assert!((slot - expected).norm() < 16.0 * sum.meta().error());
    }
    Ok(())
}
