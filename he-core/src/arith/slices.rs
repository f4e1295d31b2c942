//! Arithmetic on slices of residues.
//!
//! All functions panic if their slices differ in length.
//!
//! In the proofs, `fl` is rounding to nearest, `M = 1.5 x 2^52`, and `fma(a, b, c) = fl(a b + c)`. For
//! `|x| <= 2^51`, `fl(x + M) - M` is the integer nearest to `x`: one rounding, no rounding instruction.

pub use super::kernels::MAX_TERMS;
use super::kernels::{
    Add, AddScaled, Balance, Canonical, Convert, Dot, Map, Mul, MulAssign, MulConstant, Negate,
    Overflow, Permute, Reduce, Sub, SubScale, Tensor, TensorTerm,
};
use super::modulus::{Constant, Modulus};
use super::permutation::Permutation;
use super::simd::dispatch;

/// Balanced residues, of integers `|x| <= 2^52`.
///
/// `q = fma(x, 1/p, M) - M` is within `1/2 + |x|/p 2^-53` of `x/p`, because `fl(1/p)` errs by a factor
/// of at most `1 + 2^-53`. So `r = fma(-q, p, x)` has `|r| <= p/2 + |x| 2^-53 <= p/2 + 1/2`; it is an integer, `p` is
/// odd, and the bound is attained by no `|x| < 2^52`: `|r| <= (p - 1)/2`. It may be `-0.0`.
pub fn reduce(m: &Modulus, dst: &mut [f64]) {
    dispatch(Map {
        f: Reduce { modulus: *m },
        dst,
        src: [],
    });
}

/// Canonical residues of integers `|x| <= 2^52` ([`Modulus::to_canonical`]).
pub fn canonical(m: &Modulus, to: &mut [u64], from: &[f64]) {
    assert_eq!(to.len(), from.len(), "slices of different lengths");
    let modulus = m;
    dispatch(Canonical { modulus, from, to });
}

/// Balanced residues of canonical ones; whether they were canonical, or something else came of them.
pub fn balance(m: &Modulus, to: &mut [f64], from: &[u64]) -> bool {
    assert_eq!(to.len(), from.len(), "slices of different lengths");
    let modulus = m;
    dispatch(Balance { modulus, from, to })
}

/// `dst += src`, balanced, for sums of magnitude at most `2^52`.
pub fn add_assign(m: &Modulus, dst: &mut [f64], src: &[f64]) {
    dispatch(Map {
        f: Add { modulus: *m },
        dst,
        src: [src],
    });
}

/// `dst -= src`, balanced, for differences of magnitude at most `2^52`.
pub fn sub_assign(m: &Modulus, dst: &mut [f64], src: &[f64]) {
    dispatch(Map {
        f: Sub { modulus: *m },
        dst,
        src: [src],
    });
}

/// `dst = -dst`; magnitudes stay.
pub fn negate(m: &Modulus, dst: &mut [f64]) {
    dispatch(Map {
        f: Negate { modulus: *m },
        dst,
        src: [],
    });
}

/// `dst = a b`, reduced, for products of magnitude at most `2^51 p`.
///
/// With `h = fl(a b)`, `l = fma(a, b, -h)` is the exact rest of the product. `q = fma(h, 1/p, M) - M` is within
/// `1/2 + |a b|/p (2^-53 + 2^-53 + 2^-106)` of `a b/p`: the two errors are those of `h` and of `fl(1/p)`.
/// `fma(-q, p, h) = h - q p = r - l` is an integer of magnitude at most `|r| + 2^46 < 2^53`, so it is exact,
/// and so is the last sum: `r = a b - q p`, `|r| <= p (1/2 + |a b|/p 2^-52) (1 + 2^-50)`. For reduced operands and
/// `p < 2^48` that is at most `p (1/2 + 25/64 2^-4) < 0.525 p`.
pub fn mul(m: &Modulus, dst: &mut [f64], a: &[f64], b: &[f64]) {
    dispatch(Map {
        f: Mul { modulus: *m },
        dst,
        src: [a, b],
    });
}

