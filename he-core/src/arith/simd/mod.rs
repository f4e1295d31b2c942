//! Vector instructions: one generic source for every kernel, chosen at run time.
//!
//! This is the only module with `unsafe` code. A kernel is a [`Kernel`] whose `run` is generic over
//! [`Machine`]; [`dispatch`] runs it inside a function that has the widest available instruction set
//! enabled. All paths do the same IEEE operations on every element in the same order, so their
//! results have the same bits.
#![expect(
    unsafe_code,
    reason = "vector intrinsics and their loads and stores; each block has its argument"
)]

mod buffer;
mod butterfly;
mod dot;
mod lanes;
mod limits;
mod map;
#[cfg(target_arch = "aarch64")]
mod neon;
mod ntt;
mod pair;
mod permute;
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "no vector there is as long as a block")
)]
mod tail;
mod tensor;
#[cfg(test)]
mod tests;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use buffer::Buffer;
pub(super) use dot::{Convert, Dot, Overflow};
pub(super) use lanes::{Lanes, Machine, ROUND};
pub(super) use limits::{MultiplyAdds, Total};
pub(super) use map::{
    Add, AddScaled, Map, Mul, MulAdd, MulAssign, MulConstant, Negate, Reduce, Sub, SubScale,
};
pub(super) use ntt::{
    Forward, ForwardColumns, ForwardRow, Inverse, InverseColumns, InverseRow, InverseWhole,
};
pub(super) use permute::Permute;
pub(super) use tensor::Tensor;
pub use tensor::TensorTerm;

/// Work that any instruction set can do.
pub(super) trait Kernel {
    /// Does it with lanes of type `V`.
    ///
    /// # Safety
    /// The CPU has the instructions of `V`, and the caller has them enabled.
    unsafe fn run<V: Machine>(self);
}

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Plain Rust; `f64::mul_add`, which is slow where the target has no FMA instruction.
    Portable,
    /// 2 lanes.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// 4 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 8 lanes.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// All levels of this architecture, narrowest first.
    const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(target_arch = "aarch64")]
        Self::Neon,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
    ];

    /// Those that this machine has.
    #[cfg(test)]
    pub(super) fn available() -> Vec<Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|l| l.is_available()).collect()
    }

    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
            }
        }
    }

    fn widest() -> Self {
        let widest_first = Self::ALL.iter().rev();
        let found = widest_first.copied().find(|l| l.is_available());
        found.unwrap_or(Self::Portable)
    }
}

/// Runs a kernel with the widest instruction set of this machine.
///
/// Inlined, so that a kernel is made where it is used: a copy of it waits for all stores before it, and after a kernel these can be many.
#[inline(always)]
pub(super) fn dispatch<K: Kernel>(kernel: K) {
    // SAFETY: `widest` gives only what the CPU has.
    unsafe { run_at(Level::widest(), kernel) }
}

/// Runs a kernel with one instruction set.
///
/// # Safety
/// The CPU has it.
#[inline(always)]
pub(super) unsafe fn run_at<K: Kernel>(level: Level, kernel: K) {
    match level {
        // SAFETY: plain `f64` needs no instruction set.
        Level::Portable => unsafe { kernel.run::<f64>() },
        // SAFETY: the caller promises that the CPU has it.
        #[cfg(target_arch = "aarch64")]
        Level::Neon => unsafe { neon::run_neon(kernel) },
        // SAFETY: the caller promises that the CPU has it.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::run_avx2(kernel) },
        // SAFETY: the caller promises that the CPU has it.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { x86::run_avx512(kernel) },
    }
}

/// Runs a kernel with one instruction set, if the CPU has it.
#[cfg(test)]
pub(super) fn run_available<K: Kernel>(level: Level, kernel: K) {
    assert!(level.is_available());
    // SAFETY: just checked.
    unsafe { run_at(level, kernel) }
}
