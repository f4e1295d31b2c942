//! The plan for exact predictions and its canonical JSON.

use he_core::error::Explain;
use he_core::params::Security;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::quantised::{Quantised, Steps};
use crate::files::describe_json;
use crate::model::Model;

/// log2 of the ring degree.
const LOG_N: u32 = 13;
/// Slots of a ciphertext: all of them hold integers.
pub const SLOTS: usize = 1 << LOG_N;
/// Primes of the ciphertext modulus, the last for key switching: just below 2^48 and 1 modulo 2N. The library's own choice for this degree adds up to 218 bits, more
/// than the 214 that the security table allows; these add up to 192.
pub const MODULUS: [u64; 4] = [
    281_474_976_694_273,
    281_474_976_546_817,
    281_474_976_317_441,
    281_474_975_662_081,
];
/// Largest scores: a plain modulus of more bits leaves a product too little room for noise.
const MOST_BITS: u32 = 34;
/// The smallest prime that makes slots is 2^16 + 1.
const FEWEST_BITS: u32 = 16;
const SCHEMA: u32 = 1;
const KIND: &str = "velum exact prediction plan";
/// Bytes that a plan may have.
pub(crate) const MOST_BYTES: usize = 1 << 16;

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExactPlanError {
    /// Rows of another width, or too many of them.
    #[error("expected {expected} {what}, found {found}")]
    Shape {
        /// Features or rows.
        what: &'static str,
        /// What fits.
        expected: String,
        /// What was given.
        found: usize,
        /// What the user can do.
        hint: &'static str,
    },
    /// A model or rows of nothing but zeros.
    #[error("expected a model and rows that are not zero throughout")]
    Zero,
    /// Scores too large for the plain modulus.
    #[error("scores: expected integers of at most {allowed} bits, found {found} bits")]
    Scores {
        /// Bits allowed.
        allowed: u32,
        /// Bits needed.
        found: u32,
    },
    /// No JSON of a plan's form, or one that was edited.
    #[error("expected a plan for exact predictions, found {0}")]
    Json(String),
}

impl Explain for ExactPlanError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Shape { hint, .. } => hint,
            Self::Zero => "check the model and the rows",
            Self::Scores { .. } => "scale the features so that they are of like size",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Sizes, steps and parameters of exact predictions. Public: a value of this type has been checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactPlan {
    schema: u32,
    kind: String,
    /// Rows of the largest batch.
    rows: usize,
    features: usize,
    classes: usize,
    /// [`fingerprint`](crate::predict::fingerprint) of the model.
    model_blake3: String,
    steps: Steps,
    /// Largest absolute integer of a feature.
    largest: i64,
    /// Prime that integers are counted modulo.
    plain_modulus: u64,
}

impl ExactPlan {
    /// A plan for batches of up to `batch` rows like `rows` (n x d): features may be twice as large.
    ///
    /// # Errors
    /// [`ExactPlanError`].
    pub fn new(
        model: &Model,
        rows: ArrayView2<'_, f64>,
        batch: usize,
    ) -> Result<Self, ExactPlanError> {
        if rows.ncols() != model.features() {
            return Err(ExactPlanError::Shape {
                what: "features",
                expected: model.features().to_string(),
                found: rows.ncols(),
                hint: "extract the features with the architecture that the model was trained on",
            });
        }
        let steps = Steps::of(model, rows).ok_or(ExactPlanError::Zero)?;
        let seen = Quantised::rows(rows, steps);
        let largest = 2 * seen.iter().fold(1, |most, x| x.abs().max(most));
        let bound = Quantised::new(model, steps).bound(largest);
        // Twice the bound for the sign.
        let bits = (2 + (bound.unsigned_abs() | 1).ilog2()).max(FEWEST_BITS);
        if bits > MOST_BITS {
            return Err(ExactPlanError::Scores {
                allowed: MOST_BITS,
                found: bits,
            });
        }
        let plan = Self {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            rows: batch,
            features: model.features(),
            classes: model.classes(),
            model_blake3: crate::predict::fingerprint(model),
            steps,
            largest,
            plain_modulus: plain_modulus(bits),
        };
        plan.checked()
    }

    fn checked(self) -> Result<Self, ExactPlanError> {
        if !(1..=SLOTS).contains(&self.rows) {
            return Err(ExactPlanError::Shape {
                what: "rows",
                expected: format!("1 to {SLOTS}"),
                found: self.rows,
                hint: "predict in parts",
            });
        }
        let step = |s: f64| s.is_finite() && s > 0.0 && s.log2().fract() == 0.0;
        let modulus = self.plain_modulus;
        let bits = 64 - modulus.leading_zeros();
        let sizes = (1..=1 << 16).contains(&self.features) && (2..=1 << 12).contains(&self.classes);
        let good = step(self.steps.data)
            && step(self.steps.weight)
            && sizes
            && (1..=1 << 20).contains(&self.largest)
            && (FEWEST_BITS + 1..=MOST_BITS + 1).contains(&bits)
            && modulus == plain_modulus(bits - 1);
        if good {
            Ok(self)
        } else {
            Err(ExactPlanError::Json(
                "one with sizes out of range".to_owned(),
            ))
        }
    }

