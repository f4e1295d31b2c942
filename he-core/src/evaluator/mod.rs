//! The evaluator: the operations that training is written against, and three implementations of them.
//!
//! - [`Clear`] computes on f64 slots: the twin for tests and precision reports.
//! - [`Simulator`] computes levels, scales, bounds, noise, operation counts and the rotation set: what will it cost, does it fit.
//! - [`Ckks`] computes on ciphertexts. It holds evaluation keys only: nothing here can name a secret key.
//!
//! All three are one [`Engine`], which refuses and counts, over a [`Backend`] that only computes; one ledger says what an
//! operation does to [`Meta`]. One suite, [`crate::conformance`], runs on all of them.

mod ckks;
mod clear;
mod engine;
mod error;
mod ledger;
mod meta;
mod op;
mod simulator;
mod tally;

use num_complex::Complex64;
use rayon::prelude::*;

pub(crate) use ckks::fresh_meta;
pub use ckks::{Ckks, CkksBackend, CkksCt, CkksPlain};
pub use clear::{Clear, ClearBackend, ClearCt};
pub use engine::{Backend, Ct, Engine, Hoisted, Need, Plain, PlainTerm, ProductSum, Rotation};
pub use error::{EvalError, Refusal};
pub use meta::{Level, Meta, Placement, scales_match};
pub use op::Op;
pub use simulator::{SimulatedCt, Simulator, SimulatorBackend};
pub use tally::{COUNTED_OPS, CountedOp, Tally};

use crate::params::Params;

/// Operations on ciphertexts of N/2 complex slots.
///
/// Costs are given in levels (divisions by a prime of the chain) and in key switches: a key product (digits times a key) and a division
/// by the special modulus. Operands at different levels are brought to the lower one; summands must stand at the same scale. Every
/// operation is refused, before anything is computed, when level, scale or modulus do not suffice ([`EvalError`]).
pub trait Evaluator: Sync {
    /// A ciphertext.
    type Ct: Clone + Send + Sync;
    /// A plaintext slot vector; encodings are cached inside at each level and scale used.
    type Plain: Send + Sync;
    /// A sum of ciphertext products, neither relinearised nor rescaled.
    type ProductSum: Send;
    /// A ciphertext cut into digits, ready for many rotations.
    type Hoisted: Send + Sync;

    /// The parameters.
    fn params(&self) -> &Params;

    /// Operations counted so far.
    fn tally(&self) -> &Tally;

    /// Level, scale, bound, expected noise of a ciphertext.
    fn meta(&self, ct: &Self::Ct) -> Meta;

    /// Complex slots of a ciphertext: N/2.
    fn slots(&self) -> usize {
        self.params().slots()
    }

    /// A plaintext of exactly N/2 slots.
    ///
    /// # Errors
    /// [`Refusal::SlotCount`], [`Refusal::NotFinite`].
    fn plain(&self, slots: Vec<Complex64>) -> Result<Self::Plain, EvalError>;

    /// A plaintext of one real value in the slots that are `chosen` of N/2, zero in the others.
    ///
    /// # Errors
    /// As [`Evaluator::plain`].
    fn plain_where(&self, value: f64, chosen: &[bool]) -> Result<Self::Plain, EvalError>;

    /// a + b. No level, no key switch.
    ///
    /// # Errors
    /// Scales that differ; overflow of the modulus.
    fn add(&self, a: &Self::Ct, b: &Self::Ct) -> Result<Self::Ct, EvalError>;

    /// a - b. No level, no key switch.
    ///
    /// # Errors
    /// As [`Evaluator::add`].
    fn sub(&self, a: &Self::Ct, b: &Self::Ct) -> Result<Self::Ct, EvalError>;

    /// a + p, with p encoded at a's level and scale. No level, no key switch.
    ///
    /// # Errors
    /// Overflow of the modulus.
    fn add_plain(&self, a: &Self::Ct, p: &Self::Plain) -> Result<Self::Ct, EvalError>;

    /// a times a small integer, exactly. No level, no key switch.
    ///
    /// # Errors
    /// Overflow of the modulus.
    fn mul_integer(&self, a: &Self::Ct, k: i32) -> Result<Self::Ct, EvalError>;

    /// The real constant `c` times a, landing exactly at `to`, which is below a's level: one rescale, whatever lies between is dropped.
    ///
    /// # Errors
    /// `to` not below a's level; the constant would be rounded to fewer than 12 bits; overflow.
    fn mul_scalar(&self, a: &Self::Ct, c: f64, to: Placement) -> Result<Self::Ct, EvalError>;

