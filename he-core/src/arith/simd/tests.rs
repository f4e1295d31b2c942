//! Every operation of every instruction set against plain Rust, bit by bit.

use super::dispatch::{Level, run_available};
use super::lanes::{Lanes, ROUND};
use super::machine::{Kernel, Machine};

/// All operations on three operands.
struct Operations<'a> {
    operands: [&'a [f64]; 3],
    results: &'a mut [Vec<u64>; 6],
}

impl Kernel for Operations<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let [a, b, c] = self.operands;
        assert!(a.len().is_multiple_of(8));
        let mut lanes = [0.0; 8];
        for i in (0..a.len()).step_by(M::LANES) {
            let [x, y, z] = [a, b, c].map(|s| m.load_from(&s[i..]));
            let results = [
                x.add(y),
                x.sub(y),
                x.mul(y),
                x.mul_add(y, z),
                x.mul_sub(y, z),
                x.neg_mul_add(y, z),
            ];
            for (all, result) in self.results.iter_mut().zip(results) {
                m.store_to(result, &mut lanes);
                all.extend(lanes[..M::LANES].iter().map(|x| x.to_bits()));
                m.store_to(m.splat(7.0), &mut lanes);
                assert!(lanes[..M::LANES] == [7.0; 8][..M::LANES]);
            }
            m.prefetch(std::ptr::null());
        }
    }
}

/// Zeros of both signs, sums that cancel to zeros of both signs, products that two roundings would spoil, and every size up to overflow.
#[test]
fn operations_round_once_and_give_zeros_their_sign() {
    let fine = 1.0 + f64::EPSILON;
    let mut values = vec![
        0.0,
        1.0,
        1.5,
        3.0,
        fine,
        fine * fine,
        1.0 / 3.0,
        3e15,
        ROUND,
    ];
    values.extend([
        f64::MIN_POSITIVE / 8.0,
        f64::MIN_POSITIVE,
        1e-200,
        1e200,
        f64::MAX,
    ]);
    values.extend(values.clone().iter().map(|x| -x));
    let n = values.len();
    let mut operands = [const { Vec::new() }; 3];
    for i in 0..n * n * n {
        for (operand, k) in operands.iter_mut().zip([i, i / n, i / n / n]) {
            operand.push(values[k % n]);
        }
    }
    // The addend is the product itself, so that what is left is the product's rounding error, or a zero.
    for i in 0..n * n {
        let (x, y) = (values[i % n], values[i / n]);
        for z in [x * y, -(x * y)] {
            for (operand, value) in operands.iter_mut().zip([x, y, z]) {
                operand.push(value);
            }
        }
    }
    let count = operands[0].len();
    for operand in &mut operands {
        operand.resize(count.next_multiple_of(8), 0.0);
    }

    let [a, b, c] = &operands;
    let wanted = |f: fn(f64, f64, f64) -> f64| -> Vec<u64> {
        let each = a.iter().zip(b).zip(c);
        each.map(|((&a, &b), &c)| f(a, b, c).to_bits()).collect()
    };
    let wanted = [
        wanted(|a, b, _| a + b),
        wanted(|a, b, _| a - b),
        wanted(|a, b, _| a * b),
        wanted(f64::mul_add),
        wanted(|a, b, c| f64::mul_add(a, b, -c)),
        wanted(|a, b, c| f64::mul_add(-a, b, c)),
    ];
    // The cases are there: without one rounding or with other signs of zeros, results would differ.
    let zeros = |k: usize, zero: f64| wanted[k].iter().any(|&x| x == zero.to_bits());
    for k in 3..6 {
        assert!(zeros(k, 0.0) && zeros(k, -0.0));
    }
    let twice = a
        .iter()
        .zip(b)
        .zip(c)
        .map(|((a, b), c)| (a * b + c).to_bits());
    assert!(!wanted[3].iter().copied().eq(twice));

    for level in Level::available() {
        let mut results = [const { Vec::new() }; 6];
        run_available(
            level,
            Operations {
                operands: [a, b, c],
                results: &mut results,
            },
        );
        for (k, (found, wanted)) in results.iter().zip(&wanted).enumerate() {
            let wrong = found.iter().zip(wanted).position(|(x, y)| x != y);
            assert!(
                wrong.is_none() && found.len() == wanted.len(),
                "{level:?}, operation {k}: {:?}",
                wrong.map(|i| (a[i], b[i], c[i]))
            );
        }
    }
}

/// The tests compare the instruction sets of the machine that they run on; where the target promises one, it must be among them.
#[test]
fn the_instruction_sets_that_are_tested() {
    use std::io::Write;
    let available = Level::available();
    // Not `eprintln!`, which the test runner keeps to itself: this line says what the other tests' passing means.
    let _ = writeln!(std::io::stderr(), "instruction sets tested: {available:?}");
    assert_eq!(available[0], Level::Portable);
    assert_eq!(available.last(), Some(&Level::widest()));
    #[cfg(target_arch = "aarch64")]
    assert_eq!(available, [Level::Portable, Level::Neon]);
}
