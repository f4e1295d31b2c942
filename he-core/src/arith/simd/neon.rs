//! NEON, the vectors that every aarch64 processor of Rust's targets has.

use std::arch::aarch64::*;
use std::arch::asm;
use std::ops::Range;

use super::lanes::array4;
use super::ntt::Inverse;
use super::permute::{Gather, permute_gathered};
use super::tail::{Rows, forward_split, inverse_split};
use super::vector::{lanes, read, write};
use super::{Kernel, Lanes, Machine};
use crate::arith::NttTable;
use crate::arith::permutation::Pattern;

/// Runs a kernel on NEON.
///
/// # Safety
/// The CPU has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn run_neon<K: Kernel>(kernel: K) {
    // SAFETY: the caller's promise; this function enables the instructions.
    unsafe { kernel.run::<Neon>() }
}

lanes!(
    /// Two lanes.
    Neon, float64x2_t, 2, vdupq_n_f64,
    vaddq_f64, vsubq_f64, vmulq_f64, fmadd, fmsub, fnmadd,
    forward_split, inverse_split, false,
    permute_gathered::<Self>, prefetch
);

impl Rows for Neon {
    #[inline(always)]
    unsafe fn load_rows(src: *const f64) -> [Self; 4] {
        // SAFETY: the caller promises the instructions and the pointer.
        unsafe {
            let columns = load_rows(src);
            array4!(k => Self(columns[k]))
        }
    }
    #[inline(always)]
    unsafe fn store_rows(x: [Self; 4], dst: *mut f64) {
        // SAFETY: a value exists only where the instructions do; the caller promises the pointer.
        unsafe { store_rows(array4!(k => x[k].0), dst) }
    }
}

/// `a b + c`: NEON's order is addend first.
#[inline]
#[target_feature(enable = "neon")]
fn fmadd(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
    vfmaq_f64(c, a, b)
}

/// `a b - c`. NEON has no such instruction, so the addend is negated first. The negative of `c - a b` has the same value, but where that is zero it is
/// -0, and this +0.
#[inline]
#[target_feature(enable = "neon")]
fn fmsub(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
    vfmaq_f64(vnegq_f64(c), a, b)
}

/// `c - a b`: the instruction negates a factor, so a zero has the sign of `(-a) b + c`.
#[inline]
#[target_feature(enable = "neon")]
fn fnmadd(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
    vfmsq_f64(c, a, b)
}

impl Gather for Neon {
    #[inline(always)]
    unsafe fn gather(src: *const f64, index: *const u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self(gather(src, index)) }
    }
}

/// # Safety
/// `index` is valid for reading 2 indices, and `src` for reading at both of them.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn gather(src: *const f64, index: *const u8) -> float64x2_t {
    // SAFETY: the caller's promise.
    unsafe {
        let first = *src.wrapping_add(usize::from(*index));
        let second = *src.wrapping_add(usize::from(*index.wrapping_add(1)));
        vsetq_lane_f64::<1>(second, vdupq_n_f64(first))
    }
}

/// The intrinsic for it is not stable.
#[inline(always)]
fn prefetch(src: *const f64) {
    // SAFETY: a hint: it changes no register, flag or value in memory, and raises no fault, whatever the address is.
    unsafe {
        asm!(
            "prfm pldl1keep, [{}]",
            in(reg) src,
            options(readonly, nostack, preserves_flags)
        );
    }
}

/// # Safety
/// `src` is valid for reading 12 values.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load_rows(src: *const f64) -> [float64x2_t; 4] {
    // SAFETY: the caller's promise.
    let [a, b, c, d] = unsafe {
        [
            read(src),
            read(src.wrapping_add(2)),
            read(src.wrapping_add(8)),
            read(src.wrapping_add(10)),
        ]
    };
    [
        vzip1q_f64(a, c),
        vzip2q_f64(a, c),
        vzip1q_f64(b, d),
        vzip2q_f64(b, d),
    ]
}

/// # Safety
/// `dst` is valid for writing 12 values.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store_rows(x: [float64x2_t; 4], dst: *mut f64) {
    // SAFETY: the caller's promise.
    unsafe {
        write(dst, vzip1q_f64(x[0], x[1]));
        write(dst.wrapping_add(2), vzip1q_f64(x[2], x[3]));
        write(dst.wrapping_add(8), vzip2q_f64(x[0], x[1]));
        write(dst.wrapping_add(10), vzip2q_f64(x[2], x[3]));
    }
}
