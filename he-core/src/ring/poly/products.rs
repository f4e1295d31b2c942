//! Sums of products.

use super::{Ntt, Poly};
use crate::arith::slices;

impl Poly<Ntt> {
    /// `self += a b`. For several products at once, [`inner_product_acc`](Self::inner_product_acc) is faster.
    pub fn mul_acc(&mut self, a: &Self, b: &Self) {
        self.check(a);
        self.check(b);
        self.each(1, |m, i, x| {
            slices::mul_add_assign(m, x, a.limb(i), b.limb(i))
        });
    }

    /// `self += sum_i a_i b_i`. Each factor may live over more primes than `self` (a key at the top level,
    /// say): only the limbs of `self`'s primes are read.
    ///
    /// # Panics
    /// If a factor belongs to another ring or lacks a prime of `self`.
    pub fn inner_product_acc(&mut self, terms: &[(&Self, &Self)]) {
        let basis = self.basis;
        for (a, b) in terms {
            a.check_contains(&self.ring, basis);
            b.check_contains(&self.ring, basis);
        }
        self.each(terms.len(), |m, i, x| {
            let limbs: Vec<(&[f64], &[f64])> = terms
                .iter()
                .map(|(a, b)| {
                    (
                        a.limb(a.basis.limb_of(&basis, i)),
                        b.limb(b.basis.limb_of(&basis, i)),
                    )
                })
                .collect();
            slices::dot(m, true, x, &limbs);
        });
    }
}
