//! The kernels against integer arithmetic.

use super::simd::{self, Forward, Inverse, Level};
use super::*;

/// Deterministic test values (SplitMix64).
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer of magnitude at most `bound`.
    pub(crate) fn within(&mut self, bound: f64) -> f64 {
        let b = bound as u64;
        (self.next() % (2 * b + 1)) as f64 - b as f64
    }
}

fn modulus(bits: u32, log_n: u32) -> Modulus {
    Modulus::new(ntt_primes(bits, log_n, 1, &[]).unwrap()[0]).unwrap()
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

#[test]
fn transforms_have_the_same_bits_on_every_path() {
    let mut rng = Stream(2);
    for log_n in [6, 7, 8, 9, 11, 13, 14] {
        for bits in [20, 36, 44, 48] {
            let table = NttTable::new(log_n, modulus(bits, log_n)).unwrap();
            for bound in [table.modulus().p() / 2.0, table.input_limit()] {
                let x: Vec<f64> = (0..table.n()).map(|_| rng.within(bound)).collect();
                let run = |level| {
                    let mut y = x.clone();
                    simd::run_available(
                        level,
                        Forward {
                            table: &table,
                            data: &mut y,
                        },
                    );
                    let forward: Vec<u64> = y.iter().map(|v| v.to_bits()).collect();
                    let (sum, difference) = table.last_layer(1);
                    simd::run_available(
                        level,
                        Inverse {
                            table: &table,
                            data: &mut y,
                            sum,
                            difference,
                        },
                    );
                    (forward, y.iter().map(|v| v.to_bits()).collect::<Vec<u64>>())
                };
                let reference = run(Level::Portable);
                for level in Level::available() {
                    assert!(
                        run(level) == reference,
                        "{level:?} log_n {log_n} bits {bits}"
                    );
                }
            }
        }
    }
}
