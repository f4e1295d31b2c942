//! From the server's weight ciphertexts back to a matrix.

use he_core::evaluator::{EvalError, Evaluator};
use he_core::holder::Opener;
use ndarray::{Array1, Array2};
use thiserror::Error;

use crate::packing::{packed_rows, read_replicated};
use crate::plan::Job;

/// Why weights cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DecryptError {
    /// Another number of ciphertexts than the plan has.
    #[error("expected {expected} {what}, found {found}")]
    Count {
        /// Classes or parts of a vector over the columns.
        what: &'static str,
        /// Number in the plan.
        expected: usize,
        /// Number given.
        found: usize,
    },
    /// A ciphertext cannot be opened.
    #[error("weights of class {class}, column group {group}")]
    Open {
        /// Class.
        class: usize,
        /// Column group.
        group: usize,
        /// Why.
        source: EvalError,
    },
}

/// Decrypted weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Decrypted {
    /// c x D: every entry the mean of its r replicas.
    pub weights: Array2<f64>,
    /// Largest distance of a replica from its mean, imaginary parts included. Honest replicas differ by noise alone: much more than the
    /// expected error means lost precision or a ciphertext that is not what it claims to be.
    pub replica_spread: f64,
    /// Expected root mean square error of one replica, from the ciphertexts' metadata.
    pub expected_error: f64,
}

impl Decrypted {
    /// Bits after the binary point that noise leaves untouched, by expectation and by observation: -log2 of the larger of six
    /// expected standard errors and the replicas' spread.
    pub fn certified_bits(&self) -> f64 {
        -(6.0 * self.expected_error).max(self.replica_spread).log2()
    }

    /// The weights rounded to the certified bits: what may leave the client (decrypted values carry key-dependent noise, ePrint 2020/1533).
    pub fn rounded(&self) -> Array2<f64> {
        let unit = self.certified_bits().floor().clamp(-1000.0, 52.0).exp2();
        self.weights.mapv(|w| (w * unit).round() / unit)
    }
}

/// Opens the weights of a finished training: by class, by column group.
///
/// # Errors
/// [`DecryptError`].
pub fn decrypt<E: Evaluator>(
    job: &Job,
    eval: &E,
    opener: &dyn Opener<E>,
    weights: &[Vec<E::Ct>],
) -> Result<Decrypted, DecryptError> {
    let layout = job.layout();
    let count = |what, expected, found| {
        if expected == found {
            Ok(())
        } else {
            Err(DecryptError::Count {
                what,
                expected,
                found,
            })
        }
    };
    count("classes of weights", layout.shape().classes, weights.len())?;
    let (mut vectors, mut replica_spread, mut expected_error) = (vec![], 0.0f64, 0.0f64);
    for (class, groups) in weights.iter().enumerate() {
        count("parts of a vector", layout.parts(), groups.len())?;
        for (group, ct) in groups.iter().enumerate() {
            let slots = opener.open(ct).map_err(|source| DecryptError::Open {
                class,
                group,
                source,
            })?;
            let (mean, spread): (Array1<f64>, f64) = read_replicated(layout, &slots);
            replica_spread = replica_spread.max(spread);
            expected_error = expected_error.max(eval.meta(ct).error());
            vectors.push(mean);
        }
    }
    Ok(Decrypted {
        weights: packed_rows(layout, &vectors),
        replica_spread,
        expected_error,
    })
}
