//! Encrypt two vectors, multiply them where no secret key is, decrypt: `cargo run -p he-core --example hello`.

use std::error::Error;
use std::sync::Arc;

use he_core::evaluator::{Ckks, Evaluator, Level, Placement};
use he_core::key_holder::{Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor};
use he_core::params::{KeySet, Params, ParamsLiteral};
use he_core::rlwe::{Context, SecretKey};
use num_complex::Complex64;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // N = 2^12 and 104 bits: within what 128-bit security allows. One level, so one product.
    let params = Params::new(ParamsLiteral {
        log_n: 12,
        q_bits: vec![38, 28],
        p_bits: vec![38],
        dnum: 2,
    });
    // The special prime must exceed a digit by 4 bits; the error says so.
    println!("refused: {}", params.expect_err("38 bits are too few"));
    let params = Arc::new(Params::new(ParamsLiteral {
        log_n: 12,
        q_bits: vec![34, 28],
        p_bits: vec![40],
        dnum: 2,
    })?);
    let context = Context::new(params)?;

    // At the key holder.
    let key = Arc::new(SecretKey::generate(&context)?);
    let encryptor = SecretKeyEncryptor::new(Arc::clone(&key))?;
    let n = context.params().slots();
    let x: Vec<_> = (0..n)
        .map(|i| Complex64::new((i % 10) as f64, 0.0))
        .collect();
    let y: Vec<_> = (0..n)
        .map(|i| Complex64::new(0.5, (i % 3) as f64))
        .collect();
    let at = Placement {
        level: Level(1),
        scale: f64::from(1 << 28),
    };
    // The bounds are promises: with them the evaluator refuses what would overflow.
    let (a, b) = (
        encryptor.encrypt(&x, at, 9.0)?,
        encryptor.encrypt(&y, at, 2.1)?,
    );
    let keys = key.evaluation_keys(&KeySet {
        relinearise: true,
        ..KeySet::default()
    })?;

    // At the server.
    let product = Ckks::new(keys)?.mul(&a, &b)?;

    // At the key holder: nobody else sees more than the certified bits.
    let found = SecretKeyDecryptor::new(key)?.decrypt(&product)?;
    let meta = product.meta();
    println!(
        "{:.1} bits after the point are certain",
        meta.certified_bits()
    );
    println!("slot 17: {:.3}, expected {}", found[17], x[17] * y[17]);
    for i in 0..n {
        assert!((found[i] - x[i] * y[i]).norm() < 16.0 * meta.error());
    }
    Ok(())
}
