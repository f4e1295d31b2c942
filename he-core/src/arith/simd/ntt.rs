//! The transforms: order of passes, loads and stores. `NttTable` has the bounds.
//!
//! A pass does two layers, the first one three if need be. Passes over blocks larger than [`CACHED`] sweep the whole array; then each block goes
//! through all its remaining passes while it is in the first-level cache, and through the last three layers, inside blocks of 8 values
//! (`tail`).

use super::butterfly::{
    One, Prepared, forward4_first, forward4_second, forward8, inverse4, inverse8, load4, load8,
    store4, store8,
};
use super::lanes::{Prime, array8};
use super::{Kernel, Lanes};
use crate::arith::ntt::{GROUP, Pass};
use crate::arith::{Constant, NttTable};

/// Block length (in values: 32 KiB) from which on a block does all its passes at a stretch.
const CACHED: usize = 1 << 12;

/// How many passes sweep the whole array.
fn outer_passes(passes: &[Pass], n: usize) -> usize {
    let mut len = n;
    let outer = passes.iter().take_while(|pass| {
        let sweep = len > CACHED;
        len >>= pass.layers;
        sweep
    });
    outer.count()
}

/// Forward transform in place.
pub(in crate::arith) struct Forward<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) data: &'a mut [f64],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.data.len();
        assert_eq!(n, self.table.n(), "length of the transform");
        let x = self.data.as_mut_ptr();
        let passes = self.table.passes();
        let outer = outer_passes(passes, n);
        let mut len = n;
        for pass in &passes[..outer] {
            // SAFETY: the caller has the instructions; the nodes cover the array.
            unsafe { forward_pass::<V>(self.table, x, len, 0..n / len, pass.layers) };
            len >>= pass.layers;
        }
        let block = len;
        for b in 0..n / block {
            let mut len = block;
            for pass in &passes[outer..] {
                let nodes = b * (block / len)..(b + 1) * (block / len);
                // SAFETY: the caller has the instructions; the nodes cover block b.
                unsafe { forward_pass::<V>(self.table, x, len, nodes, pass.layers) };
                len >>= pass.layers;
            }
            debug_assert_eq!(len, 8);
            // SAFETY: the caller has the instructions; block b has these groups.
            unsafe {
                V::forward_tail(
                    self.table,
                    x,
                    b * (block / GROUP)..(b + 1) * (block / GROUP),
                )
            };
        }
    }
}

/// The twiddle of a node, in every lane.
///
/// # Safety
/// The CPU has the instructions of `V`, and the table reaches to `i`.
#[inline(always)]
unsafe fn prepared<V: Lanes>(table: *const Constant, i: usize) -> Prepared<V> {
    // SAFETY: the caller's promise.
    unsafe {
        let c = &*table.wrapping_add(i);
        Prepared {
            w: V::splat(c.w),
            quotient: V::splat(c.quotient),
        }
    }
}

/// Two or three layers of some of the blocks (`nodes`) of `len` values.
///
/// # Safety
/// The CPU has the instructions of `V`; `x` points to the table's `n` values; `len (nodes.end) <= n`; `len` is at least
/// `8 << layers`.
#[inline(always)]
unsafe fn forward_pass<V: Lanes>(
    table: &NttTable,
    x: *mut f64,
    len: usize,
    nodes: std::ops::Range<usize>,
    layers: u32,
) {
    let m = table.n() / len;
    let stride = len >> layers;
    debug_assert!(
        stride.is_multiple_of(V::LANES)
            && (m << (layers - 1)) * 2 <= table.forward_twiddles().len()
    );
    let tw = table.forward_twiddles().as_ptr();
    // SAFETY: twiddles of a layer of m' nodes are at m'..2m', and the last layer here has m << (layers - 1) nodes;
    // loads and stores stay in the blocks.
    unsafe {
        let prime = Prime::<V>::new(table.modulus());
        for i in nodes {
            let base = x.wrapping_add(i * len);
            let w0 = prepared(tw, m + i);
            let w1 = [prepared(tw, 2 * (m + i)), prepared(tw, 2 * (m + i) + 1)];
            if layers == 2 {
                // The first layer of a step comes before the second of the step before: neither waits for the other.
                let mut next = forward4_first(prime, load4::<V>(base, stride), w0);
                let mut to = base;
                for j in (V::LANES..stride).step_by(V::LANES) {
                    let now = next;
                    next = forward4_first(prime, load4::<V>(base.wrapping_add(j), stride), w0);
                    store4(forward4_second(prime, now, w1), to, stride);
                    to = base.wrapping_add(j);
                }
                store4(forward4_second(prime, next, w1), to, stride);
            } else {
                let w2 = array8!(k => prepared::<V>(tw, 4 * (m + i) + k % 4));
                let w = [w0, w1[0], w1[1], w2[0], w2[1], w2[2], w2[3]];
                for j in (0..stride).step_by(V::LANES) {
                    let v = load8::<V>(base.wrapping_add(j), stride);
                    store8(forward8(prime, v, w), base.wrapping_add(j), stride);
                }
            }
        }
    }
}

