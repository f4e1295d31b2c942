//! What computes under the engine.

use std::fmt;

use num_complex::Complex64;
use rayon::prelude::*;

use crate::evaluator::{Level, Placement, Refusal};
use crate::params::Params;

/// Computes what the engine has allowed: operands are its own, levels and scales suffice, keys are there.
///
/// It knows neither scale, bound nor noise of what it computes on, and counts nothing: [`super::Engine`] does. Costs are those
/// of [`crate::evaluator::Evaluator`]'s operations of the same names.
pub trait Backend: Sync {
    /// What is kept of a ciphertext.
    type Data: Clone + Send + Sync;
    /// What is kept of a plaintext.
    type Plain: Send + Sync;
    /// A sum of products, neither relinearised nor rescaled.
    type Products: Send;
    /// Digits of a ciphertext.
    type Digits: Send + Sync;
    /// An evaluation key.
    type Key<'a>: Copy
    where
        Self: 'a;

    /// The parameters.
    fn params(&self) -> &Params;

    /// Whether `data` belongs to these parameters.
    fn owns(&self, data: &Self::Data) -> bool;

    /// A key for something at `level`. Asked last: whoever notes keys may note this one.
    ///
    /// # Errors
    /// One that is missing, or of a lower level.
    fn key(&self, need: Need, level: Level) -> Result<Self::Key<'_>, Refusal>;

    /// The largest absolute value of a slot, where it is known.
    fn largest(&self, _data: &Self::Data) -> Option<f64> {
        None
    }

    /// A plaintext of N/2 finite slots.
    fn plain(&self, slots: impl FnOnce() -> Vec<Complex64>) -> Self::Plain;

    /// a + b at `level`, the lower of both.
    fn add(&self, a: &Self::Data, b: &Self::Data, level: Level) -> Self::Data;

    /// a - b at `level`, the lower of both.
    fn sub(&self, a: &Self::Data, b: &Self::Data, level: Level) -> Self::Data;

    /// a + p, which are at `at`.
    ///
    /// # Errors
    /// A plaintext that has no encoding there.
    fn add_plain(
        &self,
        a: &Self::Data,
        p: &Self::Plain,
        at: Placement,
    ) -> Result<Self::Data, Refusal>;

    /// k a.
    fn mul_integer(&self, a: &Self::Data, k: i32) -> Self::Data;

    /// a times `c`, which is encoded at a scale of `factor` at `level`; one rescale from there.
    fn mul_scalar(&self, a: &Self::Data, c: f64, factor: f64, level: Level) -> Self::Data;

    /// The sum of products at `level`; one rescale from there.
    ///
    /// # Errors
    /// A plaintext that has no encoding there.
    fn dot_plain(&self, terms: &[PlainTerm<'_, Self>], level: Level)
    -> Result<Self::Data, Refusal>;

    /// The empty sum of products at `level`.
    fn no_products(&self, level: Level) -> Self::Products;

    /// sum += a b; neither factor is below the sum's level.
    fn add_product(&self, sum: &mut Self::Products, a: &Self::Data, b: &Self::Data);

    /// `sums[i C + j] += sum_t left[i][t] right[j][t]` for the C rows of `right`. No row is empty.
    fn add_matrix_product(
        &self,
        sums: &mut [&mut Self::Products],
        left: &[Vec<&Self::Data>],
        right: &[Vec<&Self::Data>],
    ) {
        add_product_by_product(self, sums, left, right);
    }

    /// sum += other, which is not below the sum's level.
    fn merge(&self, sum: &mut Self::Products, other: Self::Products);

    /// The sum, relinearised and rescaled.
    fn relinearize_rescale(&self, sum: Self::Products, key: Self::Key<'_>) -> Self::Data;

    /// The same values at a lower level, or the same.
    fn drop_level(&self, a: &Self::Data, level: Level) -> Self::Data;

    /// The values times `factor`, where values are kept: ciphertexts change their scale alone.
    fn scale_value(&self, _a: &mut Self::Data, _factor: f64) {}

    /// The form in which a file gives it back.
    fn canonicalize(&self, _a: &mut Self::Data) {}

    /// Complex conjugate.
    fn conjugate(&self, a: &Self::Data, key: Self::Key<'_>) -> Self::Data;

    /// Rotation by k, 0 < k < N/2.
    fn rotate(&self, a: &Self::Data, k: usize, key: Self::Key<'_>) -> Self::Data;

    /// Digits for many rotations.
    fn hoist(&self, a: &Self::Data) -> Self::Digits;

    /// Rotation by k, 0 < k < N/2, from the digits of `a`.
    fn rotate_hoisted(
        &self,
        a: &Self::Data,
        digits: &Self::Digits,
        k: usize,
        key: Self::Key<'_>,
    ) -> Self::Data;

    /// The sum of rotations of a; at least one.
    fn rotate_sum(&self, a: &Self::Data, rotations: &[Rotation<Self::Key<'_>>]) -> Self::Data;

    /// The sum at `level` of ciphertexts, each rotated; at least one.
    fn rotate_each_and_sum(
        &self,
        terms: &[(&Self::Data, Rotation<Self::Key<'_>>)],
        level: Level,
    ) -> Self::Data;
}

/// A ciphertext, the plaintext that it is multiplied by, and the scale that this is encoded at.
pub struct PlainTerm<'a, B: Backend + ?Sized> {
    /// The ciphertext.
    pub data: &'a B::Data,
    /// The plaintext.
    pub plain: &'a B::Plain,
    /// The plaintext's scale.
    pub scale: f64,
}

/// A rotation: by k in 0 .. N/2, with its key unless k = 0.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<K> {
    /// k.
    pub by: usize,
    /// The key.
    pub key: Option<K>,
}

/// A key that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// From `s^2` to `s`.
    Relinearise,
    /// Complex conjugation.
    Conjugate,
    /// Rotation by k, 0 < k < N/2.
    Rotate(usize),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relinearise => f.write_str("relinearisation"),
            Self::Conjugate => f.write_str("conjugation"),
            Self::Rotate(k) => write!(f, "rotation by {k}"),
        }
    }
}

/// [`Backend::add_matrix_product`] product by product: every sum has a task of its own, so the result does not depend on the threads.
pub(in crate::evaluator) fn add_product_by_product<B: Backend + ?Sized>(
    backend: &B,
    sums: &mut [&mut B::Products],
    left: &[Vec<&B::Data>],
    right: &[Vec<&B::Data>],
) {
    sums.par_iter_mut().enumerate().for_each(|(k, sum)| {
        let (a, b) = (&left[k / right.len()], &right[k % right.len()]);
        for (a, b) in a.iter().zip(b) {
            backend.add_product(sum, a, b);
        }
    });
}
