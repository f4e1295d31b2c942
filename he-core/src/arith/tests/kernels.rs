//! Slice kernels against 128-bit integers, with operands at the edge of what the proofs allow.

use super::*;

const EDGE: f64 = 4_503_599_627_370_496.0;

fn moduli() -> impl Iterator<Item = Modulus> {
    [17, 30, 36, 44, 47, 48]
        .into_iter()
        .map(|bits| modulus(bits, 6))
}

fn int(x: f64) -> i128 {
    assert!(x.fract() == 0.0 && x.abs() < 2.0 * EDGE);
    x as i128
}

#[test]
fn reduction_is_balanced_up_to_2_52() {
    let mut rng = Stream(8);
    for m in moduli() {
        let p = m.p();
        let mut x: Vec<f64> = (0..500).map(|_| rng.within(EDGE)).collect();
        // Halves of odd multiples of p, rounded both ways, are the hardest.
        x.extend((0..500).flat_map(|_| {
            let k = rng.within(EDGE / p - 1.0);
            [k * p + (p - 1.0) / 2.0, k * p + (p + 1.0) / 2.0]
        }));
        x.extend([EDGE, -EDGE, 0.0, -0.0, p, -p]);
        let mut y = x.clone();
        slices::reduce(&m, &mut y);
        for (x, y) in x.iter().zip(&y) {
            assert_eq!(residue(&m, int(*x)), residue(&m, int(*y)));
            assert!(y.abs() <= (p - 1.0) / 2.0, "{x} mod {p} gave {y}");
        }
    }
}

/// Operands for which `a w mod p` is a given remainder and `|a|` is as near to 2^52 as can be: the quotient's error is largest, and
/// the remainder tells whether it was.
fn hard_operand(m: &Modulus, w: u64, remainder: u64, negative: bool) -> f64 {
    let p = m.value();
    let a = m.mul(remainder, m.inv(w));
    let a = a + ((1u64 << 52) - a) / p * p;
    if negative {
        (a - p) as f64 - 2.0 * (a - p) as f64
    } else {
        a as f64
    }
}

#[test]
fn constants_multiply_within_their_bound_and_reach_it() {
    let mut rng = Stream(9);
    for m in moduli() {
        let p = m.p();
        let mut worst: f64 = 0.0;
        for _ in 0..400 {
            // A constant near p/2 whose quotient is badly rounded: the error is at most 2^-55.
            let w = (0..200)
                .map(|_| m.value() / 2 - rng.next() % (m.value() / 4))
                .max_by_key(|w| {
                    let c = m.constant(*w);
                    (c.quotient.mul_add(p, -c.w).abs() * 1e18) as u64
                });
            let w = w.unwrap();
            let c = m.constant(w);
            let mut a: Vec<f64> = (0..40)
                .flat_map(|k| {
                    let remainder = (p * (0.38 + 0.006 * f64::from(k))) as u64;
                    [
                        hard_operand(&m, w, remainder, false),
                        hard_operand(&m, w, remainder, true),
                    ]
                })
                .chain([EDGE, -EDGE, rng.within(EDGE)])
                .collect();
            let before = a.clone();
            slices::mul_constant(&m, &mut a, c);
            for (x, r) in before.iter().zip(&a) {
                assert_eq!(residue(&m, int(*x) * int(c.w)), residue(&m, int(*r)));
                assert!(r.abs() <= p * (0.5 + x.abs() / 36_028_797_018_963_968.0));
                worst = worst.max(r.abs() / p);
            }
        }
        assert!(worst <= 0.625);
        // For small p few quotients are rounded badly; for large p the bound is reached to 2 %.
        assert!(
            worst > if m.value() > 1 << 35 { 0.61 } else { 0.5 },
            "worst {worst} for {p}"
        );
    }
}

