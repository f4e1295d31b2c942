//! Operations on ciphertexts. Holds evaluation keys only.

mod ciphertext;
mod plain;
mod rotation;
mod sum;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use num_complex::Complex64;

use super::engine::{Backend, Engine, Need, Plain, PlainTerm, Rotation, add_product_by_product};
use super::{EvalError, Level, Op, Placement, Refusal};
use crate::ckks::encode::Encoder;
use crate::params::Params;
use crate::ring::{GaloisElement, Ntt, Poly};
use crate::rlwe::{
    Ciphertext, Context, Digits, EvaluationKeys, KeyId, KeySwitch, SwitchingKey, at_level,
};

pub use ciphertext::CkksCt;
pub(crate) use ciphertext::fresh_meta;
use plain::Encodings;
use rotation::{RotationSum, lowered};
use sum::Products;

/// RNS-CKKS on ciphertexts, with hybrid key switching.
///
/// Levels, scales, refusals and counts are the engine's, as for the clear twin and the simulator. Every method may be called from many threads,
/// rayon's among them.
pub type Ckks = Engine<CkksBackend>;

/// A slot vector and its encodings.
pub type CkksPlain = Plain<Encodings>;

/// What [`Ckks`] computes with.
#[derive(Debug)]
pub struct CkksBackend {
    keys: EvaluationKeys,
    encoder: Encoder,
}

impl Ckks {
    /// An evaluator with these keys, for ciphertexts of their context.
    ///
    /// # Errors
    /// [`Refusal::Plaintext`] for a ring degree without an encoder: none for checked parameters.
    pub fn new(keys: EvaluationKeys) -> Result<Self, EvalError> {
        let log_n = keys.context().params().log_n();
        let encoder =
            Encoder::new(log_n).map_err(|e| Refusal::Plaintext(e.into()).of(Op::Setup))?;
        Ok(Self::over(CkksBackend { keys, encoder }))
    }

    /// The context: parameters and ring.
    pub fn context(&self) -> &Arc<Context> {
        self.backend.context()
    }
}

impl CkksPlain {
    /// The slots.
    pub fn slots(&self) -> &[Complex64] {
        self.kept.slots()
    }
}

impl CkksBackend {
    fn context(&self) -> &Arc<Context> {
        self.keys.context()
    }

    fn rotation(&self, k: usize) -> GaloisElement {
        GaloisElement::rotation(k as i64, self.params().log_n())
    }

    fn conjugation(&self) -> GaloisElement {
        GaloisElement::conjugation(self.params().log_n())
    }

    fn encoded(&self, p: &Encodings, at: Placement) -> Result<Arc<Poly<Ntt>>, Refusal> {
        p.at(&self.encoder, self.context().ring(), at)
    }

    /// `a` at `X^g`: a key switch.
    fn automorphism(
        &self,
        a: &Ciphertext,
        g: GaloisElement,
        key: &SwitchingKey,
    ) -> Arc<Ciphertext> {
        made(KeySwitch::of(self.context(), a.c1(), key).rotate(a.c0(), g))
    }

    /// Galois elements and keys of all rotations but that by 0.
    fn moving<'a>(
        &self,
        rotations: impl Iterator<Item = Rotation<&'a SwitchingKey>>,
    ) -> Vec<(GaloisElement, &'a SwitchingKey)> {
        rotations
            .filter_map(|r| Some((self.rotation(r.by), r.key?)))
            .collect()
    }
}

/// Wraps an operation's result.
fn made(components: [Poly<Ntt>; 2]) -> Arc<Ciphertext> {
    let [c0, c1] = components;
    Arc::new(Ciphertext::new(c0, c1))
}

/// Both components over `q_0 .. q_level`.
fn copied(a: &Ciphertext, level: Level) -> [Poly<Ntt>; 2] {
    [a.c0(), a.c1()].map(|c| at_level(c.clone(), level.0))
}

