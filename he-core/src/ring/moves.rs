//! Moves of polynomials between rings: other degrees, other chains.

use std::sync::Arc;

use super::divide::{Division, divide_polys};
use super::{Basis, Coeff, Ntt, Poly, Representation, Ring, RingError};

/// Copies limbs to a ring of the same degree, whose primes they are: tables of one degree and prime are the same everywhere.
fn copied<R: Representation>(poly: &Poly<R>, ring: &Arc<Ring>, basis: Basis) -> Poly<R> {
    assert_eq!(poly.ring().degree(), ring.degree(), "rings of one degree");
    assert!(
        basis.limbs() <= poly.basis().limbs(),
        "limbs that are not there"
    );
    let mut out = Poly::scratch(ring, basis);
    for i in 0..basis.limbs() {
        check_prime(poly, &out, i);
        out.limb_mut(i).copy_from_slice(poly.limb(i));
    }
    out
}

fn check_prime<R: Representation, S: Representation>(a: &Poly<R>, b: &Poly<S>, i: usize) {
    let primes = [a.modulus(i).value(), b.modulus(i).value()];
    assert_eq!(primes[0], primes[1], "limb {i}: chains of the same primes");
}

impl Poly<Ntt> {
    /// The limbs of the chain's lowest primes in another ring of the same degree whose lowest primes they are too.
    ///
    /// # Panics
    /// If degrees or primes differ, or limbs are wanted that are not there.
    pub(crate) fn moved_to(&self, ring: &Arc<Ring>, level: usize) -> Self {
        copied(self, ring, ring.basis(level))
    }
}

impl Poly<Coeff> {
    /// The polynomial at `X^g` in a ring of `g` times the degree, over the same primes of its chain.
    ///
    /// # Panics
    /// Unless the degree is a multiple and the primes are the same.
    pub(crate) fn spread(&self, ring: &Arc<Ring>) -> Self {
        let gap = ring.degree() / self.ring().degree();
        assert_eq!(gap * self.ring().degree(), ring.degree(), "a multiple");
        let mut out = Poly::zero(ring, ring.basis(self.level()));
        for i in 0..self.basis().limbs() {
            check_prime(self, &out, i);
            let places = out.limb_mut(i).iter_mut().step_by(gap);
            places.zip(self.limb(i)).for_each(|(to, from)| *to = *from);
        }
        out
    }

    /// Every `g`-th coefficient in a ring of a `g`-th of the degree, over the same primes of its chain: the inverse of
    /// [`spread`](Self::spread), wherever it has one.
    ///
    /// # Panics
    /// Unless the degree is a divisor and the primes are the same.
    pub(crate) fn gathered(&self, ring: &Arc<Ring>) -> Self {
        let gap = self.ring().degree() / ring.degree();
        assert_eq!(gap * ring.degree(), self.ring().degree(), "a divisor");
        let mut out = Poly::zero(ring, ring.basis(self.level()));
        for i in 0..self.basis().limbs() {
            check_prime(self, &out, i);
            let from = self.limb(i).iter().step_by(gap);
            out.limb_mut(i)
                .iter_mut()
                .zip(from)
                .for_each(|(to, from)| *to = *from);
        }
        out
    }

    /// The centred integers of a polynomial over one prime, over the chain up to `level` of a ring of the same degree. Exact: there is
    /// nothing to estimate where the source is a single prime.
    ///
    /// # Errors
    /// [`RingError::Length`], if degrees differ.
    ///
    /// # Panics
    /// If the polynomial is over more than one prime.
    pub(crate) fn raised(mut self, ring: &Arc<Ring>, level: usize) -> Result<Self, RingError> {
        assert_eq!(self.basis().limbs(), 1, "a polynomial over one prime");
        self.balance();
        let integers: Vec<i64> = self.limb(0).iter().map(|x| *x as i64).collect();
        Poly::from_signed(ring, ring.basis(level), &integers)
    }
}

/// Rounds polynomials modulo a product S of primes to polynomials modulo another, T: x to x T/S.
///
/// Primes that are in both products cancel. What is left of S is divided by exactly as special primes are:
/// every coefficient is within `1/2 + 2^-48` of `x T/S`, within 1/2 if one prime is divided by.
#[derive(Debug)]
pub(crate) struct ModulusSwitch {
    /// T's primes as chain, what S alone has as special primes.
    joint: Arc<Ring>,
    /// For every prime of `joint`, the limb of the source, and what it is multiplied by: the primes that T alone has.
    limbs: Vec<(Option<usize>, u64)>,
    target: Arc<Ring>,
}

