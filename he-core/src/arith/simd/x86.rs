//! AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use super::{Kernel, Lanes};

/// Runs a kernel on AVX2.
///
/// # Safety
/// The CPU has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run_avx2<K: Kernel>(kernel: K) {
    // SAFETY: the caller's promise; this function enables the instructions.
    unsafe { kernel.run::<Avx2>() }
}

/// Runs a kernel on AVX-512.
///
/// # Safety
/// The CPU has AVX-512 F and DQ, AVX2 and FMA.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) unsafe fn run_avx512<K: Kernel>(kernel: K) {
    // SAFETY: the caller's promise; this function enables the instructions.
    unsafe { kernel.run::<Avx512>() }
}

macro_rules! lanes {
    ($(#[$doc:meta])* $name:ident, $register:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident,
     $add:ident, $sub:ident, $mul:ident, $fmadd:ident, $fmsub:ident, $fnmadd:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name($register);

        impl Lanes for $name {
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn splat(x: f64) -> Self {
                // SAFETY: the caller promises the instructions.
                unsafe { Self($splat(x)) }
            }
            #[inline(always)]
            unsafe fn load(src: *const f64) -> Self {
                // SAFETY: the caller promises the instructions and the pointer; unaligned load.
                unsafe { Self($load(src)) }
            }
            #[inline(always)]
            unsafe fn store(self, dst: *mut f64) {
                // SAFETY: the caller promises the pointer; unaligned store.
                unsafe { $store(dst, self.0) }
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                // SAFETY: a value exists only where the instructions do.
                unsafe { Self($add(self.0, b.0)) }
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($sub(self.0, b.0)) }
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($fmadd(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn mul_sub(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($fmsub(self.0, b.0, c.0)) }
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as for `add`.
                unsafe { Self($fnmadd(self.0, b.0, c.0)) }
            }
        }
    };
}

lanes!(
    /// Four lanes.
    Avx2, __m256d, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd,
    _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_fmsub_pd, _mm256_fnmadd_pd
);
lanes!(
    /// Eight lanes.
    Avx512, __m512d, 8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd,
    _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_fmsub_pd, _mm512_fnmadd_pd
);
