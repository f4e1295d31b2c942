//! What a kernel is written against.

use super::lanes::Lanes;
use super::pattern::Pattern;

/// Work that any instruction set can do.
pub(in crate::arith) trait Kernel {
    type Output;

    /// Does it with the vectors of `m`. Mark it `#[inline(always)]`: it is compiled for an
    /// instruction set only as a part of a function that has it enabled.
    fn run<M: Machine>(self, m: M) -> Self::Output;
}

/// An instruction set. A value of this type exists only where the CPU has the instructions and a
/// function around the caller enables them.
pub(in crate::arith) trait Machine: Copy {
    type Vector: Lanes;

    /// Lanes of a vector.
    const LANES: usize;

    /// All lanes `x`.
    fn splat(self, x: f64) -> Self::Vector;

    /// The `LANES` values at `src`.
    ///
    /// # Safety
    /// `src` is valid for reading `LANES` values.
    unsafe fn load(self, src: *const f64) -> Self::Vector;

    /// Writes the lanes to `dst`.
    ///
    /// # Safety
    /// `dst` is valid for writing `LANES` values.
    unsafe fn store(self, x: Self::Vector, dst: *mut f64);

    /// The first `LANES` values of a slice.
    #[inline(always)]
    fn load_from(self, src: &[f64]) -> Self::Vector {
        let src = &src[..Self::LANES];
        // SAFETY: as many values as are read.
        unsafe { self.load(src.as_ptr()) }
    }

    /// Writes the lanes to the first `LANES` values of a slice.
    #[inline(always)]
    fn store_to(self, x: Self::Vector, dst: &mut [f64]) {
        let dst = &mut dst[..Self::LANES];
        // SAFETY: as many values as are written.
        unsafe { self.store(x, dst.as_mut_ptr()) }
    }

    /// Asks for the cache line of `src`, which need not be valid. Where there is no such
    /// instruction: nothing.
    #[inline(always)]
    fn prefetch(self, _src: *const f64) {}

    /// Moves the 64 values of a group.
    ///
    /// # Safety
    /// `src` is valid for reading and `dst` for writing a group; they do not overlap.
    unsafe fn permute_group(self, src: *const f64, dst: *mut f64, pattern: &Pattern);

    /// Runs the way of a kernel that suits the length of the vectors.
    fn by_length<K: ByLength>(self, kernel: K);
}

/// Work on blocks of 8 values, whose values change places: how, depends on the length of vectors.
pub(in crate::arith) trait ByLength {
    /// With vectors of a block's length.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "no vector there is as long as a block")
    )]
    fn blocks<M: Blocks>(self, m: M);

    /// With shorter vectors.
    fn rows<M: Rows>(self, m: M);
}

/// Vectors of a block's length.
pub(in crate::arith) trait Blocks: Machine {
    /// 8 vectors, transposed: lane `b` of the new vector `k` is lane `k` of the old vector `b`.
    fn transpose(self, x: [Self::Vector; 8]) -> [Self::Vector; 8];
}

/// Vectors of at most half a block.
pub(in crate::arith) trait Rows: Machine {
    /// `LANES` rows of 4 values, transposed: lane `l` of vector `c` is `src[8 l + c]`.
    ///
    /// # Safety
    /// `src` is valid for reading `8 (LANES - 1) + 4` values.
    unsafe fn load_rows(self, src: *const f64) -> [Self::Vector; 4];

    /// Writes what [`Rows::load_rows`] reads.
    ///
    /// # Safety
    /// `dst` is valid for writing `8 (LANES - 1) + 4` values.
    unsafe fn store_rows(self, x: [Self::Vector; 4], dst: *mut f64);
}
