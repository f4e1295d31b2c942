//! The clear twin: f64 slots with the same levels, scales and refusals as the ciphertexts.

use std::sync::Arc;

use num_complex::Complex64;

use super::engine::{Backend, Ct, Engine, Need, PlainTerm, Rotation};
use super::{EvalError, Evaluator, Level, Op, Placement, Refusal, check_slots, max_abs};
use crate::params::Params;

/// Computes on slots in clear.
pub type Clear = Engine<ClearBackend>;

/// Slots in clear, with the metadata that the ciphertext would have.
pub type ClearCt = Ct<Arc<Vec<Complex64>>>;

/// What [`Clear`] computes with.
#[derive(Debug)]
pub struct ClearBackend {
    params: Arc<Params>,
}

impl ClearCt {
    /// The slots.
    pub fn slots(&self) -> &[Complex64] {
        &self.data
    }
}

impl Clear {
    /// A twin of ciphertexts under `params`.
    pub fn new(params: Arc<Params>) -> Self {
        Self::over(ClearBackend { params })
    }

    /// "Encrypts": takes slots in, with a declared bound on their absolute values and the noise that a ciphertext would carry.
    ///
    /// # Errors
    /// Wrong number of slots, numbers that are not finite, values beyond `bound`, overflow.
    pub fn fresh(
        &self,
        slots: Vec<Complex64>,
        at: Placement,
        bound: f64,
        noise: f64,
    ) -> Result<ClearCt, EvalError> {
        check_slots(Op::Encrypt, &slots, self.slots())?;
        let mut ct = Ct {
            meta: self.ledger().fresh(at, bound, noise)?,
            data: Arc::new(slots),
        };
        self.declare_bound(&mut ct, bound)?;
        Ok(ct)
    }
}

type Slots = Arc<Vec<Complex64>>;

fn map(a: &Slots, f: impl Fn(&Complex64) -> Complex64) -> Slots {
    Arc::new(a.iter().map(f).collect())
}

fn zip(a: &Slots, b: &[Complex64], f: impl Fn(&Complex64, &Complex64) -> Complex64) -> Slots {
    Arc::new(a.iter().zip(b).map(|(x, y)| f(x, y)).collect())
}

/// sum += a, rotated by k.
fn add_rotated(sum: &mut [Complex64], a: &[Complex64], k: usize) {
    let (tail, head) = a.split_at(k);
    for (o, x) in sum.iter_mut().zip(head.iter().chain(tail)) {
        *o += x;
    }
}

impl Backend for ClearBackend {
    type Data = Slots;
    type Plain = Vec<Complex64>;
    /// Nothing, before the first product.
    type Products = Vec<Complex64>;
    type Digits = ();
    type Key<'a> = ();

    fn params(&self) -> &Params {
        &self.params
    }

    fn owns(&self, data: &Slots) -> bool {
        data.len() == self.params.slots()
    }

    fn key(&self, _need: Need, _level: Level) -> Result<(), Refusal> {
        Ok(())
    }

    fn largest(&self, data: &Slots) -> Option<f64> {
        Some(max_abs(data))
    }

    fn plain(&self, slots: impl FnOnce() -> Vec<Complex64>) -> Vec<Complex64> {
        slots()
    }

    fn add(&self, a: &Slots, b: &Slots, _level: Level) -> Slots {
        zip(a, b, |x, y| x + y)
    }

    fn sub(&self, a: &Slots, b: &Slots, _level: Level) -> Slots {
        zip(a, b, |x, y| x - y)
    }

    fn add_plain(&self, a: &Slots, p: &Vec<Complex64>, _at: Placement) -> Result<Slots, Refusal> {
        Ok(zip(a, p, |x, y| x + y))
    }

    fn mul_integer(&self, a: &Slots, k: i32) -> Slots {
        map(a, |x| x * f64::from(k))
    }

    fn mul_scalar(&self, a: &Slots, c: f64, _factor: f64, _level: Level) -> Slots {
        map(a, |x| x * c)
    }

    fn dot_plain(&self, terms: &[PlainTerm<'_, Self>], _level: Level) -> Result<Slots, Refusal> {
        let mut out = vec![Complex64::ZERO; self.params.slots()];
        for term in terms {
            for ((o, x), y) in out.iter_mut().zip(term.data.iter()).zip(term.plain) {
                *o += x * y;
            }
        }
        Ok(Arc::new(out))
    }

    fn no_products(&self, _level: Level) -> Vec<Complex64> {
        Vec::new()
    }

    fn add_product(&self, sum: &mut Vec<Complex64>, a: &Slots, b: &Slots) {
        let products = a.iter().zip(b.iter()).map(|(x, y)| x * y);
        if sum.is_empty() {
            sum.extend(products);
        } else {
            for (s, product) in sum.iter_mut().zip(products) {
                *s += product;
            }
        }
    }

    fn merge(&self, sum: &mut Vec<Complex64>, other: Vec<Complex64>) {
        for (s, x) in sum.iter_mut().zip(other) {
            *s += x;
        }
    }

    fn relinearize_rescale(&self, sum: Vec<Complex64>, (): ()) -> Slots {
        Arc::new(sum)
    }

    fn drop_level(&self, a: &Slots, _level: Level) -> Slots {
        Arc::clone(a)
    }

    fn scale_value(&self, a: &mut Slots, factor: f64) {
        for x in Arc::make_mut(a) {
            *x *= factor;
        }
    }

    fn conjugate(&self, a: &Slots, (): ()) -> Slots {
        map(a, Complex64::conj)
    }

    fn rotate(&self, a: &Slots, k: usize, (): ()) -> Slots {
        let mut out = a.to_vec();
        out.rotate_left(k);
        Arc::new(out)
    }

    fn hoist(&self, _a: &Slots) {}

    fn rotate_hoisted(&self, a: &Slots, _digits: &(), k: usize, (): ()) -> Slots {
        self.rotate(a, k, ())
    }

    fn rotate_sum(&self, a: &Slots, rotations: &[Rotation<()>]) -> Slots {
        let mut out = vec![Complex64::ZERO; self.params.slots()];
        for rotation in rotations {
            add_rotated(&mut out, a, rotation.by);
        }
        Arc::new(out)
    }

    fn rotate_each_and_sum(&self, terms: &[(&Slots, Rotation<()>)], _level: Level) -> Slots {
        let mut out = vec![Complex64::ZERO; self.params.slots()];
        for (a, rotation) in terms {
            add_rotated(&mut out, a, rotation.by);
        }
        Arc::new(out)
    }
}
