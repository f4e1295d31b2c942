//! Kernels that treat every element alike.

use super::residue::Prime;
use crate::arith::modulus::{Constant, Modulus};
use crate::arith::simd::{Kernel, Lanes, Machine, Portable};

/// What happens to one element of the destination, given one of each source.
pub(in crate::arith) trait Lanewise<const S: usize>: Copy {
    /// The new value of `dst`.
    fn apply<M: Machine>(self, m: M, dst: M::Vector, src: [M::Vector; S]) -> M::Vector;
}

/// Applies an operation to whole slices of one length.
pub(in crate::arith) struct Map<'a, F, const S: usize> {
    pub(in crate::arith) f: F,
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: [&'a [f64]; S],
}

impl<F: Lanewise<S>, const S: usize> Kernel for Map<'_, F, S> {
    type Output = ();

    #[inline(always)]
    fn run<M: Machine>(self, m: M) {
        let n = self.dst.len();
        assert!(
            self.src.iter().all(|s| s.len() == n),
            "slices of different lengths"
        );
        let whole = n - n % M::LANES;
        let dst = self.dst.as_mut_ptr();
        let src = self.src.map(<[f64]>::as_ptr);
        let mut i = 0;
        while i < whole {
            // SAFETY: i + LANES <= whole <= n, every slice's length.
            unsafe {
                let s = src.map(|s| m.load(s.wrapping_add(i)));
                let at = dst.wrapping_add(i);
                m.store(self.f.apply(m, m.load(at), s), at);
            }
            i += M::LANES;
        }
        while i < n {
            // SAFETY: i < n.
            unsafe {
                let s = src.map(|s| *s.wrapping_add(i));
                *dst.wrapping_add(i) = self.f.apply(Portable, *dst.wrapping_add(i), s);
            }
            i += 1;
        }
    }
}

macro_rules! lanewise {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* }, $s:literal,
     |$this:ident, $m:ident, $prime:ident, $dst:pat_param, $src:pat_param| $body:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::arith) struct $name {
            pub(in crate::arith) modulus: Modulus,
            $(pub(in crate::arith) $field: $ty),*
        }
        impl Lanewise<$s> for $name {
            #[inline(always)]
            fn apply<M: Machine>(self, $m: M, $dst: M::Vector, $src: [M::Vector; $s]) -> M::Vector {
                let $this = self;
                let $prime = Prime::new($m, &self.modulus);
                $body
            }
        }
    };
}

lanewise!(
    /// Balanced residue of every element.
    Reduce {}, 0, |_this, m, prime, x, []| prime.reduce(x)
);
lanewise!(
    /// Sum.
    Add {}, 1, |_this, m, prime, x, [y]| prime.reduce(x.add(y))
);
lanewise!(
    /// Difference.
    Sub {}, 1, |_this, m, prime, x, [y]| prime.reduce(x.sub(y))
);
lanewise!(
    /// Negative.
    Negate {}, 0, |_this, m, prime, x, []| prime.round.sub(prime.round).sub(x)
);
lanewise!(
    /// Product of two sources.
    Mul {}, 2, |_this, m, prime, _, [a, b]| prime.mul(a, b)
);
lanewise!(
    /// Product with a constant.
    MulConstant { constant: Constant }, 0, |this, m, prime, x, []| {
        let (w, q) = (m.splat(this.constant.w), m.splat(this.constant.quotient));
        prime.mul_constant(x, w, q)
    }
);
lanewise!(
    /// Destination plus the product with a constant.
    AddScaled { constant: Constant }, 1, |this, m, prime, x, [y]| {
        let (w, q) = (m.splat(this.constant.w), m.splat(this.constant.quotient));
        prime.reduce(x.add(prime.mul_constant(y, w, q)))
    }
);
lanewise!(
    /// Difference times a constant.
    SubScale { constant: Constant }, 1, |this, m, prime, x, [y]| {
        let (w, q) = (m.splat(this.constant.w), m.splat(this.constant.quotient));
        prime.mul_constant(x.sub(y), w, q)
    }
);
lanewise!(
    /// Product.
    MulAssign {}, 1, |_this, m, prime, x, [y]| prime.mul(x, y)
);
