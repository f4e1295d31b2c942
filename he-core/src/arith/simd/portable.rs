//! Plain Rust.

use super::gather::{Gather, permute_gathered};
use super::machine::{ByLength, Machine, Rows};
use super::pattern::Pattern;

/// Single values, which every CPU has; also for what is left over after whole vectors.
#[derive(Clone, Copy)]
pub(in crate::arith) struct Portable;

impl Machine for Portable {
    type Vector = f64;

    const LANES: usize = 1;

    #[inline(always)]
    fn splat(self, x: f64) -> f64 {
        x
    }
    #[inline(always)]
    unsafe fn load(self, src: *const f64) -> f64 {
        // SAFETY: the caller's promise.
        unsafe { *src }
    }
    #[inline(always)]
    unsafe fn store(self, x: f64, dst: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe { *dst = x }
    }
    #[inline(always)]
    unsafe fn permute_group(self, src: *const f64, dst: *mut f64, pattern: &Pattern) {
        // SAFETY: the caller's promise.
        unsafe { permute_gathered(self, src, dst, pattern) }
    }
    #[inline(always)]
    fn by_length<K: ByLength>(self, kernel: K) {
        kernel.rows(self);
    }
}

impl Gather for Portable {
    #[inline(always)]
    unsafe fn gather(self, src: *const f64, index: *const u8) -> f64 {
        // SAFETY: the caller's promise.
        unsafe { *src.wrapping_add(usize::from(*index)) }
    }
}

impl Rows for Portable {
    #[inline(always)]
    unsafe fn load_rows(self, src: *const f64) -> [f64; 4] {
        // SAFETY: the caller's promise; an array of `f64` is aligned as `f64`.
        unsafe { *src.cast() }
    }
    #[inline(always)]
    unsafe fn store_rows(self, x: [f64; 4], dst: *mut f64) {
        // SAFETY: the caller's promise; an array of `f64` is aligned as `f64`.
        unsafe { *dst.cast() = x }
    }
}
