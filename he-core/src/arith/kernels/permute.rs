//! Permutations, group by group.

use super::residue::Prime;
use crate::arith::modulus::Modulus;
use crate::arith::order::GROUP;
use crate::arith::permutation::Permutation;
use crate::arith::simd::{Kernel, Lanes, Machine};

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
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        assert!(self.src.len().is_multiple_of(GROUP), "whole groups");
        let mut moved = Moved([0.0; GROUP]);
        let moved = moved.0.as_mut_ptr();
        // SAFETY: each chunk is a group, and so is each target, in `dst` or a panic; vectors divide groups.
        unsafe {
            let prime = Prime::new(m, &self.modulus);
            for (i, group) in self.src.chunks_exact(GROUP).enumerate() {
                let (target, pattern) = self.permutation.target(self.first + i);
                let target = target - self.to;
                let dst = self.dst[target * GROUP..(target + 1) * GROUP].as_mut_ptr();
                if !self.accumulate {
                    m.permute_group(group.as_ptr(), dst, pattern);
                    continue;
                }
                m.permute_group(group.as_ptr(), moved, pattern);
                for j in (0..GROUP).step_by(M::LANES) {
                    let at = dst.wrapping_add(j);
                    let sum = m.load(at).add(m.load(moved.wrapping_add(j)));
                    m.store(prime.reduce(sum), at);
                }
            }
        }
    }
}
