//! Exact base conversion between sets of primes.

use super::Ring;
use crate::arith::{Buffer, Constant, slices};

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
    /// For each target: `Q/q_i mod p_j` for all `i`, then `-Q mod p_j`, all balanced.
    constants: Vec<Vec<f64>>,
    /// For each target: whether the sum must be reduced before a forward transform.
    reduce: Vec<bool>,
}

impl Converter {
    /// `from` and `to` are indices of primes of the ring.
    pub(super) fn new(ring: &Ring, from: &[usize], to: &[usize]) -> Self {
        let q = |i: usize| ring.modulus(i).value();
        let hat = |i: usize, j: usize| {
            ring.modulus(j)
                .product(from.iter().filter(|f| **f != i).map(|f| q(*f)))
        };
        let constants = to.iter().map(|&j| {
            let m = ring.modulus(j);
            let whole = m.neg(m.product(from.iter().map(|f| q(*f))));
            from.iter()
                .map(|&i| hat(i, j))
                .chain([whole])
                .map(|c| m.to_balanced(c))
                .collect()
        });
        let reduce = to.iter().map(|&j| {
            let bound = slices::linear_combination_bound(ring.modulus(j), from.len() + 1);
            bound > ring.table(j).input_limit()
        });
        Self {
            hat_inverses: from
                .iter()
                .map(|&i| ring.modulus(i).inv(hat(i, i)))
                .collect(),
            inverses: from.iter().map(|&i| ring.modulus(i).p_inverse()).collect(),
            constants: constants.collect(),
            reduce: reduce.collect(),
        }
    }

    /// What residues `x mod q_i` must be multiplied by to give `y_i`: fold it into the inverse transform.
    pub(super) fn hat_inverse(&self, i: usize) -> u64 {
        self.hat_inverses[i]
    }

    /// The overflow counts `v` of the scaled residues `y`.
    pub(super) fn overflow(&self, y: &[&[f64]]) -> Buffer {
        let mut v = Buffer::zero(y.first().map_or(0, |y| y.len()));
        slices::overflow(&mut v, y, &self.inverses);
        v
    }

    /// Residues modulo target `j`, small enough for its forward transform. `y_and_v` are the scaled residues, then `v`.
    pub(super) fn convert(
        &self,
        ring: &Ring,
        to: usize,
        j: usize,
        dst: &mut [f64],
        y_and_v: &[&[f64]],
    ) {
        slices::linear_combination(
            ring.modulus(to),
            self.reduce[j],
            dst,
            y_and_v,
            &self.constants[j],
        );
    }
}

/// `1/d mod p_j`, where `d` is the product of the primes `divisors`.
pub(super) fn inverse_of_product(ring: &Ring, divisors: &[usize], j: usize) -> Constant {
    let m = ring.modulus(j);
    m.constant(m.inv(m.product(divisors.iter().map(|d| ring.modulus(*d).value()))))
}
