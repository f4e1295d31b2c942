//! The key holder's side: rows and model into ciphertexts, scores out of them.

use he_core::ckks::wipe_slots;
use he_core::error::Explain;
use he_core::evaluator::{EvalError, Evaluator};
use he_core::key_holder::{Decryptor, Encryptor};
use ndarray::{Array2, ArrayView2};
use thiserror::Error;

use super::energy::{ROW_OVER_USUAL, largest_row_rms};
use super::head::Piece;
use super::job::{Job, ModelForm};
use super::layout::ScoresAt;
use crate::model::Model;
use crate::rounding::{self, Sizes};

/// Why rows or a model are not encrypted, or scores not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Another number of rows, features or classes than the plan is for.
    #[error("expected {expected} {what}, found {found}")]
    Shape {
        /// Which size.
        what: &'static str,
        /// What fits the plan.
        expected: String,
        /// Size found.
        found: usize,
        /// What the user can do.
        hint: &'static str,
    },
    /// A value beyond the bound that the plan was made for.
    #[error("{what}: expected at most {allowed:.4e}, found {found:.4e}")]
    Bound {
        /// Which value.
        what: &'static str,
        /// Bound of the plan.
        allowed: f64,
        /// Value found.
        found: f64,
    },
    /// The plan is for a model in clear.
    #[error("expected a plan for an encrypted model, found one for a model in clear")]
    NotEncrypted,
    /// An encryption or a decryption refused.
    #[error("{what} is refused")]
    Refused {
        /// Which ciphertext.
        what: String,
        /// Why.
        source: EvalError,
    },
}

impl Explain for ClientError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Refused { source, .. } => Some(source),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Shape { hint, .. } => hint,
            Self::Bound { .. } => "plan anew with such rows and this model",
            Self::NotEncrypted => "plan with --encrypted-model",
            _ => return self.inner()?.hint(),
        };
        Some(hint.to_owned())
    }
}

fn shape(
    what: &'static str,
    expected: impl ToString,
    found: usize,
    hint: &'static str,
    good: bool,
) -> Result<(), ClientError> {
    let expected = expected.to_string();
    if good {
        Ok(())
    } else {
        Err(ClientError::Shape {
            what,
            expected,
            found,
            hint,
        })
    }
}

fn within(what: &'static str, allowed: f64, found: f64) -> Result<(), ClientError> {
    // A NaN is beyond every bound.
    if found <= allowed * (1.0 + 1e-9) {
        Ok(())
    } else {
        Err(ClientError::Bound {
            what,
            allowed,
            found,
        })
    }
}

fn largest<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().fold(0.0f64, |most, v| {
        if v.is_nan() {
            f64::INFINITY
        } else {
            most.max(v.abs())
        }
    })
}

/// Which ciphertext of encrypted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryAt {
    /// The chunk: rows that go together.
    pub chunk: usize,
    /// The part of their features.
    pub part: usize,
}

/// Rows that fit a job.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    job: &'a Job,
    rows: ArrayView2<'a, f64>,
}

impl<'a> Query<'a> {
    /// Checks `rows` (n x d, raw features) against `job`.
    ///
    /// # Errors
    /// [`ClientError::Shape`], [`ClientError::Bound`].
    pub fn new(job: &'a Job, rows: ArrayView2<'a, f64>) -> Result<Self, ClientError> {
        let sizes = job.program().shape;
        let (features, most) = (rows.ncols(), sizes.rows);
        let hint = "extract the features with the architecture that the model was trained on";
        shape(
            "features",
            sizes.features,
            features,
            hint,
            features == sizes.features,
        )?;
        let hint = "predict in parts, or plan with a larger --batch";
        let fits = (1..=most).contains(&rows.nrows());
        shape("rows", format!("1 to {most}"), rows.nrows(), hint, fits)?;
        let program = job.program();
        within("largest feature", program.bounds.data, largest(rows))?;
        // What the rounding of scores relies on.
        let allowed = ROW_OVER_USUAL * program.typical.data;
        within("root mean square of a row", allowed, largest_row_rms(rows))?;
        Ok(Self { job, rows })
    }

    /// Where the ciphertexts belong, in the order of upload.
    pub fn places(&self) -> impl Iterator<Item = QueryAt> + use<> {
        let layout = *self.job.layout();
        (0..layout.chunks(self.rows.nrows()))
            .flat_map(move |chunk| (0..layout.parts()).map(move |part| QueryAt { chunk, part }))
    }

    /// Encrypts one ciphertext. Fresh randomness every time.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub fn encrypt<E: Evaluator>(
        &self,
        encryptor: &dyn Encryptor<E>,
        at: QueryAt,
    ) -> Result<E::Ct, ClientError> {
        let QueryAt { chunk, part } = at;
        let slots = self.job.layout().query_slots(self.rows, chunk, part);
        let encrypted = encryptor.encrypt(&slots, self.job.row_placement(), self.job.row_bound());
        encrypted.map_err(|source| ClientError::Refused {
            what: format!("rows, chunk {chunk}, part {part}"),
            source,
        })
    }
}