/// `dst *= src`, as [`mul`].
pub fn mul_assign(m: &Modulus, dst: &mut [f64], src: &[f64]) {
    dispatch(Map {
        f: MulAssign { modulus: *m },
        dst,
        src: [src],
    });
}

/// `dst = [dst +] sum_i a_i b_i`, balanced, for reduced operands.
///
/// Products are split, not reduced. Let `2^s` be the power of two nearest to `p`
/// ([`Modulus::split_bits`]; `2^s/p` lies in `[0.707, 1.415]`). The running sum `high` starts at
/// `2^s M`, where doubles are the multiples of `2^s`, so `high' = fma(a, b, high)` rounds the product
/// to a multiple `t = high' - high` of `2^s`, and `fma(a, b, -t)`, of magnitude at most `2^(s-1)`,
/// is its exact rest, which goes to `low`: four operations a product, against seven for a reduced one.
///
/// This holds while the sum of `|a_i b_i|` stays below `2^(s+51) - 2^s`. [`MAX_TERMS`] products of
/// reduced operands make at most `8 (5/8)^2 p^2 = 3.125 p^2 < 3.125 x 2^48 x 2^(s + 1/2) < 2^(s + 50.2)`. Then
/// `H = high - 2^s M`, `|H| <= 2^50.7 p`, is reduced as in [`reduce`], to `p/2 + 2^(s-2.8)` at most,
/// and `low` is added: at most `p (0.71 + 0.708 n)` for `n` terms, plus the start. Longer sums are
/// reduced after every [`MAX_TERMS`] products. All of this is exact, so the order of terms does not
/// matter.
pub fn dot(m: &Modulus, accumulate: bool, dst: &mut [f64], terms: &[(&[f64], &[f64])]) {
    dispatch(Dot {
        modulus: *m,
        accumulate,
        dst,
        terms,
    });
}

