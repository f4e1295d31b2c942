//! Permutations.

use super::{Kernel, Lanes};
use crate::arith::Permutation;

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
