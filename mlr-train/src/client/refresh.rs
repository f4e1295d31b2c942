//! The client's part of a refresh: W and V decrypted, compared with the twin, rounded, and encrypted anew.
//!
//! Whoever holds evaluation keys can pass off anything as weights, the secret key itself among it. Nothing that is not the twin's, up to noise, is
//! encrypted; and what is encrypted is rounded to a public unit far above the noise, so that the training goes on from values that do not depend on
//! the key but near the borders between two multiples.

use he_core::error::Explain;
use he_core::evaluator::{EvalError, Evaluator};
use he_core::key_holder::{Decryptor, Encryptor};
use ndarray::{Array2, ArrayView2};
use thiserror::Error;

use super::accept::{NotAccepted, accept_refreshed};
use super::decrypt::{DecryptError, decrypt};
use super::prepare::Refreshed as Twin;
use crate::job::{Iterate, Job};
use crate::packing::replicated_slots;
use crate::server::Refreshed;

/// Why a refresh is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The job has no refresh there.
    #[error("expected an iteration before which the plan refreshes weights, found {iteration}")]
    Iteration {
        /// Iteration, from 1.
        iteration: usize,
    },
    /// The weights cannot be read.
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    /// The weights are not those of the plan's training.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    /// They cannot be encrypted.
    #[error("refreshed weights")]
    Encrypt(#[source] EvalError),
}

impl Explain for RefreshError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Iteration { .. } => None,
            Self::Decrypt(source) => Some(source),
            Self::NotAccepted(source) => Some(source),
            Self::Encrypt(source) => Some(source),
        }
    }

    fn class(&self) -> he_core::error::Class {
        match self.inner() {
            Some(inner) => inner.class(),
            None => he_core::error::Class::Input,
        }
    }
}

/// Who decrypts and encrypts.
#[derive(Clone, Copy)]
pub struct Holder<'a, E: Evaluator> {
    /// Opens what the server sends.
    pub decryptor: &'a dyn Decryptor<E>,
    /// Makes what it gets back: under the secret key, which the job's noise reckons with.
    pub encryptor: &'a dyn Encryptor<E>,
}

/// Answers a request: the weights of `given` decrypted, compared with those of `twin`, rounded and encrypted anew.
///
/// # Errors
/// [`RefreshError`]; nothing is encrypted unless both vectors of every class are accepted.
pub fn refresh<E: Evaluator>(
    job: &Job,
    eval: &E,
    holder: &Holder<'_, E>,
    given: &Refreshed<E::Ct>,
    twin: &Twin,
) -> Result<Refreshed<E::Ct>, RefreshError> {
    let iteration = twin.before;
    let rounding = job.program().refresh;
    let bits = rounding.filter(|r| r.by_client() && job.refreshes_before(iteration));
    let bits = bits.ok_or(RefreshError::Iteration { iteration })?.bits;
    let bound = job.bounds().weight();
    let judged = |given: &[Vec<E::Ct>], twin: ArrayView2<'_, f64>| {
        let opened = decrypt(job, eval, holder.decryptor, given)?;
        Ok::<_, RefreshError>(accept_refreshed(&opened, bound, twin, bits)?)
    };
    let look_ahead = judged(&given.look_ahead, twin.look_ahead.view())?;
    let weights = judged(&given.weights, twin.weights.view())?;
    let anew =
        |of: Iterate, values: &Array2<f64>| encrypt(job, eval, holder, (iteration, of), values);
    Ok(Refreshed {
        look_ahead: anew(Iterate::LookAhead, &look_ahead)?,
        weights: anew(Iterate::Weights, &weights)?,
    })
}

/// Encrypts rounded weights (c x D) where the job wants them before an iteration.
fn encrypt<E: Evaluator>(
    job: &Job,
    eval: &E,
    holder: &Holder<'_, E>,
    to: (usize, Iterate),
    values: &Array2<f64>,
) -> Result<Vec<Vec<E::Ct>>, RefreshError> {
    let (iteration, of) = to;
    let meta = job.refreshed(iteration, of, eval.params().n());
    let meta = meta.ok_or(RefreshError::Iteration { iteration })?;
    let error = job.program().refresh.map_or(0.0, |refresh| refresh.error());
    let layout = job.layout();
    let class = |row: ndarray::ArrayView1<'_, f64>| {
        let parts = layout.ciphertexts_per_vector().indices();
        let part = |part| {
            let slots = replicated_slots(layout, row, part);
            let made =
                holder
                    .encryptor
                    .encrypt_inexact(&slots, meta.placement(), meta.bound, error);
            made.map_err(RefreshError::Encrypt)
        };
        parts.map(part).collect()
    };
    values.rows().into_iter().map(class).collect()
}
