//! Levels, scales, bounds, noise, counts and the key set of a computation, without any data: what it costs and whether it fits.

use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex64;

use super::clear::check_slots;
use super::ledger::Ledger;
use super::{EvalError, Evaluator, Level, Meta, Placement, Tally, normalise_rotation};
use crate::params::{KeySet, Params};

/// Runs a computation on metadata alone.
#[derive(Debug)]
pub struct Trace {
    params: Arc<Params>,
    tally: Tally,
    keys: Mutex<KeySet>,
}

/// Metadata of a ciphertext that does not exist.
#[derive(Clone, Copy, Debug)]
pub struct TraceCt(Meta);

impl Trace {
    /// A trace under `params`.
    pub fn new(params: Arc<Params>) -> Self {
        let tally = Tally::new(params.max_level());
        Self {
            params,
            tally,
            keys: Mutex::default(),
        }
    }

    /// A ciphertext fresh from encryption, in name only.
    ///
    /// # Errors
    /// Level out of range, overflow.
    pub fn seal(&self, at: Placement, bound: f64, noise: f64) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().fresh(at, bound, noise)?))
    }

    /// The keys that the computation so far needs.
    pub fn key_set(&self) -> KeySet {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(&self.params, &self.tally)
    }

    fn need(&self, f: impl FnOnce(&mut KeySet)) {
        f(&mut self.keys.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn need_rotations(&self, ks: impl Iterator<Item = i64>) -> usize {
        let ks: Vec<usize> = ks
            .map(|k| normalise_rotation(k, self.slots()))
            .filter(|&k| k != 0)
            .collect();
        self.need(|set| set.rotations.extend(&ks));
        ks.len()
    }
}

impl Evaluator for Trace {
    type Ct = TraceCt;
    /// The largest absolute value.
    type Plain = f64;
    type Acc = Option<Meta>;
    type Hoisted = TraceCt;

    fn params(&self) -> &Params {
        &self.params
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn meta(&self, ct: &TraceCt) -> Meta {
        ct.0
    }

    fn plain(&self, slots: Vec<Complex64>) -> Result<f64, EvalError> {
        check_slots("plaintext", &slots, self.slots())
    }

    fn add(&self, a: &TraceCt, b: &TraceCt) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().add("sum", &a.0, &b.0)?))
    }

    fn sub(&self, a: &TraceCt, b: &TraceCt) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().add("difference", &a.0, &b.0)?))
    }

    fn add_plain(&self, a: &TraceCt, p: &f64) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().add_plain(&a.0, *p)?))
    }

    fn mul_small(&self, a: &TraceCt, k: i32) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().mul_small(&a.0, k)?))
    }

    fn mul_scalar(&self, a: &TraceCt, c: f64, to: Placement) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().mul_scalar(&a.0, c, to)?.0))
    }

    fn dot_plain(&self, terms: &[(&TraceCt, &f64)], scale: f64) -> Result<TraceCt, EvalError> {
        let metas: Vec<_> = terms.iter().map(|(a, p)| (a.0, **p)).collect();
        Ok(TraceCt(self.ledger().dot_plain(&metas, scale)?.0))
    }

    fn accumulator(&self) -> Option<Meta> {
        None
    }

    fn mul_acc(&self, sum: &mut Option<Meta>, a: &TraceCt, b: &TraceCt) -> Result<(), EvalError> {
        let product = self.ledger().tensor(&a.0, &b.0)?;
        self.merge(sum, Some(product))
    }

    fn merge(&self, sum: &mut Option<Meta>, other: Option<Meta>) -> Result<(), EvalError> {
        *sum = match (*sum, other) {
            (Some(s), Some(o)) => Some(self.ledger().accumulate(&s, &o)?),
            (s, o) => s.or(o),
        };
        Ok(())
    }

    fn finish(&self, sum: Option<Meta>) -> Result<TraceCt, EvalError> {
        let sum = sum.ok_or(EvalError::Empty {
            op: "sum of products",
        })?;
        self.need(|set| set.relinearise = true);
        Ok(TraceCt(self.ledger().finish(&sum)?))
    }

    fn drop_to(&self, a: &TraceCt, level: Level) -> Result<TraceCt, EvalError> {
        Ok(TraceCt(self.ledger().drop_to(
            "dropping limbs",
            &a.0,
            level,
        )?))
    }

    fn relabel(&self, a: &mut TraceCt, factor: f64) -> Result<(), EvalError> {
        a.0 = self.ledger().relabel(&a.0, factor)?;
        Ok(())
    }

    fn declare_typical(&self, a: &mut TraceCt, typical: f64) -> Result<(), EvalError> {
        a.0 = self.ledger().declare_typical(&a.0, typical)?;
        Ok(())
    }

    fn declare_bound(&self, a: &mut TraceCt, bound: f64) -> Result<(), EvalError> {
        a.0 = self.ledger().declare_bound(&a.0, bound)?;
        Ok(())
    }

    fn conjugate(&self, a: &TraceCt) -> Result<TraceCt, EvalError> {
        self.need(|set| set.conjugate = true);
        self.ledger().hoist(&a.0);
        Ok(TraceCt(self.ledger().automorphism("conjugation", &a.0)?))
    }

    fn hoist(&self, a: &TraceCt) -> Result<TraceCt, EvalError> {
        self.ledger().hoist(&a.0);
        Ok(*a)
    }

    fn rotate_hoisted(&self, a: &TraceCt, k: i64) -> Result<TraceCt, EvalError> {
        if self.need_rotations([k].into_iter()) == 0 {
            return Ok(*a);
        }
        Ok(TraceCt(self.ledger().automorphism("rotation", &a.0)?))
    }

    fn rotate_sum(&self, a: &TraceCt, ks: &[i64]) -> Result<TraceCt, EvalError> {
        let switched = self.need_rotations(ks.iter().copied());
        let metas = vec![a.0; ks.len()];
        Ok(TraceCt(self.ledger().rotate_sum(
            "sum of rotations",
            &metas,
            usize::from(switched > 0),
            switched,
        )?))
    }

    fn rotate_each_and_sum(&self, terms: &[(&TraceCt, i64)]) -> Result<TraceCt, EvalError> {
        let switched = self.need_rotations(terms.iter().map(|t| t.1));
        let metas: Vec<Meta> = terms.iter().map(|t| t.0.0).collect();
        Ok(TraceCt(self.ledger().rotate_sum(
            "sum of rotations",
            &metas,
            switched,
            switched,
        )?))
    }
}
