//! AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use super::gather::{Gather, permute_gathered};
use super::lanes::{Lanes, array4, array8};
use super::machine::{Blocks, ByLength, Kernel, Machine, Rows};
use super::pattern::{Pattern, reverse3};
use super::vector::{machine, read, write};

/// Runs a kernel on AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// Runs a kernel on AVX-512.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

machine!(
    /// Four lanes.
    Avx2, Avx2Vector, __m256d, 4, _mm256_set1_pd,
    _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_fmadd_pd, _mm256_fmsub_pd, _mm256_fnmadd_pd,
    permute_gathered, prefetch, rows
);
machine!(
    /// Eight lanes.
    Avx512, Avx512Vector, __m512d, 8, _mm512_set1_pd,
    _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_fmadd_pd, _mm512_fmsub_pd, _mm512_fnmadd_pd,
    permute_avx512, prefetch, blocks
);

impl Rows for Avx2 {
    #[inline(always)]
    unsafe fn load_rows(self, src: *const f64) -> [Avx2Vector; 4] {
        // SAFETY: a machine exists only where its instructions do; the caller promises the pointer.
        unsafe {
            let rows = load_rows_avx2(src);
            array4!(k => Avx2Vector(rows[k]))
        }
    }
    #[inline(always)]
    unsafe fn store_rows(self, x: [Avx2Vector; 4], dst: *mut f64) {
        // SAFETY: as for `load_rows`.
        unsafe { store_rows_avx2(array4!(k => x[k].0), dst) }
    }
}

impl Blocks for Avx512 {
    #[inline(always)]
    fn transpose(self, x: [Avx512Vector; 8]) -> [Avx512Vector; 8] {
        // SAFETY: a machine exists only where its instructions do.
        let rows = unsafe { transpose8(array8!(k => x[k].0)) };
        array8!(k => Avx512Vector(rows[k]))
    }
}

#[inline(always)]
fn prefetch(src: *const f64) {
    // SAFETY: part of every x86-64 processor; reads nothing, whatever the address is.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(src.cast()) }
}

impl Gather for Avx2 {
    #[inline(always)]
    unsafe fn gather(self, src: *const f64, index: *const u8) -> Avx2Vector {
        // SAFETY: a machine exists only where its instructions do; the caller's promise.
        unsafe { Avx2Vector(gather_avx2(src, index)) }
    }
}

/// Four loads: on a processor with AVX2 and no AVX-512 a permutation with the gather instruction took 1.6 times as long.
///
/// # Safety
/// `index` is valid for reading 4 indices, and `src` for reading at all of them.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn gather_avx2(src: *const f64, index: *const u8) -> __m256d {
    // SAFETY: the caller's promise.
    unsafe {
        let x = array4!(k => *src.wrapping_add(usize::from(*index.wrapping_add(k))));
        _mm256_setr_pd(x[0], x[1], x[2], x[3])
    }
}

/// The vector and the one `by` further on, in the lanes of the mask.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn shift(v: [__m512d; 8], mask: u8, by: usize) -> [__m512d; 8] {
    array8!(k => _mm512_mask_blend_pd(mask, v[k], v[(k + by) % 8]))
}

/// In registers, as [`Pattern`] says: lanes inside vectors, then whole lanes from vector to vector. In a key switch, where values wait for memory, this took the
/// time of the gather instruction, without its list of indices.
///
/// # Safety
/// `src` is valid for reading and `dst` for writing a group.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
unsafe fn permute_avx512(_: Avx512, src: *const f64, dst: *mut f64, pattern: &Pattern) {
    // SAFETY: the caller's promise; a pattern has eight lanes, and vectors stay in the group.
    unsafe {
        let lanes: __m512i = read(pattern.lanes().as_ptr().cast());
        let v = array8!(k => _mm512_permutexvar_pd(lanes, read(src.wrapping_add(8 * reverse3(k)))));
        let [one, two, four] = pattern.shifts();
        let v = shift(shift(shift(v, one, 1), two, 2), four, 4);
        array8!(m => write(dst.wrapping_add(8 * usize::from(pattern.order()[m])), v[m]));
    }
}

/// Transposes a 4 x 4 matrix.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn transpose4(r: [__m256d; 4]) -> [__m256d; 4] {
    let (a, b) = (
        _mm256_unpacklo_pd(r[0], r[1]),
        _mm256_unpackhi_pd(r[0], r[1]),
    );
    let (c, d) = (
        _mm256_unpacklo_pd(r[2], r[3]),
        _mm256_unpackhi_pd(r[2], r[3]),
    );
    [
        _mm256_permute2f128_pd::<0x20>(a, c),
        _mm256_permute2f128_pd::<0x20>(b, d),
        _mm256_permute2f128_pd::<0x31>(a, c),
        _mm256_permute2f128_pd::<0x31>(b, d),
    ]
}

/// # Safety
/// `src` is valid for reading 28 values.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn load_rows_avx2(src: *const f64) -> [__m256d; 4] {
    // SAFETY: the caller's promise.
    transpose4(unsafe { array4!(l => read(src.wrapping_add(8 * l))) })
}

/// # Safety
/// `dst` is valid for writing 28 values.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn store_rows_avx2(x: [__m256d; 4], dst: *mut f64) {
    let rows = transpose4(x);
    // SAFETY: the caller's promise.
    unsafe { array4!(l => write(dst.wrapping_add(8 * l), rows[l])) };
}

/// The 128-bit lanes 0 and 2 of both, and the lanes 1 and 3.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn lanes02_13(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
    (
        _mm512_shuffle_f64x2::<0b10_00_10_00>(a, b),
        _mm512_shuffle_f64x2::<0b11_01_11_01>(a, b),
    )
}

/// Transposes an 8 x 8 matrix: pairs of values, then of 128-bit lanes, then of halves.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
fn transpose8(r: [__m512d; 8]) -> [__m512d; 8] {
    let low = array4!(k => _mm512_unpacklo_pd(r[2 * k], r[2 * k + 1]));
    let high = array4!(k => _mm512_unpackhi_pd(r[2 * k], r[2 * k + 1]));
    let (e0, e1) = lanes02_13(low[0], low[1]);
    let (e2, e3) = lanes02_13(low[2], low[3]);
    let (o0, o1) = lanes02_13(high[0], high[1]);
    let (o2, o3) = lanes02_13(high[2], high[3]);
    // e0 = rows 0..3 of columns 0 and 4; e1 = of columns 2 and 6; e2, e3 the same of rows 4..7; o: odd columns.
    let (c0, c4) = lanes02_13(e0, e2);
    let (c2, c6) = lanes02_13(e1, e3);
    let (c1, c5) = lanes02_13(o0, o2);
    let (c3, c7) = lanes02_13(o1, o3);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}
