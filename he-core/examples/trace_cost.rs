//! What a program costs, before any key exists: `cargo run -p he-core --example trace_cost`.

use std::error::Error;
use std::sync::Arc;

use he_core::evaluator::{COUNTED_OPS, Clear, EvalError, Evaluator, Level, Placement, Simulator};
use he_core::key_holder::{ClearHolder, Decryptor, Encryptor, SimulatorEncryptor};
use he_core::params::{Params, ParamsLiteral};
use num_complex::Complex64;

/// The sum of x^2 over every four neighbouring slots. Written once, for every evaluator.
fn program<E: Evaluator>(eval: &E, x: &E::Ct) -> Result<E::Ct, EvalError> {
    eval.rotate_sum(&eval.mul(x, x)?, &[0, 1, 2, 3])
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let params = Arc::new(Params::new(ParamsLiteral {
        log_n: 13,
        q_bits: vec![45, 36],
        p_bits: vec![48, 48],
        dnum: 1,
    })?);
    let at = Placement {
        level: Level(1),
        scale: (1u64 << 36) as f64,
    };

    // Metadata alone: no slots, no keys.
    let simulator = Simulator::new(Arc::clone(&params));
    let result = program(
        &simulator,
        &SimulatorEncryptor(&simulator).encrypt(&[], at, 1.0)?,
    )?;
    let meta = simulator.meta(&result);
    println!(
        "level {}, certified bits {:.1}",
        meta.level,
        meta.certified_bits()
    );
    println!("keys: {:?}", simulator.key_set());
    for op in COUNTED_OPS {
        println!("{op:?}: {}", simulator.tally().total(op));
    }
    assert_eq!(simulator.key_set().rotations, [1, 2, 3].into());
    assert_eq!(meta.level, Level(0));

    // The twin computes the same program in clear.
    let clear = Clear::new(Arc::clone(&params));
    let holder = ClearHolder(&clear);
    let half = vec![Complex64::new(0.5, 0.0); params.slots()];
    let result = program(&clear, &holder.encrypt(&half, at, 1.0)?)?;
    assert_eq!(clear.meta(&result), meta);
    assert!((holder.decrypt(&result)?[0].re - 1.0).abs() < 1e-15);
    Ok(())
}