    /// Reads a plan and checks all of it again.
    ///
    /// # Errors
    /// [`ExactPlanError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ExactPlanError> {
        if bytes.len() > MOST_BYTES {
            return Err(ExactPlanError::Json(format!("{} bytes", bytes.len())));
        }
        let plan: Self = serde_json::from_slice(crate::canonical::without_mark(bytes))
            .map_err(|e| ExactPlanError::Json(describe_json(bytes, &e)))?;
        if plan.kind != KIND || plan.schema != SCHEMA {
            return Err(ExactPlanError::Json(
                "JSON of another kind or version".to_owned(),
            ));
        }
        if plan.to_json() != bytes {
            return Err(ExactPlanError::Json("one that was edited".to_owned()));
        }
        plan.checked()
    }

    /// The canonical JSON: one spelling for one plan.
    pub fn to_json(&self) -> Vec<u8> {
        // A plain struct with finite numbers serialises; an empty vector would be refused everywhere.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// blake3 of the canonical JSON; every other file names it.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_json()).as_bytes()
    }

    /// Rows of the largest batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Features of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What the integers stand for.
    pub fn steps(&self) -> Steps {
        self.steps
    }

    /// Largest absolute integer of a feature.
    pub fn largest(&self) -> i64 {
        self.largest
    }

    /// Fingerprint of the model.
    pub fn model_blake3(&self) -> &str {
        &self.model_blake3
    }

    /// The prime that integers are counted modulo: scores lie within half of it.
    pub fn plain_modulus(&self) -> u64 {
        self.plain_modulus
    }

    /// log2 of the ciphertext modulus, key switching included.
    pub fn log_q() -> f64 {
        MODULUS.iter().map(|&q| (q as f64).log2()).sum()
    }

    /// Bits of security by [`he_core::params::security::SOURCE`].
    pub fn security_bits() -> u32 {
        Security::of(LOG_N, Self::log_q()).bits()
    }

    /// Checks and rounds rows (n x d): n x (d + 1).
    ///
    /// # Errors
    /// [`ExactPlanError::Shape`], also for features beyond the plan's.
    pub fn quantise(
        &self,
        rows: ArrayView2<'_, f64>,
    ) -> Result<ndarray::Array2<i64>, ExactPlanError> {
        let shape = |what, expected: String, found, hint| {
            Err(ExactPlanError::Shape {
                what,
                expected,
                found,
                hint,
            })
        };
        if rows.ncols() != self.features {
            let hint = "extract the features with the architecture that the model was trained on";
            return shape("features", self.features.to_string(), rows.ncols(), hint);
        }
        if !(1..=self.rows).contains(&rows.nrows()) {
            let hint = "predict in parts, or plan with a larger --batch";
            return shape("rows", format!("1 to {}", self.rows), rows.nrows(), hint);
        }
        let found = Quantised::rows(rows, self.steps);
        let beyond = found
            .iter()
            .filter(|x| x.unsigned_abs() > self.largest.unsigned_abs())
            .count();
        if beyond > 0 {
            let hint = "plan anew with such rows";
            let expected = format!(
                "features of at most {:.4e}, found larger ones: no",
                self.largest as f64 * self.steps.data
            );
            return shape("of them", expected, beyond, hint);
        }
        Ok(found)
    }
}

/// The smallest prime above 2^`bits` that is 1 modulo 2N: it makes slots.
fn plain_modulus(bits: u32) -> u64 {
    let step = 2 * SLOTS as u64;
    let mut candidate = (1u64 << bits) / step * step + 1;
    while candidate <= 1 << bits || !is_prime(candidate) {
        candidate += step;
    }
    candidate
}

/// By trial division: at most 2^17 steps for the moduli here.
fn is_prime(n: u64) -> bool {
    n % 2 == 1
        && (3..)
            .step_by(2)
            .take_while(|d| d * d <= n)
            .all(|d| !n.is_multiple_of(d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modulus_is_inside_the_security_table() {
        assert!(ExactPlan::log_q() <= 192.0 && ExactPlan::security_bits() == 128);
        for q in MODULUS {
            assert_eq!(q % (2 * SLOTS as u64), 1);
            assert!(is_prime(q));
        }
        for bits in [FEWEST_BITS, 20, 27, MOST_BITS] {
            let t = plain_modulus(bits);
            assert!(
                t > 1 << bits && t < 1 << (bits + 1) && t % (2 * SLOTS as u64) == 1 && is_prime(t)
            );
        }
    }
}
