//! Polynomials and their limbwise operations.

use std::marker::PhantomData;
use std::sync::Arc;

use rayon::prelude::*;

use super::automorphism::map_coefficients;
use super::{Basis, GaloisElement, Ring, RingError};
use crate::arith::slices::{self, Groups};
use crate::arith::{Buffer, Modulus, transpose, transposed};

mod products;

pub(crate) use products::tensor_products;

mod sealed {
    pub trait Sealed {
        /// Whether values lie in memory in another order than in files.
        const TRANSPOSED: bool = false;
    }
    impl Sealed for super::Ntt {
        const TRANSPOSED: bool = true;
    }
    impl Sealed for super::Coeff {}
}

/// What the numbers of a [`Poly`] are: [`Ntt`] or [`Coeff`].
pub trait Representation: sealed::Sealed + Copy + Send + Sync + 'static {}

/// Values at the odd powers of the root of unity. In memory they have the order of
/// [`NttTable::evaluation_exponent`](crate::arith::NttTable::evaluation_exponent); as canonical
/// residues the standard one: value `i` is that at `psi^(2 brv(i) + 1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ntt;

/// Coefficients of `1, X, .., X^(N-1)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coeff;

impl Representation for Ntt {}
impl Representation for Coeff {}

/// A polynomial over a basis: one limb of `N` reduced residues a prime, contiguous, `[limb][N]`.
///
/// Binary operations panic if rings or bases differ.
#[derive(Clone)]
pub struct Poly<R> {
    ring: Arc<Ring>,
    basis: Basis,
    data: Buffer,
    representation: PhantomData<R>,
}

/// Prints the shape only: the residues may be secret.
impl<R> std::fmt::Debug for Poly<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poly")
            .field("basis", &self.basis)
            .field("degree", &self.ring.degree())
            .finish_non_exhaustive()
    }
}

/// Elements below which an elementwise operation stays on one thread: waking another costs more.
const PARALLEL_ELEMENTS: usize = 1 << 17;

/// Runs `f(limb index, limb)` for all limbs of `n` values, in parallel if the work pays for it.
pub(super) fn for_each_limb(
    data: &mut [f64],
    n: usize,
    weight: usize,
    f: impl Fn(usize, &mut [f64]) + Sync + Send,
) {
    let work = data.len() * weight;
    spread(data.chunks_exact_mut(n).collect(), work, f);
}

/// Runs `f(index, task)` for all tasks, in parallel if their work, in elementwise operations, pays for it.
pub(super) fn spread<T: Send>(tasks: Vec<T>, work: usize, f: impl Fn(usize, T) + Sync + Send) {
    if tasks.len() > 1 && work >= PARALLEL_ELEMENTS {
        let tasks = tasks.into_par_iter().enumerate();
        tasks.for_each(|(i, task)| f(i, task));
    } else {
        let tasks = tasks.into_iter().enumerate();
        tasks.for_each(|(i, task)| f(i, task));
    }
}

/// How many elementwise operations a transform weighs.
pub(super) const TRANSFORM: usize = 8;

impl<R: Representation> Poly<R> {
    /// The zero polynomial.
    #[must_use]
    pub fn zero(ring: &Arc<Ring>, basis: Basis) -> Self {
        Self::from_data(ring, basis, Buffer::zero(basis.limbs() * ring.degree()))
    }

    /// A polynomial whose residues the caller writes, all of them.
    pub(crate) fn scratch(ring: &Arc<Ring>, basis: Basis) -> Self {
        Self::from_data(ring, basis, Buffer::scratch(basis.limbs() * ring.degree()))
    }

    pub(super) fn from_data(ring: &Arc<Ring>, basis: Basis, data: Buffer) -> Self {
        debug_assert_eq!(data.len(), basis.limbs() * ring.degree());
        Self {
            ring: Arc::clone(ring),
            basis,
            data,
            representation: PhantomData,
        }
    }

    /// Turns limb `i` from the standard order into that of the memory.
    pub(super) fn order_limb(&mut self, i: usize) {
        if R::TRANSPOSED {
            transpose(self.limb_mut(i));
        }
    }

    /// Fills limb `i` from canonical residues, in the standard order where they are values. After an error it holds anything.
    ///
    /// # Errors
    /// [`RingError::Length`] and [`RingError::NotCanonical`].
    ///
    /// # Panics
    /// If there is no limb `i`.
    pub fn set_limb_canonical(&mut self, i: usize, residues: &[u64]) -> Result<(), RingError> {
        let m = *self.modulus(i);
        let limb = self.limb_mut(i);
        if residues.len() != limb.len() {
            return Err(RingError::Length {
                what: "residues of a limb",
                expected: limb.len(),
                found: residues.len(),
            });
        }
        let prime = m.value();
        if !slices::balance(&m, limb, residues)
            && let Some(found) = residues.iter().find(|r| **r >= prime)
        {
            return Err(RingError::NotCanonical {
                limb: i,
                prime,
                found: *found,
            });
        }
        self.order_limb(i);
        Ok(())
    }

