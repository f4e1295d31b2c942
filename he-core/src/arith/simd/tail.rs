//! The three layers inside blocks of 8 values, group by group. `NttTable` has their twiddles and the order of the values.
//!
//! *Whole*, for vectors of a block's length: eight blocks are transposed in registers, and all three layers are done there.
//! *Split*, for shorter vectors: one layer on the halves of the blocks, and two layers on rows of four values, transposed. Its steps are short
//! and independent, so that a processor finds work of other steps while one waits. Both do the same operations on every value.

use std::ops::Range;

use super::Lanes;
use super::butterfly::{
    One, Plain, forward2, forward4, forward8, inverse2, inverse4, inverse8, load4, load8, store4,
    store8,
};
use super::lanes::{Prime, array4, array8};
use super::ntt::Inverse;
use crate::arith::NttTable;
use crate::arith::ntt::{GROUP, TAIL_TWIDDLES};

/// Vectors of a block's length.
pub(super) trait Blocks: Lanes {
    /// 8 blocks, transposed: lane `b` of vector `k` is value `k` of block `b`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type, and `src` is valid for reading 64 values.
    unsafe fn load_transposed(src: *const f64) -> [Self; 8];

    /// Writes what [`Blocks::load_transposed`] reads.
    ///
    /// # Safety
    /// `dst` is valid for writing 64 values.
    unsafe fn store_transposed(x: [Self; 8], dst: *mut f64);
}

/// Vectors of at most half a block.
pub(super) trait Rows: Lanes {
    /// `LANES` rows of 4 values, transposed: lane `l` of vector `c` is `src[8 l + c]`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type, and `src` is valid for reading `8 (LANES - 1) + 4` values.
    unsafe fn load_rows(src: *const f64) -> [Self; 4];

    /// Writes what [`Rows::load_rows`] reads.
    ///
    /// # Safety
    /// `dst` is valid for writing `8 (LANES - 1) + 4` values.
    unsafe fn store_rows(x: [Self; 4], dst: *mut f64);
}

/// Forward, in registers.
///
/// # Safety
/// The CPU has the instructions of `V`; `x` points to the table's `n` values; `GROUP (groups.end) <= n`.
#[inline(always)]
pub(super) unsafe fn forward_whole<V: Blocks>(table: &NttTable, x: *mut f64, groups: Range<usize>) {
    const { assert!(V::LANES == 8) };
    // SAFETY: each group has GROUP values and TAIL_TWIDDLES twiddles.
    unsafe {
        let prime = Prime::<V>::new(table.modulus());
        for g in groups {
            let base = x.wrapping_add(g * GROUP);
            let tw = table
                .forward_tail()
                .as_ptr()
                .wrapping_add(g * TAIL_TWIDDLES);
            let w = twiddles::<V>(tw);
            let v = forward8(prime, V::load_transposed(base), w);
            store8(array8!(k => prime.reduce(v[k])), base, 8);
        }
    }
}

/// Inverse, in registers.
///
/// # Safety
/// As for [`forward_whole`].
#[inline(always)]
pub(super) unsafe fn inverse_whole<V: Blocks>(
    job: &Inverse<'_>,
    x: *mut f64,
    groups: Range<usize>,
) {
    const { assert!(V::LANES == 8) };
    // SAFETY: each group has GROUP values and TAIL_TWIDDLES twiddles.
    unsafe {
        let prime = Prime::<V>::new(job.table.modulus());
        for g in groups {
            let base = x.wrapping_add(g * GROUP);
            let tw = job.table.inverse_tail().as_ptr();
            let [last, w @ ..] = twiddles::<V>(tw.wrapping_add(g * TAIL_TWIDDLES));
            let mut v = inverse8(prime, load8::<V>(base, 8), w, One, last);
            if job.table.reduce_tail() {
                let [a, b, c, d, ..] = v;
                let sums = [a, b, c, d];
                let [a, b, c, d] = array4!(k => prime.reduce(sums[k]));
                v = [a, b, c, d, v[4], v[5], v[6], v[7]];
            }
            V::store_transposed(v, base);
        }
    }
}

/// The twiddles of a group: of its blocks, their children, their grandchildren.
///
/// # Safety
/// The CPU has the instructions of `V`, which has 8 lanes; `tw` is valid for reading TAIL_TWIDDLES values.
#[inline(always)]
unsafe fn twiddles<V: Lanes>(tw: *const f64) -> [Plain<V>; 7] {
    // SAFETY: the caller's promise; the last of the eight repeats row 0.
    let [w0, w1, w2, w3, w4, w5, w6, _] =
        unsafe { array8!(k => Plain(V::load(tw.wrapping_add(8 * (k % 7))))) };
    [w0, w1, w2, w3, w4, w5, w6]
}

/// Groups between the two halves of a split tail, so that values are in the cache by the time that they are read: 2 KiB.
const STRETCH: usize = 4;

/// What is between the two halves of a split tail.
#[repr(align(64))]
struct Between([f64; STRETCH * GROUP]);

