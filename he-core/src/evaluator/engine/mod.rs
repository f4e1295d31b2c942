//! The evaluator, written once: what is refused and in which order, what is counted and when. Backends only compute.
//!
//! Every operation goes the same way:
//! 1. operands of other parameters are refused;
//! 2. the ledger says what becomes of level, scale, bound and noise, or refuses;
//! 3. keys are looked up, and the operation is refused where one is missing;
//! 4. the backend computes;
//! 5. the operation is counted.
//!
//! So nothing is changed and nothing counted when an operation is refused, and all backends accept and refuse alike, but for keys
//! that only one of them needs.

mod backend;
mod values;

use num_complex::Complex64;
use rayon::prelude::*;

pub(super) use backend::add_product_by_product;
pub use backend::{Backend, Need, PlainTerm, Rotation};
use values::Sum;
pub use values::{Ct, Hoisted, Plain, ProductSum};

use super::ledger::Ledger;
use super::{
    CountedOp, EvalError, Evaluator, Level, Meta, Op, Placement, Refusal, Tally, check_rows,
    check_slots, normalise_rotation,
};
use crate::params::Params;

/// Relative slack of a declared bound: f64 rounding of sums of products.
const BOUND_SLACK: f64 = 1e-9;

/// An [`Evaluator`] over a [`Backend`]: [`super::Ckks`], [`super::Clear`] and [`super::Simulator`].
#[derive(Debug)]
pub struct Engine<B> {
    pub(super) backend: B,
    tally: Tally,
}

impl<B: Backend> Engine<B> {
    /// An engine with counters at zero.
    pub(super) fn over(backend: B) -> Self {
        Self {
            tally: Tally::new(backend.params().max_level()),
            backend,
        }
    }

    pub(super) fn ledger(&self) -> Ledger<'_> {
        Ledger::new(self.backend.params())
    }

    fn own(&self, op: Op, ct: &Ct<B::Data>) -> Result<(), EvalError> {
        match self.backend.owns(&ct.data) {
            true => Ok(()),
            false => Err(Refusal::ForeignOperand.of(op)),
        }
    }

    fn own_plain(&self, op: Op, p: &Plain<B::Plain>) -> Result<(), EvalError> {
        match p.len == self.slots() {
            true => Ok(()),
            false => Err(Refusal::ForeignOperand.of(op)),
        }
    }

    fn key(&self, op: Op, need: Need, level: Level) -> Result<B::Key<'_>, EvalError> {
        self.backend.key(need, level).map_err(|cause| cause.of(op))
    }

    /// Rotations by every k at a level, with their keys.
    fn rotations(
        &self,
        op: Op,
        ks: &[usize],
        level: Level,
    ) -> Result<Vec<Rotation<B::Key<'_>>>, EvalError> {
        let rotation = |&by: &usize| {
            let key = match by {
                0 => None,
                k => Some(self.key(op, Need::Rotate(k), level)?),
            };
            Ok(Rotation { by, key })
        };
        ks.iter().map(rotation).collect()
    }

    /// Counts a key switch: `decompositions` of digits, `products` with keys, one division by P if there was any product.
    fn count_switch(&self, level: Level, decompositions: usize, products: usize) {
        self.tally
            .count(CountedOp::Decompose, level, decompositions);
        self.tally.count(CountedOp::KeyProduct, level, products);
        self.tally
            .count(CountedOp::ModDown, level, usize::from(products > 0));
    }

    fn sum_or_difference(
        &self,
        op: Op,
        a: &Ct<B::Data>,
        b: &Ct<B::Data>,
        compute: impl FnOnce(Level) -> B::Data,
    ) -> Result<Ct<B::Data>, EvalError> {
        self.own(op, a)?;
        self.own(op, b)?;
        let meta = self.ledger().add(op, &a.meta, &b.meta)?;
        let data = compute(meta.level);
        self.tally.count(CountedOp::Add, meta.level, 1);
        Ok(Ct { data, meta })
    }

    /// Relinearises and rescales a sum of the metadata `meta`, which `products` makes when nothing can refuse any more.
    fn close(
        &self,
        sum: &Meta,
        products: impl FnOnce() -> B::Products,
    ) -> Result<Ct<B::Data>, EvalError> {
        let meta = self.ledger().relinearize_rescale(sum)?;
        let key = self.key(Op::ProductSum, Need::Relinearise, sum.level)?;
        let data = self.backend.relinearize_rescale(products(), key);
        self.count_switch(sum.level, 1, 1);
        self.tally.count(CountedOp::Rescale, sum.level, 1);
        Ok(Ct { data, meta })
    }
}

