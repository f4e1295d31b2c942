//! Exact base conversion between sets of primes.

use rayon::prelude::*;

use super::Ring;
use crate::arith::{Constant, slices};

/// Constants for the conversion of the centred integer `x`, given by its residues modulo the primes `q_i` of one set
/// (product `Q`), to residues modulo the primes `p_j` of another set.
///
/// With `y_i = x (Q/q_i)^-1 mod q_i`, `x = sum_i y_i Q/q_i - v Q` and `v = round(sum_i y_i/q_i)`
/// (Halevi, Polyakov, Shoup, ePrint 2018/117, section 2.2). The sum is computed in doubles, so `v` can only be off by one
/// where `x/Q` is within `2^-48` of a tie; the result is then `x - Q` or `x + Q`, of magnitude at most `Q (1/2 + 2^-48)`.
#[derive(Debug)]
pub(super) struct Converter {
    /// `(Q/q_i)^-1 mod q_i`, canonical.
    hat_inverses: Vec<u64>,
    /// `1/q_i`.
    inverses: Vec<f64>,
    targets: Vec<Target>,
}

/// One prime `p_j` to convert to.
#[derive(Debug)]
struct Target {
    /// Its index in the ring's list.
    prime: usize,
    /// `Q/q_i mod p_j` for all `i`, then `-Q mod p_j`, all balanced.
    constants: Vec<f64>,
    /// Whether the sum must be reduced before a forward transform.
    reduce: bool,
}

impl Converter {
    /// `from` and `to` are indices of primes of the ring.
    pub(super) fn new(ring: &Ring, from: &[usize], to: &[usize]) -> Self {
        let q = |i: usize| ring.modulus(i).value();
        let hat = |i: usize, j: usize| {
            ring.modulus(j)
                .product(from.iter().filter(|f| **f != i).map(|f| q(*f)))
        };
        let targets = to.iter().map(|&j| {
            let m = ring.modulus(j);
            let whole = m.neg(m.product(from.iter().map(|f| q(*f))));
            let constants = from
                .iter()
                .map(|&i| hat(i, j))
                .chain([whole])
                .map(|c| m.to_balanced(c));
            let bound = slices::linear_combination_bound(m, from.len() + 1);
            Target {
                prime: j,
                constants: constants.collect(),
                reduce: bound > ring.table(j).input_limit(),
            }
        });
        Self {
            hat_inverses: from
                .iter()
                .map(|&i| ring.modulus(i).inv(hat(i, i)))
                .collect(),
            inverses: from.iter().map(|&i| ring.modulus(i).p_inverse()).collect(),
            targets: targets.collect(),
        }
    }

    /// What residues `x mod q_i` must be multiplied by to give `y_i`: fold it into the inverse transform.
    pub(super) fn hat_inverse(&self, i: usize) -> u64 {
        self.hat_inverses[i]
    }

    /// Residues modulo all targets from the scaled residues `y`, small enough for the forward transforms.
    ///
    /// Works in blocks of columns that fit the first-level cache, so that the sources are read from memory once, not once a
    /// target.
    pub(super) fn convert(&self, ring: &Ring, targets: Vec<&mut [f64]>, y: &[&[f64]]) {
        debug_assert_eq!(targets.len(), self.targets.len());
        let n = ring.degree();
        let mut blocks: Vec<Vec<&mut [f64]>> = (0..n.div_ceil(BLOCK))
            .map(|_| Vec::with_capacity(targets.len()))
            .collect();
        for target in targets {
            for (block, columns) in blocks.iter_mut().zip(target.chunks_mut(BLOCK)) {
                block.push(columns);
            }
        }
        let convert = |(block, targets): (usize, Vec<&mut [f64]>)| {
            let range = block * BLOCK..((block + 1) * BLOCK).min(n);
            let mut overflow = [0.0; BLOCK];
            let overflow = &mut overflow[..range.len()];
            let mut sources: Vec<&[f64]> = y.iter().map(|y| &y[range.clone()]).collect();
            slices::overflow(overflow, &sources, &self.inverses);
            sources.push(overflow);
            for (dst, target) in targets.into_iter().zip(&self.targets) {
                let m = ring.modulus(target.prime);
                slices::linear_combination(m, target.reduce, dst, &sources, &target.constants);
            }
        };
        if n > 4 * BLOCK {
            blocks
                .into_par_iter()
                .enumerate()
                .with_min_len(4)
                .for_each(convert);
        } else {
            blocks.into_iter().enumerate().for_each(convert);
        }
    }
}

/// Columns that are converted together: 4 KiB a source.
const BLOCK: usize = 512;

/// `1/d mod p_j`, where `d` is the product of the primes `divisors`.
pub(super) fn inverse_of_product(ring: &Ring, divisors: &[usize], j: usize) -> Constant {
    let m = ring.modulus(j);
    m.constant(m.inv(m.product(divisors.iter().map(|d| ring.modulus(*d).value()))))
}