/// Inverse transform in place; the last layer multiplies by `sum` and `difference`.
pub(in crate::arith) struct Inverse<'a> {
    pub(in crate::arith) table: &'a NttTable,
    pub(in crate::arith) data: &'a mut [f64],
    /// `c / N`.
    pub(in crate::arith) sum: Constant,
    /// `c / N` times the last layer's twiddle.
    pub(in crate::arith) difference: Constant,
}

impl Kernel for Inverse<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let n = self.data.len();
        assert_eq!(n, self.table.n(), "length of the transform");
        let x = self.data.as_mut_ptr();
        let passes = self.table.passes();
        let outer = outer_passes(passes, n);
        let block = passes[..outer]
            .iter()
            .fold(n, |len, pass| len >> pass.layers);
        for b in 0..n / block {
            // SAFETY: the caller has the instructions; block b has these groups.
            unsafe { V::inverse_tail(&self, x, b * (block / GROUP)..(b + 1) * (block / GROUP)) };
            let mut len = 8;
            for pass in passes[outer..].iter().rev() {
                len <<= pass.layers;
                let nodes = b * (block / len)..(b + 1) * (block / len);
                // SAFETY: the caller has the instructions; the nodes cover block b.
                unsafe {
                    if len == n {
                        inverse_pass::<V, true>(&self, x, len, nodes, pass);
                    } else {
                        inverse_pass::<V, false>(&self, x, len, nodes, pass);
                    }
                };
            }
        }
        let mut len = block;
        for pass in passes[..outer].iter().rev() {
            len <<= pass.layers;
            // SAFETY: the caller has the instructions; the nodes cover the array.
            unsafe {
                if len == n {
                    inverse_pass::<V, true>(&self, x, len, 0..1, pass);
                } else {
                    inverse_pass::<V, false>(&self, x, len, 0..n / len, pass);
                }
            };
        }
    }
}

/// Two or three layers that end with blocks (`nodes`) of `len` values.
///
/// # Safety
/// As for [`forward_pass`].
#[inline(always)]
unsafe fn inverse_pass<V: Lanes, const LAST: bool>(
    job: &Inverse<'_>,
    x: *mut f64,
    len: usize,
    nodes: std::ops::Range<usize>,
    pass: &Pass,
) {
    let m = job.table.n() / len;
    let stride = len >> pass.layers;
    debug_assert!(stride.is_multiple_of(V::LANES));
    let tw = job.table.inverse_twiddles().as_ptr();
    // SAFETY: as in `forward_pass`.
    unsafe {
        let prime = Prime::<V>::new(job.table.modulus());
        for i in nodes {
            let base = x.wrapping_add(i * len);
            let w1 = [prepared(tw, 2 * (m + i)), prepared(tw, 2 * (m + i) + 1)];
            let factor = prepared(
                if LAST {
                    &raw const job.difference
                } else {
                    tw.wrapping_add(m + i)
                },
                0,
            );
            let scale = prepared(&raw const job.sum, 0);
            for j in (0..stride).step_by(V::LANES) {
                if pass.layers == 2 {
                    let v = load4::<V>(base.wrapping_add(j), stride);
                    let mut v = if LAST {
                        inverse4(prime, v, w1, scale, factor)
                    } else {
                        inverse4(prime, v, w1, One, factor)
                    };
                    if pass.reduce {
                        v[0] = prime.reduce(v[0]);
                    }
                    store4(v, base.wrapping_add(j), stride);
                } else {
                    let w2 = array8!(k => prepared::<V>(tw, 4 * (m + i) + k % 4));
                    let w = [w1[0], w1[1], w2[0], w2[1], w2[2], w2[3]];
                    let v = load8::<V>(base.wrapping_add(j), stride);
                    let mut v = if LAST {
                        inverse8(prime, v, w, scale, factor)
                    } else {
                        inverse8(prime, v, w, One, factor)
                    };
                    if pass.reduce {
                        v[0] = prime.reduce(v[0]);
                        v[1] = prime.reduce(v[1]);
                    }
                    store8(v, base.wrapping_add(j), stride);
                }
            }
        }
    }
}
