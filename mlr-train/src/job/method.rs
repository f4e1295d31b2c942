//! The methods, and every question in which they differ. Elsewhere code asks these questions and does not name a method.

use serde::{Deserialize, Serialize};

use super::error::{ProgramError, check};
use crate::clear::paper::{Direction, multipliers};
use crate::clear::whitened::Schedule;
use crate::packing::Arrangement;

/// Which training runs on ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Method {
    /// Full quadratic gradient on whitened data, weights starting at zero. 4 levels an iteration after the first (5 with degree 5 or 7).
    Whitened {
        /// Who computes the first gradient.
        first_gradient: FirstGradient,
    },
    /// The seed paper (arXiv 2304.03807): raw data, encrypted labels, encrypted diagonal B, encrypted start weights. 5 levels an iteration.
    Paper {
        /// Every start weight.
        start_weight: f64,
    },
}

/// Who computes the first gradient `(Y - 1/2)^T X`, which no weight enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstGradient {
    /// The client, in clear; no label of any sample is uploaded. 1 level.
    Client,
    /// The server, from encrypted labels. 2 levels.
    Server,
}

/// Which iterations read uploaded labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// None: no label is uploaded.
    Never,
    /// The first one, for the first gradient.
    First,
    /// Every one, for the errors.
    Every,
}

/// One iteration of the recurrence, with the ascent direction D taken at V:
/// whitened `W' = V + gain D`, `V' = (1 + momentum) W' - momentum W`;
/// the paper's method `V' = W + gain D`, `W' = (1 + momentum) V' - momentum V` ([`crate::clear::paper`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Factor of the direction: m_t/n for whitened data, 1 + gamma_t for the paper's method.
    pub gain: f64,
    /// beta_t for whitened data, -eta_t for the paper's method; above -1.
    pub momentum: f64,
}

impl Method {
    /// Its name in files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Whitened { .. } => "whitened",
            Self::Paper { .. } => "paper",
        }
    }

    /// Whether it trains on whitened columns, which may be fewer than the features; else on the features themselves.
    #[must_use]
    pub fn whitens(self) -> bool {
        matches!(self, Self::Whitened { .. })
    }

    /// The arrangements that are worth a try for `iterations`: the diagonal one gains nothing where no data are read.
    #[must_use]
    pub fn arrangements(self, iterations: usize) -> &'static [Arrangement] {
        match self {
            Self::Whitened { .. } if iterations > 1 => &Arrangement::ALL,
            _ => &[Arrangement::RowMajor],
        }
    }

    /// Bits of the primes above the last, in order of preference.
    #[must_use]
    pub fn prime_bits(self) -> &'static [u32] {
        match self {
            Self::Whitened { .. } => &[36, 35, 34, 38, 40, 33, 32, 31],
            Self::Paper { .. } => &[40, 42, 38, 44, 36],
        }
    }

    /// Who computes the gradient at weights of zero; none for a method that starts at other weights.
    #[must_use]
    pub fn first_gradient(self) -> Option<FirstGradient> {
        match self {
            Self::Whitened { first_gradient } => Some(first_gradient),
            Self::Paper { .. } => None,
        }
    }

    /// Every start weight where start weights are uploaded.
    #[must_use]
    pub fn start_weight(self) -> Option<f64> {
        match self {
            Self::Whitened { .. } => None,
            Self::Paper { start_weight } => Some(start_weight),
        }
    }

    /// Whether directions are multiplied with an uploaded diagonal B, for one level more an iteration.
    #[must_use]
    pub fn has_curvature(self) -> bool {
        self.start_weight().is_some()
    }

    /// Which iterations read labels.
    #[must_use]
    pub fn labels(self) -> Labels {
        match self {
            Self::Whitened {
                first_gradient: FirstGradient::Client,
            } => Labels::Never,
            Self::Whitened {
                first_gradient: FirstGradient::Server,
            } => Labels::First,
            Self::Paper { .. } => Labels::Every,
        }
    }

    /// Iterations that multiply data with weights, out of `iterations`: all but the first where it needs the first gradient alone.
    #[must_use]
    pub fn reading_iterations(self, iterations: usize) -> usize {
        iterations - usize::from(self.first_gradient().is_some())
    }

    /// Whether the new look-ahead weights, and not the new weights, are the ones that the direction is added to.
    #[must_use]
    pub fn steps_from_weights(self) -> bool {
        self.start_weight().is_some()
    }

    /// The recurrence on `samples` rows, one entry for each of `schedule`'s.
    #[must_use]
    pub fn steps(self, samples: usize, schedule: &[f64]) -> Vec<Step> {
        match self {
            Self::Whitened { .. } => (schedule.iter().enumerate())
                .map(|(t, m)| Step {
                    gain: m / samples as f64,
                    momentum: Schedule::momentum(t),
                })
                .collect(),
            Self::Paper { .. } => {
                multipliers(samples, schedule.len(), Direction::QuadraticGradient)
                    .into_iter()
                    .zip(schedule)
                    .map(|(own, m)| Step {
                        gain: own.step * m,
                        momentum: -own.eta,
                    })
                    .collect()
            }
        }
    }

    /// Refuses what the method cannot do: its own start weight, and for the paper's method several owners and diagonals.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub(super) fn check(
        self,
        largest_weight: f64,
        owners: usize,
        arrangement: Arrangement,
    ) -> Result<(), ProgramError> {
        let Self::Paper { start_weight } = self else {
            return Ok(());
        };
        check(
            "start weight",
            "a number within the bound of the weights",
            start_weight,
            start_weight.abs() <= largest_weight,
        )?;
        check(
            "owners of data of the paper's method",
            "one",
            owners as f64,
            owners <= 1,
        )?;
        check(
            "method in the diagonal arrangement",
            "the whitened one",
            0.0,
            arrangement.packs_first_gradient(),
        )
    }
}
