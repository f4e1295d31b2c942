//! A polynomial for every iteration, fitted to the scores that the twin meets there.
//!
//! Scores grow: after twenty iterations on 60,000 rows they reach 30, while most stay below 8. A polynomial of degree 15 that is fitted to an
//! iteration's own scores is as good as the sigmoid; one for the whole run is not, and more iterations then gain nothing. What the plan tells of the
//! data by it is two steps of a public ladder an iteration ([`ScoreRange`]).

use he_core::error::Explain;
use ndarray::ArrayView2;

use crate::clear::TrainError;
use crate::clear::whitened::{Schedule, Stepper};
use crate::linalg::largest_magnitude;
use crate::sigmoid::{Degree, OddPolynomial, Polynomials, RangeError, ScoreRange, Sigmoid};

/// Why no polynomials can be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The twin does not get through.
    #[error(transparent)]
    Twin(#[from] TrainError),
    /// Scores beyond every range.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Explain for FitError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Twin(source) => Some(source),
            Self::Range(source) => Some(source),
        }
    }
}

/// Trains in clear on whitened rows (n x D, the constant last), fitting a polynomial of `degree` at every iteration from the second on.
///
/// Cost: one clear training and a small least-squares problem an iteration.
///
/// # Errors
/// [`FitError`]: labels that do not fit, a run that diverges, scores beyond every range.
pub fn fit_each(
    rows: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    schedule: &Schedule,
    degree: Degree,
) -> Result<Polynomials, FitError> {
    let mut stepper = Stepper::new(rows, labels, classes)?;
    let mut all = Vec::new();
    for (t, step) in schedule.steps().iter().enumerate() {
        let scores = stepper.scores();
        if t > 0 {
            let squares: f64 = scores.iter().map(|z| z * z).sum();
            let rms = (squares / scores.len() as f64).sqrt();
            let seen = ScoreRange::of(largest_magnitude(&scores), rms);
            let fitted = OddPolynomial::fit_scores(degree, seen);
            all.push(fitted?);
        }
        // The scores of the first iteration are zero.
        stepper.step(scores, *step, Sigmoid(all.last()))?;
    }
    // A run of one iteration multiplies no data with weights: any polynomial will do.
    Ok(match all.first() {
        Some(_) => Polynomials::Each(all),
        None => Polynomials::One(OddPolynomial::fit(degree, 1.0)?),
    })
}
