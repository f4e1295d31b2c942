//! The choice of an instruction set, at run time.

use super::machine::Kernel;
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::arith) enum Level {
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
    pub(in crate::arith) fn available() -> Vec<Self> {
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

    pub(super) fn widest() -> Self {
        let widest_first = Self::ALL.iter().rev();
        let found = widest_first.copied().find(|l| l.is_available());
        found.unwrap_or(Self::Portable)
    }
}

/// Runs a kernel with the widest instruction set of this machine.
///
/// Inlined, so that a kernel is made where it is used: a copy of it waits for all stores before it,
/// and after a kernel these can be many.
#[inline(always)]
pub(in crate::arith) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: `widest` gives only what the CPU has.
    unsafe { run_at(Level::widest(), kernel) }
}

/// Runs a kernel with one instruction set.
///
/// # Safety
/// The CPU has it.
#[inline(always)]
unsafe fn run_at<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        Level::Portable => kernel.run(Portable),
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
pub(in crate::arith) fn run_available<K: Kernel>(level: Level, kernel: K) -> K::Output {
    assert!(level.is_available());
    // SAFETY: just checked.
    unsafe { run_at(level, kernel) }
}
