//! Division by primes and the gadget decomposition of hybrid key switching.

use std::ops::Range;

use super::convert::inverse_of_product;
use super::poly::{TRANSFORM, for_each_limb};
use super::{Ntt, Poly};
use crate::arith::{Buffer, slices};

impl Poly<Ntt> {
    /// Divides by the top prime `q_l` and rounds; the level falls by one. Every coefficient of the result is within
    /// 1/2 of the exact quotient. `l + 1` transforms.
    ///
    /// # Panics
    /// At level 0, and over an extended basis.
    pub fn rescale(&mut self) {
        let level = self.level();
        assert!(level > 0, "no prime to divide by at level 0");
        assert!(
            !self.basis().is_extended(),
            "rescaling acts on the chain's primes alone"
        );
        let ring = self.ring().clone();
        let mut top = Buffer::copy_of(self.limb(level));
        ring.table(level).inverse(&mut top);
        // Balanced, not merely reduced: this is the rounding.
        slices::reduce(ring.modulus(level), &mut top);
        self.drop_to_level(level - 1);
        for_each_limb(self.data_mut(), ring.degree(), TRANSFORM, |j, limb| {
            let (table, m) = (ring.table(j), ring.modulus(j));
            let mut rest = top.clone();
            if ring.modulus(level).p() > table.input_limit() {
                slices::reduce(m, &mut rest);
            }
            table.forward(&mut rest);
            slices::sub_scale(m, limb, &rest, inverse_of_product(&ring, &[level], j));
        });
    }

    /// Divides by the product `P` of the special primes and rounds: every coefficient of the result is within
    /// `1/2 + 2^-48` of the exact quotient. `k` inverse and `l + 1` forward transforms.
    ///
    /// # Panics
    /// Unless the basis is extended.
    #[must_use]
    pub fn mod_down(self) -> Self {
        self.divide(0)
    }

    /// [`mod_down`](Self::mod_down) and [`rescale`](Self::rescale) at once: divides by `P q_l` and rounds, with the same bound. `k + 1`
    /// inverse and `l` forward transforms, where one after the other takes `k + 1` and `2 l + 1`.
    ///
    /// # Panics
    /// Unless the basis is extended, and at level 0.
    #[must_use]
    pub fn mod_down_and_rescale(self) -> Self {
        assert!(self.level() > 0, "no prime to divide by at level 0");
        self.divide(1)
    }

    /// Divides by the special primes and the top `chain_primes` of the chain.
    fn divide(mut self, chain_primes: usize) -> Self {
        assert!(
            self.basis().is_extended(),
            "nothing to divide by: the basis is not extended"
        );
        let ring = self.ring().clone();
        let (n, basis) = (ring.degree(), self.basis());
        let kept = basis.level() + 1 - chain_primes;
        let chain: Vec<usize> = (0..kept).collect();
        let divisors: Vec<usize> = (kept..basis.limbs()).map(|i| basis.prime(i)).collect();
        let converter = ring.converter(&divisors, &chain);
        let (head, tail) = self.data_mut().split_at_mut(kept * n);
        for_each_limb(tail, n, TRANSFORM, |i, limb| {
            ring.table(divisors[i])
                .inverse_scaled(limb, converter.hat_inverse(i));
        });
        let sources: Vec<&[f64]> = tail.chunks_exact(n).collect();
        let mut rest = Buffer::scratch(head.len());
        converter.convert(&ring, rest.chunks_exact_mut(n).collect(), &sources);
        for_each_limb(&mut rest, n, TRANSFORM, |j, limb| {
            ring.table(j).forward(limb)
        });
        for_each_limb(head, n, 1, |j, limb| {
            let rest = &rest[j * n..(j + 1) * n];
            slices::sub_scale(
                ring.modulus(j),
                limb,
                rest,
                inverse_of_product(&ring, &divisors, j),
            );
        });
        self.drop_special();
        self.drop_to_level(kept - 1);
        self
    }

    /// Digits of the gadget decomposition: digit `d` is the centred integer polynomial that equals `self`
    /// modulo the primes `q_i`, `alpha d <= i < alpha (d + 1)`, over the extended basis. `l + 1` inverse transforms, and `l + 1 + k` forward
    /// transforms a digit less its own primes.
    ///
    /// Han and Ki, ePrint 2019/688, section 3.
    ///
    /// # Panics
    /// If `alpha` is 0, the ring has no special primes, or the basis is extended.
    #[must_use]
    pub fn decompose(&self, alpha: usize) -> Vec<Self> {
        let coefficients = self.clone().into_scaled_digits(alpha);
        digit_ranges(self.level(), alpha)
            .map(|digit| self.mod_up(&coefficients, digit))
            .collect()
    }

    /// Inverse transforms of all limbs, each times the constant that [`mod_up`](Self::mod_up) of its digit needs.
    fn into_scaled_digits(mut self, alpha: usize) -> Buffer {
        assert!(
            !self.basis().is_extended(),
            "a digit decomposition acts on the chain's primes alone"
        );
        let ring = self.ring().clone();
        let level = self.level();
        let mut data = std::mem::replace(self.data_mut(), Buffer::zero(0));
        for_each_limb(&mut data, ring.degree(), TRANSFORM, |i, limb| {
            let start = i - i % alpha;
            let digit: Vec<usize> = (start..(start + alpha).min(level + 1)).collect();
            let (m, own) = (ring.modulus(i), digit.iter().filter(|j| **j != i));
            let hat = m.product(own.map(|j| ring.modulus(*j).value()));
            ring.table(i).inverse_scaled(limb, m.inv(hat));
        });
        data
    }

    /// One digit over the extended basis; `scaled` holds the scaled coefficients of all limbs.
    fn mod_up(&self, scaled: &[f64], digit: Range<usize>) -> Self {
        let ring = self.ring();
        let n = ring.degree();
        let basis = ring.extended_basis(self.level());
        assert!(
            basis.is_extended(),
            "a digit decomposition needs special primes"
        );
        let from: Vec<usize> = digit.clone().collect();
        let to: Vec<usize> = (0..basis.limbs())
            .filter(|i| !digit.contains(i))
            .map(|i| basis.prime(i))
            .collect();
        let converter = ring.converter(&from, &to);
        let sources: Vec<&[f64]> = scaled[digit.start * n..digit.end * n]
            .chunks_exact(n)
            .collect();
        let mut out = Self::scratch(ring, basis);
        let limbs = out.data_mut().chunks_exact_mut(n).enumerate();
        let targets = limbs
            .filter(|(i, _)| !digit.contains(i))
            .map(|(_, limb)| limb)
            .collect();
        converter.convert(ring, targets, &sources);
        for_each_limb(out.data_mut(), n, TRANSFORM, |i, limb| {
            if digit.contains(&i) {
                limb.copy_from_slice(self.limb(i));
            } else {
                ring.table(basis.prime(i)).forward(limb);
            }
        });
        out
    }
}

/// The limbs of each digit at a level.
fn digit_ranges(level: usize, alpha: usize) -> impl Iterator<Item = Range<usize>> {
    (0..=level)
        .step_by(alpha)
        .map(move |start| start..(start + alpha).min(level + 1))
}