impl ModulusSwitch {
    /// From the primes `from` to the lowest `level + 1` primes of the chain of `target`.
    ///
    /// # Errors
    /// As [`Ring::new`].
    pub(crate) fn new(from: &[u64], target: &Arc<Ring>, level: usize) -> Result<Self, RingError> {
        let to: Vec<u64> = (0..=level).map(|i| target.q(i).value()).collect();
        let rest: Vec<u64> = (from.iter().copied()).filter(|p| !to.contains(p)).collect();
        let joint = Ring::new(target.log_n(), &to, &rest)?;
        let new = to.iter().copied().filter(|p| !from.contains(p));
        let new: Vec<u64> = new.collect();
        let limb = |i: usize, p: &u64| {
            let factor = joint.modulus(i).product(new.iter().copied());
            (from.iter().position(|f| f == p), factor)
        };
        let limbs = to.iter().chain(&rest).enumerate();
        let limbs = limbs.map(|(i, p)| limb(i, p)).collect();
        Ok(Self {
            joint,
            limbs,
            target: Arc::clone(target),
        })
    }

    /// `gain` times `poly`, modulo S, rounded to T. One inverse transform a prime that S alone has, one forward transform a
    /// prime of T.
    ///
    /// # Panics
    /// If a prime of S has no limb, or degrees differ.
    pub(crate) fn apply(&self, poly: &Poly<Ntt>, gain: u64) -> Poly<Ntt> {
        let top = self.joint.max_level();
        let basis = self.joint.extended_basis(top);
        let mut out = Poly::<Ntt>::zero(&self.joint, basis);
        let mut scalars = Vec::with_capacity(self.limbs.len());
        for (i, (from, factor)) in self.limbs.iter().enumerate() {
            if let Some(from) = from {
                assert_eq!(
                    poly.modulus(*from).value(),
                    out.modulus(i).value(),
                    "limb {from} of the source"
                );
                out.limb_mut(i).copy_from_slice(poly.limb(*from));
            }
            scalars.push(out.modulus(i).product([*factor, gain]));
        }
        out.mul_scalars(&scalars);
        if basis.is_extended() {
            [out] = divide_polys([out], &Division::by(0));
        }
        out.moved_to(&self.target, top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::ntt_primes;

    const N: usize = 64;

    fn primes(bits: u32, count: usize) -> Vec<u64> {
        ntt_primes(bits, 9, count, &[]).unwrap()
    }

    /// Values that meet ties and both ends of the range of `q`.
    fn integers(q: u64) -> Vec<i64> {
        let half = (q / 2) as i64;
        let mut all = vec![0, 1, -1, half, -half, half - 1, half / 2, -half / 3];
        let grow = |x: &i64| x.wrapping_mul(6_364_136_223_846_793_005) % half;
        while all.len() < N {
            all.push(grow(&(all[all.len() - 7] + 12345)));
        }
        all
    }

    #[test]
    fn a_modulus_is_switched_to_the_nearest_integer_without_a_bias() {
        let (a, b) = (primes(40, 2), primes(36, 3));
        let cases: [(&[u64], &[u64]); 4] = [
            (&[a[0]], &[b[0]]),
            (&[b[0]], &[a[0]]),
            (&[a[0], b[1]], &[b[0]]),
            // A prime of both: only the others count.
            (&[a[0], b[1]], &[a[0]]),
        ];
        for (from, to) in cases {
            let source = Ring::new(6, from, &[]).unwrap();
            let target = Ring::new(6, &[to, &[b[2]]].concat(), &[]).unwrap();
            let switch = ModulusSwitch::new(from, &target, to.len() - 1).unwrap();
            let x = integers(a[0].min(from[0]) / 8);
            let poly = Poly::from_signed(&source, source.basis(from.len() - 1), &x).unwrap();
            let gain = 4;
            let found = switch.apply(&poly.into_ntt(), gain);
            assert!(Arc::ptr_eq(found.ring(), &target));
            assert_eq!(found.level(), to.len() - 1);
            let found = found.into_coeff().raised(&target, 0).unwrap();
            let whole = |p: &[u64]| p.iter().map(|p| i128::from(*p)).product::<i128>();
            let (s, t) = (whole(from), whole(to));
            for (x, found) in x.iter().zip(found.limb(0)) {
                let numerator = i128::from(*x) * i128::from(gain) * t;
                let error = i128::from(*found as i64) * s - numerator;
                assert!(2 * error.abs() <= s, "{x}: {found}");
            }
        }
    }

    #[test]
    fn raising_keeps_the_centred_integer_and_gaps_go_and_come() {
        let q = [primes(40, 1), primes(36, 2)].concat();
        let small = Ring::new(6, &q[..1], &[]).unwrap();
        let large = Ring::new(8, &q, &[]).unwrap();
        let x = integers(q[0]);
        let poly = Poly::from_signed(&small, small.basis(0), &x).unwrap();
        let wide = poly.spread(&large);
        let raised = wide.clone().raised(&large, 2).unwrap();
        for i in 0..3 {
            let m = raised.modulus(i);
            for (k, found) in raised.limb(i).iter().enumerate() {
                let expected = if k % 4 == 0 { x[k / 4] } else { 0 };
                assert_eq!(*found, m.from_i64(expected));
            }
        }
        let back = wide.gathered(&small);
        assert_eq!(back.to_canonical(), poly.to_canonical());
        let moved = raised
            .into_ntt()
            .moved_to(&Ring::new(8, &q[..2], &[]).unwrap(), 1);
        assert_eq!(moved.level(), 1);
    }
}
