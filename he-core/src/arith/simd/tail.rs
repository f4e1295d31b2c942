//! The three layers inside blocks of 8 values, group by group. `NttTable` has their twiddles and the order of the values.
//!
//! *Whole*, for vectors of a block's length: eight blocks are transposed in registers, and all three layers are done there, and the two layers of the pass
//! before, whose steps would be a single vector long.
//! *Split*, for shorter vectors: one layer on the halves of the blocks, and two layers on rows of four values, transposed. Its steps are short
//! and independent, so that a processor finds work of other steps while one waits. Both do the same operations on every value.

use std::ops::Range;

use super::Lanes;
use super::butterfly::{
    One, Plain, Prepared, forward2, forward4, forward8, inverse2, inverse4, inverse8, load4, load8,
    store4, store8,
};
use super::lanes::{Prime, array4, array8};
use super::ntt::{Inverse, prepared};
use super::pair::Pair;
use crate::arith::ntt::{GROUP, TAIL_TWIDDLES};
use crate::arith::{Constant, NttTable};

/// Vectors of a block's length.
pub(super) trait Blocks: Lanes {
    /// 8 vectors, transposed: lane `b` of the new vector `k` is lane `k` of the old vector `b`.
    fn transpose(x: [Self; 8]) -> [Self; 8];
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

/// Whether a whole tail does the last pass of a row too: that has three layers in the smallest ring alone.
pub(super) fn with_last_pass(table: &NttTable) -> bool {
    table.n() > GROUP
}

/// Forward, in registers, two groups side by side: the layers of one are too long a chain.
///
/// # Safety
/// The CPU has the instructions of `V`; `x` points to the table's `n` values; `GROUP (groups.end) <= n`.
#[inline(always)]
pub(super) unsafe fn forward_whole<V: Blocks>(table: &NttTable, x: *mut f64, groups: Range<usize>) {
    const { assert!(V::LANES == 8) };
    // SAFETY: each group has GROUP values and TAIL_TWIDDLES twiddles; the last pass joins blocks of a half group, whose nodes the table has.
    unsafe {
        let prime = Prime::<Pair<V>>::new(table.modulus());
        let nodes = table.forward_twiddles().as_ptr();
        for both in pairs(groups) {
            let at = both.map(|g| x.wrapping_add(g * GROUP));
            let mut v = load_both::<V>(at.map(<*mut f64>::cast_const));
            if with_last_pass(table) {
                let [a, b, c, d, e, f, g, h] = v;
                let node = both.map(|g| 2 * (table.n() / GROUP + g));
                let [a, b, c, d] = forward4(prime, [a, b, c, d], pass_twiddles(nodes, node));
                let node = node.map(|i| i + 1);
                let [e, f, g, h] = forward4(prime, [e, f, g, h], pass_twiddles(nodes, node));
                v = [a, b, c, d, e, f, g, h];
            }
            let w = twiddles::<V>(table.forward_tail().as_ptr(), both);
            let v = forward8(prime, transpose_both(v), w);
            store_both(array8!(k => prime.reduce(v[k])), at);
        }
    }
}

/// Inverse, in registers, two groups side by side.
///
/// # Safety
/// As for [`forward_whole`].
#[inline(always)]
pub(super) unsafe fn inverse_whole<V: Blocks>(
    job: &Inverse<'_>,
    from: *const f64,
    to: *mut f64,
    groups: Range<usize>,
) {
    const { assert!(V::LANES == 8) };
    let table = job.table;
    // SAFETY: as in `forward_whole`.
    unsafe {
        let prime = Prime::<Pair<V>>::new(table.modulus());
        let nodes = table.inverse_twiddles().as_ptr();
        let reduce_pass = table.block_passes().last().is_some_and(|pass| pass.reduce);
        for both in pairs(groups) {
            let at = both.map(|g| from.wrapping_add(g * GROUP));
            let [last, w @ ..] = twiddles::<V>(table.inverse_tail().as_ptr(), both);
            let mut v = inverse8(prime, load_both::<V>(at), w, One, last);
            if table.reduce_tail() {
                let [a, b, c, d, ..] = v;
                let sums = [a, b, c, d];
                let [a, b, c, d] = array4!(k => prime.reduce(sums[k]));
                v = [a, b, c, d, v[4], v[5], v[6], v[7]];
            }
            v = transpose_both(v);
            if with_last_pass(table) {
                let [a, b, c, d, e, f, g, h] = v;
                let node = both.map(|g| 2 * (table.n() / GROUP + g));
                let [last, w @ ..] = pass_twiddles(nodes, node);
                let [mut a, b, c, d] = inverse4(prime, [a, b, c, d], w, One, last);
                let [last, w @ ..] = pass_twiddles(nodes, node.map(|i| i + 1));
                let [mut e, f, g, h] = inverse4(prime, [e, f, g, h], w, One, last);
                if reduce_pass {
                    (a, e) = (prime.reduce(a), prime.reduce(e));
                }
                v = [a, b, c, d, e, f, g, h];
            }
            store_both(v, both.map(|g| to.wrapping_add(g * GROUP)));
        }
    }
}

/// Groups two at a time; a last single one twice: both are read before either is written.
fn pairs(groups: Range<usize>) -> impl Iterator<Item = [usize; 2]> {
    let last = groups.end.saturating_sub(1);
    groups.step_by(2).map(move |g| [g, last.min(g + 1)])
}

/// # Safety
/// The CPU has the instructions of `V`; both are valid for reading a group.
#[inline(always)]
unsafe fn load_both<V: Lanes>(at: [*const f64; 2]) -> [Pair<V>; 8] {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (load8::<V>(at[0], 8), load8::<V>(at[1], 8)) };
    array8!(k => Pair(a[k], b[k]))
}

