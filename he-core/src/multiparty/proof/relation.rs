//! The linear equations that a proof is about.

use std::sync::Arc;

use super::super::session::absorb;
use crate::ring::{Basis, Ntt, Poly, Ring};
use crate::rlwe::at_level;

/// A factor of one column in one row.
pub(crate) enum Factor<'a> {
    /// 1.
    One,
    /// A public polynomial, over at least the row's primes.
    Times(&'a Poly<Ntt>),
    /// The negative of one.
    Minus(&'a Poly<Ntt>),
    /// An integer, by its residues modulo the row's primes.
    Scalars(Vec<u64>),
}

/// y = A w: rows of a statement, columns of a witness. Columns are integers, the same ones in every row; a row is an equation over its own primes, the relation's or the
/// lower ones of them.
pub(crate) struct Relation<'a> {
    ring: Arc<Ring>,
    basis: Basis,
    /// Says what the rows are; another relation has another.
    name: &'static str,
    rows: usize,
    bounds: Vec<u64>,
    terms: Vec<(usize, usize, Factor<'a>)>,
    /// The primes of every row.
    bases: Vec<Basis>,
}

impl<'a> Relation<'a> {
    /// No equation yet: `rows` of them over these primes, with columns of these bounds.
    pub(crate) fn new(
        name: &'static str,
        ring: &Arc<Ring>,
        basis: Basis,
        rows: usize,
        bounds: Vec<u64>,
    ) -> Self {
        Self {
            ring: Arc::clone(ring),
            basis,
            name,
            rows,
            bounds,
            terms: Vec::new(),
            bases: vec![basis; rows],
        }
    }

    /// All rows from number `first` on are over these primes, which are among the relation's.
    pub(super) fn rows_over(mut self, first: usize, basis: Basis) -> Self {
        self.bases.iter_mut().skip(first).for_each(|b| *b = basis);
        self
    }

    /// The primes of row `r`.
    pub(super) fn row_basis(&self, r: usize) -> Basis {
        self.bases[r]
    }

    /// Column `c` of row `r` has this factor.
    pub(crate) fn with(mut self, r: usize, c: usize, factor: Factor<'a>) -> Self {
        self.terms.push((r, c, factor));
        self
    }

    /// Rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The ring.
    pub(crate) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// `A w`: as secret as `w`.
    pub(super) fn apply(&self, w: &[Poly<Ntt>]) -> Vec<Poly<Ntt>> {
        let secret = w.iter().any(Poly::is_secret);
        let zero = |basis: &Basis| {
            let mut zero = Poly::zero(&self.ring, *basis);
            if secret {
                zero.keep_secret();
            }
            zero
        };
        let mut out: Vec<Poly<Ntt>> = self.bases.iter().map(zero).collect();
        for (r, c, factor) in &self.terms {
            let (sum, w) = (&mut out[*r], &w[*c]);
            let level = sum.level();
            match factor {
                Factor::One if w.level() == level => sum.add_assign(w),
                Factor::One => sum.add_assign(&at_level(w.clone(), level)),
                Factor::Times(a) => sum.inner_product_acc(&[(*a, w)]),
                Factor::Minus(a) => {
                    let mut product = zero(&sum.basis());
                    product.inner_product_acc(&[(*a, w)]);
                    sum.sub_assign(&product);
                }
                Factor::Scalars(scalars) => {
                    let mut product = at_level(w.clone(), level);
                    product.mul_scalars(scalars);
                    sum.add_assign(&product);
                }
            }
        }
        out
    }

    /// Integers as polynomials over the relation's primes.
    pub(super) fn columns(
        &self,
        z: &[impl AsRef<[i128]>],
    ) -> Result<Vec<Poly<Ntt>>, crate::ring::RingError> {
        z.iter()
            .map(|z| Ok(Poly::from_wide(&self.ring, self.basis, z.as_ref())?.into_ntt()))
            .collect()
    }

    /// Hashes all of it.
    pub(super) fn absorb(&self, hash: &mut blake3::Hasher) {
        hash.update(&(self.name.len() as u64).to_le_bytes());
        hash.update(self.name.as_bytes());
        for number in [self.basis.level(), self.basis.limbs(), self.rows] {
            hash.update(&(number as u64).to_le_bytes());
        }
        for basis in &self.bases {
            hash.update(&(basis.level() as u64).to_le_bytes());
        }
        hash.update(&(self.bounds.len() as u64).to_le_bytes());
        for bound in &self.bounds {
            hash.update(&bound.to_le_bytes());
        }
        hash.update(&(self.terms.len() as u64).to_le_bytes());
        for (r, c, factor) in &self.terms {
            hash.update(&(*r as u64).to_le_bytes());
            hash.update(&(*c as u64).to_le_bytes());
            match factor {
                Factor::One => {
                    hash.update(&[0]);
                }
                Factor::Times(a) | Factor::Minus(a) => {
                    hash.update(&[1 + u8::from(matches!(factor, Factor::Minus(_)))]);
                    absorb(hash, *a);
                }
                Factor::Scalars(scalars) => {
                    hash.update(&[3]);
                    hash.update(&(scalars.len() as u64).to_le_bytes());
                    for scalar in scalars {
                        hash.update(&scalar.to_le_bytes());
                    }
                }
            }
        }
    }
}
