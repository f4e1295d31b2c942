//! The canonical embedding of R[X]/(X^N + 1) as a fast transform over `f64`.
//!
//! With zeta = exp(i pi / N), slot j of a real polynomial m is m(zeta^(5^j)), j = 0 .. N/2 (Cheon, Kim, Kim, Song, ePrint 2016/421,
//! section 3; the orbit of 5 as in Cheon, Han, Kim, Kim, Song, ePrint 2018/153, section 4). Every exponent is 1 modulo 4, where X^(N/2) = i,
//! so m(X) = c(X) with the complex coefficients c_k = m_k + i m_(k + N/2), k = 0 .. n, n = N/2. Slots are therefore the residues of c
//! modulo the n factors of Y^n - i, found by splitting Y^(2h) - w^2 into Y^h - w and Y^h + w, layer by layer.
//!
//! # Error
//! Let u = 2^-53 and L = log2 n. A root of unity is off by at most 3u: its angle, at most pi/4, by two roundings, its two
//! components by one unit in the last place each. A complex product errs by at most 2.83 u of its size, a complex sum by u.
//! A layer maps pairs (x, y) to (x + w y, x - w y), sqrt(2) times an isometry, so it adds at most (3 + 2.83 + 1) u < 7 u to the relative
//! error in the Euclidean norm, and so does its inverse. Over L layers: **relative error at most 7 L u** ([`error_bound`]) in the root mean square, both
//! ways (as in Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, theorem 24.2).
//!
//! # Determinism
//! Sums and products are single IEEE operations in a fixed order, never fused, and the roots come from the `libm` crate, not from
//! the system: the same bits on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use num_complex::Complex64;

use super::wipe::wipe_slots;

/// Tables of the embedding for one ring degree.
#[derive(Clone, Debug)]
pub(super) struct Embedding {
    /// Node m of the tree of factors (root 1, children 2m and 2m + 1): the w of its split.
    split: Vec<Complex64>,
    /// Slot j stands at this leaf.
    leaf: Vec<u32>,
}

/// Relative error of a transform of `slots` slots in the root mean square; see the module text.
pub(super) fn error_bound(slots: usize) -> f64 {
    7.0 * f64::from(slots.ilog2()) * (f64::EPSILON / 2.0)
}

/// exp(i pi e / n), for n a multiple of 4.
pub(super) fn root(e: usize, n: usize) -> Complex64 {
    let (quadrant, r) = (e / (n / 2) % 4, e % (n / 2));
    let angle = |r: usize| PI * (r as f64 / n as f64);
    let (c, s) = if 4 * r == n {
        (FRAC_1_SQRT_2, FRAC_1_SQRT_2)
    } else if 4 * r < n {
        (libm::cos(angle(r)), libm::sin(angle(r)))
    } else {
        (libm::sin(angle(n / 2 - r)), libm::cos(angle(n / 2 - r)))
    };
    match quadrant {
        0 => Complex64::new(c, s),
        1 => Complex64::new(-s, c),
        2 => Complex64::new(-c, -s),
        _ => Complex64::new(s, -c),
    }
}

impl Embedding {
    /// Tables for N = 2^`log_n`, at least 8.
    pub(super) fn new(log_n: u32) -> Self {
        let n = 1usize << log_n;
        let slots = n / 2;
        // Node m stands for Y^h - zeta^exponent[m].
        let mut exponent = vec![0usize; 2 * slots];
        exponent[1] = n / 2;
        for m in 1..slots {
            exponent[2 * m] = exponent[m] / 2;
            exponent[2 * m + 1] = exponent[m] / 2 + n;
        }
        let split = (0..slots).map(|m| root(exponent[m] / 2, n)).collect();
        let mut leaf_of_exponent = vec![0u32; 2 * n];
        for (leaf, e) in exponent[slots..].iter().enumerate() {
            leaf_of_exponent[*e] = leaf as u32;
        }
        let orbit = std::iter::successors(Some(1usize), |e| Some(e * 5 % (2 * n)));
        let leaf = orbit.take(slots).map(|e| leaf_of_exponent[e]).collect();
        Self { split, leaf }
    }

    pub(super) fn slots(&self) -> usize {
        self.leaf.len()
    }

    /// Values at the slots' roots of the polynomial with complex coefficients c.
    pub(super) fn evaluate(&self, mut c: Vec<Complex64>) -> Vec<Complex64> {
        let mut h = self.slots() / 2;
        let mut first = 1;
        while h > 0 {
            for (block, w) in c.chunks_exact_mut(2 * h).zip(&self.split[first..2 * first]) {
                let (low, high) = block.split_at_mut(h);
                for (x, y) in low.iter_mut().zip(high) {
                    let t = *w * *y;
                    (*x, *y) = (*x + t, *x - t);
                }
            }
            h /= 2;
            first *= 2;
        }
        let values = self.leaf.iter().map(|&l| c[l as usize]).collect();
        wipe_slots(&mut c);
        values
    }

    /// The inverse of [`Embedding::evaluate`], times the number of slots.
    pub(super) fn interpolate(&self, slots: &[Complex64]) -> Vec<Complex64> {
        let mut c = vec![Complex64::ZERO; self.slots()];
        for (&l, z) in self.leaf.iter().zip(slots) {
            c[l as usize] = *z;
        }
        let mut h = 1;
        let mut first = self.slots() / 2;
        while first > 0 {
            for (block, w) in c.chunks_exact_mut(2 * h).zip(&self.split[first..2 * first]) {
                let (low, high) = block.split_at_mut(h);
                let w = w.conj();
                for (x, y) in low.iter_mut().zip(high) {
                    (*x, *y) = (*x + *y, w * (*x - *y));
                }
            }
            h *= 2;
            first /= 2;
        }
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_exact_where_they_can_be_and_lie_on_the_circle() {
        let n = 1 << 10;
        assert_eq!(root(0, n), Complex64::ONE);
        assert_eq!(root(n / 2, n), Complex64::I);
        assert_eq!(root(n, n), -Complex64::ONE);
        for e in 0..2 * n {
            // |root|^2 off by at most twice the root's own 3 u, and the roundings of this test.
            assert!((root(e, n).norm_sqr() - 1.0).abs() < 8.0 * f64::EPSILON / 2.0);
            assert_eq!(root(e, n).conj(), root(2 * n - e, n));
        }
    }
}