#[test]
fn products_stay_within_their_bound() {
    let mut rng = Stream(10);
    for m in moduli() {
        let p = m.p();
        let mut worst: f64 = 0.0;
        for (bound_a, bound_b) in [
            (0.625 * p, 0.625 * p),
            (EDGE.min(4.0 * p), p / 2.0),
            (EDGE / 2.0, p),
        ] {
            let a: Vec<f64> = (0..4000)
                .map(|i| {
                    if i % 2 == 0 {
                        bound_a.floor() - rng.within(99.0).abs()
                    } else {
                        rng.within(bound_a)
                    }
                })
                .collect();
            let b: Vec<f64> = (0..4000)
                .map(|i| {
                    if i % 3 == 0 {
                        rng.within(99.0).abs() - bound_b.floor()
                    } else {
                        rng.within(bound_b)
                    }
                })
                .collect();
            let mut r = vec![0.0; a.len()];
            slices::mul(&m, &mut r, &a, &b);
            let mut in_place = a.clone();
            slices::mul_assign(&m, &mut in_place, &b);
            assert_eq!(r, in_place);
            for ((a, b), r) in a.iter().zip(&b).zip(&r) {
                assert_eq!(residue(&m, int(*a) * int(*b)), residue(&m, int(*r)));
                let bound = p
                    * (0.5 + (a * b).abs() / p * f64::powi(2.0, -52) * (1.0 + f64::powi(2.0, -50)));
                assert!(r.abs() <= bound);
                worst = worst.max(r.abs() / p);
            }
        }
        // The last pair of bounds allows a whole p; its quotients really are wrong by more than a half.
        assert!(worst > 0.6 && worst <= 1.0, "{worst}");
    }
}

#[test]
fn sums_of_products_reduce_once() {
    let mut rng = Stream(11);
    for m in moduli() {
        let p = m.p();
        let largest = (0.625 * p).floor();
        for count in [1, 2, 8, 9, 16, 40] {
            let mut vector = |extreme: bool| -> Vec<f64> {
                (0..100)
                    .map(|_| {
                        if extreme {
                            largest
                        } else {
                            rng.within(largest)
                        }
                    })
                    .collect()
            };
            for extreme in [false, true] {
                let data: Vec<(Vec<f64>, Vec<f64>)> = (0..count)
                    .map(|_| (vector(extreme), vector(extreme)))
                    .collect();
                let terms: Vec<(&[f64], &[f64])> =
                    data.iter().map(|(a, b)| (&a[..], &b[..])).collect();
                let start = vector(extreme);
                let mut sum = start.clone();
                slices::dot(&m, true, &mut sum, &terms);
                let mut one_by_one = start.clone();
                for (a, b) in &terms {
                    slices::dot(&m, true, &mut one_by_one, &[(a, b)]);
                }
                for i in 0..100 {
                    let exact = terms
                        .iter()
                        .fold(int(start[i]), |s, (a, b)| s + int(a[i]) * int(b[i]));
                    assert_eq!(residue(&m, exact), residue(&m, int(sum[i])));
                    assert!(sum[i].abs() <= (p - 1.0) / 2.0);
                    assert_eq!(sum[i], one_by_one[i]);
                }
            }
        }
    }
}

#[test]
fn linear_combinations_take_residues_of_larger_primes() {
    let mut rng = Stream(12);
    let largest = (0.625 * f64::powi(2.0, 48)).floor();
    for m in moduli() {
        let mut worst: f64 = 0.0;
        for count in [1, 5, 8, 9, 17] {
            for extreme in [false, true] {
                let data: Vec<Vec<f64>> = (0..count)
                    .map(|_| {
                        (0..100)
                            .map(|_| {
                                if extreme {
                                    largest
                                } else {
                                    rng.within(largest)
                                }
                            })
                            .collect()
                    })
                    .collect();
                let src: Vec<&[f64]> = data.iter().map(|s| &s[..]).collect();
                let half = ((m.value() - 1) / 2) as f64;
                let constants: Vec<f64> = (0..count)
                    .map(|_| if extreme { half } else { rng.within(half) })
                    .collect();
                let bound = slices::linear_combination_bound(&m, count);
                let most = slices::largest_overflow(count);
                let small: Vec<f64> = match extreme {
                    true => vec![most; 100],
                    false => (0..100).map(|_| rng.within(most)).collect(),
                };
                for (reduce, v) in [false, true]
                    .into_iter()
                    .flat_map(|r| [(r, None), (r, Some(&small))])
                {
                    let mut sum = vec![f64::NAN; 100];
                    let overflow = v.map(|v| (&v[..], half));
                    slices::linear_combination(&m, reduce, &mut sum, &src, &constants, overflow);
                    for i in 0..100 {
                        let start = v.map_or(0, |v| int(v[i]) * int(half));
                        let exact: i128 = start
                            + src
                                .iter()
                                .zip(&constants)
                                .map(|(s, c)| int(s[i]) * int(*c))
                                .sum::<i128>();
                        assert_eq!(residue(&m, exact), residue(&m, int(sum[i])));
                        assert!(sum[i].abs() <= if reduce { half } else { bound });
                        worst = worst.max(sum[i].abs() / bound);
                    }
                }
            }
        }
        assert!(worst > 0.2, "the bound is far from what happens: {worst}");
    }
}

