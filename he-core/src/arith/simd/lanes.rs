//! Arithmetic on vectors.
//!
//! Kernels use neither closures nor `array::map` on vectors: a function that has not the
//! instruction set enabled cannot inline an intrinsic, and only `#[inline(always)]` functions are
//! sure to be inlined first.

/// `[f(0), .., f(7)]` without a closure.
macro_rules! array8 {
    ($k:ident => $value:expr) => {
        [
            {
                let $k = 0;
                $value
            },
            {
                let $k = 1;
                $value
            },
            {
                let $k = 2;
                $value
            },
            {
                let $k = 3;
                $value
            },
            {
                let $k = 4;
                $value
            },
            {
                let $k = 5;
                $value
            },
            {
                let $k = 6;
                $value
            },
            {
                let $k = 7;
                $value
            },
        ]
    };
}
pub(in crate::arith) use array8;

/// `[f(0), .., f(3)]` without a closure.
macro_rules! array4 {
    ($k:ident => $value:expr) => {
        [
            {
                let $k = 0;
                $value
            },
            {
                let $k = 1;
                $value
            },
            {
                let $k = 2;
                $value
            },
            {
                let $k = 3;
                $value
            },
        ]
    };
}
pub(in crate::arith) use array4;

/// A vector of `f64`. A value of an instruction set's type exists only where its
/// [`Machine`](super::Machine) made it, which exists only where the instruction set is enabled: so
/// the arithmetic is safe to call.
pub(in crate::arith) trait Lanes: Copy {
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    /// `self b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self b - c`, rounded once.
    fn mul_sub(self, b: Self, c: Self) -> Self;
    /// `c - self b`, rounded once.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
}

impl Lanes for f64 {
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self + b
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self - b
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self * b
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        f64::mul_add(self, b, c)
    }
    #[inline(always)]
    fn mul_sub(self, b: Self, c: Self) -> Self {
        f64::mul_add(self, b, -c)
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        f64::mul_add(-self, b, c)
    }
}

/// `1.5 x 2^52`: adding it to a number of magnitude at most `2^51` rounds that to an integer, ties
/// to even, because the sum lies in `[2^52, 2^53]`, where doubles are the integers.
pub(in crate::arith) const ROUND: f64 = 6_755_399_441_055_744.0;
