//! Loops that do nothing but use one resource of the machine.

use crate::arith::simd::{Kernel, Lanes, Machine, array8};

/// Eight independent chains of multiply-adds of the widest vectors, `steps` each: what two units
/// with a latency of four cycles can take. A processor with four such units does half of what it
/// could.
pub(in crate::arith) struct MultiplyAdds {
    pub(in crate::arith) steps: usize,
}

impl Kernel for MultiplyAdds {
    /// The chains' sum, and the number of multiply-adds of one number each.
    type Output = (f64, u64);

    #[inline(always)]
    fn run<M: Machine>(self, m: M) -> (f64, u64) {
        let (a, b) = (m.splat(0.5), m.splat(1.0));
        let mut x = array8!(k => m.splat(k as f64));
        for _ in 0..self.steps {
            x = array8!(k => x[k].mul_add(a, b));
        }
        (sum(m, x), (8 * M::LANES * self.steps) as u64)
    }
}

/// The sum of all values, in no particular order of additions: reads as fast as the machine can.
pub(in crate::arith) struct Total<'a> {
    pub(in crate::arith) values: &'a [f64],
}

impl Kernel for Total<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<M: Machine>(self, m: M) -> f64 {
        let mut x = [m.splat(0.0); 8];
        let mut rest = self.values;
        while let Some((step, after)) = rest.split_at_checked(8 * M::LANES) {
            x = array8!(k => x[k].add(m.load_from(&step[k * M::LANES..])));
            rest = after;
        }
        sum(m, x) + rest.iter().sum::<f64>()
    }
}

/// The sum of all lanes of eight vectors.
#[inline(always)]
fn sum<M: Machine>(m: M, x: [M::Vector; 8]) -> f64 {
    let mut lanes = [0.0; 8];
    let pairs = x[0].add(x[1]).add(x[2].add(x[3]));
    let all = pairs.add(x[4].add(x[5]).add(x[6].add(x[7])));
    m.store_to(all, &mut lanes);
    lanes.iter().sum()
}
