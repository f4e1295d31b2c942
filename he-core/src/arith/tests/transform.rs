//! Transforms against direct evaluation.

use super::*;

fn random(table: &NttTable, rng: &mut Stream) -> Buffer {
    let mut x = Buffer::zero(table.n());
    x.iter_mut()
        .for_each(|v| *v = rng.within(table.input_limit()));
    x
}

fn value_at(m: &Modulus, coefficients: &[f64], z: u64) -> u64 {
    coefficients.iter().rev().fold(0, |sum, c| {
        m.add(
            m.mul(sum, z),
            m.from_i64(*c as i64).rem_euclid(m.p()) as u64,
        )
    })
}

#[test]
fn transform_is_direct_evaluation() {
    let mut rng = Stream(1);
    for log_n in NttTable::MIN_LOG_N..=NttTable::MAX_LOG_N {
        for bits in [36, 47, 48] {
            let m = modulus(bits, log_n);
            let table = NttTable::new(log_n, m).unwrap();
            assert!(table.input_limit() >= if log_n <= 16 { 5.0 } else { 4.0 } * m.p());
            let n = table.n();
            let x: Vec<f64> = (0..n).map(|_| rng.within(table.input_limit())).collect();
            let mut y = x.clone();
            table.forward(&mut y);
            let spots = if n <= 64 { n } else { 3 };
            for k in 0..spots {
                let i = if n <= 64 { k } else { rng.next() as usize % n };
                let z = m.pow(table.root(), table.evaluation_exponent(i) as u64);
                assert_eq!(
                    m.to_canonical(y[i]),
                    value_at(&m, &x, z),
                    "log_n {log_n} bits {bits} output {i}"
                );
            }
            assert!(y.iter().all(|v| v.abs() <= m.p() / 2.0));
            table.inverse(&mut y);
            for (a, b) in x.iter().zip(&y) {
                assert_eq!(m.from_i64(*a as i64), m.from_i64(*b as i64));
                assert!(b.abs() <= 0.625 * m.p());
            }
        }
    }
}

/// All inputs at the limit, with every pattern of signs that makes some output a sum of equal signs as far as the layers can see:
/// constant, alternating, and the sign of each pair of halves.
#[test]
fn inputs_at_the_limit_stay_exact() {
    for log_n in [6, 10, 16] {
        for bits in [17, 36, 44, 46, 47, 48] {
            if bits <= log_n + 1 {
                continue;
            }
            let m = modulus(bits, log_n);
            let table = NttTable::new(log_n, m).unwrap();
            for pattern in [0, 1, table.n() / 2, table.n() - 1] {
                let limit = table.input_limit();
                let sign = |i: usize| {
                    if (i & pattern).count_ones().is_multiple_of(2) {
                        limit
                    } else {
                        -limit
                    }
                };
                let mut x = Buffer::zero(table.n());
                x.iter_mut()
                    .enumerate()
                    .for_each(|(i, v)| *v = sign(i) - (i % 3) as f64 * sign(i).signum());
                let before = x.clone();
                table.forward(&mut x);
                let i = pattern / 3;
                let z = m.pow(table.root(), table.evaluation_exponent(i) as u64);
                assert_eq!(m.to_canonical(x[i]), value_at(&m, &before, z));
                table.inverse(&mut x);
                assert!(
                    x.iter()
                        .zip(before.iter())
                        .all(|(a, b)| m.to_canonical(*a) == m.to_canonical(*b))
                );
            }
        }
    }
}

/// The inverse takes any reduced values: all at 5/8 p with one sign make the largest sums.
#[test]
fn the_inverse_stays_exact_on_the_largest_sums() {
    for log_n in [6, 8, 10, 15, 16] {
        for bits in [20, 36, 37, 40, 44, 47, 48] {
            let m = modulus(bits, log_n);
            let table = NttTable::new(log_n, m).unwrap();
            let mut x = Buffer::zero(table.n());
            let largest = (0.625 * m.p()).floor();
            x.iter_mut()
                .enumerate()
                .for_each(|(i, v)| *v = largest - (i % 5) as f64);
            let before = x.clone();
            table.inverse(&mut x);
            assert!(x.iter().all(|v| v.abs() <= 0.625 * m.p()));
            let coefficient_sum = x.iter().fold(0, |sum, v| m.add(sum, m.to_canonical(*v)));
            let mut again = x.clone();
            table.forward(&mut again);
            assert!(
                again
                    .iter()
                    .zip(before.iter())
                    .all(|(a, b)| m.to_canonical(*a) == m.to_canonical(*b))
            );
            // Not only an inverse of our own forward transform: the value at a root, summed by Horner's rule.
            let z = m.pow(table.root(), table.evaluation_exponent(1) as u64);
            assert_eq!(value_at(&m, &x, z), m.to_canonical(before[1]));
            assert_ne!(coefficient_sum, 0);
        }
    }
}

#[test]
fn a_constant_folds_into_the_inverse() {
    let mut rng = Stream(3);
    let m = modulus(48, 9);
    let table = NttTable::new(9, m).unwrap();
    let mut x = random(&table, &mut rng);
    table.forward(&mut x);
    let mut y = x.clone();
    table.inverse(&mut x);
    let c = rng.next() % m.value();
    table.inverse_scaled(&mut y, c);
    assert!(
        x.iter()
            .zip(y.iter())
            .all(|(x, y)| m.mul(m.to_canonical(*x), c) == m.to_canonical(*y))
    );
}

#[test]
fn the_order_of_outputs_has_every_odd_exponent_once() {
    for log_n in [6, 7, 11] {
        let table = NttTable::new(log_n, modulus(36, log_n)).unwrap();
        let mut exponents: Vec<usize> = (0..table.n())
            .map(|i| table.evaluation_exponent(i))
            .collect();
        exponents.sort_unstable();
        assert!(exponents.into_iter().eq((0..table.n()).map(|i| 2 * i + 1)));
    }
}

#[test]
fn unusable_tables_are_refused() {
    let m = modulus(36, 10);
    assert_eq!(
        NttTable::new(5, m).unwrap_err(),
        ArithError::Degree { found: 5 }
    );
    assert_eq!(
        NttTable::new(18, m).unwrap_err(),
        ArithError::Degree { found: 18 }
    );
    // 65539 - 1 is twice an odd number.
    let odd = Modulus::new(65_539).unwrap();
    assert_eq!(
        NttTable::new(6, odd).unwrap_err(),
        ArithError::NoRoot {
            found: 65_539,
            log_n: 6
        }
    );
}

/// The transform is part of the file format (values are stored in its order) and must never change.
#[test]
fn the_transform_never_changes() {
    let mut rng = Stream(4);
    let m = modulus(48, 12);
    let table = NttTable::new(12, m).unwrap();
    let mut x = random(&table, &mut rng);
    table.forward(&mut x);
    assert_eq!(
        hash(x.iter().map(|v| m.to_canonical(*v))),
        "93d5cbcc66e7f05d"
    );
    assert_eq!(table.root(), 196_739_442_407_996);
}
