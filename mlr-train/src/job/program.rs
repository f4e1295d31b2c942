//! What is computed, apart from the parameters, as a plan writes it: unchecked.

use serde::{Deserialize, Serialize};

use super::error::{ProgramError, check};
use super::method::Method;
use super::owners::Owners;
use super::polynomial::Polynomial;
use super::refresh::Refreshes;
use crate::clear::whitened::Rounding;
use crate::packing::{Arrangement, Shape};

/// What is known of the values before training, from the client's clear twin. [`he_core::evaluator::Clear`] checks every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Largest |x| of the data.
    pub data: f64,
    /// Largest root mean square of a column.
    pub column_rms: f64,
    /// Root mean square of all data: what the estimate of the weights' error reckons with. No run is refused for it but the client's own.
    pub data_rms: f64,
    /// Largest |score| of a training sample in any iteration: 2R for one polynomial of range R, the largest R where every iteration has its own.
    pub score: f64,
    /// Largest |weight| of any iterate or extrapolated point.
    pub weight: f64,
    /// Largest entry of the diagonal B; 1 where there is none.
    pub curvature: f64,
}

/// log2 of the scales that may be chosen freely; all others follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    /// Uploaded data.
    pub data: u32,
    /// First gradient as the server works with it, or the start weights of the paper's method.
    pub first: u32,
    /// Errors: sigma(z) - y in column 0.
    pub error: u32,
    /// The diagonal B.
    pub curvature: u32,
}

/// A training job as a plan writes it, unchecked. [`super::Job::new`] checks it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Samples, columns, classes.
    pub shape: Shape,
    /// Method.
    pub method: Method,
    /// m_t of every iteration: the step is m_t/n for whitened data; the paper's method has a step of its own, times m_t.
    pub schedule: Vec<f64>,
    /// The sigmoid's polynomial.
    pub polynomial: Polynomial,
    /// Bounds of values.
    pub bounds: Bounds,
    /// Which columns stand where.
    pub arrangement: Arrangement,
    /// Columns p of a row, a power of two.
    pub row_length: usize,
    /// Classes trained in one pass over the data; fewer take less memory and read the data more often.
    pub classes_per_pass: usize,
    /// Terms of one stage of a fold: 2, 4, 8 or 16.
    pub radix: usize,
    /// Scales.
    pub scales: Scales,
    /// Who uploads.
    #[serde(default, skip_serializing_if = "Owners::is_default")]
    pub owners: Owners,
    /// Where weights are given levels again, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refreshes>,
}

impl Program {
    /// Iterations that multiply data with weights.
    #[must_use]
    pub fn reading(&self) -> usize {
        self.method.reading_iterations(self.schedule.len().max(1))
    }

    /// What a twin rounds, and where.
    #[must_use]
    pub fn rounding(&self) -> Option<Rounding> {
        let refresh = self.refresh.as_ref()?;
        refresh.rounding(self.schedule.len(), self.reading())
    }

    /// A bound of |sigma(z) - 1/2| of every polynomial on the scores that it is planned for.
    #[must_use]
    pub fn largest_sigmoid(&self) -> f64 {
        let all = self.polynomial.all().iter().enumerate();
        all.map(|(k, odd)| odd.largest(self.polynomial.score(k, self.bounds.score)))
            .fold(0.0, f64::max)
    }
}

impl Bounds {
    /// # Errors
    /// The first bound that is no positive number.
    pub(super) fn check(&self) -> Result<(), ProgramError> {
        for (what, value) in [
            ("bound of the data", self.data),
            ("bound of the columns' rms", self.column_rms),
            ("bound of the data's rms", self.data_rms),
            ("bound of the scores", self.score),
            ("bound of the weights", self.weight),
            ("bound of the diagonal B", self.curvature),
        ] {
            check(what, "a positive number", value, value > 0.0)?;
        }
        Ok(())
    }
}

impl Scales {
    /// # Errors
    /// The first scale out of range.
    pub(super) fn check(&self) -> Result<(), ProgramError> {
        for (what, bits) in [
            ("scale of the data", self.data),
            ("scale of the first gradient", self.first),
            ("scale of the errors", self.error),
            ("scale of the diagonal B", self.curvature),
        ] {
            let good = (10..=90).contains(&bits);
            check(what, "10 to 90 bits", f64::from(bits), good)?;
        }
        Ok(())
    }
}
