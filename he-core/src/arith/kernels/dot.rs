//! Sums of products with one reduction at the end; see `slices::dot` for the proof.

use super::residue::Prime;
use crate::arith::modulus::Modulus;
use crate::arith::simd::{Kernel, Lanes, Machine, Portable, ROUND, array4};

/// Number of products of reduced residues that `slices::dot` and `slices::linear_combination` add
/// before they reduce.
pub const MAX_TERMS: usize = 8;

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
    unsafe fn start<M: Machine, const ONE: bool>(&self, m: M, _i: usize) -> [M::Vector; 4] {
        [m.splat(0.0); 4]
    }

    /// Four vectors of both factors of term `k`, `LANES` values apart from `i` on; with `ONE`, the first vector four times.
    ///
    /// # Safety
    /// `k < count`, and all slices reach to the vectors' end.
    unsafe fn load<M: Machine, const ONE: bool>(
        &self,
        m: M,
        k: usize,
        i: usize,
    ) -> [(M::Vector, M::Vector); 4];
}

/// How far ahead second factors are asked for: they are keys, which come from memory, and the processor's own prefetching stops at the end of
/// every page. Not farther than memory takes: what is past the end of a block is often not what comes next.
const AHEAD: usize = 64;

/// # Safety
/// The vectors lie in an allocation.
#[inline(always)]
unsafe fn load<M: Machine, const ONE: bool>(m: M, x: *const f64) -> [M::Vector; 4] {
    // SAFETY: the caller's promise.
    unsafe { array4!(u => m.load(x.wrapping_add(if ONE { 0 } else { u * M::LANES }))) }
}

impl Terms for &[(&[f64], &[f64])] {
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    unsafe fn load<M: Machine, const ONE: bool>(
        &self,
        m: M,
        k: usize,
        i: usize,
    ) -> [(M::Vector, M::Vector); 4] {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = self.get_unchecked(k);
            let a = load::<M, ONE>(m, a.as_ptr().wrapping_add(i));
            let ahead = b.as_ptr().wrapping_add(i + AHEAD);
            if !ONE {
                // As many cache lines as four vectors are.
                m.prefetch(ahead);
                if M::LANES > 2 {
                    m.prefetch(ahead.wrapping_add(8));
                }
                if M::LANES > 4 {
                    m.prefetch(ahead.wrapping_add(16));
                    m.prefetch(ahead.wrapping_add(24));
                }
            }
            let b = load::<M, ONE>(m, b.as_ptr().wrapping_add(i));
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
    unsafe fn start<M: Machine, const ONE: bool>(&self, m: M, i: usize) -> [M::Vector; 4] {
        // SAFETY: the caller's promise.
        unsafe {
            match self.overflow {
                None => [m.splat(0.0); 4],
                Some((v, c)) => {
                    let (v, c) = (load::<M, ONE>(m, v.as_ptr().wrapping_add(i)), m.splat(c));
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
    unsafe fn load<M: Machine, const ONE: bool>(
        &self,
        m: M,
        k: usize,
        i: usize,
    ) -> [(M::Vector, M::Vector); 4] {
        // SAFETY: the caller's promise; there are as many constants as sources.
        unsafe {
            let c = m.splat(*self.constants.get_unchecked(k));
            let a = load::<M, ONE>(m, self.src.get_unchecked(k).as_ptr().wrapping_add(i));
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
    /// The destination and all slices have `n` values.
    #[inline(always)]
    unsafe fn run<M: Machine>(self, m: M, n: usize, terms: impl Terms) {
        let mut i = 0;
        // SAFETY: no step passes n.
        unsafe {
            while n - i >= 4 * M::LANES {
                self.columns::<M, false>(m, &terms, i);
                i += 4 * M::LANES;
            }
            while n - i >= M::LANES {
                self.columns::<M, true>(m, &terms, i);
                i += M::LANES;
            }
            while i < n {
                self.columns::<Portable, true>(Portable, &terms, i);
                i += 1;
            }
        }
    }

    /// Four vectors from `i` on, or one.
    ///
    /// # Safety
    /// The destination and all slices reach to the vectors' end.
    #[inline(always)]
    unsafe fn columns<M: Machine, const ONE: bool>(self, m: M, terms: &impl Terms, i: usize) {
        // SAFETY: the caller's promise, for all loads and for the stores.
        unsafe {
            let prime = Prime::new(m, &self.modulus);
            let split = m.splat(split(&self.modulus));
            let dst = self.dst.wrapping_add(i);
            let mut low = if self.accumulate {
                load::<M, ONE>(m, dst)
            } else {
                terms.start::<M, ONE>(m, i)
            };
            let count = terms.count();
            let mut k = 0;
            while k < count {
                let end = count.min(k + MAX_TERMS);
                let mut sum = array4!(u => Sum { high: split, low: low[u] });
                while k < end {
                    let t = terms.load::<M, ONE>(m, k, i);
                    sum = array4!(u => sum[if ONE { 0 } else { u }].add_product(t[u].0, t[u].1));
                    k += 1;
                }
                low = array4!(u => sum[u].fold(prime, split));
                if self.reduce || k < count {
                    low = array4!(u => prime.reduce(low[u]));
                }
            }
            if ONE {
                m.store(low[0], dst);
            } else {
                array4!(u => m.store(low[u], dst.wrapping_add(u * M::LANES)));
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
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
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
        // SAFETY: lengths are checked.
        unsafe { target.run(m, n, self.terms) }
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
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
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
        // SAFETY: lengths are checked.
        unsafe { target.run(m, n, terms) }
    }
}

/// `dst = round(sum_i src_i inverses_i)`, summed in this order.
pub(in crate::arith) struct Overflow<'a> {
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: &'a [&'a [f64]],
    pub(in crate::arith) inverses: &'a [f64],
}

impl Kernel for Overflow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let n = self.dst.len();
        assert!(
            self.src.iter().all(|s| s.len() == n),
            "slices of different lengths"
        );
        assert_eq!(self.src.len(), self.inverses.len(), "one inverse a source");
        let dst = self.dst.as_mut_ptr();
        let mut i = 0;
        // SAFETY: no step passes n.
        unsafe {
            while n - i >= M::LANES {
                overflow(m, dst, self.src, self.inverses, i);
                i += M::LANES;
            }
            while i < n {
                overflow(Portable, dst, self.src, self.inverses, i);
                i += 1;
            }
        }
    }
}

/// # Safety
/// All slices, and `dst`, reach to `i + LANES`.
#[inline(always)]
unsafe fn overflow<M: Machine>(m: M, dst: *mut f64, src: &[&[f64]], inverses: &[f64], i: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = m.splat(0.0);
        for (s, inverse) in src.iter().zip(inverses) {
            sum = m
                .load(s.as_ptr().wrapping_add(i))
                .mul_add(m.splat(*inverse), sum);
        }
        let round = m.splat(ROUND);
        m.store(sum.add(round).sub(round), dst.wrapping_add(i));
    }
}
