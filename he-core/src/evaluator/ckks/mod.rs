//! Operations on ciphertexts. Holds evaluation keys only.

mod ciphertext;
mod plain;
mod rotation;
mod sum;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use num_complex::Complex64;

use super::clear::check_slots;
use super::ledger::Ledger;
use super::{
    EvalError, Evaluator, Level, Meta, Placement, Tally, check_rows, mul_acc_each,
    normalise_rotation,
};
use crate::ckks::encode::Encoder;
use crate::params::Params;
use crate::ring::{GaloisElement, Ntt, Poly};
use crate::rlwe::{
    Ciphertext, Context, Digits, EvaluationKeys, KeyId, KeySwitch, SwitchingKey, at_level,
};

pub use ciphertext::CkksCt;
pub(crate) use ciphertext::fresh_meta;
pub use plain::CkksPlain;
pub(crate) use plain::refusal;
use rotation::{RotationSum, lowered};
pub use sum::CkksAcc;
use sum::Sum;

/// RNS-CKKS on ciphertexts, with hybrid key switching.
///
/// Levels, scales, refusals and counts are the ledger's, as for the clear twin and the trace. Every method may be called from many threads,
/// rayon's among them.
#[derive(Debug)]
pub struct Ckks {
    keys: EvaluationKeys,
    encoder: Encoder,
    tally: Tally,
}

/// A ciphertext and the digits of its second component.
#[derive(Debug)]
pub struct CkksHoisted {
    ct: CkksCt,
    digits: Digits,
}

impl Ckks {
    /// An evaluator with these keys, for ciphertexts of their context.
    ///
    /// # Errors
    /// [`EvalError::ForeignOperand`] for a ring degree without an encoder: none for checked parameters.
    pub fn new(keys: EvaluationKeys) -> Result<Self, EvalError> {
        let params = keys.context().params();
        let encoder = Encoder::new(params.log_n())
            .map_err(|_| EvalError::ForeignOperand { op: "evaluator" })?;
        Ok(Self {
            tally: Tally::new(params.max_level()),
            encoder,
            keys,
        })
    }

    /// The context: parameters and ring.
    pub fn context(&self) -> &Arc<Context> {
        self.keys.context()
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(self.params(), &self.tally)
    }

    fn own(&self, op: &'static str, ct: &CkksCt) -> Result<(), EvalError> {
        if Arc::ptr_eq(ct.data.c0().ring(), self.context().ring()) {
            Ok(())
        } else {
            Err(EvalError::ForeignOperand { op })
        }
    }

    fn key(
        &self,
        op: &'static str,
        id: KeyId,
        wanted: impl FnOnce() -> String,
    ) -> Result<&SwitchingKey, EvalError> {
        match self.keys.get(id) {
            Ok(key) => Ok(key),
            Err(_) => Err(EvalError::MissingKey {
                op,
                wanted: wanted(),
            }),
        }
    }

    /// Galois element and key of a rotation by `k`, 0 < k < N/2.
    fn rotation(
        &self,
        op: &'static str,
        k: usize,
    ) -> Result<(GaloisElement, &SwitchingKey), EvalError> {
        let g = GaloisElement::rotation(k as i64, self.params().log_n());
        let key = self.key(op, KeyId::Galois(g), || format!("rotation by {k}"))?;
        Ok((g, key))
    }

    fn encoded(
        &self,
        op: &'static str,
        p: &CkksPlain,
        level: Level,
        scale: f64,
    ) -> Result<Arc<Poly<Ntt>>, EvalError> {
        p.at(op, &self.encoder, self.context().ring(), level, scale)
    }

    /// `a` at `X^g`: a key switch.
    fn automorphism(&self, a: &CkksCt, g: GaloisElement, key: &SwitchingKey, meta: Meta) -> CkksCt {
        let switch = KeySwitch::of(self.context(), a.data.c1(), key);
        made(switch.rotate(a.data.c0(), g), meta)
    }
}

/// Wraps an operation's result.
fn made([c0, c1]: [Poly<Ntt>; 2], meta: Meta) -> CkksCt {
    debug_assert_eq!(c0.level(), meta.level.0);
    CkksCt {
        data: Arc::new(Ciphertext::new(c0, c1)),
        meta,
    }
}

