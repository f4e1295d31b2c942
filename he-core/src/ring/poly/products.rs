//! Sums of products.

use std::ops::Range;

use rayon::prelude::*;

use super::{Basis, Ntt, Poly};
use crate::arith::{TensorTerm, slices};

/// The components of a ciphertext.
pub(crate) type Pair<'a> = [&'a Poly<Ntt>; 2];

/// Values of a limb that one task works on.
const STRIP: usize = 2048;
/// Values that go through all factors at a stretch (4 KiB), and factors that do so: with both components of a row of them, 128 KiB, they stay
/// in the second-level cache until all rows of the other side have met them.
const PIECE: usize = 512;
const FACTORS: usize = 16;

/// `sums[i C + j] (+)= sum_t left[i][t] (x) right[j][t]` for C rows on the right: a matrix product whose elements are ciphertexts and whose product is the
/// tensor product. Without `accumulate` what the sums held is overwritten. Only limbs of the sums' primes are read.
///
/// # Panics
/// Unless all sums have one basis, all rows one length and all factors the primes of the sums.
pub(crate) fn tensor_products(
    sums: &mut [&mut [Poly<Ntt>; 3]],
    accumulate: bool,
    left: &[Vec<Pair<'_>>],
    right: &[Vec<Pair<'_>>],
) {
    let Some([first, ..]) = sums.first() else {
        return;
    };
    let (ring, basis) = (std::sync::Arc::clone(&first.ring), first.basis);
    let count = left.first().map_or(0, Vec::len);
    assert_eq!(sums.len(), left.len() * right.len(), "one sum a pair");
    for row in left.iter().chain(right) {
        assert_eq!(row.len(), count, "rows of one length");
        for poly in row.iter().flatten() {
            poly.check_contains(&ring, basis);
        }
    }
    let n = ring.degree();
    let strip = STRIP.min(n);
    let strips = n / strip;
    let mut tasks: Vec<Vec<[&mut [f64]; 3]>> = (0..basis.limbs() * strips)
        .map(|_| Vec::with_capacity(sums.len()))
        .collect();
    for sum in sums {
        assert!(sum.iter().all(|d| d.basis == basis), "sums over one basis");
        let [a, b, c] = sum.each_mut().map(|d| d.data.chunks_exact_mut(strip));
        for (task, ((a, b), c)) in tasks.iter_mut().zip(a.zip(b).zip(c)) {
            task.push([a, b, c]);
        }
    }
    tasks
        .into_par_iter()
        .enumerate()
        .for_each(|(index, mut task)| {
            let (limb, start) = (index / strips, index % strips * strip);
            let m = ring.modulus(basis.prime(limb));
            let (left, right) = (
                strips_of(left, basis, limb, start..start + strip),
                strips_of(right, basis, limb, start..start + strip),
            );
            for piece in (0..strip)
                .step_by(PIECE)
                .map(|from| from..strip.min(from + PIECE))
            {
                for first in (0..count).step_by(FACTORS) {
                    let factors = first..count.min(first + FACTORS);
                    for (j, b) in right.iter().enumerate() {
                        for (i, a) in left.iter().enumerate() {
                            let mut terms: [TensorTerm<'_>; FACTORS] = [[&[]; 4]; FACTORS];
                            let pairs = a[factors.clone()].iter().zip(&b[factors.clone()]);
                            for (term, ([a0, a1], [b0, b1])) in terms.iter_mut().zip(pairs) {
                                *term = [a0, a1, b0, b1].map(|x| &x[piece.clone()]);
                            }
                            let terms = &terms[..factors.len()];
                            let dst = task[i * right.len() + j]
                                .each_mut()
                                .map(|d| &mut d[piece.clone()]);
                            slices::tensor(m, accumulate || first > 0, dst, terms);
                        }
                    }
                }
            }
        });
}

/// Some values of a limb of every factor.
fn strips_of<'a>(
    rows: &[Vec<Pair<'a>>],
    basis: Basis,
    limb: usize,
    values: Range<usize>,
) -> Vec<Vec<[&'a [f64]; 2]>> {
    let values_of =
        |poly: &'a Poly<Ntt>| &poly.limb(poly.basis.limb_of(&basis, limb))[values.clone()];
    let rows = rows.iter();
    rows.map(|row| row.iter().map(|pair| pair.map(values_of)).collect())
        .collect()
}

impl Poly<Ntt> {
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
}
