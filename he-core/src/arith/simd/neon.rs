//! NEON, the vectors that every aarch64 processor of Rust's targets has.

use std::arch::aarch64::*;
use std::arch::asm;

use super::gather::{Gather, permute_gathered};
use super::lanes::{Lanes, array4};
use super::machine::{ByLength, Kernel, Machine, Rows};
use super::pattern::Pattern;
use super::vector::{machine, read, write};

/// Runs a kernel on NEON.
#[target_feature(enable = "neon")]
pub(super) fn run_neon<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon(()))
}

machine!(
    /// Two lanes.
    Neon, NeonVector, float64x2_t, 2, vdupq_n_f64,
    vaddq_f64, vsubq_f64, vmulq_f64, fmadd, fmsub, fnmadd,
    permute_gathered, prefetch, rows
);

impl Rows for Neon {
    #[inline(always)]
    unsafe fn load_rows(self, src: *const f64) -> [NeonVector; 4] {
        // SAFETY: a machine exists only where its instructions do; the caller promises the pointer.
        unsafe {
            let columns = load_rows(src);
            array4!(k => NeonVector(columns[k]))
        }
    }
    #[inline(always)]
    unsafe fn store_rows(self, x: [NeonVector; 4], dst: *mut f64) {
        // SAFETY: as for `load_rows`.
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
    unsafe fn gather(self, src: *const f64, index: *const u8) -> NeonVector {
        // SAFETY: a machine exists only where its instructions do; the caller's promise.
        unsafe { NeonVector(gather(src, index)) }
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
