//! Kernels that treat every element alike.

use super::lanes::Prime;
use super::{Kernel, Lanes, Machine};
use crate::arith::{Constant, Modulus};

/// What happens to one element of the destination, given one of each source.
pub(in crate::arith) trait Lanewise<const S: usize>: Copy {
    /// The new value of `dst`.
    ///
    /// # Safety
    /// The CPU has the instructions of `V`.
    unsafe fn apply<V: Lanes>(self, dst: V, src: [V; S]) -> V;
}

/// Applies an operation to whole slices of one length.
pub(in crate::arith) struct Map<'a, F, const S: usize> {
    pub(in crate::arith) f: F,
    pub(in crate::arith) dst: &'a mut [f64],
    pub(in crate::arith) src: [&'a [f64]; S],
}

impl<F: Lanewise<S>, const S: usize> Kernel for Map<'_, F, S> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let n = self.dst.len();
        assert!(
            self.src.iter().all(|s| s.len() == n),
            "slices of different lengths"
        );
        let whole = n - n % V::LANES;
        let dst = self.dst.as_mut_ptr();
        let src = self.src.map(<[f64]>::as_ptr);
        let mut i = 0;
        while i < whole {
            // SAFETY: the caller has the instructions; i + LANES <= whole <= n, every slice's length.
            unsafe {
                let s = src.map(|s| V::load(s.wrapping_add(i)));
                self.f
                    .apply(V::load(dst.wrapping_add(i)), s)
                    .store(dst.wrapping_add(i));
            }
            i += V::LANES;
        }
        while i < n {
            // SAFETY: `f64` needs no instructions; i < n.
            unsafe {
                let s = src.map(|s| *s.wrapping_add(i));
                *dst.wrapping_add(i) = self.f.apply(*dst.wrapping_add(i), s);
            }
            i += 1;
        }
    }
}

macro_rules! lanewise {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* }, $s:literal,
     |$this:ident, $prime:ident, $dst:pat_param, $src:pat_param| $body:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(in crate::arith) struct $name {
            pub(in crate::arith) modulus: Modulus,
            $(pub(in crate::arith) $field: $ty),*
        }
        impl Lanewise<$s> for $name {
            #[inline(always)]
            unsafe fn apply<V: Lanes>(self, $dst: V, $src: [V; $s]) -> V {
                let $this = self;
                // SAFETY: the caller's promise.
                let $prime = unsafe { Prime::<V>::new(&self.modulus) };
                $body
            }
        }
    };
}

lanewise!(
    /// Balanced residue of every element.
    Reduce {}, 0, |_this, prime, x, []| prime.reduce(x)
);
lanewise!(
    /// Sum.
    Add {}, 1, |_this, prime, x, [y]| prime.reduce(x.add(y))
);
lanewise!(
    /// Difference.
    Sub {}, 1, |_this, prime, x, [y]| prime.reduce(x.sub(y))
);
lanewise!(
    /// Negative.
    Negate {}, 0, |_this, prime, x, []| prime.round.sub(prime.round).sub(x)
);
lanewise!(
    /// Product of two sources.
    Mul {}, 2, |_this, prime, _, [a, b]| prime.mul(a, b)
);
lanewise!(
    /// Destination plus the product of two sources.
    MulAdd {}, 2, |_this, prime, x, [a, b]| prime.reduce(x.add(prime.mul(a, b)))
);
lanewise!(
    /// Product with a constant.
    MulConstant { constant: Constant }, 0, |this, prime, x, []| {
        // SAFETY: `x` exists, so the instructions do.
        let (w, q) = unsafe { (V::splat(this.constant.w), V::splat(this.constant.quotient)) };
        prime.mul_constant(x, w, q)
    }
);
lanewise!(
    /// Destination plus the product with a constant.
    AddScaled { constant: Constant }, 1, |this, prime, x, [y]| {
        // SAFETY: `x` exists, so the instructions do.
        let (w, q) = unsafe { (V::splat(this.constant.w), V::splat(this.constant.quotient)) };
        prime.reduce(x.add(prime.mul_constant(y, w, q)))
    }
);
lanewise!(
    /// Difference times a constant.
    SubScale { constant: Constant }, 1, |this, prime, x, [y]| {
        // SAFETY: `x` exists, so the instructions do.
        let (w, q) = unsafe { (V::splat(this.constant.w), V::splat(this.constant.quotient)) };
        prime.mul_constant(x.sub(y), w, q)
    }
);
lanewise!(
    /// Product.
    MulAssign {}, 1, |_this, prime, x, [y]| prime.mul(x, y)
);
