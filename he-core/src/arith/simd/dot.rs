//! Sums of products with one reduction at the end; see `slices::dot` for the proof.

use super::lanes::{Prime, ROUND};
use super::{Kernel, Lanes};
use crate::arith::Modulus;
use crate::arith::slices::MAX_TERMS;

/// A running sum of products: `high - split` and `low` add up to it.
#[derive(Clone, Copy)]
struct Sum<V> {
    high: V,
    low: V,
}

impl<V: Lanes> Sum<V> {
    #[inline(always)]
    fn add_product(self, a: V, b: V) -> Self {
        let high = a.mul_add(b, self.high);
        let rounded = high.sub(self.high);
        Self {
            high,
            low: self.low.add(a.mul_sub(b, rounded)),
        }
    }

    /// The sum modulo p, of magnitude at most `p + |low|`.
    #[inline(always)]
    fn fold(self, prime: Prime<V>, split: V) -> V {
        let high = self.high.sub(split);
        let q = high.mul_add(prime.inverse, prime.round).sub(prime.round);
        q.neg_mul_add(prime.p, high).add(self.low)
    }
}

/// The number whose last place is `2^split_bits`.
fn split(m: &Modulus) -> f64 {
    ROUND * (1u64 << m.split_bits()) as f64
}

/// `dst = [dst +] sum_i a_i b_i mod p`.
pub(in crate::arith) struct Dot<'a> {
    pub(in crate::arith) modulus: Modulus,
    pub(in crate::arith) accumulate: bool,
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) terms: &'a [(&'a [f64], &'a [f64])],
}

impl Kernel for Dot<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.dst.len();
        assert!(
            self.terms.iter().all(|(a, b)| a.len() == n && b.len() == n),
            "slices of different lengths"
        );
        let dst = self.dst.as_mut_ptr();
        let whole = n - n % V::LANES;
        let mut i = 0;
        while i < whole {
            // SAFETY: the caller has the instructions; i + LANES <= whole <= n.
            unsafe { self.column::<V>(dst, i) };
            i += V::LANES;
        }
        while i < n {
            // SAFETY: `f64` needs no instructions; i < n.
            unsafe { self.column::<f64>(dst, i) };
            i += 1;
        }
    }
}

impl Dot<'_> {
    /// # Safety
    /// The CPU has the instructions of `V`, all slices reach to `i + LANES`, and `dst` is the destination's start.
    #[inline(always)]
    unsafe fn column<V: Lanes>(&self, dst: *mut f64, i: usize) {
        // SAFETY: the caller's promise, for all loads and for the store.
        unsafe {
            let prime = Prime::<V>::new(&self.modulus);
            let split = V::splat(split(&self.modulus));
            let dst = dst.wrapping_add(i);
            let mut low = if self.accumulate {
                V::load(dst)
            } else {
                V::splat(0.0)
            };
            for chunk in self.terms.chunks(MAX_TERMS) {
                let mut sum = Sum { high: split, low };
                for (a, b) in chunk {
                    sum = sum.add_product(
                        V::load(a.as_ptr().wrapping_add(i)),
                        V::load(b.as_ptr().wrapping_add(i)),
                    );
                }
                low = prime.reduce(sum.fold(prime, split));
            }
            low.store(dst);
        }
    }
}

/// `dst = sum_i constants_i src_i mod p`, the last product reduced only on request.
pub(in crate::arith) struct Convert<'a> {
    pub(in crate::arith) modulus: Modulus,
    pub(in crate::arith) reduce: bool,
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: &'a [&'a [f64]],
    pub(in crate::arith) constants: &'a [f64],
}

impl Kernel for Convert<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.dst.len();
        assert!(
            self.src.iter().all(|s| s.len() == n),
            "slices of different lengths"
        );
        assert_eq!(
            self.src.len(),
            self.constants.len(),
            "one constant a source"
        );
        let dst = self.dst.as_mut_ptr();
        let whole = n - n % V::LANES;
        let mut i = 0;
        while i < whole {
            // SAFETY: the caller has the instructions; i + LANES <= whole <= n.
            unsafe { self.column::<V>(dst, i) };
            i += V::LANES;
        }
        while i < n {
            // SAFETY: `f64` needs no instructions; i < n.
            unsafe { self.column::<f64>(dst, i) };
            i += 1;
        }
    }
}

impl Convert<'_> {
    /// # Safety
    /// The CPU has the instructions of `V`, all slices reach to `i + LANES`, and `dst` is the destination's start.
    #[inline(always)]
    unsafe fn column<V: Lanes>(&self, dst: *mut f64, i: usize) {
        // SAFETY: as in `Dot::column`.
        unsafe {
            let prime = Prime::<V>::new(&self.modulus);
            let split = V::splat(split(&self.modulus));
            let mut low = V::splat(0.0);
            let mut done = 0;
            for (src, constants) in self
                .src
                .chunks(MAX_TERMS)
                .zip(self.constants.chunks(MAX_TERMS))
            {
                let mut sum = Sum { high: split, low };
                for (s, c) in src.iter().zip(constants) {
                    sum = sum.add_product(V::load(s.as_ptr().wrapping_add(i)), V::splat(*c));
                }
                low = sum.fold(prime, split);
                done += src.len();
                if self.reduce || done < self.src.len() {
                    low = prime.reduce(low);
                }
            }
            low.store(dst.wrapping_add(i));
        }
    }
}

/// `dst = round(sum_i src_i inverses_i)`, summed in this order.
pub(in crate::arith) struct Overflow<'a> {
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: &'a [&'a [f64]],
    pub(in crate::arith) inverses: &'a [f64],
}

impl Kernel for Overflow<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.dst.len();
        assert!(
            self.src.iter().all(|s| s.len() == n),
            "slices of different lengths"
        );
        assert_eq!(self.src.len(), self.inverses.len(), "one inverse a source");
        let dst = self.dst.as_mut_ptr();
        let whole = n - n % V::LANES;
        let mut i = 0;
        while i < whole {
            // SAFETY: the caller has the instructions; i + LANES <= whole <= n.
            unsafe { self.column::<V>(dst, i) };
            i += V::LANES;
        }
        while i < n {
            // SAFETY: `f64` needs no instructions; i < n.
            unsafe { self.column::<f64>(dst, i) };
            i += 1;
        }
    }
}

impl Overflow<'_> {
    /// # Safety
    /// The CPU has the instructions of `V`, all slices reach to `i + LANES`, and `dst` is the destination's start.
    #[inline(always)]
    unsafe fn column<V: Lanes>(&self, dst: *mut f64, i: usize) {
        // SAFETY: as in `Dot::column`.
        unsafe {
            let mut sum = V::splat(0.0);
            for (s, inverse) in self.src.iter().zip(self.inverses) {
                sum = V::load(s.as_ptr().wrapping_add(i)).mul_add(V::splat(*inverse), sum);
            }
            let round = V::splat(ROUND);
            sum.add(round).sub(round).store(dst.wrapping_add(i));
        }
    }
}
