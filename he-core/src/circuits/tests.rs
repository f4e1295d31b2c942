use std::sync::Arc;

use num_complex::Complex64;

use super::*;
use crate::conformance::{insecure_test_params, key_set};
use crate::evaluator::{
    Ckks, Clear, CountedOp, EvalError, Evaluator, Level, Meta, Op, Placement, Refusal, Simulator,
};
use crate::key_holder::{
    ClearHolder, Decryptor, Encryptor, SecretKeyDecryptor, SecretKeyEncryptor, SimulatorEncryptor,
};
use crate::rlwe::{Context, SecretKey};

mod bootstrap;
mod linear;

const AT: Placement = Placement {
    level: Level(6),
    scale: (1u64 << 36) as f64,
};
/// Largest slot error in units of the expected root mean square: see [`crate::conformance`].
const WORST: f64 = 16.0;

fn slots(n: usize) -> Vec<Complex64> {
    (0..n)
        .map(|i| Complex64::new((i as f64).sin() / 2.0, (1.7 * i as f64).cos() / 2.0))
        .collect()
}

/// T_15/8, the hardest case: coefficients of alternating signs that nearly cancel.
const CHEBYSHEV: [f64; 8] = [
    -1.875, 70.0, -756.0, 3600.0, -8800.0, 11520.0, -7680.0, 2048.0,
];

/// Every second slot.
fn chosen(n: usize) -> Vec<bool> {
    (0..n).map(|i| i % 2 == 0).collect()
}

/// p(u) - i p(v) in the chosen slots.
fn conjugate_of(coefficients: &[f64], z: &[Complex64]) -> Vec<Complex64> {
    let p = |x: f64| -> f64 {
        let powers = (0..).map(|k| x.powi(2 * k + 1));
        coefficients.iter().zip(powers).map(|(c, x)| c * x).sum()
    };
    let chosen = chosen(z.len());
    let each = z.iter().zip(chosen);
    each.map(|(z, chosen)| match chosen {
        true => Complex64::new(p(z.re), -p(z.im)),
        false => Complex64::ZERO,
    })
    .collect()
}

fn polynomial<E: Evaluator>(
    eval: &E,
    encryptor: &impl Encryptor<E>,
    coefficients: &[f64],
) -> Result<E::Ct, EvalError> {
    let z = encryptor.encrypt(&slots(eval.slots()), AT, 1.0)?;
    let polynomial = OddPolynomial::new(eval, coefficients, &chosen(eval.slots()))?;
    polynomial.apply(eval, &z, &eval.conjugate(&z)?, AT.scale)
}

fn agree(found: &[Complex64], expected: &[Complex64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let error = (a - b).norm();
        assert!(error <= tolerance, "slot {i}: {a} for {b}, {error:e}");
    }
}

/// The three evaluators.
struct Three {
    simulator: Simulator,
    clear: Clear,
    ckks: Ckks,
    key: Arc<SecretKey>,
}

impl Three {
    fn new() -> Self {
        let params = Arc::new(insecure_test_params().unwrap());
        let context = Context::new(Arc::clone(&params)).unwrap();
        let key = Arc::new(SecretKey::generate(&context).unwrap());
        let keys = key.evaluation_keys(&key_set(&params)).unwrap();
        Self {
            simulator: Simulator::new(Arc::clone(&params)),
            clear: Clear::new(params),
            ckks: Ckks::new(keys).unwrap(),
            key,
        }
    }

    fn encryptor(&self) -> SecretKeyEncryptor {
        SecretKeyEncryptor::new(Arc::clone(&self.key)).unwrap()
    }

    /// The slots of a ciphertext and what the ledger says of it.
    fn decrypt(&self, ct: &<Ckks as Evaluator>::Ct) -> (Vec<Complex64>, Meta) {
        let decryptor = SecretKeyDecryptor::new(Arc::clone(&self.key)).unwrap();
        (decryptor.decrypt(ct).unwrap(), ct.meta())
    }
}

