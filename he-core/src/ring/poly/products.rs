//! Sums of products.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Ntt, PARALLEL_ELEMENTS, Poly};
use crate::arith::slices;

/// Columns of a key product that are computed together, so that the shared factors stay in the first-level cache.
const PAIR_COLUMNS: usize = 512;

impl Poly<Ntt> {
    /// `self += a b`. For several products at once, [`inner_product_acc`](Self::inner_product_acc) is faster.
    pub fn mul_acc(&mut self, a: &Self, b: &Self) {
        self.check(a);
        self.check(b);
        self.each(1, |m, i, x| {
            slices::mul_add_assign(m, x, a.limb(i), b.limb(i))
        });
    }

    /// `self += sum_i a_i b_i`. Each factor may live over more primes than `self` (a key at the top level,
    /// say): only the limbs of `self`'s primes are read.
    ///
    /// # Panics
    /// If a factor belongs to another ring or lacks a prime of `self`.
    pub fn inner_product_acc(&mut self, terms: &[(&Self, &Self)]) {
        let basis = self.basis;
        for (a, b) in terms {
            a.check_contains(&self.ring, basis);
            b.check_contains(&self.ring, basis);
        }
        self.each(terms.len(), |m, i, x| {
            let limbs: Vec<(&[f64], &[f64])> = terms
                .iter()
                .map(|(a, b)| {
                    (
                        a.limb(a.basis.limb_of(&basis, i)),
                        b.limb(b.basis.limb_of(&basis, i)),
                    )
                })
                .collect();
            slices::dot(m, true, x, &limbs);
        });
    }

    /// `self += sum_i a_i b_i` and `other += sum_i a_i c_i` for terms `(a_i, b_i, c_i)`: as two calls of
    /// [`inner_product_acc`](Self::inner_product_acc), but the `a_i` are read from memory once. This is the key product of a
    /// key switch: `a_i` the digits, `b_i` and `c_i` the halves of the key.
    ///
    /// # Panics
    /// If the bases of `self` and `other` differ; if a factor belongs to another ring or lacks a prime of `self`.
    pub fn inner_product_pair_acc(&mut self, other: &mut Self, terms: &[(&Self, &Self, &Self)]) {
        self.check(other);
        let (ring, basis) = (Arc::clone(&self.ring), self.basis);
        for factor in terms.iter().flat_map(|(a, b, c)| [a, b, c]) {
            factor.check_contains(&ring, basis);
        }
        let n = ring.degree();
        let pair = |(i, (x, y)): (usize, (&mut [f64], &mut [f64]))| {
            let m = ring.modulus(basis.prime(i));
            let columns = x.chunks_mut(PAIR_COLUMNS).zip(y.chunks_mut(PAIR_COLUMNS));
            for (block, (x, y)) in columns.enumerate() {
                let start = |p: &Self| p.basis.limb_of(&basis, i) * n + block * PAIR_COLUMNS;
                let len = x.len();
                let left: Vec<(&[f64], &[f64])> = terms
                    .iter()
                    .map(|(a, b, _)| {
                        (
                            &a.data[start(a)..start(a) + len],
                            &b.data[start(b)..start(b) + len],
                        )
                    })
                    .collect();
                let right: Vec<(&[f64], &[f64])> = terms
                    .iter()
                    .map(|(a, _, c)| {
                        (
                            &a.data[start(a)..start(a) + len],
                            &c.data[start(c)..start(c) + len],
                        )
                    })
                    .collect();
                slices::dot(m, true, x, &left);
                slices::dot(m, true, y, &right);
            }
        };
        let work = self.data.len() * terms.len();
        if work >= PARALLEL_ELEMENTS {
            let limbs = self
                .data
                .par_chunks_exact_mut(n)
                .zip(other.data.par_chunks_exact_mut(n));
            limbs.enumerate().for_each(pair);
        } else {
            self.data
                .chunks_exact_mut(n)
                .zip(other.data.chunks_exact_mut(n))
                .enumerate()
                .for_each(pair);
        }
    }
}