/// A model that fits a job for an encrypted one.
#[derive(Clone, Copy, Debug)]
pub struct EncryptedModel<'a> {
    job: &'a Job,
    model: &'a Model,
}

impl<'a> EncryptedModel<'a> {
    /// Checks `model` against `job`.
    ///
    /// # Errors
    /// [`ClientError::NotEncrypted`], [`ClientError::Shape`], [`ClientError::Bound`].
    pub fn new(job: &'a Job, model: &'a Model) -> Result<Self, ClientError> {
        let program = job.program();
        if program.model != ModelForm::Encrypted {
            return Err(ClientError::NotEncrypted);
        }
        let hint = "plan anew with this model";
        for (what, expected, found) in [
            ("features", program.shape.features, model.features()),
            ("classes", program.shape.classes, model.classes()),
        ] {
            shape(what, expected, found, hint, expected == found)?;
        }
        let bounds = program.bounds;
        within("largest weight", bounds.weight, largest(model.weights()))?;
        within(
            "largest intercept",
            bounds.intercept,
            largest(model.intercept()),
        )?;
        let diagonal = job.layout().diagonal_norm(model.weights().view()) * bounds.data;
        within("largest part of a score", bounds.diagonal, diagonal)?;
        for row in model.weights().rows() {
            let sum = row.iter().map(|w| w.abs()).sum::<f64>() * bounds.data;
            within("largest possible score", bounds.score, sum)?;
        }
        Ok(Self { job, model })
    }

    /// Encrypts one piece. Fresh randomness every time.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub fn encrypt<E: Evaluator>(
        &self,
        encryptor: &dyn Encryptor<E>,
        piece: Piece,
    ) -> Result<E::Ct, ClientError> {
        let (job, layout) = (self.job, self.job.layout());
        let encrypted = match piece {
            Piece::Weights(at) => encryptor.encrypt(
                &layout.weight_slots(self.model.weights().view(), at),
                job.weight_placement(),
                job.program().bounds.weight,
            ),
            Piece::Intercept { output } => encryptor.encrypt(
                &layout.intercept_slots(self.model.intercept().view(), output),
                job.score_placement(),
                job.program().bounds.intercept * std::f64::consts::SQRT_2,
            ),
        };
        encrypted.map_err(|source| ClientError::Refused {
            what: format!("model, {piece}"),
            source,
        })
    }
}

/// Decrypted scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// n x c.
    pub values: Array2<f64>,
    /// Largest distance of a copy of a score from its mean, or of an empty lane from zero: noise, where everything is as it should be. Zero
    /// where the layout has neither.
    pub spread: f64,
    /// Expected root mean square error of one score.
    pub expected_error: f64,
}

impl Scores {
    /// Bits behind the binary point that the noise leaves certain ([`rounding::bits`]).
    pub fn certified_bits(&self) -> i32 {
        rounding::bits(self.expected_error, self.spread, Sizes::Checked)
    }

    /// The scores rounded to the certified bits: what may leave the client (decrypted values carry key-dependent noise, ePrint 2020/1533).
    pub fn rounded(&self) -> Array2<f64> {
        rounding::rounded(self.values.view(), self.certified_bits())
    }
}

/// Decrypts the scores of `rows` rows: by chunk, by output, in order. `error` is the plan's expected error of a score.
///
/// # Errors
/// [`ClientError::Shape`] for another number of ciphertexts, [`ClientError::Refused`].
pub fn decrypt<E: Evaluator>(
    job: &Job,
    decryptor: &dyn Decryptor<E>,
    scores: &[E::Ct],
    rows: usize,
    error: f64,
) -> Result<Scores, ClientError> {
    let layout = job.layout();
    let wanted = layout.chunks(rows) * layout.outputs();
    let hint = "the file does not answer this query";
    shape(
        "ciphertexts of scores",
        wanted,
        scores.len(),
        hint,
        wanted == scores.len(),
    )?;
    let mut values = Array2::zeros((rows, layout.shape().classes));
    let mut spread = 0.0f64;
    for (index, ct) in scores.iter().enumerate() {
        let at = ScoresAt {
            chunk: index / layout.outputs(),
            output: index % layout.outputs(),
        };
        let mut slots = decryptor
            .decrypt(ct)
            .map_err(|source| ClientError::Refused {
                what: format!("scores, chunk {}, output {}", at.chunk, at.output),
                source,
            })?;
        spread = spread.max(layout.read_scores(&slots, at, &mut values));
        wipe_slots(&mut slots);
    }
    Ok(Scores {
        values,
        spread,
        expected_error: error,
    })
}
