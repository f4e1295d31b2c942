//! Plaintexts, encoded when and where an operation needs them.

use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex64;

use crate::ckks::encode::{EncodeError, Encoder};
use crate::ckks::plaintext::{PlaintextError, encode};
use crate::evaluator::{EvalError, Level};
use crate::ring::{Ntt, Poly, Ring};

/// Encodings kept for one plaintext: a training step meets each mask at a few levels and scales.
const KEPT: usize = 8;

/// Bits of an exact scale, and the encoding at it.
type Encoded = (u64, Arc<Poly<Ntt>>);

/// A slot vector and its encodings.
#[derive(Debug)]
pub struct CkksPlain {
    slots: Vec<Complex64>,
    max: f64,
    encoded: Mutex<Vec<Encoded>>,
}

impl CkksPlain {
    /// `max` is the largest absolute value.
    pub(super) fn new(slots: Vec<Complex64>, max: f64) -> Self {
        Self {
            slots,
            max,
            encoded: Mutex::default(),
        }
    }

    /// The slots.
    pub fn slots(&self) -> &[Complex64] {
        &self.slots
    }

    /// The largest absolute value.
    pub(super) fn max(&self) -> f64 {
        self.max
    }

    /// The encoding at `scale` over `q_0 .. q_level` at least. An encoding at a higher level serves a lower one.
    pub(super) fn at(
        &self,
        op: &'static str,
        encoder: &Encoder,
        ring: &Arc<Ring>,
        level: Level,
        scale: f64,
    ) -> Result<Arc<Poly<Ntt>>, EvalError> {
        let bits = scale.to_bits();
        let fits = |e: &&Encoded| e.0 == bits && e.1.level() >= level.0;
        if let Some((_, poly)) = self.lock().iter().find(fits) {
            return Ok(Arc::clone(poly));
        }
        // Without the lock: encoding enters rayon, which may run another task on this thread that wants the lock.
        let poly = encode(encoder, ring, level.0, &self.slots, scale)
            .map_err(|error| refusal(op, level, error))?;
        let poly = Arc::new(poly);
        let mut encoded = self.lock();
        encoded.retain(|e| e.0 != bits || e.1.level() > level.0);
        if encoded.len() == KEPT {
            encoded.remove(0);
        }
        encoded.push((bits, Arc::clone(&poly)));
        Ok(poly)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Encoded>> {
        self.encoded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An encoder's refusal in the evaluator's terms.
pub(crate) fn refusal(op: &'static str, level: Level, error: PlaintextError) -> EvalError {
    match error {
        PlaintextError::Encode(EncodeError::NotFinite { value, .. }) => {
            EvalError::NotFinite { op, value }
        }
        PlaintextError::Encode(EncodeError::Length {
            expected, found, ..
        }) => EvalError::SlotCount {
            op,
            expected,
            found,
        },
        PlaintextError::Encode(EncodeError::TooLarge { found }) => EvalError::Overflow {
            op,
            needed: found,
            available: crate::ckks::encode::MAX_COEFFICIENT.log2(),
            level,
        },
        _ => EvalError::ForeignOperand { op },
    }
}
