//! In registers, eight blocks at a time, and two groups side by side: the layers of one are too long
//! a chain.

use std::ops::Range;

use super::pair::Pair;
use crate::arith::kernels::butterfly::{
    One, Plain, Prepared, forward4, forward8, inverse4, inverse8, load8, prepared, store8,
};
use crate::arith::kernels::residue::Prime;
use crate::arith::modulus::Constant;
use crate::arith::ntt::{NttTable, TAIL_TWIDDLES};
use crate::arith::order::GROUP;
use crate::arith::simd::{Blocks, Machine, array4, array8};

/// Whether a whole tail does the last pass of a row too: that has three layers in the smallest ring alone.
pub(super) fn with_last_pass(table: &NttTable) -> bool {
    table.n() > GROUP
}

/// Forward.
///
/// # Safety
/// `x` points to the table's `n` values; `GROUP (groups.end) <= n`.
#[inline(always)]
pub(super) unsafe fn forward<M: Blocks>(m: M, table: &NttTable, x: *mut f64, groups: Range<usize>) {
    const { assert!(M::LANES == 8) };
    // SAFETY: each group has GROUP values and TAIL_TWIDDLES twiddles; the last pass joins blocks of a half group, whose nodes the table has.
    unsafe {
        let prime = Pair::prime(Prime::new(m, table.modulus()));
        let nodes = table.forward_twiddles().as_ptr();
        for both in pairs(groups) {
            let at = both.map(|g| x.wrapping_add(g * GROUP));
            let mut v = load_both(m, at.map(<*mut f64>::cast_const));
            if with_last_pass(table) {
                let [a, b, c, d, e, f, g, h] = v;
                let node = both.map(|g| 2 * (table.n() / GROUP + g));
                let [a, b, c, d] = forward4(prime, [a, b, c, d], pass_twiddles(m, nodes, node));
                let node = node.map(|i| i + 1);
                let [e, f, g, h] = forward4(prime, [e, f, g, h], pass_twiddles(m, nodes, node));
                v = [a, b, c, d, e, f, g, h];
            }
            let w = twiddles(m, table.forward_tail().as_ptr(), both);
            let v = forward8(prime, transpose_both(m, v), w);
            store_both(m, array8!(k => prime.reduce(v[k])), at);
        }
    }
}

/// Inverse.
///
/// # Safety
/// As for [`forward`].
#[inline(always)]
pub(super) unsafe fn inverse<M: Blocks>(
    m: M,
    table: &NttTable,
    from: *const f64,
    to: *mut f64,
    groups: Range<usize>,
) {
    const { assert!(M::LANES == 8) };
    // SAFETY: as in `forward`.
    unsafe {
        let prime = Pair::prime(Prime::new(m, table.modulus()));
        let nodes = table.inverse_twiddles().as_ptr();
        let reduce_pass = table.block_passes().last().is_some_and(|pass| pass.reduce);
        for both in pairs(groups) {
            let at = both.map(|g| from.wrapping_add(g * GROUP));
            let [last, w @ ..] = twiddles(m, table.inverse_tail().as_ptr(), both);
            let mut v = inverse8(prime, load_both(m, at), w, One, last);
            if table.reduce_tail() {
                let [a, b, c, d, ..] = v;
                let sums = [a, b, c, d];
                let [a, b, c, d] = array4!(k => prime.reduce(sums[k]));
                v = [a, b, c, d, v[4], v[5], v[6], v[7]];
            }
            v = transpose_both(m, v);
            if with_last_pass(table) {
                let [a, b, c, d, e, f, g, h] = v;
                let node = both.map(|g| 2 * (table.n() / GROUP + g));
                let [last, w @ ..] = pass_twiddles(m, nodes, node);
                let [mut a, b, c, d] = inverse4(prime, [a, b, c, d], w, One, last);
                let [last, w @ ..] = pass_twiddles(m, nodes, node.map(|i| i + 1));
                let [mut e, f, g, h] = inverse4(prime, [e, f, g, h], w, One, last);
                if reduce_pass {
                    (a, e) = (prime.reduce(a), prime.reduce(e));
                }
                v = [a, b, c, d, e, f, g, h];
            }
            store_both(m, v, both.map(|g| to.wrapping_add(g * GROUP)));
        }
    }
}

/// Groups two at a time; a last single one twice: both are read before either is written.
fn pairs(groups: Range<usize>) -> impl Iterator<Item = [usize; 2]> {
    let last = groups.end.saturating_sub(1);
    groups.step_by(2).map(move |g| [g, last.min(g + 1)])
}

/// # Safety
/// Both are valid for reading a group.
#[inline(always)]
unsafe fn load_both<M: Machine>(m: M, at: [*const f64; 2]) -> [Pair<M::Vector>; 8] {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (load8(m, at[0], 8), load8(m, at[1], 8)) };
    array8!(k => Pair(a[k], b[k]))
}

/// # Safety
/// Both are valid for writing a group.
#[inline(always)]
unsafe fn store_both<M: Machine>(m: M, v: [Pair<M::Vector>; 8], at: [*mut f64; 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        store8(m, array8!(k => v[k].0), at[0], 8);
        store8(m, array8!(k => v[k].1), at[1], 8);
    }
}

#[inline(always)]
fn transpose_both<M: Blocks>(m: M, v: [Pair<M::Vector>; 8]) -> [Pair<M::Vector>; 8] {
    let (a, b) = (
        m.transpose(array8!(k => v[k].0)),
        m.transpose(array8!(k => v[k].1)),
    );
    array8!(k => Pair(a[k], b[k]))
}

/// The twiddles of a node and of its children, for two nodes.
///
/// # Safety
/// The table reaches to the children.
#[inline(always)]
unsafe fn pass_twiddles<M: Machine>(
    m: M,
    table: *const Constant,
    node: [usize; 2],
) -> [Prepared<Pair<M::Vector>>; 3] {
    let [a, b] = node;
    // SAFETY: the caller's promise.
    unsafe {
        [
            prepared_both(m, table, a, b),
            prepared_both(m, table, 2 * a, 2 * b),
            prepared_both(m, table, 2 * a + 1, 2 * b + 1),
        ]
    }
}

/// # Safety
/// The table reaches to `a` and `b`.
#[inline(always)]
unsafe fn prepared_both<M: Machine>(
    m: M,
    table: *const Constant,
    a: usize,
    b: usize,
) -> Prepared<Pair<M::Vector>> {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (prepared(m, table, a), prepared(m, table, b)) };
    Prepared {
        w: Pair(a.w, b.w),
        quotient: Pair(a.quotient, b.quotient),
    }
}

/// The twiddles of two groups: of their blocks, their children, their grandchildren.
///
/// # Safety
/// Vectors have 8 lanes; `tw` is valid for reading TAIL_TWIDDLES values a group.
#[inline(always)]
unsafe fn twiddles<M: Machine>(
    m: M,
    tw: *const f64,
    groups: [usize; 2],
) -> [Plain<Pair<M::Vector>>; 7] {
    let [a, b] = groups.map(|g| tw.wrapping_add(g * TAIL_TWIDDLES));
    // SAFETY: the caller's promise; the last of the eight repeats row 0.
    let [w0, w1, w2, w3, w4, w5, w6, _] = unsafe {
        array8!(k => {
            let row = 8 * (k % 7);
            Plain(Pair(m.load(a.wrapping_add(row)), m.load(b.wrapping_add(row))))
        })
    };
    [w0, w1, w2, w3, w4, w5, w6]
}
