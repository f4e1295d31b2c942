//! Loops that do nothing but use one resource of the machine.

use super::lanes::array8;
use super::{Kernel, Machine};

/// Eight independent chains of multiply-adds of the widest vectors, `steps` each: what two units with a latency of four cycles can take. A processor
/// with four such units does half of what it could.
pub(in crate::arith) struct MultiplyAdds<'a> {
    pub(in crate::arith) steps: usize,
    /// The chains' sum.
    pub(in crate::arith) sum: &'a mut f64,
    /// Multiply-adds of one number each.
    pub(in crate::arith) count: &'a mut u64,
}

impl Kernel for MultiplyAdds<'_> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let mut lanes = [0.0; 8];
        // SAFETY: the caller has the instructions; no vector has more than 8 lanes.
        unsafe {
            let (a, b) = (V::splat(0.5), V::splat(1.0));
            let mut x = array8!(k => V::splat(k as f64));
            for _ in 0..self.steps {
                x = array8!(k => x[k].mul_add(a, b));
            }
            let pairs = x[0].add(x[1]).add(x[2].add(x[3]));
            pairs
                .add(x[4].add(x[5]).add(x[6].add(x[7])))
                .store(lanes.as_mut_ptr());
        }
        *self.sum = lanes.iter().sum();
        *self.count = (8 * V::LANES * self.steps) as u64;
    }
}

/// The sum of all values, in no particular order of additions: reads as fast as the machine can.
pub(in crate::arith) struct Total<'a> {
    pub(in crate::arith) values: &'a [f64],
    pub(in crate::arith) sum: &'a mut f64,
}

impl Kernel for Total<'_> {
    #[inline(always)]
    unsafe fn run<V: Machine>(self) {
        let (n, src) = (self.values.len(), self.values.as_ptr());
        let mut lanes = [0.0; 8];
        let mut i = 0;
        // SAFETY: the caller has the instructions; no step passes n; no vector has more than 8 lanes.
        unsafe {
            let mut x = [V::splat(0.0); 8];
            while n - i >= 8 * V::LANES {
                x = array8!(k => x[k].add(V::load(src.wrapping_add(i + k * V::LANES))));
                i += 8 * V::LANES;
            }
            let pairs = x[0].add(x[1]).add(x[2].add(x[3]));
            pairs
                .add(x[4].add(x[5]).add(x[6].add(x[7])))
                .store(lanes.as_mut_ptr());
        }
        *self.sum = lanes.iter().sum::<f64>() + self.values[i..].iter().sum::<f64>();
    }
}
