//! Sums of products of pairs, all three components in one pass; see `slices::tensor` for the proof.

use super::dot::{Sum, split};
use super::residue::Prime;
use crate::arith::modulus::Modulus;
use crate::arith::simd::{Kernel, Lanes, Machine, Portable};

/// Both components of two factors.
pub type TensorTerm<'a> = [&'a [f64]; 4];

/// `(d_0, d_1, d_2) = [(d_0, d_1, d_2) +] sum_i (a_0 b_0, a_0 b_1 + a_1 b_0, a_1 b_1)` for terms `[a_0, a_1, b_0, b_1]`, balanced.
pub(in crate::arith) struct Tensor<'a> {
    pub(in crate::arith) modulus: Modulus,
    pub(in crate::arith) accumulate: bool,
    pub(in crate::arith) dst: [&'a mut [f64]; 3],
    pub(in crate::arith) terms: &'a [TensorTerm<'a>],
}

impl Kernel for Tensor<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(mut self, m: M) {
        let n = self.dst[0].len();
        assert!(
            self.dst.iter().all(|d| d.len() == n)
                && self.terms.iter().flatten().all(|x| x.len() == n),
            "slices of different lengths"
        );
        let mut i = 0;
        // SAFETY: no step passes n.
        unsafe {
            while n - i >= M::LANES {
                self.column(m, i);
                i += M::LANES;
            }
            while i < n {
                self.column(Portable, i);
                i += 1;
            }
        }
    }
}

impl Tensor<'_> {
    /// One vector of every component, from `i` on.
    ///
    /// # Safety
    /// All slices reach to the vector's end.
    #[inline(always)]
    unsafe fn column<M: Machine>(&mut self, m: M, i: usize) {
        let [d0, d1, d2] = &mut self.dst;
        let dst = [d0, d1, d2].map(|d| d.as_mut_ptr().wrapping_add(i));
        // SAFETY: the caller's promise, for all loads and stores.
        unsafe {
            let prime = Prime::new(m, &self.modulus);
            let split = m.splat(split(&self.modulus));
            let zero = m.splat(0.0);
            let mut d = if self.accumulate {
                [m.load(dst[0]), m.load(dst[1]), m.load(dst[2])]
            } else {
                [zero; 3]
            };
            for terms in self.terms.chunks(self.modulus.most_terms()) {
                let start = |low| Sum { high: split, low };
                // The middle component in two sums: each product waits for the one before in its sum.
                let mut sums = [start(d[0]), start(d[1]), start(zero), start(d[2])];
                for [a0, a1, b0, b1] in terms {
                    let at = |x: &[f64]| m.load(x.as_ptr().wrapping_add(i));
                    let (a0, a1, b0, b1) = (at(a0), at(a1), at(b0), at(b1));
                    sums[0] = sums[0].add_product(a0, b0);
                    sums[1] = sums[1].add_product(a0, b1);
                    sums[2] = sums[2].add_product(a1, b0);
                    sums[3] = sums[3].add_product(a1, b1);
                }
                let middle = sums[1].fold(prime, split).add(sums[2].fold(prime, split));
                d = [
                    prime.reduce(sums[0].fold(prime, split)),
                    prime.reduce(middle),
                    prime.reduce(sums[3].fold(prime, split)),
                ];
            }
            m.store(d[0], dst[0]);
            m.store(d[1], dst[1]);
            m.store(d[2], dst[2]);
        }
    }
}