    /// The canonical residues of limb `i`, in the standard order where they are values.
    pub fn limb_canonical(&self, i: usize) -> impl ExactSizeIterator<Item = u64> + '_ {
        let (m, limb) = (*self.modulus(i), self.limb(i));
        let place = |j| if R::TRANSPOSED { transposed(j) } else { j };
        (0..limb.len()).map(move |j| m.to_canonical(limb[place(j)]))
    }

    /// [`limb_canonical`](Self::limb_canonical), all at once.
    ///
    /// # Panics
    /// Unless there are `N` places.
    pub(crate) fn write_limb_canonical(&self, i: usize, to: &mut [u64]) {
        let (m, limb) = (*self.modulus(i), self.limb(i));
        assert_eq!(limb.len(), to.len(), "a limb");
        slices::canonical(&m, to, limb);
        if R::TRANSPOSED {
            transpose(to);
        }
    }

    /// All canonical residues, `[limb][N]`.
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u64> {
        (0..self.basis.limbs())
            .flat_map(|i| self.limb_canonical(i))
            .collect()
    }

    /// The ring.
    #[must_use]
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// The basis.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// The level of the basis.
    #[must_use]
    pub fn level(&self) -> usize {
        self.basis.level()
    }

    /// The modulus of limb `i`.
    #[must_use]
    pub fn modulus(&self, i: usize) -> &Modulus {
        self.ring.modulus(self.basis.prime(i))
    }

    /// The residues of limb `i`, reduced.
    #[must_use]
    pub fn limb(&self, i: usize) -> &[f64] {
        let n = self.ring.degree();
        &self.data[i * n..(i + 1) * n]
    }

    /// The residues of limb `i`; whoever writes them keeps them reduced.
    pub(crate) fn limb_mut(&mut self, i: usize) -> &mut [f64] {
        let n = self.ring.degree();
        &mut self.data[i * n..(i + 1) * n]
    }

    /// The residues of all limbs in turn; whoever writes them keeps them reduced.
    pub(crate) fn limbs_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        let n = self.ring.degree();
        self.data.chunks_exact_mut(n)
    }

    /// Wipes the memory when it is dropped, that of clones and of other representations too; products and automorphisms are polynomials of their own.
    pub(crate) fn keep_secret(&mut self) {
        self.data.keep_secret();
    }

    /// Whether it will be wiped.
    pub(crate) fn is_secret(&self) -> bool {
        self.data.is_secret()
    }

    pub(super) fn data_mut(&mut self) -> &mut Buffer {
        &mut self.data
    }

    pub(super) fn check(&self, other: &Poly<impl Representation>) {
        assert!(
            Arc::ptr_eq(&self.ring, &other.ring),
            "polynomials of different rings"
        );
        assert_eq!(self.basis, other.basis, "polynomials over different bases");
    }

    fn check_contains(&self, ring: &Arc<Ring>, basis: Basis) {
        assert!(
            Arc::ptr_eq(&self.ring, ring),
            "polynomials of different rings"
        );
        assert!(
            self.basis.contains(&basis),
            "a factor lacks primes of the sum"
        );
    }

    pub(super) fn each(
        &mut self,
        weight: usize,
        f: impl Fn(&Modulus, usize, &mut [f64]) + Sync + Send,
    ) {
        let (ring, basis) = (&self.ring, self.basis);
        for_each_limb(&mut self.data, ring.degree(), weight, |i, limb| {
            f(ring.modulus(basis.prime(i)), i, limb)
        });
    }

    /// `self += other`.
    pub fn add_assign(&mut self, other: &Self) {
        self.check(other);
        self.each(1, |m, i, x| slices::add_assign(m, x, other.limb(i)));
    }

    /// `self -= other`.
    pub fn sub_assign(&mut self, other: &Self) {
        self.check(other);
        self.each(1, |m, i, x| slices::sub_assign(m, x, other.limb(i)));
    }

    /// `self = -self`.
    pub fn negate(&mut self) {
        self.each(1, |m, _, x| slices::negate(m, x));
    }

    /// Whether every residue is the balanced one, `|r| <= (p - 1)/2`. Products leave residues that are reduced but may lie a little beyond.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        (0..self.basis.limbs()).all(|i| {
            let half = (self.modulus(i).value() >> 1) as f64;
            // Without an early exit, this is a vector loop.
            self.limb(i).iter().fold(0.0, |a: f64, x| a.max(x.abs())) <= half
        })
    }

    /// Makes every residue the balanced one: the form that [`Poly::set_limb_canonical`] gives.
    pub fn balance(&mut self) {
        self.each(1, |m, _, x| slices::reduce(m, x));
    }

    /// Multiplies limb `i` by the canonical residue `scalars[i]`.
    ///
    /// # Panics
    /// Unless there is one scalar a limb.
    pub fn mul_scalars(&mut self, scalars: &[u64]) {
        assert_eq!(scalars.len(), self.basis.limbs(), "one scalar a limb");
        self.each(1, |m, i, x| {
            slices::mul_constant(m, x, m.constant(scalars[i]))
        });
    }

    /// Adds limb `i` of another polynomial, which may have more limbs behind it, times a canonical residue.
    pub(crate) fn add_scaled_limb(&mut self, i: usize, other: &Self, scalar: u64) {
        let m = *self.modulus(i);
        slices::add_scaled(&m, self.limb_mut(i), other.limb(i), m.constant(scalar));
    }

    /// Multiplies by an integer.
    pub fn mul_integer(&mut self, c: i128) {
        self.each(1, |m, _, x| {
            slices::mul_constant(m, x, m.constant(m.to_canonical(m.from_i128(c))))
        });
    }

    /// Drops the chain's primes above `level`; the special primes stay. Exact on the residues that stay: no division.
    ///
    /// # Panics
    /// If `level` is above the polynomial's.
    pub fn drop_to_level(&mut self, level: usize) {
        assert!(
            level <= self.level(),
            "cannot raise a polynomial from level {} to {level}",
            self.level()
        );
        let n = self.ring.degree();
        let chain = (self.level() + 1) * n;
        self.basis = self.basis.at_level(level);
        self.data.copy_within(chain.., (level + 1) * n);
        self.data.truncate(self.basis.limbs() * n);
    }

    /// Drops the special primes.
    pub fn drop_special(&mut self) {
        self.basis = self.basis.without_special();
        self.data.truncate(self.basis.limbs() * self.ring.degree());
    }

    fn convert<S: Representation>(self) -> Poly<S> {
        Poly {
            ring: self.ring,
            basis: self.basis,
            data: self.data,
            representation: PhantomData,
        }
    }
}

