//! Levels, scales, bounds, noise, counts and the key set of a computation, without any data: what it costs and whether it fits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use num_complex::Complex64;

use super::engine::{Backend, Ct, Engine, Need, Plain, PlainTerm, Rotation};
use super::{EvalError, Evaluator as _, Level, Placement, Refusal};
use crate::params::{KeyLevels, KeySet, Params};

/// Runs a computation on metadata alone.
pub type Simulator = Engine<SimulatorBackend>;

/// Metadata of a ciphertext that does not exist.
pub type SimulatedCt = Ct<()>;

/// What [`Simulator`] keeps: the keys that were asked for.
#[derive(Debug)]
pub struct SimulatorBackend {
    params: Arc<Params>,
    keys: Mutex<KeyLevels>,
}

impl Simulator {
    /// A simulator under `params`.
    pub fn new(params: Arc<Params>) -> Self {
        Self::over(SimulatorBackend {
            params,
            keys: Mutex::default(),
        })
    }

    /// A ciphertext fresh from encryption, in name only.
    ///
    /// # Errors
    /// Level out of range, overflow.
    pub fn fresh(&self, at: Placement, bound: f64, noise: f64) -> Result<SimulatedCt, EvalError> {
        let meta = self.ledger().fresh(at, bound, noise)?;
        Ok(Ct { data: (), meta })
    }

    /// A plaintext of which nothing is known but its largest absolute value.
    pub fn plain_up_to(&self, max: f64) -> Plain<()> {
        Plain {
            kept: (),
            len: self.slots(),
            max,
        }
    }

    /// The keys that the computation so far needs.
    pub fn key_set(&self) -> KeySet {
        self.backend.keys().set()
    }

    /// The same with the highest level at which each was asked for.
    pub fn key_levels(&self) -> KeyLevels {
        self.backend.keys().clone()
    }
}

impl SimulatorBackend {
    fn keys(&self) -> MutexGuard<'_, KeyLevels> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// There is nothing to compute.
impl Backend for SimulatorBackend {
    type Data = ();
    type Plain = ();
    type Products = ();
    type Digits = ();
    type Key<'a> = ();

    fn params(&self) -> &Params {
        &self.params
    }

    fn owns(&self, (): &()) -> bool {
        true
    }

    fn key(&self, need: Need, level: Level) -> Result<(), Refusal> {
        let mut keys = self.keys();
        match need {
            Need::Relinearise => keys.relinearise = keys.relinearise.max(Some(level.0)),
            Need::Conjugate => keys.conjugate = keys.conjugate.max(Some(level.0)),
            Need::Rotate(k) => keys.rotate(k, level.0),
        }
        Ok(())
    }

    fn plain(&self, _slots: impl FnOnce() -> Vec<Complex64>) {}

    fn add(&self, (): &(), (): &(), _level: Level) {}

    fn sub(&self, (): &(), (): &(), _level: Level) {}

    fn add_plain(&self, (): &(), (): &(), _at: Placement) -> Result<(), Refusal> {
        Ok(())
    }

    fn mul_integer(&self, (): &(), _k: i32) {}

    fn mul_scalar(&self, (): &(), _c: f64, _factor: f64, _level: Level) {}

    fn dot_plain(&self, _terms: &[PlainTerm<'_, Self>], _level: Level) -> Result<(), Refusal> {
        Ok(())
    }

    fn no_products(&self, _level: Level) {}

    fn add_product(&self, (): &mut (), (): &(), (): &()) {}

    fn add_matrix_product(&self, _sums: &mut [&mut ()], _left: &[Vec<&()>], _right: &[Vec<&()>]) {}

    fn merge(&self, (): &mut (), (): ()) {}

    fn relinearize_rescale(&self, (): (), (): ()) {}

    fn drop_level(&self, (): &(), _level: Level) {}

    fn conjugate(&self, (): &(), (): ()) {}

    fn rotate(&self, (): &(), _k: usize, (): ()) {}

    fn hoist(&self, (): &()) {}

    fn rotate_hoisted(&self, (): &(), (): &(), _k: usize, (): ()) {}

    fn rotate_sum(&self, (): &(), _rotations: &[Rotation<()>]) {}

    fn rotate_each_and_sum(&self, _terms: &[(&(), Rotation<()>)], _level: Level) {}
}
