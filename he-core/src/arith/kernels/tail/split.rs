//! In two steps, with what is between them in the cache.

use std::ops::Range;

use crate::arith::kernels::butterfly::{
    One, Plain, forward2, forward4, inverse2, inverse4, load4, store4,
};
use crate::arith::kernels::residue::Prime;
use crate::arith::ntt::{NttTable, TAIL_TWIDDLES};
use crate::arith::order::GROUP;
use crate::arith::simd::{Machine, Rows, array4};

/// Groups between the two halves of a split tail, so that values are in the cache by the time that they are read: 2 KiB.
const STRETCH: usize = 4;

/// What is between the two halves of a split tail.
#[repr(align(64))]
struct Between([f64; STRETCH * GROUP]);

/// Forward.
///
/// # Safety
/// `x` points to the table's `n` values; `GROUP (groups.end) <= n`.
#[inline(always)]
pub(super) unsafe fn forward<M: Rows>(m: M, table: &NttTable, x: *mut f64, groups: Range<usize>) {
    const { assert!(M::LANES <= 4) };
    let mut between = Between([0.0; STRETCH * GROUP]);
    let between = between.0.as_mut_ptr();
    for first in groups.clone().step_by(STRETCH) {
        let count = STRETCH.min(groups.end - first);
        // SAFETY: `count` groups fit `between`, and each has GROUP values and TAIL_TWIDDLES twiddles.
        unsafe {
            let prime = Prime::new(m, table.modulus());
            let x = x.wrapping_add(first * GROUP);
            let tw = table.forward_tail().as_ptr();
            let tw = tw.wrapping_add(first * TAIL_TWIDDLES);
            let (mut from, mut to, mut w) = (x.cast_const(), between, tw);
            for _ in 0..count {
                for block in 0..8 {
                    let w = Plain(m.splat(*w.wrapping_add(block)));
                    for i in (8 * block..8 * block + 4).step_by(M::LANES) {
                        let u = m.load(from.wrapping_add(i));
                        let v = m.load(from.wrapping_add(i + 4));
                        let (u, v) = forward2(prime, u, v, w);
                        m.store(u, to.wrapping_add(i));
                        m.store(v, to.wrapping_add(i + 4));
                    }
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
            let (mut from, mut to, mut w) = (between.cast_const(), x, tw);
            for _ in 0..count {
                for (half, first) in tiles::<M>() {
                    let v = m.load_rows(from.wrapping_add(8 * first + 4 * half));
                    let v = forward4(prime, v, rows_twiddles(m, w, half, first));
                    let to = to.wrapping_add(32 * half + first);
                    store4(m, array4!(k => prime.reduce(v[k])), to, 8);
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
        }
    }
}

/// Inverse.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
pub(super) unsafe fn inverse<M: Rows>(
    m: M,
    table: &NttTable,
    from: *const f64,
    to: *mut f64,
    groups: Range<usize>,
) {
    const { assert!(M::LANES <= 4) };
    let mut between = Between([0.0; STRETCH * GROUP]);
    let between = between.0.as_mut_ptr();
    let reduce = table.reduce_tail();
    for first in groups.clone().step_by(STRETCH) {
        let count = STRETCH.min(groups.end - first);
        // SAFETY: as in `forward`.
        unsafe {
            let prime = Prime::new(m, table.modulus());
            let (begin, end) = (
                from.wrapping_add(first * GROUP),
                to.wrapping_add(first * GROUP),
            );
            let tw = table.inverse_tail().as_ptr();
            let tw = tw.wrapping_add(first * TAIL_TWIDDLES);
            let (mut from, mut to, mut w) = (begin, between, tw);
            for _ in 0..count {
                for (half, first) in tiles::<M>() {
                    let [last, w @ ..] = rows_twiddles(m, w, half, first);
                    let v = load4(m, from.wrapping_add(32 * half + first), 8);
                    let v = inverse4(prime, v, w, One, last);
                    m.store_rows(v, to.wrapping_add(8 * first + 4 * half));
                }
                (from, to) = (from.wrapping_add(GROUP), to.wrapping_add(GROUP));
                w = w.wrapping_add(TAIL_TWIDDLES);
            }
            let (mut from, mut to, mut w) = (between.cast_const(), end, tw);
            for _ in 0..count {
                for block in 0..8 {
                    let w = Plain(m.splat(*w.wrapping_add(block)));
                    for i in (8 * block..8 * block + 4).step_by(M::LANES) {
                        let u = m.load(from.wrapping_add(i));
                        let v = m.load(from.wrapping_add(i + 4));
                        let (u, v) = inverse2(prime, u, v, w);
                        let u = if reduce { prime.reduce(u) } else { u };
                        m.store(u, to.wrapping_add(i));
                        m.store(v, to.wrapping_add(i + 4));
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
fn tiles<M: Machine>() -> impl Iterator<Item = (usize, usize)> {
    (0..16 / M::LANES).map(|i| (i % 2, i / 2 * M::LANES))
}

/// The twiddles of half blocks of `LANES` blocks from block `first` on, and of their children.
///
/// # Safety
/// `tw` is valid for reading TAIL_TWIDDLES values; `first + LANES <= 8`.
#[inline(always)]
unsafe fn rows_twiddles<M: Machine>(
    m: M,
    tw: *const f64,
    half: usize,
    first: usize,
) -> [Plain<M::Vector>; 3] {
    let at = |row: usize| tw.wrapping_add(8 * row + first);
    // SAFETY: the caller's promise; rows 1 and 2 belong to half blocks, 3 to 6 to their children.
    unsafe {
        [
            Plain(m.load(at(1 + half))),
            Plain(m.load(at(3 + 2 * half))),
            Plain(m.load(at(4 + 2 * half))),
        ]
    }
}