impl Poly<Coeff> {
    /// From `N` signed integers.
    ///
    /// # Errors
    /// [`RingError::Length`].
    pub fn from_signed(
        ring: &Arc<Ring>,
        basis: Basis,
        coefficients: &[i64],
    ) -> Result<Self, RingError> {
        Self::from_integers(ring, basis, coefficients, |m, c| m.from_i64(c))
    }

    /// From `N` wide signed integers.
    ///
    /// # Errors
    /// [`RingError::Length`].
    pub fn from_wide(
        ring: &Arc<Ring>,
        basis: Basis,
        coefficients: &[i128],
    ) -> Result<Self, RingError> {
        Self::from_integers(ring, basis, coefficients, |m, c| m.from_i128(c))
    }

    fn from_integers<T: Copy + Sync>(
        ring: &Arc<Ring>,
        basis: Basis,
        coefficients: &[T],
        residue: impl Fn(&Modulus, T) -> f64 + Sync + Send,
    ) -> Result<Self, RingError> {
        if coefficients.len() != ring.degree() {
            return Err(RingError::Length {
                what: "coefficients of a polynomial",
                expected: ring.degree(),
                found: coefficients.len(),
            });
        }
        let mut poly = Self::scratch(ring, basis);
        poly.each(TRANSFORM, |m, _, limb| {
            for (x, c) in limb.iter_mut().zip(coefficients) {
                *x = residue(m, *c);
            }
        });
        Ok(poly)
    }

    /// Values at the roots: one forward transform a limb.
    #[must_use]
    pub fn into_ntt(mut self) -> Poly<Ntt> {
        let (ring, basis) = (&self.ring, self.basis);
        for_each_limb(&mut self.data, ring.degree(), TRANSFORM, |i, limb| {
            ring.table(basis.prime(i)).forward(limb)
        });
        self.convert()
    }

    /// The polynomial at `X^g`.
    #[must_use]
    pub fn automorphism(&self, g: GaloisElement) -> Self {
        let mut out = Self::scratch(&self.ring, self.basis);
        out.each(4, |_, i, limb| map_coefficients(limb, self.limb(i), g));
        out
    }
}

impl Poly<Ntt> {
    /// Coefficients: one inverse transform a limb.
    #[must_use]
    pub fn into_coeff(mut self) -> Poly<Coeff> {
        let (ring, basis) = (&self.ring, self.basis);
        for_each_limb(&mut self.data, ring.degree(), TRANSFORM, |i, limb| {
            ring.table(basis.prime(i)).inverse(limb)
        });
        self.convert()
    }

    /// `self *= other`.
    pub fn mul_assign(&mut self, other: &Self) {
        self.check(other);
        self.each(1, |m, i, x| slices::mul_assign(m, x, other.limb(i)));
    }

    /// `self * other`.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        self.check(other);
        let mut out = Self::scratch(&self.ring, self.basis);
        out.each(1, |m, i, x| slices::mul(m, x, self.limb(i), other.limb(i)));
        out
    }

    /// The polynomial at `X^g`: a permutation of the values.
    #[must_use]
    pub fn automorphism(&self, g: GaloisElement) -> Self {
        let permutation = self.ring.permutation(g);
        let mut out = Self::scratch(&self.ring, self.basis);
        out.each(4, |m, i, limb| {
            let (to, from) = (Groups::all(limb), Groups::all(self.limb(i)));
            slices::permute(m, false, to, from, &permutation);
        });
        out
    }
}