/// `x op= y`'s limbs of `x`'s level.
fn with_limbs_of(x: &mut Poly<Ntt>, y: &Poly<Ntt>, op: fn(&mut Poly<Ntt>, &Poly<Ntt>)) {
    if x.level() == y.level() {
        op(x, y);
    } else {
        op(x, &at_level(y.clone(), x.level()));
    }
}

impl Backend for CkksBackend {
    type Data = Arc<Ciphertext>;
    type Plain = Encodings;
    type Products = Products;
    type Digits = Digits;
    type Key<'a> = &'a SwitchingKey;

    fn params(&self) -> &Params {
        self.context().params()
    }

    fn owns(&self, data: &Arc<Ciphertext>) -> bool {
        Arc::ptr_eq(data.c0().ring(), self.context().ring())
    }

    fn key(&self, need: Need, level: Level) -> Result<&SwitchingKey, Refusal> {
        let id = match need {
            Need::Relinearise => KeyId::Relinearisation,
            Need::Conjugate => KeyId::Galois(self.conjugation()),
            Need::Rotate(k) => KeyId::Galois(self.rotation(k)),
        };
        let wanted = || need.to_string();
        let key = self.keys.get(id);
        let key = key.map_err(|_| Refusal::MissingKey { wanted: wanted() })?;
        match Level(key.level()) {
            available if available < level => Err(Refusal::KeyLevel {
                wanted: wanted(),
                needed: level,
                available,
            }),
            _ => Ok(key),
        }
    }

    fn plain(&self, slots: impl FnOnce() -> Vec<Complex64>) -> Encodings {
        Encodings::new(slots())
    }

    fn add(&self, a: &Arc<Ciphertext>, b: &Arc<Ciphertext>, level: Level) -> Arc<Ciphertext> {
        let [mut c0, mut c1] = copied(a, level);
        with_limbs_of(&mut c0, b.c0(), Poly::add_assign);
        with_limbs_of(&mut c1, b.c1(), Poly::add_assign);
        made([c0, c1])
    }

    fn sub(&self, a: &Arc<Ciphertext>, b: &Arc<Ciphertext>, level: Level) -> Arc<Ciphertext> {
        let [mut c0, mut c1] = copied(a, level);
        with_limbs_of(&mut c0, b.c0(), Poly::sub_assign);
        with_limbs_of(&mut c1, b.c1(), Poly::sub_assign);
        made([c0, c1])
    }

    fn add_plain(
        &self,
        a: &Arc<Ciphertext>,
        p: &Encodings,
        at: Placement,
    ) -> Result<Arc<Ciphertext>, Refusal> {
        let encoded = self.encoded(p, at)?;
        let [mut c0, c1] = copied(a, at.level);
        with_limbs_of(&mut c0, &encoded, Poly::add_assign);
        Ok(made([c0, c1]))
    }

    fn mul_integer(&self, a: &Arc<Ciphertext>, k: i32) -> Arc<Ciphertext> {
        let mut product = copied(a, Level(a.level()));
        for c in &mut product {
            c.mul_integer(i128::from(k));
        }
        made(product)
    }

    fn mul_scalar(
        &self,
        a: &Arc<Ciphertext>,
        c: f64,
        factor: f64,
        level: Level,
    ) -> Arc<Ciphertext> {
        // At most 2^100 by the ledger: exact as an i128.
        let k = (c * factor).round_ties_even() as i128;
        let mut product = copied(a, level);
        for c in &mut product {
            c.mul_integer(k);
            c.rescale();
        }
        made(product)
    }

    fn dot_plain(
        &self,
        terms: &[PlainTerm<'_, Self>],
        level: Level,
    ) -> Result<Arc<Ciphertext>, Refusal> {
        let encoded = |term: &PlainTerm<'_, Self>| {
            let scale = term.scale;
            self.encoded(term.plain, Placement { level, scale })
        };
        let encoded = terms.iter().map(encoded).collect::<Result<Vec<_>, _>>()?;
        let ring = self.context().ring();
        let part = |component: fn(&Ciphertext) -> &Poly<Ntt>| {
            let pairs = terms.iter().zip(&encoded);
            let products: Vec<_> = pairs.map(|(t, p)| (component(t.data), &**p)).collect();
            let mut sum = Poly::zero(ring, ring.basis(level.0));
            sum.inner_product_acc(&products);
            sum.rescale();
            sum
        };
        Ok(made([Ciphertext::c0, Ciphertext::c1].map(part)))
    }

