//! Every instruction set of this machine gives the same bits.

use super::super::simd::{self, *};
use super::*;

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

/// Runs a kernel on copies of `dst` at every level; all must leave the same bits.
macro_rules! same_bits {
    ($dst:expr, |$out:ident| $kernel:expr) => {{
        let reference: Option<Vec<u64>> = None;
        Level::available()
            .into_iter()
            .fold(reference, |reference, level| {
                let mut copy: Vec<f64> = $dst.to_vec();
                let $out = &mut copy[..];
                simd::run_available(level, $kernel);
                let bits: Vec<u64> = copy.iter().map(|v| v.to_bits()).collect();
                if let Some(reference) = &reference {
                    assert!(*reference == bits, "{level:?}");
                }
                Some(bits)
            });
    }};
}

#[test]
fn permutations_are_the_same_on_every_path() {
    let mut rng = Stream(5);
    let table = NttTable::new(7, modulus(36, 7)).unwrap();
    let src: Vec<f64> = (0..128).map(|_| rng.within(1e9)).collect();
    for g in [1, 3, 25, 255] {
        let permutation = Permutation::automorphism(&table, g);
        let mut sorted = permutation.sources().to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..128));
        same_bits!(src, |dst| Permute {
            dst,
            src: &src,
            permutation: &permutation
        });
    }
}

#[test]
fn permutations_by_blocks_are_permutations_on_every_path() {
    let mut rng = Stream(7);
    let modulus = modulus(36, 12);
    let table = NttTable::new(12, modulus).unwrap();
    let mut values = || -> Vec<f64> { (0..1 << 12).map(|_| rng.within(1e9)).collect() };
    let (src, old) = (values(), values());
    for g in [1, 3, 25, (1 << 13) - 1] {
        let permutation = Permutation::automorphism(&table, g);
        let mut moved = vec![0.0; 1 << 12];
        slices::permute(&mut moved, &src, &permutation);
        let mut sum = old.clone();
        slices::add_assign(&modulus, &mut sum, &moved);
        for (accumulate, wanted) in [(false, &moved), (true, &sum)] {
            let mut found = old.clone();
            for (source, block) in src.chunks_exact(permutation.block()).enumerate() {
                same_bits!(old, |dst| PermuteBlock {
                    modulus,
                    accumulate,
                    dst,
                    src: block,
                    permutation: &permutation,
                    source,
                });
                slices::permute_block(
                    &modulus,
                    accumulate,
                    &mut found,
                    block,
                    &permutation,
                    source,
                );
            }
            assert_eq!(&found, wanted);
        }
    }
}

#[test]
fn kernels_have_the_same_bits_on_every_path() {
    let mut rng = Stream(6);
    for bits in [18, 36, 48] {
        let modulus = modulus(bits, 10);
        let p = modulus.p();
        // Not a multiple of any vector, and in part at the edges of what is allowed.
        for len in [1, 7, 64, 107] {
            let mut values = |bound: f64| -> Vec<f64> {
                (0..len)
                    .map(|i| match i % 5 {
                        0 => bound.floor(),
                        1 => -bound.floor(),
                        2 => -0.0,
                        _ => rng.within(bound),
                    })
                    .collect()
            };
            let wide = values(4_503_599_627_370_496.0);
            let (a, b, c) = (values(0.625 * p), values(0.625 * p), values(0.625 * p));
            let constant = modulus.constant(modulus.value() / 2);
            same_bits!(wide, |dst| Map {
                f: Reduce { modulus },
                dst,
                src: []
            });
            same_bits!(wide, |dst| Map {
                f: Negate { modulus },
                dst,
                src: []
            });
            same_bits!(wide, |dst| Map {
                f: MulConstant { modulus, constant },
                dst,
                src: []
            });
            same_bits!(a, |dst| Map {
                f: Add { modulus },
                dst,
                src: [&b]
            });
            same_bits!(a, |dst| Map {
                f: Sub { modulus },
                dst,
                src: [&b]
            });
            same_bits!(a, |dst| Map {
                f: Mul { modulus },
                dst,
                src: [&b, &c]
            });
            same_bits!(a, |dst| Map {
                f: MulAssign { modulus },
                dst,
                src: [&b]
            });
            same_bits!(a, |dst| Map {
                f: MulAdd { modulus },
                dst,
                src: [&b, &c]
            });
            same_bits!(a, |dst| Map {
                f: SubScale { modulus, constant },
                dst,
                src: [&b]
            });
            for terms in [1, 3, 8, 9, 21] {
                let pairs: Vec<(&[f64], &[f64])> = (0..terms).map(|_| (&b[..], &c[..])).collect();
                for accumulate in [false, true] {
                    same_bits!(a, |dst| Dot {
                        modulus,
                        accumulate,
                        dst,
                        terms: &pairs
                    });
                }
                let tensors = vec![[&b[..], &c, &c, &b]; terms];
                for (accumulate, component) in [false, true]
                    .into_iter()
                    .flat_map(|x| [(x, 0), (x, 1), (x, 2)])
                {
                    let (mut other, mut another) = (c.clone(), b.clone());
                    same_bits!(a, |dst| {
                        let mut dst = [dst, &mut other[..], &mut another[..]];
                        dst.rotate_right(component);
                        Tensor {
                            modulus,
                            accumulate,
                            dst,
                            terms: &tensors,
                        }
                    });
                }
                let src: Vec<&[f64]> = pairs.iter().map(|pair| pair.0).collect();
                let constants = vec![(p / 2.0).floor(); terms];
                for reduce in [false, true] {
                    same_bits!(a, |dst| Convert {
                        modulus,
                        reduce,
                        dst,
                        src: &src,
                        constants: &constants
                    });
                }
                let inverses = vec![modulus.p_inverse(); terms];
                same_bits!(a, |dst| Overflow {
                    dst,
                    src: &src,
                    inverses: &inverses
                });
            }
        }
    }
}
