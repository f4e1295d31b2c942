//! Permutations.

use super::lanes::Prime;
use super::{Kernel, Lanes};
use crate::arith::{Modulus, Permutation};

/// `dst_i = src[index_i]`.
pub(in crate::arith) struct Permute<'a> {
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: &'a [f64],
    pub(in crate::arith) permutation: &'a Permutation,
}

impl Kernel for Permute<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let index = self.permutation.sources();
        let n = index.len();
        assert!(
            self.dst.len() == n && self.src.len() == n,
            "slices of different lengths"
        );
        let (dst, src, index) = (self.dst.as_mut_ptr(), self.src.as_ptr(), index.as_ptr());
        let mut i = 0;
        // SAFETY: the caller has the instructions (`f64` needs none); no step passes n; a `Permutation` of n indices has them
        // below n and below 2^31.
        unsafe {
            while n - i >= V::LANES {
                V::gather(src, index.wrapping_add(i)).store(dst.wrapping_add(i));
                i += V::LANES;
            }
            while i < n {
                f64::gather(src, index.wrapping_add(i)).store(dst.wrapping_add(i));
                i += 1;
            }
        }
    }
}

/// The outputs of one block of a permutation, `dst = [dst +] src[index]`, balanced if added.
pub(in crate::arith) struct PermuteBlock<'a> {
    pub(in crate::arith) modulus: Modulus,
    pub(in crate::arith) accumulate: bool,
    /// All outputs.
    pub(in crate::arith) dst: &'a mut [f64],
    /// The values of the source block.
    pub(in crate::arith) src: &'a [f64],
    pub(in crate::arith) permutation: &'a Permutation,
    /// The source block.
    pub(in crate::arith) source: usize,
}

impl Kernel for PermuteBlock<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.permutation.block();
        let (target, index) = self.permutation.in_block(self.source);
        assert_eq!(self.src.len(), n, "one block of sources");
        assert_eq!(index.len(), n, "one block of indices");
        let dst = self.dst[target * n..(target + 1) * n].as_mut_ptr();
        // Indices count from the beginning of the whole list.
        let src = self.src.as_ptr().wrapping_sub(self.source * n);
        let index = index.as_ptr();
        let mut i = 0;
        // SAFETY: the caller has the instructions (`f64` needs none); no step passes n, the length of index and destination; a `Permutation`'s
        // indices of a source block lie in that block and below 2^31, so `src` at an index lies in `self.src`.
        unsafe {
            while n - i >= V::LANES {
                self.columns::<V>(dst, src, index, i);
                i += V::LANES;
            }
            while i < n {
                self.columns::<f64>(dst, src, index, i);
                i += 1;
            }
        }
    }
}

impl PermuteBlock<'_> {
    /// # Safety
    /// The CPU has the instructions of `V`; `index` and `dst` reach to `i + LANES`; `src` is valid for reading at the indices there.
    #[inline(always)]
    unsafe fn columns<V: Lanes>(
        &self,
        dst: *mut f64,
        src: *const f64,
        index: *const u32,
        i: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let dst = dst.wrapping_add(i);
            let mut x = V::gather(src, index.wrapping_add(i));
            if self.accumulate {
                x = Prime::new(&self.modulus).reduce(V::load(dst).add(x));
            }
            x.store(dst);
        }
    }
}