#[test]
fn sums_and_differences_are_balanced() {
    let mut rng = Stream(13);
    for m in moduli() {
        let bound = 0.625 * m.p();
        let a: Vec<f64> = (0..200).map(|_| rng.within(bound)).collect();
        let b: Vec<f64> = (0..200).map(|_| rng.within(bound)).collect();
        let c = m.constant(rng.next() % m.value());
        let (mut sum, mut difference, mut negative, mut scaled) =
            (a.clone(), a.clone(), a.clone(), a.clone());
        slices::add_assign(&m, &mut sum, &b);
        slices::sub_assign(&m, &mut difference, &b);
        slices::negate(&m, &mut negative);
        slices::sub_scale(&m, &mut scaled, &b, c);
        for i in 0..200 {
            let (x, y) = (int(a[i]), int(b[i]));
            assert_eq!(residue(&m, int(sum[i])), residue(&m, x + y));
            assert_eq!(residue(&m, int(difference[i])), residue(&m, x - y));
            assert_eq!(negative[i], -a[i]);
            assert_eq!(residue(&m, int(scaled[i])), residue(&m, (x - y) * int(c.w)));
            assert!(sum[i].abs().max(difference[i].abs()) < m.p() / 2.0);
            assert!(scaled[i].abs() <= bound);
        }
    }
}

#[test]
fn tensor_sums_hold_as_many_of_the_largest_products_as_they_promise() {
    let mut rng = Stream(21);
    for m in moduli() {
        let largest = (0.625 * m.p()).floor();
        for count in [1, 3, 9, m.most_terms(), m.most_terms() + 1] {
            if count > 40_000 {
                continue;
            }
            // All of the largest magnitude, of one sign or of both; then any.
            let mut operand = |kind: usize| -> Vec<f64> {
                (0..5)
                    .map(|i| match (kind, i % 2) {
                        (0, _) | (1, 0) => largest,
                        (1, _) => -largest,
                        _ => rng.within(largest),
                    })
                    .collect()
            };
            for kinds in [[0; 4], [1; 4], [0, 1, 0, 0], [2; 4]] {
                let x = kinds.map(&mut operand);
                let old = [0, 1, 2].map(&mut operand);
                let term = x.each_ref().map(|x| &x[..]);
                for accumulate in [false, true] {
                    let mut d = old.clone();
                    slices::tensor(
                        &m,
                        accumulate,
                        d.each_mut().map(|d| &mut d[..]),
                        &vec![term; count],
                    );
                    for i in 0..5 {
                        let at = |k: usize| int(x[k][i]) % i128::from(m.value());
                        let sums = [at(0) * at(2), at(0) * at(3) + at(1) * at(2), at(1) * at(3)];
                        for (k, sum) in sums.into_iter().enumerate() {
                            let start = if accumulate { int(old[k][i]) } else { 0 };
                            let sum = sum % i128::from(m.value()) * count as i128 + start;
                            assert_eq!(residue(&m, sum), residue(&m, int(d[k][i])));
                            assert!(d[k][i].abs() <= (m.p() - 1.0) / 2.0);
                        }
                    }
                }
            }
        }
    }
}
