//! The three layers inside blocks of 8 values, group by group. `NttTable` has their twiddles and the
//! order of the values.
//!
//! *Whole*, for vectors of a block's length: eight blocks are transposed in registers, and all three
//! layers are done there, and the two layers of the pass before, whose steps would be a single
//! vector long.
//! *Split*, for shorter vectors: one layer on the halves of the blocks, and two layers on rows of
//! four values, transposed. Its steps are short and independent, so that a processor finds work of
//! other steps while one waits. Both do the same operations on every value.

mod pair;
mod split;
mod whole;

use std::ops::Range;

use crate::arith::ntt::NttTable;
use crate::arith::simd::{Blocks, ByLength, Machine, Rows};

/// The last three layers of the forward transform and its reduction, on some groups in place.
pub(super) struct ForwardTail<'a> {
    table: &'a NttTable,
    x: *mut f64,
    groups: Range<usize>,
}

impl<'a> ForwardTail<'a> {
    /// # Safety
    /// `x` points to the table's `n` values as long as this lives; `GROUP (groups.end) <= n`.
    #[inline(always)]
    pub(super) unsafe fn new(table: &'a NttTable, x: *mut f64, groups: Range<usize>) -> Self {
        Self { table, x, groups }
    }
}

impl ByLength for ForwardTail<'_> {
    #[inline(always)]
    fn blocks<M: Blocks>(self, m: M) {
        // SAFETY: the promise of `new`.
        unsafe { whole::forward(m, self.table, self.x, self.groups) }
    }
    #[inline(always)]
    fn rows<M: Rows>(self, m: M) {
        // SAFETY: the promise of `new`.
        unsafe { split::forward(m, self.table, self.x, self.groups) }
    }
}

/// The first three layers of the inverse, on some groups, from one place to another or in place.
pub(super) struct InverseTail<'a> {
    table: &'a NttTable,
    from: *const f64,
    to: *mut f64,
    groups: Range<usize>,
}

impl<'a> InverseTail<'a> {
    /// # Safety
    /// As for [`ForwardTail::new`], for both `from` and `to`, which are one or do not overlap;
    /// `from` is only read.
    #[inline(always)]
    pub(super) unsafe fn new(
        table: &'a NttTable,
        from: *const f64,
        to: *mut f64,
        groups: Range<usize>,
    ) -> Self {
        Self {
            table,
            from,
            to,
            groups,
        }
    }
}

impl ByLength for InverseTail<'_> {
    #[inline(always)]
    fn blocks<M: Blocks>(self, m: M) {
        // SAFETY: the promise of `new`.
        unsafe { whole::inverse(m, self.table, self.from, self.to, self.groups) }
    }
    #[inline(always)]
    fn rows<M: Rows>(self, m: M) {
        // SAFETY: the promise of `new`.
        unsafe { split::inverse(m, self.table, self.from, self.to, self.groups) }
    }
}

/// Whether the tails of a machine do the two layers of a row's last pass too.
pub(super) fn does_last_pass<M: Machine>(table: &NttTable) -> bool {
    M::LANES == 8 && whole::with_last_pass(table)
}
