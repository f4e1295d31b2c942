//! The transforms' butterflies; see `NttTable` for the bounds.

use super::lanes::Prime;
use super::{Kernel, Lanes};
use crate::arith::{Constant, NttTable};

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
        let (mut len, mut m) = (n / 2, 1);
        while len >= 1 {
            for i in 0..m {
                let w = self.table.forward_twiddle(m + i);
                // SAFETY: the caller has the instructions; 2 i len + 2 len <= n.
                unsafe {
                    let base = x.add(2 * i * len);
                    if len >= V::LANES {
                        forward_layer::<V>(self.table, base, len, w);
                    } else {
                        forward_layer::<f64>(self.table, base, len, w);
                    }
                }
            }
            len /= 2;
            m *= 2;
        }
        for i in (0..n).step_by(V::LANES) {
            // SAFETY: the caller has the instructions; LANES divides n.
            unsafe {
                Prime::<V>::new(self.table.modulus())
                    .reduce(V::load(x.add(i)))
                    .store(x.add(i))
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions of `V`; `2 len` values at `x`; LANES divides `len`.
#[inline(always)]
unsafe fn forward_layer<V: Lanes>(table: &NttTable, x: *mut f64, len: usize, c: Constant) {
    for j in (0..len).step_by(V::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let prime = Prime::<V>::new(table.modulus());
            let (w, q) = (V::splat(c.w), V::splat(c.quotient));
            let u = V::load(x.add(j));
            let v = prime.mul_constant(V::load(x.add(j + len)), w, q);
            u.add(v).store(x.add(j));
            u.sub(v).store(x.add(j + len));
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
        let (mut len, mut m) = (1, n / 2);
        while m > 1 {
            for i in 0..m {
                let w = self.table.inverse_twiddle(m + i);
                // SAFETY: the caller has the instructions; 2 i len + 2 len <= n.
                unsafe {
                    let base = x.add(2 * i * len);
                    if len >= V::LANES {
                        inverse_layer::<V>(self.table, base, len, w);
                    } else {
                        inverse_layer::<f64>(self.table, base, len, w);
                    }
                }
            }
            len *= 2;
            m /= 2;
        }
        for j in (0..len).step_by(V::LANES) {
            // SAFETY: the caller has the instructions; 2 len = n.
            unsafe {
                let prime = Prime::<V>::new(self.table.modulus());
                let (u, v) = (V::load(x.add(j)), V::load(x.add(j + len)));
                let (w, q) = (V::splat(self.sum.w), V::splat(self.sum.quotient));
                prime.mul_constant(u.add(v), w, q).store(x.add(j));
                let (w, q) = (
                    V::splat(self.difference.w),
                    V::splat(self.difference.quotient),
                );
                prime.mul_constant(u.sub(v), w, q).store(x.add(j + len));
            }
        }
    }
}

/// # Safety
/// The CPU has the instructions of `V`; `2 len` values at `x`; LANES divides `len`.
#[inline(always)]
unsafe fn inverse_layer<V: Lanes>(table: &NttTable, x: *mut f64, len: usize, c: Constant) {
    for j in (0..len).step_by(V::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let prime = Prime::<V>::new(table.modulus());
            let (w, q) = (V::splat(c.w), V::splat(c.quotient));
            let (u, v) = (V::load(x.add(j)), V::load(x.add(j + len)));
            prime.reduce(u.add(v)).store(x.add(j));
            prime.mul_constant(u.sub(v), w, q).store(x.add(j + len));
        }
    }
}
