//! Residues of a prime in vectors; the proofs are in `slices`.

use crate::arith::modulus::Modulus;
use crate::arith::simd::{Lanes, Machine, ROUND};

/// The constants of a prime, in every lane.
#[derive(Clone, Copy)]
pub(super) struct Prime<V> {
    pub(super) p: V,
    pub(super) inverse: V,
    pub(super) round: V,
}

impl<V: Lanes> Prime<V> {
    #[inline(always)]
    pub(super) fn new<M: Machine<Vector = V>>(m: M, modulus: &Modulus) -> Self {
        Self {
            p: m.splat(modulus.p()),
            inverse: m.splat(modulus.p_inverse()),
            round: m.splat(ROUND),
        }
    }

    /// The balanced residue; see `slices::reduce`.
    #[inline(always)]
    pub(super) fn reduce(self, x: V) -> V {
        let q = x.mul_add(self.inverse, self.round).sub(self.round);
        q.neg_mul_add(self.p, x)
    }

    /// `a w` for a prepared constant; see `slices::mul_constant`.
    #[inline(always)]
    pub(super) fn mul_constant(self, a: V, w: V, quotient: V) -> V {
        let h = a.mul(w);
        let q = a.mul_add(quotient, self.round).sub(self.round);
        let l = a.mul_sub(w, h);
        q.neg_mul_add(self.p, h).add(l)
    }

    /// `a b` of two residues; see `slices::mul`.
    #[inline(always)]
    pub(super) fn mul(self, a: V, b: V) -> V {
        let h = a.mul(b);
        let q = h.mul_add(self.inverse, self.round).sub(self.round);
        let l = a.mul_sub(b, h);
        q.neg_mul_add(self.p, h).add(l)
    }
}
