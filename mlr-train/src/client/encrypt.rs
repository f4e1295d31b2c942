//! From a matrix and labels to the ciphertexts that the server gets, one at a time.

use he_core::error::Explain;
use he_core::evaluator::{EvalError, Evaluator};
use he_core::key_holder::Encryptor;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use thiserror::Error;

use crate::clear::TrainError;
use crate::clear::paper::diagonal;
use crate::clear::whitened::label_moments;
use crate::job::Job;
use crate::packing::{
    Layout, Shape, Upload, data_slots, gradient_slots, label_slots, replicated_slots,
};

/// Why data do not fit a plan, or cannot be encrypted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// Another number of samples, columns or classes.
    #[error("the plan is for {expected} {what}, the data have {found}")]
    Shape {
        /// Which size.
        what: &'static str,
        /// Size in the plan.
        expected: usize,
        /// Size of the data.
        found: usize,
    },
    /// Labels that do not fit the rows.
    #[error(transparent)]
    Labels(#[from] TrainError),
    /// A value outside the bound that the plan was made for.
    #[error("{what}: the plan allows up to {allowed:.4e}, the data reach {found:.4e}")]
    Bound {
        /// Which value.
        what: &'static str,
        /// Bound in the plan.
        allowed: f64,
        /// Value of the data.
        found: f64,
    },
    /// The encryption refused.
    #[error("ciphertext {upload}")]
    Refused {
        /// Which ciphertext.
        upload: Upload,
        /// Why.
        source: EvalError,
    },
}

impl Explain for EncryptError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Labels(source) => Some(source),
            Self::Refused { source, .. } => Some(source),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Shape { .. } => "plan anew for these data",
            Self::Bound { .. } => "plan anew with larger bounds",
            _ => return self.inner()?.hint(),
        };
        Some(hint.to_owned())
    }
}

/// Training data that fit a job: shapes and bounds are checked, derived quantities computed.
#[derive(Clone, Debug)]
pub struct Uploads<'a> {
    job: &'a Job,
    /// Which owner's rows these are, from 0.
    owner: usize,
    /// The layout of these rows alone, and the block of the job at which they begin.
    own: Layout,
    first_block: usize,
    x: ArrayView2<'a, f64>,
    labels: &'a [u32],
    /// (Y - 1/2)^T X, c x D; empty where the method does not upload it.
    first_gradient: Array2<f64>,
    /// The diagonal B, D values; empty where the method has none.
    curvature: Array1<f64>,
}

impl<'a> Uploads<'a> {
    /// Checks `x` (n x D, whitened or raw, the constant column included) and `labels` (n values below c) against `job`.
    ///
    /// # Errors
    /// [`EncryptError::Shape`], [`EncryptError::Bound`].
    pub fn new(
        job: &'a Job,
        x: ArrayView2<'a, f64>,
        labels: &'a [u32],
    ) -> Result<Self, EncryptError> {
        Self::of_owner(job, 0, x, labels)
    }

    /// Checks the rows of one of several owners, counted from 0, as [`Uploads::new`]. Bounds of root mean squares are those of all owners' rows
    /// together, so an owner's squares alone may reach them.
    ///
    /// # Errors
    /// As [`Uploads::new`]; an owner that the job does not have.
    pub fn of_owner(
        job: &'a Job,
        owner: usize,
        x: ArrayView2<'a, f64>,
        labels: &'a [u32],
    ) -> Result<Self, EncryptError> {
        let Shape { classes, .. } = job.layout().shape();
        let (rows, blocks) = (job.owner_rows(), job.owner_blocks());
        let (Some(&samples), Some(blocks)) = (rows.get(owner), blocks.get(owner)) else {
            return Err(EncryptError::Shape {
                what: "owners of data",
                expected: rows.len(),
                found: owner + 1,
            });
        };
        check_shape(job, samples, x, labels)?;
        check_sizes(job, x)?;
        let curvature = if job.program().method.has_curvature() {
            diagonal(&x.to_owned())
        } else {
            Array1::zeros(0)
        };
        let most = curvature.iter().fold(0.0f64, |a, &b| a.max(b));
        let allowed = job.program().bounds.curvature;
        within("diagonal of the quadratic gradient", allowed, most)?;
        let first_gradient = if job.has_labels() {
            Array2::zeros((0, 0))
        } else {
            label_moments(x, labels, classes)?
        };
        Ok(Self {
            job,
            owner,
            own: job.layout().of_rows(samples),
            first_block: blocks.start,
            x,
            labels,
            first_gradient,
            curvature,
        })
    }

