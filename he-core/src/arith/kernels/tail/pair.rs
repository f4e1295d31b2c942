//! Two vectors side by side.

use crate::arith::kernels::residue::Prime;
use crate::arith::simd::Lanes;

/// Two vectors that go through the same operations. Every operation of the second one is
/// independent of the first one's: where one kind of step has too few operations that do not wait
/// for each other, twice as many fill a processor that has registers for them.
#[derive(Clone, Copy)]
pub(super) struct Pair<V>(pub(super) V, pub(super) V);

impl<V: Lanes> Pair<V> {
    /// A prime for both.
    #[inline(always)]
    pub(super) fn prime(prime: Prime<V>) -> Prime<Self> {
        Prime {
            p: Self(prime.p, prime.p),
            inverse: Self(prime.inverse, prime.inverse),
            round: Self(prime.round, prime.round),
        }
    }
}

impl<V: Lanes> Lanes for Pair<V> {
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(self.0.add(b.0), self.1.add(b.1))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(self.0.sub(b.0), self.1.sub(b.1))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(self.0.mul(b.0), self.1.mul(b.1))
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(self.0.mul_add(b.0, c.0), self.1.mul_add(b.1, c.1))
    }
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        Self(self.0.mul_sub(b.0, c.0), self.1.mul_sub(b.1, c.1))
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Self(self.0.neg_mul_add(b.0, c.0), self.1.neg_mul_add(b.1, c.1))
    }
}