/// # Safety
/// Both are valid for writing a group.
#[inline(always)]
unsafe fn store_both<V: Lanes>(v: [Pair<V>; 8], at: [*mut f64; 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        store8(array8!(k => v[k].0), at[0], 8);
        store8(array8!(k => v[k].1), at[1], 8);
    }
}

#[inline(always)]
fn transpose_both<V: Blocks>(v: [Pair<V>; 8]) -> [Pair<V>; 8] {
    let (a, b) = (
        V::transpose(array8!(k => v[k].0)),
        V::transpose(array8!(k => v[k].1)),
    );
    array8!(k => Pair(a[k], b[k]))
}

/// The twiddles of a node and of its children, for two nodes.
///
/// # Safety
/// The CPU has the instructions of `V`, and the table reaches to the children.
#[inline(always)]
unsafe fn pass_twiddles<V: Lanes>(
    table: *const Constant,
    node: [usize; 2],
) -> [Prepared<Pair<V>>; 3] {
    let [a, b] = node;
    // SAFETY: the caller's promise.
    unsafe {
        [
            prepared_both(table, a, b),
            prepared_both(table, 2 * a, 2 * b),
            prepared_both(table, 2 * a + 1, 2 * b + 1),
        ]
    }
}

/// # Safety
/// The CPU has the instructions of `V`, and the table reaches to `a` and `b`.
#[inline(always)]
unsafe fn prepared_both<V: Lanes>(table: *const Constant, a: usize, b: usize) -> Prepared<Pair<V>> {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (prepared::<V>(table, a), prepared::<V>(table, b)) };
    Prepared {
        w: Pair(a.w, b.w),
        quotient: Pair(a.quotient, b.quotient),
    }
}

/// The twiddles of two groups: of their blocks, their children, their grandchildren.
///
/// # Safety
/// The CPU has the instructions of `V`, which has 8 lanes; `tw` is valid for reading TAIL_TWIDDLES values a group.
#[inline(always)]
unsafe fn twiddles<V: Lanes>(tw: *const f64, groups: [usize; 2]) -> [Plain<Pair<V>>; 7] {
    let [a, b] = groups.map(|g| tw.wrapping_add(g * TAIL_TWIDDLES));
    // SAFETY: the caller's promise; the last of the eight repeats row 0.
    let [w0, w1, w2, w3, w4, w5, w6, _] = unsafe {
        array8!(k => {
            let row = 8 * (k % 7);
            Plain(Pair(V::load(a.wrapping_add(row)), V::load(b.wrapping_add(row))))
        })
    };
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
pub(super) unsafe fn inverse_split<V: Rows>(
    job: &Inverse<'_>,
    from: *const f64,
    to: *mut f64,
    groups: Range<usize>,
) {
    const { assert!(V::LANES <= 4) };
    let mut between = Between([0.0; STRETCH * GROUP]);
    let between = between.0.as_mut_ptr();
    let reduce = job.table.reduce_tail();
    for first in groups.clone().step_by(STRETCH) {
        let count = STRETCH.min(groups.end - first);
        // SAFETY: as in `forward_split`.
        unsafe {
            let prime = Prime::<V>::new(job.table.modulus());
            let (begin, end) = (
                from.wrapping_add(first * GROUP),
                to.wrapping_add(first * GROUP),
            );
            let tw = job.table.inverse_tail().as_ptr();
            let tw = tw.wrapping_add(first * TAIL_TWIDDLES);
            let (mut from, mut to, mut w) = (begin, between, tw);
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
            let (mut from, mut to, mut w) = (between.cast_const(), end, tw);
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
