//! Rings against big integers.

mod conversion;
mod gadget;
mod operations;
mod samplers;

use std::sync::Arc;

use num_bigint::BigInt;

use super::*;
use crate::arith::ntt_primes;
use crate::arith::tests::Stream;

impl<R: Representation> Poly<R> {
    /// From canonical residues, `[limb][N]`.
    pub(crate) fn from_canonical(
        ring: &Arc<Ring>,
        basis: Basis,
        residues: &[u64],
    ) -> Result<Self, RingError> {
        let mut poly = Self::zero(ring, basis);
        for (limb, values) in residues.chunks_exact(ring.degree()).enumerate() {
            poly.set_limb_canonical(limb, values)?;
        }
        Ok(poly)
    }
}

/// The rounded quotient by the product `P` of the special primes, and with `chain_primes` 1 by the top prime too.
fn divided(poly: Poly<Ntt>, chain_primes: usize) -> Poly<Ntt> {
    let [quotient] = divide_polys([poly], &Division::by(chain_primes));
    quotient
}

fn ring(log_n: u32, levels: usize, special: usize) -> Arc<Ring> {
    let q0 = ntt_primes(47, log_n, 1, &[]).unwrap();
    let mut chain = q0.clone();
    chain.extend(ntt_primes(36, log_n, levels - 1, &[]).unwrap());
    let special = ntt_primes(48, log_n, special, &[]).unwrap();
    Ring::new(log_n, &chain, &special).unwrap()
}

fn product(poly: &Poly<Coeff>) -> BigInt {
    (0..poly.basis().limbs())
        .map(|i| BigInt::from(poly.modulus(i).value()))
        .product()
}

/// The centred coefficients.
fn lift(poly: &Poly<Coeff>) -> Vec<BigInt> {
    let q = product(poly);
    let limbs: Vec<Vec<u64>> = (0..poly.basis().limbs())
        .map(|i| poly.limb_canonical(i).collect())
        .collect();
    let units: Vec<BigInt> = (0..limbs.len())
        .map(|i| {
            let m = poly.modulus(i);
            let hat = &q / m.value();
            let rest = u64::try_from(&hat % m.value()).unwrap();
            hat * m.inv(rest)
        })
        .collect();
    (0..poly.ring().degree())
        .map(|k| {
            let x: BigInt = limbs
                .iter()
                .zip(&units)
                .map(|(l, u)| u * l[k])
                .sum::<BigInt>()
                % &q;
            if &x * 2 > q { x - &q } else { x }
        })
        .collect()
}

/// The residue of least magnitude.
fn centred(x: BigInt, q: &BigInt) -> BigInt {
    let x = x % q;
    if &x * 2 > *q {
        x - q
    } else if &x * 2 < -q {
        x + q
    } else {
        x
    }
}

fn random(ring: &Arc<Ring>, basis: Basis, seed: u64) -> Poly<Ntt> {
    let mut rng = Stream(seed);
    let mut poly = Poly::zero(ring, basis);
    for i in 0..basis.limbs() {
        let p = poly.modulus(i).value();
        let values: Vec<u64> = (0..ring.degree()).map(|_| rng.next() % p).collect();
        poly.set_limb_canonical(i, &values).unwrap();
    }
    poly
}

#[test]
fn rescale_rounds_to_within_a_half() {
    let ring = ring(6, 4, 2);
    let a = random(&ring, ring.basis(3), 1);
    let exact = lift(&a.clone().into_coeff());
    let mut b = a;
    b.rescale();
    assert_eq!(b.level(), 2);
    let q = BigInt::from(ring.q(3).value());
    for (x, y) in exact.iter().zip(lift(&b.into_coeff())) {
        let error = x - y * &q;
        assert!(error.magnitude() * 2u32 <= *q.magnitude());
    }
}

/// `b` must be `a` over the divisors, rounded: to within a half, modulo what `b` is modulo.
fn assert_quotient(a: Poly<Ntt>, b: Poly<Ntt>, divisor: BigInt) {
    let exact = lift(&a.into_coeff());
    let b = b.into_coeff();
    let q = product(&b) * &divisor;
    for (x, y) in exact.iter().zip(lift(&b)) {
        // Equal modulo Q: the lifted quotient may wrap.
        let error = centred(x - y * &divisor, &q);
        assert!(error.magnitude() * 2u32 <= *divisor.magnitude(), "{error}");
    }
}

#[test]
fn mod_down_rounds_to_within_a_half() {
    let ring = ring(6, 4, 3);
    let p: BigInt = (0..3)
        .map(|i| BigInt::from(ring.special(i).value()))
        .product();
    for level in 0..4 {
        let a = random(&ring, ring.extended_basis(level), 2);
        let b = divided(a.clone(), 0);
        assert_eq!(b.basis(), ring.basis(level));
        assert_quotient(a.clone(), b, p.clone());
        if level > 0 {
            let b = divided(a.clone(), 1);
            assert_eq!(b.basis(), ring.basis(level - 1));
            assert_quotient(a, b, &p * ring.q(level).value());
        }
    }
}

#[test]
fn digits_are_centred_and_right_modulo_their_primes() {
    let ring = ring(6, 5, 2);
    let a = random(&ring, ring.basis(4), 3);
    let coefficients = a.clone().into_coeff();
    let digits = a.decompose(2);
    assert_eq!(digits.len(), 3);
    for (d, digit) in digits.into_iter().enumerate() {
        assert_eq!(digit.basis(), ring.extended_basis(4));
        let own: Vec<usize> = (2 * d..(2 * d + 2).min(5)).collect();
        let digit = digit.into_coeff();
        for i in &own {
            assert!(digit.limb_canonical(*i).eq(coefficients.limb_canonical(*i)));
        }
        let q: BigInt = own
            .iter()
            .map(|i| BigInt::from(ring.q(*i).value()))
            .product();
        for x in lift(&digit) {
            assert!(x.magnitude() * 2u32 <= *q.magnitude());
        }
    }
}

#[test]
fn automorphisms_agree_in_both_representations() {
    let ring = ring(6, 2, 1);
    let a = random(&ring, ring.extended_basis(1), 4);
    for g in [
        GaloisElement::rotation(1, 6),
        GaloisElement::rotation(-3, 6),
        GaloisElement::conjugation(6),
    ] {
        let b = a.automorphism(g);
        let c = a.clone().into_coeff().automorphism(g);
        assert_eq!(b.to_canonical(), c.into_ntt().to_canonical());
        assert_eq!(
            b.automorphism(g.inverse(6)).to_canonical(),
            a.to_canonical()
        );
    }
}

#[test]
fn products_are_negacyclic_convolutions() {
    let ring = ring(6, 2, 1);
    let mut rng = Stream(5);
    let mut small = || (0..64).map(|_| rng.within(1e6) as i64).collect::<Vec<_>>();
    let (a, b) = (small(), small());
    let mut expected = vec![0i128; 64];
    for i in 0..64 {
        for j in 0..64 {
            let product = i128::from(a[i]) * i128::from(b[j]);
            if i + j < 64 {
                expected[i + j] += product
            } else {
                expected[i + j - 64] -= product
            }
        }
    }
    let ntt = |v: &[i64]| {
        Poly::from_signed(&ring, ring.basis(1), v)
            .unwrap()
            .into_ntt()
    };
    let found = lift(&ntt(&a).mul(&ntt(&b)).into_coeff());
    assert_eq!(
        found,
        expected
            .iter()
            .map(|x| BigInt::from(*x))
            .collect::<Vec<_>>()
    );
}
