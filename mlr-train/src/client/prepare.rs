//! The client's part of a run in clear: the matrix that will be encrypted, the clear twin of its training, and the way from trained
//! weights back to a model over raw features. One interface for both methods.

use ndarray::{Array1, Array2, ArrayView2};

use super::whiten::{WhitenError, Whitening};
use crate::clear::whitened::{self, Schedule};
use crate::clear::{TrainError, paper};
use crate::data::TrainingSet;
use crate::linalg::largest_magnitude;
use crate::sigmoid::{Activation, OddPolynomial};

/// What the columns of the trained matrix are.
#[derive(Clone, Debug, PartialEq)]
pub enum Coordinates {
    /// Whitened axes, the constant last.
    Whitened(Box<Whitening>),
    /// Raw features, the constant first: the seed paper's method.
    Raw {
        /// Features of a row.
        features: usize,
    },
}

impl Coordinates {
    /// D: columns of the matrix, the constant included.
    #[must_use]
    pub fn columns(&self) -> usize {
        match self {
            Self::Whitened(map) => map.columns(),
            Self::Raw { features } => features + 1,
        }
    }

    /// Raw rows (n x p) in these coordinates (n x D).
    ///
    /// # Errors
    /// [`WhitenError::Width`] for rows of another width.
    pub fn rows(&self, features: &Array2<f64>) -> Result<Array2<f64>, WhitenError> {
        match self {
            Self::Whitened(map) => map.apply(features.view()),
            Self::Raw { features: expected } => {
                width(*expected, features.ncols())?;
                Ok(paper::with_constant(features))
            }
        }
    }

    /// Weights in these coordinates (c x D) as weights over raw features (c x p) and intercepts (c).
    ///
    /// # Errors
    /// [`WhitenError::Width`] for weights of another width.
    pub fn fold_back(
        &self,
        weights: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array1<f64>), WhitenError> {
        match self {
            Self::Whitened(map) => map.fold_back(weights),
            Self::Raw { features } => {
                width(features + 1, weights.ncols())?;
                Ok(paper::split_constant(&weights.to_owned()))
            }
        }
    }
}

fn width(expected: usize, found: usize) -> Result<(), WhitenError> {
    if expected == found {
        Ok(())
    } else {
        Err(WhitenError::Width { expected, found })
    }
}

/// How a run goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// Full quadratic gradient in whitened coordinates.
    Whitened {
        /// Step of every iteration.
        schedule: Schedule,
        /// The sigmoid.
        polynomial: OddPolynomial,
    },
    /// The seed paper's method with its own cubic and the diagonal quadratic gradient.
    Paper {
        /// Iterations.
        iterations: usize,
    },
}

/// The encrypted run, done in clear: weights in the trained coordinates, and the largest values on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Twin {
    /// Weights at the end, c x D.
    pub weights: Array2<f64>,
    /// The model made of nothing but what the client computes before it uploads, c x D: the first iteration of the whitened method,
    /// the start weights of the seed paper's.
    pub client_only: Array2<f64>,
    /// Largest `|score|` of a row in any iteration.
    pub largest_score: f64,
    /// Largest weight of any iterate or look-ahead point.
    pub largest_weight: f64,
}

impl Twin {
    /// Trains in clear. `rows` are those of `set` in the trained coordinates, n x D.
    ///
    /// Cost: one clear training.
    ///
    /// # Errors
    /// [`TrainError`]: a run that diverges, rows and labels that do not fit.
    pub fn train(
        recipe: &Recipe,
        set: &TrainingSet,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Self, TrainError> {
        match recipe {
            Recipe::Whitened {
                schedule,
                polynomial,
            } => {
                let sigmoid = Activation::Polynomial(polynomial.clone());
                let (labels, classes) = (set.labels(), set.classes());
                let run = whitened::train(rows, labels, classes, schedule, &sigmoid)?;
                Ok(Self {
                    weights: run.last().clone(),
                    client_only: run.weights[0].clone(),
                    largest_score: largest(&run.largest_score),
                    largest_weight: largest_of(run.weights.iter().chain(&run.extrapolated)),
                })
            }
            Recipe::Paper { iterations } => {
                let sigmoid = Activation::Polynomial(OddPolynomial::paper_cubic());
                let direction = paper::Direction::QuadraticGradient;
                let run = paper::train(set, *iterations, &sigmoid, direction)?;
                let start =
                    Array2::from_elem((set.classes(), rows.ncols()), paper::START_WEIGHT);
                // A run has at least one iteration.
                let weights = run.weights[run.weights.len() - 1].clone();
                Ok(Self {
                    weights,
                    client_only: start,
                    largest_score: largest(&run.largest_score),
                    largest_weight: largest_of(run.weights.iter().chain(&run.velocity)),
                })
            }
        }
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, &value| value.max(most))
}

fn largest_of<'a>(matrices: impl Iterator<Item = &'a Array2<f64>>) -> f64 {
    matrices.map(largest_magnitude).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureSet;
    use crate::sigmoid::Degree;

    fn set() -> TrainingSet {
        let labels: Vec<u32> = (0..60).map(|row| row % 3).collect();
        let features = Array2::from_shape_fn((60, 4), |(row, column)| {
            let noise = ((row * 7919 + column * 104_729) % 97) as f64 / 48.0 - 1.0;
            noise + if row % 3 == column { 2.0 } else { 0.0 }
        });
        let set = FeatureSet::new(features, labels, None, "t").unwrap();
        set.try_into().unwrap()
    }

    #[test]
    fn both_methods_go_there_and_back() {
        let set = set();
        let whitening = Whitening::fit(&set, 3, 0.01).unwrap();
        let recipe = Recipe::Whitened {
            schedule: Schedule::ladder(4.0, 4.0, 2).unwrap(),
            polynomial: OddPolynomial::fit(Degree::Three, 6.0).unwrap(),
        };
        for (coordinates, recipe, columns) in [
            (Coordinates::Whitened(Box::new(whitening)), recipe, 4),
            (
                Coordinates::Raw { features: 4 },
                Recipe::Paper { iterations: 2 },
                5,
            ),
        ] {
            assert_eq!(coordinates.columns(), columns);
            let rows = coordinates.rows(set.features()).unwrap();
            let twin = Twin::train(&recipe, &set, rows.view()).unwrap();
            assert_eq!(twin.weights.dim(), (3, columns));
            assert_eq!(twin.client_only.dim(), (3, columns));
            // The same scores before and after folding back; entries of a few units, so 1e-12 is thousands of roundings.
            let (weights, intercept) = coordinates.fold_back(twin.weights.view()).unwrap();
            let raw = set.features().dot(&weights.t()) + &intercept;
            let trained = rows.dot(&twin.weights.t());
            assert!((raw - trained).iter().all(|error| error.abs() < 1e-12));
            assert!(twin.largest_weight >= largest_magnitude(&twin.weights));
            assert!(twin.largest_score > 0.0);
            assert!(coordinates.fold_back(rows.view().t()).is_err());
            assert!(coordinates.rows(&Array2::zeros((2, 9))).is_err());
        }
    }
}
