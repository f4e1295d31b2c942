//! From the server's weight ciphertexts back to a matrix.

use he_core::ckks::wipe_slots;
use he_core::error::Explain;
use he_core::evaluator::{EvalError, Evaluator};
use he_core::key_holder::Decryptor;
use ndarray::{Array1, Array2, ArrayView2};
use thiserror::Error;
use zeroize::Zeroize;

use crate::job::Job;
use crate::linalg::largest_magnitude;
use crate::packing::{packed_rows, read_replicated};
use crate::rounding::{self, Seen, Sizes};

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

impl Explain for DecryptError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Open { source, .. } => Some(source),
            _ => None,
        }
    }
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
    /// What the twin's weights say of these.
    ///
    /// # Panics
    /// Unless `twin` is c x D too.
    pub fn seen(&self, twin: ArrayView2<'_, f64>) -> Seen {
        Seen {
            distance: largest_magnitude(&(&self.weights - &twin)),
            largest: largest_magnitude(&twin.to_owned()),
        }
    }

    /// Bits behind the binary point that the noise leaves certain ([`rounding::bits`]).
    pub fn certified_bits(&self, sizes: Sizes) -> i32 {
        rounding::bits(self.expected_error, self.replica_spread, sizes)
    }
}

/// Opens the weights of a finished training: by class, by column group.
///
/// # Errors
/// [`DecryptError`].
pub fn decrypt<E: Evaluator>(
    job: &Job,
    eval: &E,
    decryptor: &dyn Decryptor<E>,
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
        count(
            "parts of a vector",
            layout.ciphertexts_per_vector().get(),
            groups.len(),
        )?;
        for (group, ct) in groups.iter().enumerate() {
            let mut slots = decryptor.decrypt(ct).map_err(|source| DecryptError::Open {
                class,
                group,
                source,
            })?;
            let (mean, spread): (Array1<f64>, f64) = read_replicated(layout, &slots);
            wipe_slots(&mut slots);
            replica_spread = replica_spread.max(spread);
            expected_error = expected_error.max(eval.meta(ct).error());
            vectors.push(mean);
        }
    }
    let weights = packed_rows(layout, &vectors);
    vectors.iter_mut().flatten().for_each(Zeroize::zeroize);
    Ok(Decrypted {
        weights,
        replica_spread,
        expected_error,
    })
}