    /// Encrypts one ciphertext at the level and scale of the plan. Fresh randomness every time: never encrypt one upload twice for
    /// one server under different data.
    ///
    /// # Errors
    /// [`EncryptError::Refused`].
    pub fn encrypt<E: Evaluator>(
        &self,
        encryptor: &dyn Encryptor<E>,
        upload: Upload,
    ) -> Result<E::Ct, EncryptError> {
        let encrypted = encryptor.encrypt(
            &self.slots(upload),
            self.job.placement(upload),
            self.job.bound(upload),
        );
        encrypted.map_err(|source| EncryptError::Refused { upload, source })
    }

    /// Which owner's rows these are, from 0.
    #[must_use]
    pub fn owner(&self) -> usize {
        self.owner
    }

    /// Every ciphertext in the order of upload, one in memory at a time.
    pub fn encrypt_all<E: Evaluator>(
        &self,
        encryptor: &dyn Encryptor<E>,
    ) -> impl Iterator<Item = Result<(Upload, E::Ct), EncryptError>> {
        let all = self.job.uploads_of(self.owner);
        all.map(move |upload| Ok((upload, self.encrypt(encryptor, upload)?)))
    }

    pub(crate) fn slots(&self, upload: Upload) -> Vec<num_complex::Complex64> {
        let layout = &self.own;
        // A block of another owner lies beyond these rows: its slots are zero.
        let own = |block: usize| {
            block
                .checked_sub(self.first_block)
                .unwrap_or(layout.blocks())
        };
        match upload {
            Upload::Data { block, group } => data_slots(layout, self.x, own(block), group),
            Upload::Labels { block, part } => label_slots(layout, self.labels, own(block), part),
            Upload::FirstGradient { part, .. } => {
                gradient_slots(layout, self.first_gradient.view(), part)
            }
            Upload::Curvature { group } => replicated_slots(layout, self.curvature.view(), group),
            Upload::Weights { group } => {
                let weight = self.job.program().method.start_weight().unwrap_or(0.0);
                let all = Array1::from_elem(layout.shape().columns, weight);
                replicated_slots(layout, all.view(), group)
            }
        }
    }
}

/// Refuses other rows and labels than `samples` of the job's.
fn check_shape(
    job: &Job,
    samples: usize,
    x: ArrayView2<'_, f64>,
    labels: &[u32],
) -> Result<(), EncryptError> {
    let Shape {
        columns, classes, ..
    } = job.layout().shape();
    let largest_label = labels.iter().max().map_or(0, |&l| l as usize);
    for (what, expected, found, good) in [
        ("samples", samples, x.nrows(), x.nrows() == samples),
        ("columns", columns, x.ncols(), x.ncols() == columns),
        ("labels", samples, labels.len(), labels.len() == samples),
        (
            "classes",
            classes,
            largest_label + 1,
            largest_label < classes,
        ),
    ] {
        if !good {
            return Err(EncryptError::Shape {
                what,
                expected,
                found,
            });
        }
    }
    Ok(())
}

/// Refuses values, and root mean squares over the rows of all owners, beyond the job's bounds.
fn check_sizes(job: &Job, x: ArrayView2<'_, f64>) -> Result<(), EncryptError> {
    let Shape {
        samples: all,
        columns,
        ..
    } = job.layout().shape();
    let bounds = job.program().bounds;
    let largest = x.iter().fold(0.0f64, |most, v| {
        if v.is_nan() {
            f64::INFINITY
        } else {
            most.max(v.abs())
        }
    });
    within("largest value", bounds.data, largest)?;
    let squares = x.map_axis(Axis(0), |column| column.dot(&column));
    let rms = (squares.iter().fold(0.0f64, |a, &b| a.max(b)) / all as f64).sqrt();
    within("root mean square of a column", bounds.column_rms, rms)?;
    let rms = (squares.sum() / (all * columns) as f64).sqrt();
    within("root mean square of all values", bounds.data_rms, rms)
}

/// Refuses what is beyond a bound by more than rounding.
fn within(what: &'static str, allowed: f64, found: f64) -> Result<(), EncryptError> {
    // A NaN is beyond every bound.
    if found <= allowed * (1.0 + 1e-9) {
        Ok(())
    } else {
        Err(EncryptError::Bound {
            what,
            allowed,
            found,
        })
    }
}