    /// The sum of ciphertexts times plaintexts, slotwise, landing exactly at `scale`. One level, no key switch.
    ///
    /// # Errors
    /// No terms; no level left; a plaintext too coarse; overflow.
    fn dot_plain(
        &self,
        terms: &[(&Self::Ct, &Self::Plain)],
        scale: f64,
    ) -> Result<Self::Ct, EvalError>;

    /// a · p slotwise, landing exactly at `scale`. One level, no key switch.
    ///
    /// # Errors
    /// As [`Evaluator::dot_plain`].
    fn mul_plain(&self, a: &Self::Ct, p: &Self::Plain, scale: f64) -> Result<Self::Ct, EvalError> {
        self.dot_plain(&[(a, p)], scale)
    }

    /// An empty sum of products.
    fn product_sum(&self) -> Self::ProductSum;

    /// sum += a · b. The first product fixes level (the lower of its operands) and scale of the sum. No level, no key switch yet.
    ///
    /// # Errors
    /// No level left; a later product below the sum's level or at another scale; overflow.
    fn add_product(
        &self,
        sum: &mut Self::ProductSum,
        a: &Self::Ct,
        b: &Self::Ct,
    ) -> Result<(), EvalError>;

    /// `sums[i C + j] += sum_t left[i][t] · right[j][t]` for the C rows of `right`: a matrix product of ciphertexts. The same sums as by
    /// [`Evaluator::add_product`] in this order, bit by bit, but factors that many sums share are read from memory far less often.
    ///
    /// # Errors
    /// As [`Evaluator::add_product`]; the sums are of no use then.
    ///
    /// # Panics
    /// Unless there is a sum for every pair of rows, and all rows have one length.
    fn add_matrix_product(
        &self,
        sums: &mut [Self::ProductSum],
        left: &[&[Self::Ct]],
        right: &[&[Self::Ct]],
    ) -> Result<(), EvalError> {
        check_rows(sums.len(), left, right);
        add_products_each(self, sums, left, right)
    }

    /// sum += other, both sums of products (of two workers, say).
    ///
    /// # Errors
    /// As [`Evaluator::add_product`].
    fn merge(&self, sum: &mut Self::ProductSum, other: Self::ProductSum) -> Result<(), EvalError>;

    /// The sum of products as a ciphertext: one relinearisation (one key switch) and one rescale (one level).
    ///
    /// # Errors
    /// An empty sum; overflow; no relinearisation key.
    fn relinearize_rescale(&self, sum: Self::ProductSum) -> Result<Self::Ct, EvalError>;

    /// a · b slotwise. One level, one key switch.
    ///
    /// # Errors
    /// As [`Evaluator::add_product`] and [`Evaluator::relinearize_rescale`].
    fn mul(&self, a: &Self::Ct, b: &Self::Ct) -> Result<Self::Ct, EvalError> {
        let mut sum = self.product_sum();
        self.add_product(&mut sum, a, b)?;
        self.relinearize_rescale(sum)
    }

    /// Fewer limbs: the same values at a lower level. Free.
    ///
    /// # Errors
    /// `level` above a's.
    fn drop_level(&self, a: &Self::Ct, level: Level) -> Result<Self::Ct, EvalError>;

    /// Multiplies the value by `factor` by dividing the recorded scale; the data stay as they are. Exact for powers of two, else to 2^-53.
    /// No level, no key switch.
    ///
    /// # Errors
    /// A factor that is not positive.
    fn scale_value(&self, a: &mut Self::Ct, factor: f64) -> Result<(), EvalError>;

    /// Brings `a` to the form in which a file gives it back: the same ciphertext, the same residues, their representatives the balanced ones.
    /// Later operations round the same then, to the last bit, whether `a` was kept in memory or written and read. No level, no key switch.
    fn canonicalize(&self, _a: &mut Self::Ct) {}

    /// Records what the caller knows of the values: no slot exceeds `bound`. [`Clear`] checks it.
    ///
    /// # Errors
    /// A bound that is not a number or beyond the modulus; [`Refusal::BoundExceeded`] from [`Clear`].
    fn declare_bound(&self, a: &mut Self::Ct, bound: f64) -> Result<(), EvalError>;

    /// Records the usual size of a slot, at most the bound: the expected noise of products reckons with it, nothing else does.
    ///
    /// # Errors
    /// A size that is not a number.
    fn declare_rms(&self, a: &mut Self::Ct, rms: f64) -> Result<(), EvalError>;

