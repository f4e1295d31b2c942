//! Three layers of the transform on eight vectors, two layers on four.

use super::residue::Prime;
use crate::arith::modulus::Constant;
use crate::arith::simd::{Lanes, Machine, array4, array8};

/// A twiddle factor in every lane, or one a lane.
pub(super) trait Twiddle<V>: Copy {
    /// `a w mod p`.
    fn times(self, prime: Prime<V>, a: V) -> V;
}

/// With its quotient `fl(w/p)`: products have magnitude at most `p/2 + |a| p 2^-55`.
#[derive(Clone, Copy)]
pub(super) struct Prepared<V> {
    pub(super) w: V,
    pub(super) quotient: V,
}

/// Without: products have magnitude at most `p/2 + |a| p 2^-53`. Same number of operations, half the table.
#[derive(Clone, Copy)]
pub(super) struct Plain<V>(pub(super) V);

impl<V: Lanes> Twiddle<V> for Prepared<V> {
    #[inline(always)]
    fn times(self, prime: Prime<V>, a: V) -> V {
        prime.mul_constant(a, self.w, self.quotient)
    }
}

impl<V: Lanes> Twiddle<V> for Plain<V> {
    #[inline(always)]
    fn times(self, prime: Prime<V>, a: V) -> V {
        prime.mul(a, self.0)
    }
}

/// The factor 1.
#[derive(Clone, Copy)]
pub(super) struct One;

impl<V: Lanes> Twiddle<V> for One {
    #[inline(always)]
    fn times(self, _: Prime<V>, a: V) -> V {
        a
    }
}

/// `(u + w v, u - w v)`.
#[inline(always)]
pub(super) fn forward2<V: Lanes, T: Twiddle<V>>(prime: Prime<V>, u: V, v: V, w: T) -> (V, V) {
    let v = w.times(prime, v);
    (u.add(v), u.sub(v))
}

/// `(u + v, (u - v) w)`.
#[inline(always)]
pub(super) fn inverse2<V: Lanes, T: Twiddle<V>>(prime: Prime<V>, u: V, v: V, w: T) -> (V, V) {
    (u.add(v), w.times(prime, u.sub(v)))
}

/// Two layers: twiddles of node `i`, then of its children `2i`, `2i + 1`.
#[inline(always)]
pub(super) fn forward4<V: Lanes, T: Twiddle<V>>(prime: Prime<V>, x: [V; 4], w: [T; 3]) -> [V; 4] {
    let [first, w @ ..] = w;
    forward4_second(prime, forward4_first(prime, x, first), w)
}

/// The first of the two layers of [`forward4`].
#[inline(always)]
pub(super) fn forward4_first<V: Lanes, T: Twiddle<V>>(prime: Prime<V>, x: [V; 4], w: T) -> [V; 4] {
    let [x0, x1, x2, x3] = x;
    let (x0, x2) = forward2(prime, x0, x2, w);
    let (x1, x3) = forward2(prime, x1, x3, w);
    [x0, x1, x2, x3]
}

/// The second of the two layers of [`forward4`].
#[inline(always)]
pub(super) fn forward4_second<V: Lanes, T: Twiddle<V>>(
    prime: Prime<V>,
    x: [V; 4],
    w: [T; 2],
) -> [V; 4] {
    let [x0, x1, x2, x3] = x;
    let (x0, x1) = forward2(prime, x0, x1, w[0]);
    let (x2, x3) = forward2(prime, x2, x3, w[1]);
    [x0, x1, x2, x3]
}

/// Three layers: twiddles of a node, its children, its grandchildren.
#[inline(always)]
pub(super) fn forward8<V: Lanes, T: Twiddle<V>>(prime: Prime<V>, x: [V; 8], w: [T; 7]) -> [V; 8] {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    let (x0, x4) = forward2(prime, x0, x4, w[0]);
    let (x1, x5) = forward2(prime, x1, x5, w[0]);
    let (x2, x6) = forward2(prime, x2, x6, w[0]);
    let (x3, x7) = forward2(prime, x3, x7, w[0]);
    let [x0, x1, x2, x3] = forward4(prime, [x0, x1, x2, x3], [w[1], w[3], w[4]]);
    let [x4, x5, x6, x7] = forward4(prime, [x4, x5, x6, x7], [w[2], w[5], w[6]]);
    [x0, x1, x2, x3, x4, x5, x6, x7]
}

