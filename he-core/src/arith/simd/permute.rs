//! Permutations, group by group.

use super::lanes::Prime;
use super::{Kernel, Lanes, Machine};
use crate::arith::ntt::GROUP;
use crate::arith::permutation::Pattern;
use crate::arith::{Modulus, Permutation};

/// Vectors that are put together value by value.
pub(super) trait Gather: Lanes {
    /// The values of `src` at the `LANES` indices at `index`.
    ///
    /// # Safety
    /// The CPU has the instructions of this type, `index` is valid for reading `LANES` values, and `src` is valid for reading at all
    /// of them.
    unsafe fn gather(src: *const f64, index: *const u8) -> Self;
}

/// One group, vector by vector.
///
/// # Safety
/// The CPU has the instructions of `V`; `src` is valid for reading and `dst` for writing a group; they do not overlap.
#[inline(always)]
pub(super) unsafe fn permute_gathered<V: Gather>(
    src: *const f64,
    dst: *mut f64,
    pattern: &Pattern,
) {
    let index = pattern.sources.as_ptr();
    for i in (0..GROUP).step_by(V::LANES) {
        // SAFETY: the caller's promise; a pattern's sources are below GROUP.
        unsafe { V::gather(src, index.wrapping_add(i)).store(dst.wrapping_add(i)) }
    }
}

/// What some source groups of a permutation become, `dst = [dst +] src moved`, balanced if added.
pub(in crate::arith) struct Permute<'a> {
    pub(in crate::arith) modulus: Modulus,
    pub(in crate::arith) accumulate: bool,
    /// Whole groups of outputs, among them all that the sources go to.
    pub(in crate::arith) dst: &'a mut [f64],
    /// The number of the first of them.
    pub(in crate::arith) to: usize,
    /// The values of whole groups.
    pub(in crate::arith) src: &'a [f64],
    pub(in crate::arith) permutation: &'a Permutation,
    /// The number of the first source group.
    pub(in crate::arith) first: usize,
}

/// A group on its way.
#[repr(align(64))]
struct Moved([f64; GROUP]);

impl Kernel for Permute<'_> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        assert!(self.src.len().is_multiple_of(GROUP), "whole groups");
        let mut moved = Moved([0.0; GROUP]);
        let moved = moved.0.as_mut_ptr();
        // SAFETY: the caller has the instructions; each chunk is a group, and so is each target, in `dst` or a panic; vectors divide groups.
        unsafe {
            let prime = Prime::<V>::new(&self.modulus);
            for (i, group) in self.src.chunks_exact(GROUP).enumerate() {
                let (target, pattern) = self.permutation.target(self.first + i);
                let target = target - self.to;
                let dst = self.dst[target * GROUP..(target + 1) * GROUP].as_mut_ptr();
                if !self.accumulate {
                    V::permute_group(group.as_ptr(), dst, pattern);
                    continue;
                }
                V::permute_group(group.as_ptr(), moved, pattern);
                for j in (0..GROUP).step_by(V::LANES) {
                    let at = dst.wrapping_add(j);
                    let sum = V::load(at).add(V::load(moved.wrapping_add(j)));
                    prime.reduce(sum).store(at);
                }
            }
        }
    }
}
