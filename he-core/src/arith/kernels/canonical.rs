//! Residues as canonical integers and back: plain loops, which become vector instructions.

use crate::arith::modulus::Modulus;
use crate::arith::simd::{Kernel, Machine};

/// Canonical residues of integers of at most 2^52.
pub(in crate::arith) struct Canonical<'a> {
    pub(in crate::arith) modulus: &'a Modulus,
    pub(in crate::arith) from: &'a [f64],
    pub(in crate::arith) to: &'a mut [u64],
}

impl Kernel for Canonical<'_> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, _: M) {
        for (to, x) in self.to.iter_mut().zip(self.from) {
            *to = self.modulus.to_canonical(*x);
        }
    }
}

/// Balanced residues of canonical ones; says whether they were. Of others something else comes.
pub(in crate::arith) struct Balance<'a> {
    pub(in crate::arith) modulus: &'a Modulus,
    pub(in crate::arith) from: &'a [u64],
    pub(in crate::arith) to: &'a mut [f64],
}

impl Kernel for Balance<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<M: Machine>(self, _: M) -> bool {
        let (p, mut all) = (self.modulus.value(), true);
        for (to, x) in self.to.iter_mut().zip(self.from) {
            all &= *x < p;
            *to = self.modulus.balanced(*x);
        }
        all
    }
}
