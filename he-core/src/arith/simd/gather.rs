//! Permutations value by value.

use super::machine::Machine;
use super::pattern::Pattern;
use crate::arith::order::GROUP;

/// Vectors that are put together value by value.
pub(super) trait Gather: Machine {
    /// The values of `src` at the `LANES` indices at `index`.
    ///
    /// # Safety
    /// `index` is valid for reading `LANES` values, and `src` is valid for reading at all of them.
    unsafe fn gather(self, src: *const f64, index: *const u8) -> Self::Vector;
}

/// One group, vector by vector.
///
/// # Safety
/// `src` is valid for reading and `dst` for writing a group; they do not overlap.
#[inline(always)]
pub(super) unsafe fn permute_gathered<M: Gather>(
    m: M,
    src: *const f64,
    dst: *mut f64,
    pattern: &Pattern,
) {
    let index = pattern.sources().as_ptr();
    for i in (0..GROUP).step_by(M::LANES) {
        // SAFETY: the caller's promise; a pattern's sources are below GROUP.
        unsafe { m.store(m.gather(src, index.wrapping_add(i)), dst.wrapping_add(i)) }
    }
}