/// Both components over `q_0 .. q_level`.
fn copied(a: &CkksCt, level: Level) -> (Poly<Ntt>, Poly<Ntt>) {
    (
        at_level(a.data.c0().clone(), level.0),
        at_level(a.data.c1().clone(), level.0),
    )
}

/// `x op= y`'s limbs of `x`'s level.
fn with_limbs_of(x: &mut Poly<Ntt>, y: &Poly<Ntt>, op: fn(&mut Poly<Ntt>, &Poly<Ntt>)) {
    if x.level() == y.level() {
        op(x, y);
    } else {
        op(x, &at_level(y.clone(), x.level()));
    }
}

impl Evaluator for Ckks {
    type Ct = CkksCt;
    type Plain = CkksPlain;
    type Acc = CkksAcc;
    type Hoisted = CkksHoisted;

    fn params(&self) -> &Params {
        self.context().params()
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn meta(&self, ct: &CkksCt) -> Meta {
        ct.meta
    }

    fn plain(&self, slots: Vec<Complex64>) -> Result<CkksPlain, EvalError> {
        let max = check_slots("plaintext", &slots, self.slots())?;
        Ok(CkksPlain::new(slots, max))
    }

    fn add(&self, a: &CkksCt, b: &CkksCt) -> Result<CkksCt, EvalError> {
        let op = "sum";
        self.own(op, a)?;
        self.own(op, b)?;
        let meta = self.ledger().add(op, &a.meta, &b.meta)?;
        let (mut c0, mut c1) = copied(a, meta.level);
        with_limbs_of(&mut c0, b.data.c0(), Poly::add_assign);
        with_limbs_of(&mut c1, b.data.c1(), Poly::add_assign);
        Ok(made([c0, c1], meta))
    }

    fn sub(&self, a: &CkksCt, b: &CkksCt) -> Result<CkksCt, EvalError> {
        let op = "difference";
        self.own(op, a)?;
        self.own(op, b)?;
        let meta = self.ledger().add(op, &a.meta, &b.meta)?;
        let (mut c0, mut c1) = copied(a, meta.level);
        with_limbs_of(&mut c0, b.data.c0(), Poly::sub_assign);
        with_limbs_of(&mut c1, b.data.c1(), Poly::sub_assign);
        Ok(made([c0, c1], meta))
    }

    fn add_plain(&self, a: &CkksCt, p: &CkksPlain) -> Result<CkksCt, EvalError> {
        let op = "sum with a plaintext";
        self.own(op, a)?;
        let meta = self.ledger().add_plain(&a.meta, p.max())?;
        let encoded = self.encoded(op, p, meta.level, meta.scale)?;
        let (mut c0, c1) = copied(a, meta.level);
        with_limbs_of(&mut c0, &encoded, Poly::add_assign);
        Ok(made([c0, c1], meta))
    }

    fn mul_small(&self, a: &CkksCt, k: i32) -> Result<CkksCt, EvalError> {
        self.own("product by an integer", a)?;
        let meta = self.ledger().mul_small(&a.meta, k)?;
        let (mut c0, mut c1) = copied(a, meta.level);
        c0.mul_integer(i128::from(k));
        c1.mul_integer(i128::from(k));
        Ok(made([c0, c1], meta))
    }

    fn mul_scalar(&self, a: &CkksCt, c: f64, to: Placement) -> Result<CkksCt, EvalError> {
        self.own("product by a constant", a)?;
        let (meta, factor) = self.ledger().mul_scalar(&a.meta, c, to)?;
        // At most 2^100 by the ledger: exact as an i128.
        let k = (c * factor.scale).round_ties_even() as i128;
        let (mut c0, mut c1) = copied(a, Level(meta.level.0 + 1));
        for x in [&mut c0, &mut c1] {
            x.mul_integer(k);
            x.rescale();
        }
        Ok(made([c0, c1], meta))
    }

    fn dot_plain(&self, terms: &[(&CkksCt, &CkksPlain)], scale: f64) -> Result<CkksCt, EvalError> {
        let op = "product with a plaintext";
        for (a, _) in terms {
            self.own(op, a)?;
        }
        let metas: Vec<_> = terms.iter().map(|(a, p)| (a.meta, p.max())).collect();
        let (meta, factors) = self.ledger().dot_plain(&metas, scale)?;
        let level = Level(meta.level.0 + 1);
        let encoded = terms
            .iter()
            .zip(&factors)
            .map(|((_, p), factor)| self.encoded(op, p, level, factor.scale))
            .collect::<Result<Vec<_>, _>>()?;
        let ring = self.context().ring();
        let part = |component: fn(&Ciphertext) -> &Poly<Ntt>| {
            let products: Vec<_> = terms
                .iter()
                .zip(&encoded)
                .map(|((a, _), p)| (component(&a.data), &**p))
                .collect();
            let mut sum = Poly::zero(ring, ring.basis(level.0));
            sum.inner_product_acc(&products);
            sum.rescale();
            sum
        };
        Ok(made([Ciphertext::c0, Ciphertext::c1].map(part), meta))
    }

    fn accumulator(&self) -> CkksAcc {
        CkksAcc::default()
    }

    fn mul_acc(&self, sum: &mut CkksAcc, a: &CkksCt, b: &CkksCt) -> Result<(), EvalError> {
        let op = "product of ciphertexts";
        self.own(op, a)?;
        self.own(op, b)?;
        let meta = self.ledger().tensor(&a.meta, &b.meta)?;
        self.merge(sum, CkksAcc(Some(Sum::new(meta, &a.data, &b.data))))
    }

    fn mul_acc_all(
        &self,
        sums: &mut [CkksAcc],
        left: &[&[CkksCt]],
        right: &[&[CkksCt]],
    ) -> Result<(), EvalError> {
        check_rows(sums.len(), left, right);
        let op = "product of ciphertexts";
        for ct in left.iter().chain(right).copied().flatten() {
            self.own(op, ct)?;
        }
        if sum::stand_at_one_level(sums, left, right) {
            return sum::add_products(&self.ledger(), sums, left, right);
        }
        mul_acc_each(self, sums, left, right)
    }

    fn merge(&self, sum: &mut CkksAcc, other: CkksAcc) -> Result<(), EvalError> {
        let Some(other) = other.0 else { return Ok(()) };
        match &mut sum.0 {
            None => sum.0 = Some(other),
            Some(s) => {
                let meta = self.ledger().accumulate(&s.meta, &other.meta)?;
                s.merge(meta, other);
            }
        }
        Ok(())
    }

    fn finish(&self, sum: CkksAcc) -> Result<CkksCt, EvalError> {
        let op = "sum of products";
        let sum = sum.0.ok_or(EvalError::Empty { op })?;
        let key = self.key(op, KeyId::Relinearisation, || "relinearisation".into())?;
        let meta = self.ledger().finish(&sum.meta)?;
        let [d0, d1, d2] = sum.finish().ok_or(EvalError::Empty { op })?;
        let switch = KeySwitch::of(self.context(), &d2, key);
        Ok(made(switch.add_and_rescale(&d0, &d1), meta))
    }

    fn drop_to(&self, a: &CkksCt, level: Level) -> Result<CkksCt, EvalError> {
        let op = "dropping limbs";
        self.own(op, a)?;
        let meta = self.ledger().drop_to(op, &a.meta, level)?;
        if level == a.meta.level {
            return Ok(a.clone());
        }
        Ok(CkksCt {
            data: Arc::new(a.data.at_level(level.0)),
            meta,
        })
    }

    fn relabel(&self, a: &mut CkksCt, factor: f64) -> Result<(), EvalError> {
        a.meta = self.ledger().relabel(&a.meta, factor)?;
        Ok(())
    }

    fn settle(&self, a: &mut CkksCt) {
        if !a.data.is_balanced() {
            Arc::make_mut(&mut a.data).balance();
        }
    }

    fn declare_bound(&self, a: &mut CkksCt, bound: f64) -> Result<(), EvalError> {
        a.meta = self.ledger().declare_bound(&a.meta, bound)?;
        Ok(())
    }

    fn declare_typical(&self, a: &mut CkksCt, typical: f64) -> Result<(), EvalError> {
        a.meta = self.ledger().declare_typical(&a.meta, typical)?;
        Ok(())
    }

    fn conjugate(&self, a: &CkksCt) -> Result<CkksCt, EvalError> {
        let op = "conjugation";
        self.own(op, a)?;
        let g = GaloisElement::conjugation(self.params().log_n());
        let key = self.key(op, KeyId::Galois(g), || op.into())?;
        self.ledger().hoist(&a.meta);
        let meta = self.ledger().automorphism(op, &a.meta)?;
        Ok(self.automorphism(a, g, key, meta))
    }

    fn rotate(&self, a: &CkksCt, k: i64) -> Result<CkksCt, EvalError> {
        let op = "rotation";
        self.own(op, a)?;
        // Counted as what it is, a decomposition and a rotation out of it.
        self.ledger().hoist(&a.meta);
        let k = normalise_rotation(k, self.slots());
        if k == 0 {
            return Ok(a.clone());
        }
        let (g, key) = self.rotation(op, k)?;
        let meta = self.ledger().automorphism(op, &a.meta)?;
        Ok(self.automorphism(a, g, key, meta))
    }

    fn hoist(&self, a: &CkksCt) -> Result<CkksHoisted, EvalError> {
        self.own("decomposition", a)?;
        self.ledger().hoist(&a.meta);
        Ok(CkksHoisted {
            ct: a.clone(),
            digits: Digits::of(self.context(), a.data.c1()),
        })
    }

    fn rotate_hoisted(&self, a: &CkksHoisted, k: i64) -> Result<CkksCt, EvalError> {
        let op = "rotation";
        let k = normalise_rotation(k, self.slots());
        if k == 0 {
            return Ok(a.ct.clone());
        }
        self.own(op, &a.ct)?;
        let (g, key) = self.rotation(op, k)?;
        let meta = self.ledger().automorphism(op, &a.ct.meta)?;
        let switch = a.digits.switch(key);
        Ok(made(switch.rotate(a.ct.data.c0(), g), meta))
    }

    fn rotate_sum(&self, a: &CkksCt, ks: &[i64]) -> Result<CkksCt, EvalError> {
        let op = "sum of rotations";
        self.own(op, a)?;
        let ks: Vec<usize> = ks
            .iter()
            .map(|&k| normalise_rotation(k, self.slots()))
            .collect();
        let (still, moving): (Vec<usize>, Vec<usize>) = ks.iter().partition(|&&k| k == 0);
        let keys = moving
            .iter()
            .map(|&k| self.rotation(op, k))
            .collect::<Result<Vec<_>, _>>()?;
        let meta = self.ledger().rotate_sum(
            op,
            &vec![a.meta; ks.len()],
            usize::from(!moving.is_empty()),
            moving.len(),
        )?;
        let mut sum = RotationSum::new(self.context().ring(), meta.level);
        for _ in still {
            sum.add(&a.data);
        }
        if keys.is_empty() {
            return Ok(made(sum.finish(), meta));
        }
        sum.add_rotated(&a.data, &keys);
        let switch = KeySwitch::sum_of(self.context(), a.data.c1(), &keys);
        Ok(made(switch.plus(&sum.c0, sum.c1.as_ref()), meta))
    }

    fn rotate_each_and_sum(&self, terms: &[(&CkksCt, i64)]) -> Result<CkksCt, EvalError> {
        let op = "sum of rotations";
        let mut keys = Vec::with_capacity(terms.len());
        for (a, k) in terms {
            self.own(op, a)?;
            let k = normalise_rotation(*k, self.slots());
            keys.push(if k == 0 {
                None
            } else {
                Some(self.rotation(op, k)?)
            });
        }
        let switched = keys.iter().flatten().count();
        let metas: Vec<Meta> = terms.iter().map(|t| t.0.meta).collect();
        let meta = self.ledger().rotate_sum(op, &metas, switched, switched)?;
        let mut sum = RotationSum::new(self.context().ring(), meta.level);
        let mut products = None;
        for ((a, _), key) in terms.iter().zip(keys) {
            match key {
                None => sum.add(&a.data),
                Some(key) => {
                    sum.add_rotated(&a.data, &[key]);
                    let c1 = lowered(a.data.c1(), meta.level);
                    let switch = KeySwitch::sum_of(self.context(), &c1, &[key]);
                    products = Some(switch.product(products));
                }
            }
        }
        Ok(match products {
            Some(products) => made(products.plus(&sum.c0, sum.c1.as_ref()), meta),
            None => made(sum.finish(), meta),
        })
    }
}
