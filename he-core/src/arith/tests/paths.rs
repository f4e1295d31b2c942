//! Every instruction set of this machine gives the same bits.

use super::super::kernels::*;
use super::super::simd::{Level, run_available};
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
                    run_available(
                        level,
                        Forward {
                            table: &table,
                            data: &mut y,
                        },
                    );
                    let forward: Vec<u64> = y.iter().map(|v| v.to_bits()).collect();
                    run_available(
                        level,
                        InverseWhole {
                            job: Inverse {
                                table: &table,
                                scale: table.scale(1),
                            },
                            data: &mut y,
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

/// Columns and rows on every path: the bits of the whole transform.
#[test]
fn transforms_in_two_halves_have_the_bits_of_the_whole() {
    let mut rng = Stream(8);
    let bits_of = |x: &[f64]| x.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
    // Whole limbs as rows; outer layers in one pass of two and of three; in two passes; with three layers first.
    for log_n in [6, 12, 13, 14, 15, 16, 17] {
        for bits in [36, 48] {
            let table = NttTable::new(log_n, modulus(bits, log_n)).unwrap();
            let (n, rows, row_len) = (table.n(), table.rows(), table.row_len());
            let (width, tile_len) = (table.tile_width(), table.tile_len());
            assert_eq!((rows * row_len, rows * width), (n, tile_len));
            let place = |i: usize| {
                let (row, column) = (i / row_len, i % row_len);
                column / width * tile_len + row * width + column % width
            };
            let x: Vec<f64> = (0..n).map(|_| rng.within(table.input_limit())).collect();
            let scale = table.scale(rng.next() % table.modulus().value());
            let job = Inverse {
                table: &table,
                scale,
            };
            let run = |level| {
                let mut tiles = vec![0.0; n];
                (0..n).for_each(|i| tiles[place(i)] = x[i]);
                for (i, tile) in tiles.chunks_exact_mut(tile_len).enumerate() {
                    let (table, copy) = (&table, tile.to_vec());
                    let from = (i % 2 == 0).then_some(&copy[..]);
                    if from.is_some() {
                        tile.fill(f64::NAN);
                    }
                    run_available(level, ForwardColumns { table, from, tile });
                    assert!(from.is_none_or(|from| from == copy));
                }
                let mut y = vec![0.0; n];
                for (row, to) in y.chunks_exact_mut(row_len).enumerate() {
                    let (table, tiles) = (&table, &tiles[..]);
                    run_available(
                        level,
                        ForwardRow {
                            table,
                            row,
                            tiles,
                            to,
                        },
                    );
                }
                let forward = bits_of(&y);
                for (row, data) in y.chunks_exact_mut(row_len).enumerate() {
                    let tiles = &mut tiles[..];
                    let copy = data.to_vec();
                    let from = (row % 2 == 0).then_some(&copy[..]);
                    if from.is_some() {
                        data.fill(f64::NAN);
                    }
                    run_available(
                        level,
                        InverseRow {
                            job,
                            row,
                            from,
                            data,
                            tiles,
                        },
                    );
                }
                let mut coefficients = vec![0.0; n];
                let pairs = coefficients.chunks_exact_mut(tile_len);
                for (to, from) in pairs.zip(tiles.chunks_exact(tile_len)) {
                    run_available(level, InverseColumns { job, from, to });
                }
                let in_order: Vec<f64> = (0..n).map(|i| coefficients[place(i)]).collect();
                (forward, bits_of(&in_order))
            };
            let mut y = x.clone();
            table.forward(&mut y);
            let forward = bits_of(&y);
            let data = &mut y[..];
            run_available(Level::Portable, InverseWhole { job, data });
            let whole = (forward, bits_of(&y));
            for level in Level::available() {
                assert!(run(level) == whole, "{level:?} log_n {log_n} bits {bits}");
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
                run_available(level, $kernel);
                let bits: Vec<u64> = copy.iter().map(|v| v.to_bits()).collect();
                if let Some(reference) = &reference {
                    assert!(*reference == bits, "{level:?}");
                }
                Some(bits)
            });
    }};
}

/// Against the definition: output i is the value at exponent g e(i).
#[test]
fn permutations_are_automorphisms_on_every_path() {
    let mut rng = Stream(5);
    for log_n in [6, 7, 12] {
        let modulus = modulus(36, log_n);
        let table = NttTable::new(log_n, modulus).unwrap();
        let n = table.n();
        let mut values = || -> Vec<f64> { (0..n).map(|_| rng.within(1e9)).collect() };
        let (src, old) = (values(), values());
        let exponents: Vec<usize> = (0..n).map(|i| table.evaluation_exponent(i)).collect();
        let mut position = vec![0; 2 * n];
        (0..n).for_each(|i| position[exponents[i]] = i);
        for g in (1..2 * n)
            .step_by(if log_n == 6 { 2 } else { n / 16 + 2 })
            .chain([2 * n - 1])
        {
            let permutation = Permutation::automorphism(&table, g as u64);
            let moved: Vec<f64> = exponents
                .iter()
                .map(|e| src[position[e * g % (2 * n)]])
                .collect();
            let mut sum = old.clone();
            slices::add_assign(&modulus, &mut sum, &moved);
            for (accumulate, wanted) in [(false, &moved), (true, &sum)] {
                let mut found = old.clone();
                let block = Permutation::BLOCK.min(n);
                for (k, src) in src.chunks_exact(block).enumerate() {
                    let first = k * (block / 64);
                    same_bits!(old, |dst| Permute {
                        modulus,
                        accumulate,
                        dst,
                        to: 0,
                        src,
                        permutation: &permutation,
                        first,
                    });
                    // The block that it goes to, alone.
                    let blocks = found.chunks_exact_mut(block);
                    let target = (0..n / block).find(|t| permutation.source_of_block(*t) == k);
                    let (target, dst) = blocks.enumerate().nth(target.unwrap()).unwrap();
                    let dst = slices::Groups {
                        values: dst,
                        first: target * (block / 64),
                    };
                    let src = slices::Groups { values: src, first };
                    slices::permute(&modulus, accumulate, dst, src, &permutation);
                }
                assert_eq!(&found, wanted, "log_n {log_n} g {g}");
            }
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
                f: AddScaled { modulus, constant },
                dst,
                src: [&b]
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
                let small: Vec<f64> = (0..len).map(|i| (i % 7) as f64 - 3.0).collect();
                for (reduce, overflow) in [
                    (false, None),
                    (false, Some(3.0)),
                    (true, Some(p / 2.0 - 0.5)),
                ] {
                    same_bits!(a, |dst| Convert {
                        modulus,
                        reduce,
                        dst,
                        src: &src,
                        constants: &constants,
                        overflow: overflow.map(|c| (&small[..], c)),
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