/// The inverse of [`forward4`] times 4, but for its last layer, whose sums and differences are multiplied by `sum`
/// and `difference`.
#[inline(always)]
pub(super) fn inverse4<V: Lanes, T: Twiddle<V>, S: Twiddle<V>>(
    prime: Prime<V>,
    x: [V; 4],
    w: [T; 2],
    sum: S,
    difference: T,
) -> [V; 4] {
    let [x0, x1, x2, x3] = x;
    let (x0, x1) = inverse2(prime, x0, x1, w[0]);
    let (x2, x3) = inverse2(prime, x2, x3, w[1]);
    let (x0, x2) = inverse2(prime, x0, x2, difference);
    let (x1, x3) = inverse2(prime, x1, x3, difference);
    [sum.times(prime, x0), sum.times(prime, x1), x2, x3]
}

/// The inverse of [`forward8`] times 8, but for its last layer, as in [`inverse4`]. `w` holds the twiddles of
/// the children, then of the grandchildren.
#[inline(always)]
pub(super) fn inverse8<V: Lanes, T: Twiddle<V>, S: Twiddle<V>>(
    prime: Prime<V>,
    x: [V; 8],
    w: [T; 6],
    sum: S,
    difference: T,
) -> [V; 8] {
    let [x0, x1, x2, x3, x4, x5, x6, x7] = x;
    let [x0, x1, x2, x3] = inverse4(prime, [x0, x1, x2, x3], [w[2], w[3]], One, w[0]);
    let [x4, x5, x6, x7] = inverse4(prime, [x4, x5, x6, x7], [w[4], w[5]], One, w[1]);
    let (x0, x4) = inverse2(prime, x0, x4, difference);
    let (x1, x5) = inverse2(prime, x1, x5, difference);
    let (x2, x6) = inverse2(prime, x2, x6, difference);
    let (x3, x7) = inverse2(prime, x3, x7, difference);
    [
        sum.times(prime, x0),
        sum.times(prime, x1),
        sum.times(prime, x2),
        sum.times(prime, x3),
        x4,
        x5,
        x6,
        x7,
    ]
}

/// The twiddle of a node, in every lane.
///
/// # Safety
/// The table reaches to `i`.
#[inline(always)]
pub(super) unsafe fn prepared<M: Machine>(
    m: M,
    table: *const Constant,
    i: usize,
) -> Prepared<M::Vector> {
    // SAFETY: the caller's promise.
    let c = unsafe { &*table.wrapping_add(i) };
    Prepared {
        w: m.splat(c.w),
        quotient: m.splat(c.quotient),
    }
}

/// Vectors `stride` values apart.
///
/// # Safety
/// Reads stay in an allocation.
#[inline(always)]
pub(super) unsafe fn load4<M: Machine>(m: M, x: *const f64, stride: usize) -> [M::Vector; 4] {
    // SAFETY: the caller's promise.
    unsafe { array4!(k => m.load(x.wrapping_add(k * stride))) }
}

/// As [`load4`].
///
/// # Safety
/// As for [`load4`].
#[inline(always)]
pub(super) unsafe fn load8<M: Machine>(m: M, x: *const f64, stride: usize) -> [M::Vector; 8] {
    // SAFETY: the caller's promise.
    unsafe { array8!(k => m.load(x.wrapping_add(k * stride))) }
}

/// Writes vectors `stride` values apart.
///
/// # Safety
/// Writes stay in an allocation that is borrowed mutably.
#[inline(always)]
pub(super) unsafe fn store4<M: Machine>(m: M, v: [M::Vector; 4], x: *mut f64, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe { array4!(k => m.store(v[k], x.wrapping_add(k * stride))) };
}

/// As [`store4`].
///
/// # Safety
/// As for [`store4`].
#[inline(always)]
pub(super) unsafe fn store8<M: Machine>(m: M, v: [M::Vector; 8], x: *mut f64, stride: usize) {
    // SAFETY: the caller's promise.
    unsafe { array8!(k => m.store(v[k], x.wrapping_add(k * stride))) };
}
