//! The operations that kernels are written in.
//!
//! Kernels use neither closures nor `array::map` on vectors: a function that has not the instruction set enabled
//! cannot inline an intrinsic, and only `#[inline(always)]` functions are sure to be inlined first.

use std::ops::Range;

use super::ntt::Inverse;
use super::permute::{Gather, permute_gathered};
use super::tail::{Rows, forward_split, inverse_split};
use crate::arith::NttTable;
use crate::arith::permutation::Pattern;

/// `[f(0), .., f(7)]` without a closure.
macro_rules! array8 {
    ($k:ident => $value:expr) => {
        [
            {
                let $k = 0;
                $value
            },
            {
                let $k = 1;
                $value
            },
            {
                let $k = 2;
                $value
            },
            {
                let $k = 3;
                $value
            },
            {
                let $k = 4;
                $value
            },
            {
                let $k = 5;
                $value
            },
            {
                let $k = 6;
                $value
            },
            {
                let $k = 7;
                $value
            },
        ]
    };
}
pub(super) use array8;

/// `[f(0), .., f(3)]` without a closure.
macro_rules! array4 {
    ($k:ident => $value:expr) => {
        [
            {
                let $k = 0;
                $value
            },
            {
                let $k = 1;
                $value
            },
            {
                let $k = 2;
                $value
            },
            {
                let $k = 3;
                $value
            },
        ]
    };
}
pub(super) use array4;

/// A vector of `f64`. A value of an instruction set's type exists only where [`Lanes::splat`] or
/// [`Lanes::load`] made it, whose contract is that the instruction set is there: so the arithmetic
/// is safe to call.
pub(in crate::arith) trait Lanes: Copy {
    /// Number of lanes.
    const LANES: usize;

    /// All lanes `x`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type.
    unsafe fn splat(x: f64) -> Self;

    /// The `LANES` values at `src`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type, and `src` is valid for reading `LANES` values.
    unsafe fn load(src: *const f64) -> Self;

    /// Writes the lanes to `dst`.
    ///
    /// # Safety
    /// `dst` is valid for writing `LANES` values.
    unsafe fn store(self, dst: *mut f64);

    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    /// `self b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self b - c`, rounded once.
    fn mul_sub(self, b: Self, c: Self) -> Self;
    /// `c - self b`, rounded once.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
}

/// The vectors of an instruction set, and what it has for them beside arithmetic.
pub(in crate::arith) trait Machine: Lanes {
    /// Moves the 64 values of a group.
    ///
    /// # Safety
    /// The CPU has the instructions of this type; `src` is valid for reading and `dst` for writing a group; they do not overlap.
    unsafe fn permute_group(src: *const f64, dst: *mut f64, pattern: &Pattern);

    /// Asks for the cache line of `src`, which need not be valid. Where there is no such instruction: nothing.
    #[inline(always)]
    fn prefetch(_src: *const f64) {}

    /// Whether the tails do the two layers of a row's last pass too, where [`with_last_pass`](super::tail::with_last_pass).
    const WHOLE_TAIL: bool = false;

    /// The last three layers of the forward transform and its reduction, on some groups; see `tail`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type; `x` points to the table's `n` values; `GROUP (groups.end) <= n`.
    unsafe fn forward_tail(table: &NttTable, x: *mut f64, groups: Range<usize>);

    /// The first three layers of the inverse, on some groups, from one place to another or in place.
    ///
    /// # Safety
    /// As for [`Machine::forward_tail`], for both `from` and `to`, which are one or do not overlap; `from` is only read.
    unsafe fn inverse_tail(job: &Inverse<'_>, from: *const f64, to: *mut f64, groups: Range<usize>);
}

impl Lanes for f64 {
    const LANES: usize = 1;
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        x
    }
    #[inline(always)]
    unsafe fn load(src: *const f64) -> Self {
        // SAFETY: the caller's promise.
        unsafe { *src }
    }
    #[inline(always)]
    unsafe fn store(self, dst: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe { *dst = self }
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self + b
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self - b
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self * b
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        f64::mul_add(self, b, c)
    }
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        f64::mul_add(self, b, -c)
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        f64::mul_add(-self, b, c)
    }
}

impl Machine for f64 {
    #[inline(always)]
    unsafe fn permute_group(src: *const f64, dst: *mut f64, pattern: &Pattern) {
        // SAFETY: the caller's promise.
        unsafe { permute_gathered::<Self>(src, dst, pattern) }
    }
    #[inline(always)]
    unsafe fn forward_tail(table: &NttTable, x: *mut f64, groups: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { forward_split::<Self>(table, x, groups) }
    }
    #[inline(always)]
    unsafe fn inverse_tail(
        job: &Inverse<'_>,
        from: *const f64,
        to: *mut f64,
        groups: Range<usize>,
    ) {
        // SAFETY: the caller's promise.
        unsafe { inverse_split::<Self>(job, from, to, groups) }
    }
}

impl Gather for f64 {
    #[inline(always)]
    unsafe fn gather(src: *const f64, index: *const u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe { *src.wrapping_add(usize::from(*index)) }
    }
}

impl Rows for f64 {
    #[inline(always)]
    unsafe fn load_rows(src: *const f64) -> [Self; 4] {
        // SAFETY: the caller's promise; an array of `f64` is aligned as `f64`.
        unsafe { *src.cast() }
    }
    #[inline(always)]
    unsafe fn store_rows(x: [Self; 4], dst: *mut f64) {
        // SAFETY: the caller's promise; an array of `f64` is aligned as `f64`.
        unsafe { *dst.cast() = x }
    }
}

/// `1.5 x 2^52`: adding it to a number of magnitude at most `2^51` rounds that to an integer, ties
/// to even, because the sum lies in `[2^52, 2^53]`, where doubles are the integers.
pub(in crate::arith) const ROUND: f64 = 6_755_399_441_055_744.0;

/// The constants of a prime, in every lane.
#[derive(Clone, Copy)]
pub(super) struct Prime<V> {
    pub(super) p: V,
    pub(super) inverse: V,
    pub(super) round: V,
}

impl<V: Lanes> Prime<V> {
    /// # Safety
    /// The CPU has the instructions of `V`.
    #[inline(always)]
    pub(super) unsafe fn new(m: &crate::arith::Modulus) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            Self {
                p: V::splat(m.p()),
                inverse: V::splat(m.p_inverse()),
                round: V::splat(ROUND),
            }
        }
    }

    /// The balanced residue; see `slices::reduce`.
    #[inline(always)]
    pub(super) fn reduce(self, x: V) -> V {
        let q = x.mul_add(self.inverse, self.round).sub(self.round);
        q.neg_mul_add(self.p, x)
    }

    /// `a w` for a prepared constant; see `slices::mul_constant`.
    #[inline(always)]
    pub(super) fn mul_constant(self, a: V, w: V, quotient: V) -> V {
        let h = a.mul(w);
        let q = a.mul_add(quotient, self.round).sub(self.round);
        let l = a.mul_sub(w, h);
        q.neg_mul_add(self.p, h).add(l)
    }

    /// `a b` of two residues; see `slices::mul`.
    #[inline(always)]
    pub(super) fn mul(self, a: V, b: V) -> V {
        let h = a.mul(b);
        let q = h.mul_add(self.inverse, self.round).sub(self.round);
        let l = a.mul_sub(b, h);
        q.neg_mul_add(self.p, h).add(l)
    }
}
