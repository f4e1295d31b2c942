//! Sums of products with one reduction at the end; see `slices::dot` for the proof.

use super::lanes::{Prime, ROUND, array4};
use super::{Kernel, Lanes, Machine};
use crate::arith::Modulus;
use crate::arith::slices::MAX_TERMS;

/// A running sum of products: `high - split` and `low` add up to it.
#[derive(Clone, Copy)]
pub(super) struct Sum<V> {
    pub(super) high: V,
    pub(super) low: V,
}

impl<V: Lanes> Sum<V> {
    #[inline(always)]
    pub(super) fn add_product(self, a: V, b: V) -> Self {
        let high = a.mul_add(b, self.high);
        let rounded = high.sub(self.high);
        Self {
            high,
            low: self.low.add(a.mul_sub(b, rounded)),
        }
    }

    /// The sum modulo p, of magnitude at most `p + |low|`.
    #[inline(always)]
    pub(super) fn fold(self, prime: Prime<V>, split: V) -> V {
        let high = self.high.sub(split);
        let q = high.mul_add(prime.inverse, prime.round).sub(prime.round);
        q.neg_mul_add(prime.p, high).add(self.low)
    }
}

/// The number whose last place is `2^split_bits`.
pub(super) fn split(m: &Modulus) -> f64 {
    ROUND * (1u64 << m.split_bits()) as f64
}

/// The products of a sum.
trait Terms {
    fn count(&self) -> usize;

    /// Where the four vectors of the sum start, from `i` on.
    ///
    /// # Safety
    /// As for [`Terms::load`].
    #[inline(always)]
    unsafe fn start<V: Lanes, const ONE: bool>(&self, _i: usize) -> [V; 4] {
        // SAFETY: the caller's promise.
        unsafe { [V::splat(0.0); 4] }
    }

    /// Four vectors of both factors of term `k`, `LANES` values apart from `i` on; with `ONE`, the first vector four times.
    ///
    /// # Safety
    /// The CPU has the instructions of `V`, `k < count`, and all slices reach to the vectors' end.
    unsafe fn load<V: Machine, const ONE: bool>(&self, k: usize, i: usize) -> [(V, V); 4];
}

/// How far ahead second factors are asked for: they are keys, which come from memory, and the processor's own prefetching stops at the end of
/// every page. Not farther than memory takes: what is past the end of a block is often not what comes next.
const AHEAD: usize = 64;

/// # Safety
/// The CPU has the instructions of `V`; the vectors lie in an allocation.
#[inline(always)]
unsafe fn load<V: Lanes, const ONE: bool>(x: *const f64) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe { array4!(u => V::load(x.wrapping_add(if ONE { 0 } else { u * V::LANES }))) }
}

impl Terms for &[(&[f64], &[f64])] {
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    unsafe fn load<V: Machine, const ONE: bool>(&self, k: usize, i: usize) -> [(V, V); 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = self.get_unchecked(k);
            let a = load::<V, ONE>(a.as_ptr().wrapping_add(i));
            let ahead = b.as_ptr().wrapping_add(i + AHEAD);
            if !ONE {
                // As many cache lines as four vectors are.
                V::prefetch(ahead);
                if V::LANES > 2 {
                    V::prefetch(ahead.wrapping_add(8));
                }
                if V::LANES > 4 {
                    V::prefetch(ahead.wrapping_add(16));
                    V::prefetch(ahead.wrapping_add(24));
                }
            }
            let b = load::<V, ONE>(b.as_ptr().wrapping_add(i));
            array4!(u => (a[u], b[u]))
        }
    }
}

/// Products of slices with constants.
#[derive(Clone, Copy)]
struct Scaled<'a> {
    src: &'a [&'a [f64]],
    constants: &'a [f64],
    overflow: Option<(&'a [f64], f64)>,
}

impl Terms for Scaled<'_> {
    #[inline(always)]
    unsafe fn start<V: Lanes, const ONE: bool>(&self, i: usize) -> [V; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            match self.overflow {
                None => [V::splat(0.0); 4],
                Some((v, c)) => {
                    let (v, c) = (load::<V, ONE>(v.as_ptr().wrapping_add(i)), V::splat(c));
                    array4!(u => v[u].mul(c))
                }
            }
        }
    }
    #[inline(always)]
    fn count(&self) -> usize {
        self.src.len()
    }
    #[inline(always)]
    unsafe fn load<V: Machine, const ONE: bool>(&self, k: usize, i: usize) -> [(V, V); 4] {
        // SAFETY: the caller's promise; there are as many constants as sources.
        unsafe {
            let c = V::splat(*self.constants.get_unchecked(k));
            let a = load::<V, ONE>(self.src.get_unchecked(k).as_ptr().wrapping_add(i));
            array4!(u => (a[u], c))
        }
    }
}

/// What to do with a sum of products.
#[derive(Clone, Copy)]
struct Target {
    modulus: Modulus,
    dst: *mut f64,
    /// Whether to add the destination's old value.
    accumulate: bool,
    /// Whether to reduce the result.
    reduce: bool,
}