/// Metadata of a sum, if there is one yet, and one more product.
fn with_product(
    ledger: &Ledger<'_>,
    sum: Option<Meta>,
    a: &Meta,
    b: &Meta,
) -> Result<Meta, EvalError> {
    let product = ledger.tensor(a, b)?;
    match sum {
        Some(sum) => ledger.accumulate(&sum, &product),
        None => Ok(product),
    }
}

fn data<'a, D>(rows: &[&'a [Ct<D>]]) -> Vec<Vec<&'a D>> {
    let row = |row: &&'a [Ct<D>]| row.iter().map(|ct| &ct.data).collect();
    rows.iter().map(row).collect()
}

impl<B: Backend> Evaluator for Engine<B> {
    type Ct = Ct<B::Data>;
    type Plain = Plain<B::Plain>;
    type ProductSum = ProductSum<B::Products>;
    type Hoisted = Hoisted<B::Data, B::Digits>;

    fn params(&self) -> &Params {
        self.backend.params()
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn meta(&self, ct: &Self::Ct) -> Meta {
        ct.meta
    }

    fn plain(&self, slots: Vec<Complex64>) -> Result<Self::Plain, EvalError> {
        let max = check_slots(Op::Plain, &slots, self.slots())?;
        Ok(Plain {
            len: slots.len(),
            kept: self.backend.plain(|| slots),
            max,
        })
    }

    fn plain_where(&self, value: f64, chosen: &[bool]) -> Result<Self::Plain, EvalError> {
        let is_chosen = chosen.contains(&true);
        let largest = Complex64::from(if is_chosen { value } else { 0.0 });
        let max = check_slots(Op::Plain, &[largest], 1)?;
        if chosen.len() != self.slots() {
            return Err(Refusal::SlotCount {
                expected: self.slots(),
                found: chosen.len(),
            }
            .of(Op::Plain));
        }
        let slot = |&chosen: &bool| Complex64::from(if chosen { value } else { 0.0 });
        Ok(Plain {
            len: chosen.len(),
            kept: self.backend.plain(|| chosen.iter().map(slot).collect()),
            max,
        })
    }

    fn add(&self, a: &Self::Ct, b: &Self::Ct) -> Result<Self::Ct, EvalError> {
        let compute = |level| self.backend.add(&a.data, &b.data, level);
        self.sum_or_difference(Op::Add, a, b, compute)
    }

    fn sub(&self, a: &Self::Ct, b: &Self::Ct) -> Result<Self::Ct, EvalError> {
        let compute = |level| self.backend.sub(&a.data, &b.data, level);
        self.sum_or_difference(Op::Sub, a, b, compute)
    }

    fn add_plain(&self, a: &Self::Ct, p: &Self::Plain) -> Result<Self::Ct, EvalError> {
        let op = Op::AddPlain;
        self.own(op, a)?;
        self.own_plain(op, p)?;
        let meta = self.ledger().add_plain(&a.meta, p.max)?;
        let sum = self.backend.add_plain(&a.data, &p.kept, meta.placement());
        let data = sum.map_err(|cause| cause.of(op))?;
        Ok(Ct { data, meta })
    }

    fn mul_integer(&self, a: &Self::Ct, k: i32) -> Result<Self::Ct, EvalError> {
        self.own(Op::MulInteger, a)?;
        let meta = self.ledger().mul_integer(&a.meta, k)?;
        let data = self.backend.mul_integer(&a.data, k);
        Ok(Ct { data, meta })
    }

    fn mul_scalar(&self, a: &Self::Ct, c: f64, to: Placement) -> Result<Self::Ct, EvalError> {
        self.own(Op::MulScalar, a)?;
        let (meta, factor) = self.ledger().mul_scalar(&a.meta, c, to)?;
        let level = Level(meta.level.0 + 1);
        let data = self.backend.mul_scalar(&a.data, c, factor, level);
        self.tally.count(CountedOp::ScalarProduct, level, 1);
        self.tally.count(CountedOp::Rescale, level, 1);
        Ok(Ct { data, meta })
    }

    fn dot_plain(
        &self,
        terms: &[(&Self::Ct, &Self::Plain)],
        scale: f64,
    ) -> Result<Self::Ct, EvalError> {
        let op = Op::DotPlain;
        for (a, p) in terms {
            self.own(op, a)?;
            self.own_plain(op, p)?;
        }
        let metas: Vec<_> = terms.iter().map(|(a, p)| (a.meta, p.max)).collect();
        let (meta, factors) = self.ledger().dot_plain(&metas, scale)?;
        let level = Level(meta.level.0 + 1);
        let parts = terms.iter().zip(factors);
        let parts = parts.map(|((a, p), scale)| PlainTerm {
            data: &a.data,
            plain: &p.kept,
            scale,
        });
        let parts: Vec<PlainTerm<'_, B>> = parts.collect();
        let sum = self.backend.dot_plain(&parts, level);
        let data = sum.map_err(|cause| cause.of(op))?;
        self.tally
            .count(CountedOp::PlainProduct, level, terms.len());
        self.tally.count(CountedOp::Rescale, level, 1);
        Ok(Ct { data, meta })
    }

    fn product_sum(&self) -> Self::ProductSum {
        ProductSum(None)
    }

    fn add_product(
        &self,
        sum: &mut Self::ProductSum,
        a: &Self::Ct,
        b: &Self::Ct,
    ) -> Result<(), EvalError> {
        self.own(Op::AddProduct, a)?;
        self.own(Op::AddProduct, b)?;
        let so_far = sum.0.as_ref().map(|sum| sum.meta);
        let meta = with_product(&self.ledger(), so_far, &a.meta, &b.meta)?;
        let sum = sum.0.get_or_insert_with(|| Sum {
            meta,
            products: self.backend.no_products(meta.level),
        });
        sum.meta = meta;
        self.backend
            .add_product(&mut sum.products, &a.data, &b.data);
        let level = a.meta.level.min(b.meta.level);
        self.tally.count(CountedOp::Tensor, level, 1);
        Ok(())
    }

    fn add_matrix_product(
        &self,
        sums: &mut [Self::ProductSum],
        left: &[&[Self::Ct]],
        right: &[&[Self::Ct]],
    ) -> Result<(), EvalError> {
        check_rows(sums.len(), left, right);
        for ct in left.iter().chain(right).copied().flatten() {
            self.own(Op::AddProduct, ct)?;
        }
        let columns = right.len();
        let pairs = |k: usize| left[k / columns].iter().zip(right[k % columns]);
        let ledger = self.ledger();
        let so_far: Vec<_> = sums.iter().map(|s| s.0.as_ref().map(|s| s.meta)).collect();
        let metas: Vec<_> = so_far
            .into_par_iter()
            .enumerate()
            .map(|(k, sum)| {
                pairs(k).try_fold(sum, |sum, (a, b)| {
                    with_product(&ledger, sum, &a.meta, &b.meta).map(Some)
                })
            })
            .collect();
        // The first sum that is refused, however many threads looked.
        let metas = metas.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut open = Vec::with_capacity(sums.len());
        for (sum, meta) in sums.iter_mut().zip(metas) {
            // No product at all, and none before.
            let Some(meta) = meta else { return Ok(()) };
            let sum = sum.0.get_or_insert_with(|| Sum {
                meta,
                products: self.backend.no_products(meta.level),
            });
            sum.meta = meta;
            open.push(&mut sum.products);
        }
        self.backend
            .add_matrix_product(&mut open, &data(left), &data(right));
        for k in 0..sums.len() {
            for (a, b) in pairs(k) {
                let level = a.meta.level.min(b.meta.level);
                self.tally.count(CountedOp::Tensor, level, 1);
            }
        }
        Ok(())
    }

    fn merge(&self, sum: &mut Self::ProductSum, other: Self::ProductSum) -> Result<(), EvalError> {
        let Some(other) = other.0 else { return Ok(()) };
        match &mut sum.0 {
            None => sum.0 = Some(other),
            Some(sum) => {
                sum.meta = self.ledger().accumulate(&sum.meta, &other.meta)?;
                self.backend.merge(&mut sum.products, other.products);
            }
        }
        Ok(())
    }

    fn relinearize_rescale(&self, sum: Self::ProductSum) -> Result<Self::Ct, EvalError> {
        let sum = sum.0.ok_or(Refusal::Empty.of(Op::ProductSum))?;
        self.close(&sum.meta, || sum.products)
    }

    fn mul(&self, a: &Self::Ct, b: &Self::Ct) -> Result<Self::Ct, EvalError> {
        self.own(Op::AddProduct, a)?;
        self.own(Op::AddProduct, b)?;
        let product = self.ledger().tensor(&a.meta, &b.meta)?;
        let ct = self.close(&product, || {
            let mut products = self.backend.no_products(product.level);
            self.backend.add_product(&mut products, &a.data, &b.data);
            products
        })?;
        self.tally.count(CountedOp::Tensor, product.level, 1);
        Ok(ct)
    }

    fn drop_level(&self, a: &Self::Ct, level: Level) -> Result<Self::Ct, EvalError> {
        let op = Op::DropLevel;
        self.own(op, a)?;
        let meta = self.ledger().drop_level(op, &a.meta, level)?;
        let data = self.backend.drop_level(&a.data, level);
        Ok(Ct { data, meta })
    }

    fn scale_value(&self, a: &mut Self::Ct, factor: f64) -> Result<(), EvalError> {
        self.own(Op::ScaleValue, a)?;
        a.meta = self.ledger().scale_value(&a.meta, factor)?;
        self.backend.scale_value(&mut a.data, factor);
        Ok(())
    }

    fn canonicalize(&self, a: &mut Self::Ct) {
        self.backend.canonicalize(&mut a.data);
    }

    fn declare_bound(&self, a: &mut Self::Ct, bound: f64) -> Result<(), EvalError> {
        let op = Op::DeclareBound;
        self.own(op, a)?;
        let meta = self.ledger().declare_bound(&a.meta, bound)?;
        match self.backend.largest(&a.data) {
            Some(found) if found > bound * (1.0 + BOUND_SLACK) => Err(Refusal::BoundExceeded {
                declared: bound,
                found,
            }
            .of(op)),
            _ => {
                a.meta = meta;
                Ok(())
            }
        }
    }

    fn declare_rms(&self, a: &mut Self::Ct, rms: f64) -> Result<(), EvalError> {
        self.own(Op::DeclareRms, a)?;
        a.meta = self.ledger().declare_rms(&a.meta, rms)?;
        Ok(())
    }

    fn declare_noise(&self, a: &mut Self::Ct, noise: f64) -> Result<(), EvalError> {
        self.own(Op::DeclareNoise, a)?;
        a.meta = self.ledger().declare_noise(&a.meta, noise)?;
        Ok(())
    }

    fn rotate(&self, a: &Self::Ct, k: i64) -> Result<Self::Ct, EvalError> {
        let op = Op::Rotate;
        self.own(op, a)?;
        let k = normalise_rotation(k, self.slots());
        if k == 0 {
            return Ok(a.clone());
        }
        let meta = self.ledger().automorphism(op, &a.meta)?;
        let key = self.key(op, Need::Rotate(k), a.meta.level)?;
        let data = self.backend.rotate(&a.data, k, key);
        self.count_switch(a.meta.level, 1, 1);
        Ok(Ct { data, meta })
    }

    fn conjugate(&self, a: &Self::Ct) -> Result<Self::Ct, EvalError> {
        let op = Op::Conjugate;
        self.own(op, a)?;
        let meta = self.ledger().automorphism(op, &a.meta)?;
        let key = self.key(op, Need::Conjugate, a.meta.level)?;
        let data = self.backend.conjugate(&a.data, key);
        self.count_switch(a.meta.level, 1, 1);
        Ok(Ct { data, meta })
    }

    fn hoist(&self, a: &Self::Ct) -> Result<Self::Hoisted, EvalError> {
        self.own(Op::Hoist, a)?;
        let digits = self.backend.hoist(&a.data);
        self.count_switch(a.meta.level, 1, 0);
        Ok(Hoisted {
            ct: a.clone(),
            digits,
        })
    }

    fn rotate_hoisted(&self, a: &Self::Hoisted, k: i64) -> Result<Self::Ct, EvalError> {
        let op = Op::Rotate;
        self.own(op, &a.ct)?;
        let k = normalise_rotation(k, self.slots());
        if k == 0 {
            return Ok(a.ct.clone());
        }
        let meta = self.ledger().automorphism(op, &a.ct.meta)?;
        let key = self.key(op, Need::Rotate(k), a.ct.meta.level)?;
        let data = self.backend.rotate_hoisted(&a.ct.data, &a.digits, k, key);
        self.count_switch(a.ct.meta.level, 0, 1);
        Ok(Ct { data, meta })
    }

    fn rotate_sum(&self, a: &Self::Ct, ks: &[i64]) -> Result<Self::Ct, EvalError> {
        let op = Op::RotateSum;
        self.own(op, a)?;
        let ks = normalised(ks.iter().copied(), self.slots());
        let switched = ks.iter().filter(|&&k| k != 0).count();
        let metas = vec![a.meta; ks.len()];
        let meta = self.ledger().rotate_sum(op, &metas, switched)?;
        let rotations = self.rotations(op, &ks, a.meta.level)?;
        let data = self.backend.rotate_sum(&a.data, &rotations);
        self.tally.count(CountedOp::Add, meta.level, ks.len() - 1);
        self.count_switch(meta.level, usize::from(switched > 0), switched);
        Ok(Ct { data, meta })
    }

    fn rotate_each_and_sum(&self, terms: &[(&Self::Ct, i64)]) -> Result<Self::Ct, EvalError> {
        let op = Op::RotateSum;
        for (a, _) in terms {
            self.own(op, a)?;
        }
        let ks = normalised(terms.iter().map(|t| t.1), self.slots());
        let switched = ks.iter().filter(|&&k| k != 0).count();
        let metas: Vec<Meta> = terms.iter().map(|t| t.0.meta).collect();
        let meta = self.ledger().rotate_sum(op, &metas, switched)?;
        let rotations = self.rotations(op, &ks, meta.level)?;
        let parts = terms.iter().map(|(a, _)| &a.data);
        let parts: Vec<_> = parts.zip(rotations).collect();
        let data = self.backend.rotate_each_and_sum(&parts, meta.level);
        let mut level = Level(usize::MAX);
        for (i, term) in metas.iter().enumerate() {
            level = level.min(term.level);
            self.tally.count(CountedOp::Add, level, usize::from(i > 0));
        }
        self.count_switch(meta.level, switched, switched);
        Ok(Ct { data, meta })
    }
}

fn normalised(ks: impl Iterator<Item = i64>, slots: usize) -> Vec<usize> {
    ks.map(|k| normalise_rotation(k, slots)).collect()
}