/// Forward, in two steps.
///
/// # Safety
/// The CPU has the instructions of `V`; `x` points to the table's `n` values; `GROUP (groups.end) <= n`.
#[inline(always)]
pub(super) unsafe fn forward_split<V: Rows>(table: &NttTable, x: *mut f64, groups: Range<usize>) {
    const { assert!(V::LANES <= 4) };
    let mut between = Between([0.0; STRETCH * GROUP]);
    let between = between.0.as_mut_ptr();
    for first in groups.clone().step_by(STRETCH) {
        let count = STRETCH.min(groups.end - first);
        // SAFETY: `count` groups fit `between`, and each has GROUP values and TAIL_TWIDDLES twiddles.
        unsafe {
            let prime = Prime::<V>::new(table.modulus());
            let x = x.wrapping_add(first * GROUP);
            let tw = table.forward_tail().as_ptr();
            let tw = tw.wrapping_add(first * TAIL_TWIDDLES);
            let (mut from, mut to, mut w) = (x.cast_const(), between, tw);
            for _ in 0..count {
                for block in 0..8 {
                    let w = Plain(V::splat(*w.wrapping_add(block)));
                    for i in (8 * block..8 * block + 4).step_by(V::LANES) {
                        let u = V::load(from.wrapping_add(i));
                        let v = V::load(from.wrapping_add(i + 4));
                        let (u, v) = forward2(prime, u, v, w);
                        u.store(to.wrapping_add(i));
                        v.store(to.wrapping_add(i + 4));
                    }
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
            let (mut from, mut to, mut w) = (between.cast_const(), x, tw);
            for _ in 0..count {
                for (half, first) in tiles::<V>() {
                    let v = V::load_rows(from.wrapping_add(8 * first + 4 * half));
                    let v = forward4(prime, v, rows_twiddles::<V>(w, half, first));
                    let to = to.wrapping_add(32 * half + first);
                    store4(array4!(k => prime.reduce(v[k])), to, 8);
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
        }
    }
}

/// Inverse, in two steps.
///
/// # Safety
/// As for [`forward_split`].
#[inline(always)]
pub(super) unsafe fn inverse_split<V: Rows>(job: &Inverse<'_>, x: *mut f64, groups: Range<usize>) {
    const { assert!(V::LANES <= 4) };
    let mut between = Between([0.0; STRETCH * GROUP]);
    let between = between.0.as_mut_ptr();
    let reduce = job.table.reduce_tail();
    for first in groups.clone().step_by(STRETCH) {
        let count = STRETCH.min(groups.end - first);
        // SAFETY: as in `forward_split`.
        unsafe {
            let prime = Prime::<V>::new(job.table.modulus());
            let x = x.wrapping_add(first * GROUP);
            let tw = job.table.inverse_tail().as_ptr();
            let tw = tw.wrapping_add(first * TAIL_TWIDDLES);
            let (mut from, mut to, mut w) = (x.cast_const(), between, tw);
            for _ in 0..count {
                for (half, first) in tiles::<V>() {
                    let [last, w @ ..] = rows_twiddles::<V>(w, half, first);
                    let v = load4::<V>(from.wrapping_add(32 * half + first), 8);
                    let v = inverse4(prime, v, w, One, last);
                    V::store_rows(v, to.wrapping_add(8 * first + 4 * half));
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
            let (mut from, mut to, mut w) = (between.cast_const(), x, tw);
            for _ in 0..count {
                for block in 0..8 {
                    let w = Plain(V::splat(*w.wrapping_add(block)));
                    for i in (8 * block..8 * block + 4).step_by(V::LANES) {
                        let u = V::load(from.wrapping_add(i));
                        let v = V::load(from.wrapping_add(i + 4));
                        let (u, v) = inverse2(prime, u, v, w);
                        let u = if reduce { prime.reduce(u) } else { u };
                        u.store(to.wrapping_add(i));
                        v.store(to.wrapping_add(i + 4));
                    }
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
        }
    }
}

/// The steps of a group: which halves of the blocks, and the first of `LANES` blocks.
#[inline(always)]
fn tiles<V: Lanes>() -> impl Iterator<Item = (usize, usize)> {
    (0..16 / V::LANES).map(|i| (i % 2, i / 2 * V::LANES))
}

/// The twiddles of half blocks of `LANES` blocks from block `first` on, and of their children.
///
/// # Safety
/// The CPU has the instructions of `V`; `tw` is valid for reading TAIL_TWIDDLES values; `first + LANES <= 8`.
#[inline(always)]
unsafe fn rows_twiddles<V: Lanes>(tw: *const f64, half: usize, first: usize) -> [Plain<V>; 3] {
    let at = |row: usize| tw.wrapping_add(8 * row + first);
    // SAFETY: the caller's promise; rows 1 and 2 belong to half blocks, 3 to 6 to their children.
    unsafe {
        [
            Plain(V::load(at(1 + half))),
            Plain(V::load(at(3 + 2 * half))),
            Plain(V::load(at(4 + 2 * half))),
        ]
    }
}