impl Target {
    /// All of the destination's `n` values.
    ///
    /// # Safety
    /// The CPU has the instructions of `V`; the destination and all slices have `n` values.
    #[inline(always)]
    unsafe fn run<V: Machine>(self, n: usize, terms: impl Terms) {
        let mut i = 0;
        // SAFETY: the caller has the instructions (`f64` needs none); no step passes n.
        unsafe {
            while n - i >= 4 * V::LANES {
                self.columns::<V, false>(&terms, i);
                i += 4 * V::LANES;
            }
            while n - i >= V::LANES {
                self.columns::<V, true>(&terms, i);
                i += V::LANES;
            }
            while i < n {
                self.columns::<f64, true>(&terms, i);
                i += 1;
            }
        }
    }

    /// Four vectors from `i` on, or one.
    ///
    /// # Safety
    /// The CPU has the instructions of `V`; the destination and all slices reach to the vectors' end.
    #[inline(always)]
    unsafe fn columns<V: Machine, const ONE: bool>(self, terms: &impl Terms, i: usize) {
        // SAFETY: the caller's promise, for all loads and for the stores.
        unsafe {
            let prime = Prime::<V>::new(&self.modulus);
            let split = V::splat(split(&self.modulus));
            let dst = self.dst.wrapping_add(i);
            let mut low = if self.accumulate {
                load::<V, ONE>(dst)
            } else {
                terms.start::<V, ONE>(i)
            };
            let count = terms.count();
            let mut k = 0;
            while k < count {
                let end = count.min(k + MAX_TERMS);
                let mut sum = array4!(u => Sum { high: split, low: low[u] });
                while k < end {
                    let t = terms.load::<V, ONE>(k, i);
                    sum = array4!(u => sum[if ONE { 0 } else { u }].add_product(t[u].0, t[u].1));
                    k += 1;
                }
                low = array4!(u => sum[u].fold(prime, split));
                if self.reduce || k < count {
                    low = array4!(u => prime.reduce(low[u]));
                }
            }
            if ONE {
                low[0].store(dst);
            } else {
                array4!(u => low[u].store(dst.wrapping_add(u * V::LANES)));
            }
        }
    }
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
    unsafe fn run<V: Machine>(self) {
        let n = self.dst.len();
        assert!(
            self.terms.iter().all(|(a, b)| a.len() == n && b.len() == n),
            "slices of different lengths"
        );
        let Self {
            modulus,
            accumulate,
            ..
        } = self;
        let target = Target {
            modulus,
            dst: self.dst.as_mut_ptr(),
            accumulate,
            reduce: true,
        };
        // SAFETY: the caller has the instructions; lengths are checked.
        unsafe { target.run::<V>(n, self.terms) }
    }
}

/// `dst = sum_i constants_i src_i + c v mod p`, reduced on request.
pub(in crate::arith) struct Convert<'a> {
    pub(in crate::arith) modulus: Modulus,
    pub(in crate::arith) reduce: bool,
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: &'a [&'a [f64]],
    pub(in crate::arith) constants: &'a [f64],
    /// Small integers and their factor.
    pub(in crate::arith) overflow: Option<(&'a [f64], f64)>,
}

impl Kernel for Convert<'_> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let Self {
            modulus,
            reduce,
            dst,
            src,
            constants,
            overflow,
        } = self;
        let n = dst.len();
        let small = overflow.iter().map(|(v, _)| v);
        assert!(
            src.iter().chain(small).all(|s| s.len() == n),
            "slices of different lengths"
        );
        assert_eq!(src.len(), constants.len(), "one constant a source");
        let target = Target {
            modulus,
            dst: dst.as_mut_ptr(),
            accumulate: false,
            reduce,
        };
        let terms = Scaled {
            src,
            constants,
            overflow,
        };
        // SAFETY: the caller has the instructions; lengths are checked.
        unsafe { target.run::<V>(n, terms) }
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
    unsafe fn run<V: Machine>(self) {
        let n = self.dst.len();
        assert!(
            self.src.iter().all(|s| s.len() == n),
            "slices of different lengths"
        );
        assert_eq!(self.src.len(), self.inverses.len(), "one inverse a source");
        let dst = self.dst.as_mut_ptr();
        let mut i = 0;
        // SAFETY: the caller has the instructions (`f64` needs none); no step passes n.
        unsafe {
            while n - i >= V::LANES {
                overflow::<V>(dst, self.src, self.inverses, i);
                i += V::LANES;
            }
            while i < n {
                overflow::<f64>(dst, self.src, self.inverses, i);
                i += 1;
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions of `V`; all slices, and `dst`, reach to `i + LANES`.
#[inline(always)]
unsafe fn overflow<V: Lanes>(dst: *mut f64, src: &[&[f64]], inverses: &[f64], i: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = V::splat(0.0);
        for (s, inverse) in src.iter().zip(inverses) {
            sum = V::load(s.as_ptr().wrapping_add(i)).mul_add(V::splat(*inverse), sum);
        }
        let round = V::splat(ROUND);
        sum.add(round).sub(round).store(dst.wrapping_add(i));
    }
}