    /// Records the expected noise of a slot, before division by the scale: for a caller who reckons otherwise with the errors that a ciphertext
    /// brings, and wants to know what is added from here on. The room for noise below the modulus is that of the declared one.
    ///
    /// # Errors
    /// A noise that is not a number or beyond the modulus.
    fn declare_noise(&self, a: &mut Self::Ct, noise: f64) -> Result<(), EvalError>;

    /// Slot i of the result is slot i + k (cyclically) of a. One key switch; none for k = 0.
    ///
    /// # Errors
    /// No key for the rotation.
    fn rotate(&self, a: &Self::Ct, k: i64) -> Result<Self::Ct, EvalError> {
        self.rotate_hoisted(&self.hoist(a)?, k)
    }

    /// Complex conjugate of every slot. One key switch.
    ///
    /// # Errors
    /// No conjugation key.
    fn conjugate(&self, a: &Self::Ct) -> Result<Self::Ct, EvalError>;

    /// Cuts a into digits once, for many rotations.
    ///
    /// # Errors
    /// None at present; foreign operands later.
    fn hoist(&self, a: &Self::Ct) -> Result<Self::Hoisted, EvalError>;

    /// [`Evaluator::rotate`] from digits: one key product and one division by P, no decomposition.
    ///
    /// # Errors
    /// No key for the rotation.
    fn rotate_hoisted(&self, a: &Self::Hoisted, k: i64) -> Result<Self::Ct, EvalError>;

    /// The sum of the rotations of a by every k (k = 0 counts as a itself), by double hoisting: one decomposition, a key product for every
    /// k but 0, one division by P (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, ePrint 2020/1203, section 4).
    ///
    /// # Errors
    /// No rotations; no key for one; overflow.
    fn rotate_sum(&self, a: &Self::Ct, ks: &[i64]) -> Result<Self::Ct, EvalError>;

    /// The sum of rotations of several ciphertexts, each by its own k: a decomposition and a key product each, one division by P.
    ///
    /// # Errors
    /// No terms; scales that differ; no key for one; overflow.
    fn rotate_each_and_sum(&self, terms: &[(&Self::Ct, i64)]) -> Result<Self::Ct, EvalError>;
}

/// [`Evaluator::add_matrix_product`] product by product: every sum has a task of its own, so the result does not depend on the threads.
pub(crate) fn add_products_each<E: Evaluator + ?Sized>(
    eval: &E,
    sums: &mut [E::ProductSum],
    left: &[&[E::Ct]],
    right: &[&[E::Ct]],
) -> Result<(), EvalError> {
    sums.par_iter_mut().enumerate().try_for_each(|(k, sum)| {
        let (a, b) = (left[k / right.len()], right[k % right.len()]);
        let mut pairs = a.iter().zip(b);
        pairs.try_for_each(|(a, b)| eval.add_product(sum, a, b))
    })
}

/// Refuses other shapes than those of a matrix product of ciphertexts.
pub(crate) fn check_rows<T>(sums: usize, left: &[&[T]], right: &[&[T]]) {
    assert_eq!(
        sums,
        left.len() * right.len(),
        "a sum for every pair of rows"
    );
    let mut lengths = left.iter().chain(right).map(|row| row.len());
    let first = lengths.next();
    assert!(
        lengths.all(|length| Some(length) == first),
        "rows of one length"
    );
}

/// Rotation amounts count modulo the number of slots.
pub(crate) fn normalise_rotation(k: i64, slots: usize) -> usize {
    k.rem_euclid(slots as i64) as usize
}

/// The largest absolute value. Most slots repeat one of a few values: what |re| + |im| rules out is not worked out.
fn max_abs(slots: &[Complex64]) -> f64 {
    slots.iter().fold(0.0, |most: f64, z| {
        if z.re.abs() + z.im.abs() <= most {
            most
        } else {
            most.max(z.norm())
        }
    })
}

/// The largest absolute value of `expected` finite slots.
pub(crate) fn check_slots(op: Op, slots: &[Complex64], expected: usize) -> Result<f64, EvalError> {
    if slots.len() != expected {
        return Err(Refusal::SlotCount {
            expected,
            found: slots.len(),
        }
        .of(op));
    }
    if let Some(bad) = slots
        .iter()
        .find(|z| !z.re.is_finite() || !z.im.is_finite())
    {
        let value = if bad.re.is_finite() { bad.im } else { bad.re };
        return Err(Refusal::NotFinite { value }.of(op));
    }
    Ok(max_abs(slots))
}