/// Sums of tensor products: `(d_0, d_1, d_2) = [(d_0, d_1, d_2) +] sum_i (a_0 b_0, a_0 b_1 + a_1 b_0, a_1 b_1)` for terms
/// `[a_0, a_1, b_0, b_1]`, balanced, for reduced operands. Every operand is read once.
///
/// The method is that of [`dot`], with `n = 2^(51 - s)` products ([`Modulus::most_terms`]: [`MAX_TERMS`] near `2^48`, 32,768 near `2^36`) in each of
/// four sums: `n (5/8)^2 p^2 <= (25/64) 2 x 2^(s + 51)`, since `p^2 <= 2^(2 s + 1)`, which is below `2^(s + 51) - 2^s`. `H/p` is at
/// most `n (25/64) p < 0.56 x 2^51`, so `H` is reduced to `0.65 p` at most; the low parts of two sums add at most
/// `2 n 2^(s - 1) = 2^51`, and with the old value all of it is below `2^52`, where [`reduce`] gives the balanced residue: the
/// same bits in whatever order and in however many calls terms are added.
pub fn tensor(m: &Modulus, accumulate: bool, dst: [&mut [f64]; 3], terms: &[TensorTerm<'_>]) {
    dispatch(Tensor {
        modulus: *m,
        accumulate,
        dst,
        terms,
    });
}

/// `dst = sum_i constants_i src_i + c v mod p`, with `overflow = (v, c)`: the inner loop of base conversion.
///
/// The constants and `c` are balanced residues of `p`; the sources are any integers of magnitude at most
/// `5/8 2^48` (reduced residues of *other* primes). The method is that of [`dot`]: the sum of
/// [`MAX_TERMS`] products is at most `8 x 5/8 x 2^48 p/2 = 2.5 x 2^48 p < 2^(s + 49.9)`. The integers `v` are so small
/// ([`largest_overflow`]) that `c v < 2^51` is exact and is where the low parts start: one operation instead of four.
///
/// With `reduce` the result is balanced. Without, its magnitude is at most
/// [`linear_combination_bound`].
pub fn linear_combination(
    m: &Modulus,
    reduce: bool,
    dst: &mut [f64],
    src: &[&[f64]],
    constants: &[f64],
    overflow: Option<(&[f64], f64)>,
) {
    dispatch(Convert {
        modulus: *m,
        reduce,
        dst,
        src,
        constants,
        overflow,
    });
}

/// Largest magnitude of [`overflow`] for so many reduced sources, each at most 5/8 of its prime.
#[must_use]
pub fn largest_overflow(sources: usize) -> f64 {
    (0.625 * sources as f64).round()
}

/// Largest magnitude of an unreduced [`linear_combination`] of so many sources and an overflow of theirs.
#[must_use]
pub fn linear_combination_bound(m: &Modulus, sources: usize) -> f64 {
    let split = (1u64 << m.split_bits()) as f64;
    // What the low parts start from: the overflow's product, or the reduced rest of earlier chunks.
    let start = match sources <= MAX_TERMS {
        true => largest_overflow(sources),
        false => 1.0,
    };
    // High part p/2 + 2^(s-2), and at most MAX_TERMS low parts.
    m.p() * (0.5 + 0.5 * start) + split * (0.25 + 0.5 * sources.min(MAX_TERMS) as f64)
}

/// `dst *= c`, reduced, for `|x| <= 2^52`.
///
/// `w = c.w`, `|w| <= (p-1)/2`, and `w' = fl(w/p)` errs by at most `2^-55`, since `|w/p| < 1/2`. So
/// `q = fma(x, w', M) - M` is within `1/2 + |x| 2^-55` of `x w/p` (`|x w'| <= 2^51`). `h = fl(x w)`, `l = fma(x, w, -h)`,
/// and `r = fma(-q, p, h) + l` is exact as in [`mul`]: `|r| <= p (1/2 + |x| 2^-55) <= 5/8 p`.
pub fn mul_constant(m: &Modulus, dst: &mut [f64], c: Constant) {
    dispatch(Map {
        f: MulConstant {
            modulus: *m,
            constant: c,
        },
        dst,
        src: [],
    });
}

/// `dst += c src`, balanced, for `|src| <= 2^52` and `|dst| <= 2^51`: as [`mul_constant`], then [`add_assign`].
pub fn add_scaled(m: &Modulus, dst: &mut [f64], src: &[f64], c: Constant) {
    dispatch(Map {
        f: AddScaled {
            modulus: *m,
            constant: c,
        },
        dst,
        src: [src],
    });
}

/// `dst = (dst - src) c`, reduced, for differences of magnitude at most `2^52`: the end of a division by a prime.
pub fn sub_scale(m: &Modulus, dst: &mut [f64], src: &[f64], c: Constant) {
    dispatch(Map {
        f: SubScale {
            modulus: *m,
            constant: c,
        },
        dst,
        src: [src],
    });
}

/// `dst = round(sum_i src_i inverses_i)`, summed in this order: how often the modulus of a base is contained in a sum of
/// its residues. The result can only be off by one, where the
/// exact sum is within `2^-48` of a tie.
pub fn overflow(dst: &mut [f64], src: &[&[f64]], inverses: &[f64]) {
    dispatch(Overflow { dst, src, inverses });
}

/// Values of consecutive groups of a permutation.
#[derive(Clone, Copy, Debug)]
pub struct Groups<S> {
    /// The values, whole groups.
    pub values: S,
    /// The number of the first group.
    pub first: usize,
}

impl<S> Groups<S> {
    /// All groups of a permutation.
    pub fn all(values: S) -> Self {
        Self { values, first: 0 }
    }
}

/// The values of some source groups of a permutation go to their places among the output groups `dst`; with `accumulate` they are
/// added to what is there, balanced.
///
/// # Panics
/// Unless `src` is whole groups of the permutation, and `dst` has all of their outputs.
pub fn permute(
    m: &Modulus,
    accumulate: bool,
    dst: Groups<&mut [f64]>,
    src: Groups<&[f64]>,
    permutation: &Permutation,
) {
    dispatch(Permute {
        modulus: *m,
        accumulate,
        dst: dst.values,
        to: dst.first,
        src: src.values,
        permutation,
        first: src.first,
    });
}