#[test]
fn an_odd_polynomial_is_applied_to_both_parts_in_the_chosen_slots() {
    let cases = [
        (vec![0.3, -0.4], 2, 4),
        (vec![0.3, -0.4, 0.25], 3, 7),
        (vec![-0.3, 0.4, 0.25, -0.125], 3, 9),
        (CHEBYSHEV[..5].to_vec(), 4, 10),
        (CHEBYSHEV[..6].to_vec(), 4, 12),
        (CHEBYSHEV[..7].to_vec(), 4, 12),
        (CHEBYSHEV.to_vec(), 4, 14),
    ];
    for (coefficients, levels, switches) in cases {
        let three = Three::new();
        let expected = conjugate_of(&coefficients, &slots(three.clear.slots()));
        let holder = ClearHolder(&three.clear);
        let clear = polynomial(&three.clear, &holder, &coefficients).unwrap();
        // Fewer than a hundred roundings, of terms that add up to less than the coefficients do.
        let terms: f64 = coefficients.iter().map(|c| c.abs()).sum();
        agree(clear.slots(), &expected, 1e-14 * terms.max(10.0));

        let (found, meta) =
            three.decrypt(&polynomial(&three.ckks, &three.encryptor(), &coefficients).unwrap());
        agree(&found, &expected, WORST * meta.error());
        let encryptor = SimulatorEncryptor(&three.simulator);
        let simulated = polynomial(&three.simulator, &encryptor, &coefficients).unwrap();
        assert_eq!(three.simulator.meta(&simulated), meta);
        assert_eq!(three.clear.meta(&clear), meta);
        assert_eq!(meta.level, Level(AT.level.0 - levels));
        assert!((meta.scale / AT.scale - 1.0).abs() < 1e-12);
        for tally in [three.simulator.tally(), three.ckks.tally()] {
            assert_eq!(tally.total(CountedOp::KeyProduct), switches);
        }
    }
}

#[test]
fn polynomials_without_a_circuit_are_refused() {
    let three = Three::new();
    let new = |coefficients: &[f64]| {
        let chosen = chosen(three.clear.slots());
        OddPolynomial::new(&three.clear, coefficients, &chosen).map(|_| ())
    };
    for found in [0, 1, 9] {
        let error = Refusal::Coefficients { found }.of(Op::Polynomial);
        assert_eq!(new(&vec![1.0; found]), Err(error));
    }
    let unusable = |result: Result<(), EvalError>| {
        matches!(result.unwrap_err().cause, Refusal::NotFinite { .. })
    };
    assert!(unusable(new(&[1.0, 0.0])));
    assert!(unusable(new(&[1.0, 0.5, 0.0])));
    assert!(unusable(new(&[1.0, 0.5, 1.0, 0.0, 1.0])));
    let short = OddPolynomial::new(&three.clear, &[1.0, 0.5], &[true]);
    let error = short.map(|_| ()).unwrap_err();
    assert!(matches!(error.cause, Refusal::SlotCount { .. }));
}

#[test]
fn stages_of_a_fold_multiply_up_to_the_count() {
    assert_eq!(folds(4, -1, 2), vec![vec![0, -1], vec![0, -2]]);
    assert!(folds(1, 1, 8).is_empty());
}

/// Sums of four neighbours, and how many terms each stage had.
fn neighbours<E: Evaluator>(
    eval: &E,
    encryptor: &impl Encryptor<E>,
) -> Result<(E::Ct, Vec<usize>), EvalError> {
    let z = encryptor.encrypt(&slots(eval.slots()), AT, 1.0)?;
    let mut told = Vec::new();
    let sum = fold(eval, z, &folds(4, 1, 2), |sum, terms| {
        told.push(terms);
        eval.declare_bound(sum, terms as f64 / 2.0 * std::f64::consts::SQRT_2)
    })?;
    Ok((sum, told))
}

#[test]
fn a_fold_sums_neighbours_and_tells_of_every_stage() {
    let three = Three::new();
    let z = slots(three.clear.slots());
    let n = z.len();
    let sum = |i: usize| (0..4).map(|t| z[(i + t) % n]).sum();
    let expected: Vec<Complex64> = (0..n).map(sum).collect();
    let (clear, told) = neighbours(&three.clear, &ClearHolder(&three.clear)).unwrap();
    assert_eq!(told, [2, 4]);
    // Three additions of values below 4.
    agree(clear.slots(), &expected, 1e-14);
    let (found, meta) = three.decrypt(&neighbours(&three.ckks, &three.encryptor()).unwrap().0);
    agree(&found, &expected, WORST * meta.error());
    let encryptor = SimulatorEncryptor(&three.simulator);
    let (simulated, _) = neighbours(&three.simulator, &encryptor).unwrap();
    assert_eq!(three.simulator.meta(&simulated), meta);
    assert_eq!(three.clear.meta(&clear), meta);
    assert_eq!(three.simulator.key_set().rotations, [1, 2].into());
}