    fn no_products(&self, level: Level) -> Products {
        Products::none(level)
    }

    fn add_product(&self, sum: &mut Products, a: &Arc<Ciphertext>, b: &Arc<Ciphertext>) {
        sum.add(a, b);
    }

    fn add_matrix_product(
        &self,
        sums: &mut [&mut Products],
        left: &[Vec<&Arc<Ciphertext>>],
        right: &[Vec<&Arc<Ciphertext>>],
    ) {
        if sum::stand_at_one_level(sums) {
            sum::add_products(self.context().ring(), sums, left, right);
        } else {
            add_product_by_product(self, sums, left, right);
        }
    }

    fn merge(&self, sum: &mut Products, other: Products) {
        sum.merge(other);
    }

    fn relinearize_rescale(&self, sum: Products, key: &SwitchingKey) -> Arc<Ciphertext> {
        let [d0, d1, d2] = sum.finish(self.context().ring());
        made(KeySwitch::of(self.context(), &d2, key).add_and_rescale(&d0, &d1))
    }

    fn drop_level(&self, a: &Arc<Ciphertext>, level: Level) -> Arc<Ciphertext> {
        if level.0 == a.level() {
            Arc::clone(a)
        } else {
            Arc::new(a.at_level(level.0))
        }
    }

    fn canonicalize(&self, a: &mut Arc<Ciphertext>) {
        if !a.is_balanced() {
            Arc::make_mut(a).balance();
        }
    }

    fn conjugate(&self, a: &Arc<Ciphertext>, key: &SwitchingKey) -> Arc<Ciphertext> {
        self.automorphism(a, self.conjugation(), key)
    }

    fn rotate(&self, a: &Arc<Ciphertext>, k: usize, key: &SwitchingKey) -> Arc<Ciphertext> {
        self.automorphism(a, self.rotation(k), key)
    }

    fn hoist(&self, a: &Arc<Ciphertext>) -> Digits {
        Digits::of(self.context(), a.c1())
    }

    fn rotate_hoisted(
        &self,
        a: &Arc<Ciphertext>,
        digits: &Digits,
        k: usize,
        key: &SwitchingKey,
    ) -> Arc<Ciphertext> {
        made(digits.switch(key).rotate(a.c0(), self.rotation(k)))
    }

    fn rotate_sum(
        &self,
        a: &Arc<Ciphertext>,
        rotations: &[Rotation<&SwitchingKey>],
    ) -> Arc<Ciphertext> {
        let keys = self.moving(rotations.iter().copied());
        let mut sum = RotationSum::new(self.context().ring(), Level(a.level()));
        for _ in keys.len()..rotations.len() {
            sum.add(a);
        }
        if keys.is_empty() {
            return made(sum.finish());
        }
        sum.add_rotated(a, &keys);
        let switch = KeySwitch::sum_of(self.context(), a.c1(), &keys);
        made(switch.plus(&sum.c0, sum.c1.as_ref()))
    }

    fn rotate_each_and_sum(
        &self,
        terms: &[(&Arc<Ciphertext>, Rotation<&SwitchingKey>)],
        level: Level,
    ) -> Arc<Ciphertext> {
        let mut sum = RotationSum::new(self.context().ring(), level);
        let mut products = None;
        for (a, rotation) in terms {
            let Some(key) = rotation.key else {
                sum.add(a);
                continue;
            };
            let key = (self.rotation(rotation.by), key);
            sum.add_rotated(a, &[key]);
            let c1 = lowered(a.c1(), level);
            let switch = KeySwitch::sum_of(self.context(), &c1, &[key]);
            products = Some(switch.product(products));
        }
        match products {
            Some(products) => made(products.plus(&sum.c0, sum.c1.as_ref())),
            None => made(sum.finish()),
        }
    }
}
