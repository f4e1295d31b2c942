//! Products of digits and keys: what hybrid key switching spends its memory traffic on.

use rayon::prelude::*;

use super::{GaloisElement, Ntt, Poly};
use crate::arith::{Buffer, slices};

/// Values of a limb that are multiplied by both halves of a key while they are in the first-level cache.
const BLOCK: usize = 1024;

/// A key for digits: one pair of polynomials a digit, over at least the digits' primes. The product is taken at `X^g`, if there is a `g`.
#[derive(Clone)]
pub(crate) struct GadgetTerm<'a> {
    pub(crate) b: Vec<&'a Poly<Ntt>>,
    pub(crate) a: Vec<&'a Poly<Ntt>>,
    pub(crate) g: Option<GaloisElement>,
}

/// The sum over all keys of `sum_d digit_d (b_d, a_d)`, each at its own `X^g`, over the digits' basis.
///
/// Limb by limb, all keys of a limb in turn, and block by block: digits and both sums stay in the cache, products in its first level; only the
/// keys come from memory, once each.
///
/// # Panics
/// Without digits or keys; if a key has fewer digits; if rings differ or a key lacks primes.
pub(crate) fn gadget_product(
    digits: &[Poly<Ntt>],
    keys: &[GadgetTerm<'_>],
) -> (Poly<Ntt>, Poly<Ntt>) {
    let (ring, basis, n) = (
        digits[0].ring(),
        digits[0].basis(),
        digits[0].ring().degree(),
    );
    assert!(!keys.is_empty(), "no keys");
    for key in keys {
        assert!(
            key.b.len() >= digits.len() && key.a.len() >= digits.len(),
            "a key has fewer digits"
        );
        for poly in key.b.iter().chain(&key.a) {
            assert!(std::sync::Arc::ptr_eq(ring, poly.ring()), "different rings");
            assert!(poly.basis().contains(&basis), "a key lacks primes");
        }
    }
    let permutations: Vec<_> = keys
        .iter()
        .map(|k| k.g.map(|g| ring.permutation(g)))
        .collect();
    let (mut k0, mut k1) = (Poly::scratch(ring, basis), Poly::scratch(ring, basis));
    let limb = |(i, (x0, x1)): (usize, (&mut [f64], &mut [f64]))| {
        let m = ring.modulus(basis.prime(i));
        let mut terms = Vec::with_capacity(digits.len());
        for (t, (key, permutation)) in keys.iter().zip(&permutations).enumerate() {
            let block = permutation.as_ref().map_or(BLOCK.min(n), |p| p.block());
            let mut product = Buffer::scratch(block);
            for (source, start) in (0..n).step_by(block).enumerate() {
                let range = start..start + block;
                for (x, part) in [(&mut *x0, &key.b), (&mut *x1, &key.a)] {
                    terms.clear();
                    terms.extend(digits.iter().zip(part).map(|(d, k)| {
                        let k = k.limb(k.basis().limb_of(&basis, i));
                        (&d.limb(i)[range.clone()], &k[range.clone()])
                    }));
                    match permutation {
                        None => slices::dot(m, t > 0, &mut x[range.clone()], &terms),
                        Some(p) => {
                            slices::dot(m, false, &mut product, &terms);
                            slices::permute_block(m, t > 0, x, &product, p, source);
                        }
                    }
                }
            }
        }
    };
    k0.data_mut()
        .par_chunks_exact_mut(n)
        .zip(k1.data_mut().par_chunks_exact_mut(n))
        .enumerate()
        .for_each(limb);
    (k0, k1)
}

impl Poly<Ntt> {
    /// `self += other` at `X^g`: a permutation and a sum in one pass.
    ///
    /// # Panics
    /// If rings or bases differ.
    pub(crate) fn add_automorphism(&mut self, other: &Self, g: GaloisElement) {
        self.check(other);
        let permutation = self.ring().permutation(g);
        self.each(4, |m, i, x| {
            let blocks = other.limb(i).chunks_exact(permutation.block());
            for (source, values) in blocks.enumerate() {
                slices::permute_block(m, true, x, values, &permutation, source);
            }
        });
    }

    /// `self += P other`, for `other` over the chain primes of `self`, which has the special primes too.
    ///
    /// # Panics
    /// If rings or levels differ, or `other` is over special primes.
    pub(crate) fn add_times_special(&mut self, mut other: Self) {
        let ring = self.ring().clone();
        let chain = self.basis().without_special();
        assert!(
            std::sync::Arc::ptr_eq(&ring, other.ring()),
            "different rings"
        );
        assert_eq!(other.basis(), chain, "different levels");
        let special = || (0..ring.special_count()).map(|i| ring.special(i).value());
        let scalars: Vec<u64> = (0..chain.limbs())
            .map(|i| ring.q(i).product(special()))
            .collect();
        other.mul_scalars(&scalars);
        self.each(1, |m, i, x| {
            // P is 0 modulo the special primes.
            if i < chain.limbs() {
                slices::add_assign(m, x, other.limb(i));
            }
        });
    }
}
