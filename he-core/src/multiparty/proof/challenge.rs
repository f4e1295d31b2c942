//! Challenges: 0 and the monomials, and what they do to polynomials.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::arith::{Modulus, slices};
use crate::ring::{Coeff, Poly};

/// 0, or X^j with 0 <= j < 2N.
pub(super) type Challenge = Option<usize>;

/// The challenges of a hash, in order: those of all repetitions for the first statement, then for the next.
#[derive(Debug)]
pub(super) struct Challenges {
    rng: ChaCha20Rng,
    n: usize,
}

impl Challenges {
    pub(super) fn new(hash: &[u8; 32], n: usize) -> Self {
        let rng = ChaCha20Rng::from_seed(*hash);
        Self { rng, n }
    }

    /// The next statement's: uniform among 2N + 1, by rejection of candidates below 4N.
    pub(super) fn next(&mut self, repetitions: usize) -> Vec<Challenge> {
        let one = |_| loop {
            let candidate = self.rng.next_u32() as usize & (4 * self.n - 1);
            if candidate <= 2 * self.n {
                return (candidate < 2 * self.n).then_some(candidate);
            }
        };
        (0..repetitions).map(one).collect()
    }
}

/// `sum += X^j values`, for integers.
pub(super) fn add_integers(sum: &mut [i64], values: &[i64], challenge: Challenge) {
    let Some(j) = challenge else { return };
    let n = sum.len();
    let (shift, negative) = (j % n, j >= n);
    let (kept, wrapped) = values.split_at(n - shift);
    let (low, high) = sum.split_at_mut(shift);
    let add = |to: &mut [i64], from: &[i64], minus: bool| {
        let pairs = to.iter_mut().zip(from);
        // Below 2^62 by the shape: no overflow.
        match minus {
            true => pairs.for_each(|(a, b)| *a -= b),
            false => pairs.for_each(|(a, b)| *a += b),
        }
    };
    add(high, kept, negative);
    add(low, wrapped, !negative);
}

/// `sums[r] += X^(j_ir) poly_i` over all polynomials i for the challenges of every repetition, residue by residue.
///
/// A limb at a time: sums and polynomials are more than caches hold, and each limb of a polynomial is wanted for every repetition.
pub(super) fn add_multiples(
    sums: &mut [Poly<Coeff>],
    polys: &[&Poly<Coeff>],
    challenges: &[Vec<Challenge>],
) {
    let Some(basis) = polys.first().map(|poly| poly.basis()) else {
        return;
    };
    let mut limbs: Vec<Vec<&mut [f64]>> = (0..basis.limbs()).map(|_| Vec::new()).collect();
    for sum in sums {
        let own = sum.limbs_mut();
        limbs
            .iter_mut()
            .zip(own)
            .for_each(|(all, limb)| all.push(limb));
    }
    limbs.into_par_iter().enumerate().for_each(|(i, sums)| {
        for (r, sum) in sums.into_iter().enumerate() {
            for (poly, drawn) in polys.iter().zip(challenges) {
                if let Some(Some(j)) = drawn.get(r) {
                    add_multiple(poly.modulus(i), sum, poly.limb(i), *j);
                }
            }
        }
    });
}

/// `sum += X^j limb` for residues.
fn add_multiple(m: &Modulus, sum: &mut [f64], limb: &[f64], j: usize) {
    let n = limb.len();
    let (shift, negative) = (j % n, j >= n);
    let (kept, wrapped) = limb.split_at(n - shift);
    let (low, high) = sum.split_at_mut(shift);
    if negative {
        slices::sub_assign(m, high, kept);
        slices::add_assign(m, low, wrapped);
    } else {
        slices::add_assign(m, high, kept);
        slices::sub_assign(m, low, wrapped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Params, ParamsLiteral};
    use crate::rlwe::Context;

    #[test]
    fn monomials_move_and_negate_as_products_do() {
        let literal = ParamsLiteral {
            log_n: 10,
            q_bits: vec![40],
            p_bits: vec![46],
            dnum: 1,
        };
        let context = Context::new(Params::insecure_test(literal).unwrap().into()).unwrap();
        let (ring, n) = (context.ring(), 1024);
        let basis = ring.extended_basis(0);
        let values: Vec<i64> = (0..n as i64).map(|i| (i * 7919) % 1013 - 500).collect();
        let poly = Poly::from_signed(ring, basis, &values).unwrap();
        for challenge in [
            None,
            Some(0),
            Some(1),
            Some(1023),
            Some(1024),
            Some(1500),
            Some(2047),
        ] {
            let mut monomial = vec![0; n];
            if let Some(j) = challenge {
                monomial[j % n] = if j < n { 1 } else { -1 };
            }
            let monomial = Poly::from_signed(ring, basis, &monomial).unwrap();
            let product = monomial
                .into_ntt()
                .mul(&poly.clone().into_ntt())
                .into_coeff();
            let mut sums = [Poly::zero(ring, basis)];
            add_multiples(&mut sums, &[&poly, &poly], &[vec![challenge], vec![None]]);
            assert_eq!(sums[0].to_canonical(), product.to_canonical());
            let mut integers = vec![0; n];
            add_integers(&mut integers, &values, challenge);
            let integers = Poly::from_signed(ring, basis, &integers).unwrap();
            assert_eq!(integers.to_canonical(), product.to_canonical());
        }
    }

    #[test]
    fn challenges_are_uniform_and_follow_from_the_hash() {
        let n = 1024;
        let draw = |hash: u8| Challenges::new(&[hash; 32], n).next(50_000);
        let found = draw(1);
        assert_eq!(found, draw(1));
        assert_ne!(found, draw(2));
        // 2049 values, 24.4 each: chi square has mean 2048 and deviation sqrt(2 x 2048) = 64.
        let mut counts = vec![0.0; 2 * n + 1];
        found.iter().for_each(|c| counts[c.unwrap_or(2 * n)] += 1.0);
        let expected = 50_000.0 / 2049.0;
        let chi: f64 = counts
            .iter()
            .map(|c: &f64| (c - expected).powi(2) / expected)
            .sum();
        assert!((chi - 2048.0).abs() < 6.0 * 64.0, "chi square {chi}");
    }
}
