//! Plaintexts, encoded when and where an operation needs them.

use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex64;

use crate::ckks::encode::Encoder;
use crate::ckks::plaintext::encode;
use crate::evaluator::{Placement, Refusal};
use crate::ring::{Ntt, Poly, Ring};

/// Encodings kept for one plaintext: a training step meets each mask at a few levels and scales.
const KEPT: usize = 8;

/// Bits of an exact scale, and the encoding at it.
type Encoded = (u64, Arc<Poly<Ntt>>);

/// A slot vector and its encodings.
#[derive(Debug)]
pub struct Encodings {
    slots: Vec<Complex64>,
    encoded: Mutex<Vec<Encoded>>,
}

impl Encodings {
    /// No encoding yet.
    pub(super) fn new(slots: Vec<Complex64>) -> Self {
        Self {
            slots,
            encoded: Mutex::default(),
        }
    }

    /// The slots.
    pub(super) fn slots(&self) -> &[Complex64] {
        &self.slots
    }

    /// The encoding at a scale over `q_0 .. q_level` at least. An encoding at a higher level serves a lower one.
    pub(super) fn at(
        &self,
        encoder: &Encoder,
        ring: &Arc<Ring>,
        at: Placement,
    ) -> Result<Arc<Poly<Ntt>>, Refusal> {
        let Placement { level, scale } = at;
        let bits = scale.to_bits();
        let fits = |e: &&Encoded| e.0 == bits && e.1.level() >= level.0;
        if let Some((_, poly)) = self.lock().iter().find(fits) {
            return Ok(Arc::clone(poly));
        }
        // Without the lock: encoding enters rayon, which may run another task on this thread that wants the lock.
        let poly = encode(encoder, ring, level.0, &self.slots, scale)
            .map_err(|e| Refusal::of_plaintext(level, e))?;
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
