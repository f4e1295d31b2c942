//! The client's part of a run in clear: the matrix that will be encrypted, the clear twin of its training, and the way from trained
//! weights back to a model over raw features. One interface for both methods.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};

use super::check::{CheckReport, Limits, PlanRefused, check_plan};
use super::decrypt::Decrypted;
use super::whiten::{WhitenError, Whitening};
use crate::clear::whitened::{self, Schedule};
use crate::clear::{TrainError, paper};
use crate::data::TrainingSet;
use crate::linalg::largest_magnitude;
use crate::packing::Shape;
use crate::plan::{Bounds, FirstGradient, Method, PlanRequest, Program, Step};
use crate::sigmoid::{Activation, OddPolynomial, RangeError};

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

impl Coordinates {
    /// Splits weights (c x D) into those of the constant (c) and the others (c x (D - 1)).
    #[must_use]
    pub fn split_constant(&self, weights: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
        match self {
            Self::Whitened(_) => {
                let last = weights.ncols().saturating_sub(1);
                (
                    weights.slice(ndarray::s![.., ..last]).to_owned(),
                    weights.column(last).to_owned(),
                )
            }
            Self::Raw { .. } => paper::split_constant(weights),
        }
    }

    /// The inverse of [`split_constant`](Self::split_constant).
    ///
    /// # Errors
    /// ndarray's shape error if the counts of classes differ.
    pub fn join_constant(
        &self,
        weights: &Array2<f64>,
        constant: &Array1<f64>,
    ) -> Result<Array2<f64>, ndarray::ShapeError> {
        match self {
            Self::Whitened(_) => concatenate(
                Axis(1),
                &[weights.view(), constant.view().insert_axis(Axis(1))],
            ),
            Self::Raw { .. } => paper::join_constant(weights, constant),
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

/// Weights of a plan that was made without features: whitened weights are of order 1.
const USUAL_WEIGHT: f64 = 16.0;

impl Recipe {
    /// The recipe that a plan's program follows; none for a program that no request of this module makes.
    #[must_use]
    pub fn of(program: &Program) -> Option<Self> {
        let samples = program.shape.samples;
        match program.method {
            Method::Whitened { .. } => {
                let whole = |gain: f64| (gain * samples as f64 * 1e9).round() / 1e9;
                let steps = program.steps.iter().map(|step| whole(step.gain)).collect();
                let schedule = Schedule::new(steps).ok()?;
                let coefficients = program.polynomial.coefficients().to_vec();
                let range = program.bounds.score / 2.0;
                let polynomial = OddPolynomial::from_coefficients(coefficients, range)?;
                (Step::whitened(samples, &schedule) == program.steps).then_some(Self::Whitened {
                    schedule,
                    polynomial,
                })
            }
            Method::Paper { .. } => {
                let iterations = program.steps.len();
                (Step::paper(samples, iterations) == program.steps)
                    .then_some(Self::Paper { iterations })
            }
        }
    }

    /// What a plan is asked for. With the rows and their twin, bounds are what the twin saw, raised to a power of two (a public ladder
    /// tells little); without, whitened rows cannot exceed sqrt(n) (a column's squares sum to n at most), and nothing is known of raw ones.
    ///
    /// None for raw rows without a twin.
    #[must_use]
    pub fn request(
        &self,
        shape: Shape,
        first_gradient: FirstGradient,
        seen: Option<(ArrayView2<'_, f64>, &Twin)>,
    ) -> Option<PlanRequest> {
        match self {
            Self::Whitened {
                schedule,
                polynomial,
            } => {
                let (data, weight) = match seen {
                    Some((rows, twin)) => (
                        ladder(largest_magnitude(&rows.to_owned())),
                        ladder(twin.largest_weight),
                    ),
                    None => (ladder((shape.samples as f64).sqrt()), USUAL_WEIGHT),
                };
                Some(PlanRequest::whitened(
                    shape,
                    first_gradient,
                    schedule,
                    polynomial,
                    data,
                    weight,
                ))
            }
            Self::Paper { iterations } => {
                let (rows, twin) = seen?;
                let rows = rows.to_owned();
                let squares = rows.map_axis(Axis(0), |column| column.dot(&column));
                let most = |values: &Array1<f64>| values.iter().fold(0.0, |a: f64, &b| a.max(b));
                // Five factors of two would cost five bits of precision that this method cannot spare: a finer ladder. Iterates between
                // those that the twin keeps stay within twice its largest weight.
                let bounds = Bounds {
                    data: fine_ladder(largest_magnitude(&rows)),
                    column_rms: fine_ladder((most(&squares) / rows.nrows() as f64).sqrt()),
                    data_rms: fine_ladder((squares.sum() / rows.len() as f64).sqrt()),
                    score: fine_ladder(twin.largest_score),
                    weight: fine_ladder(2.0 * twin.largest_weight),
                    curvature: fine_ladder(most(&paper::diagonal(&rows))),
                };
                Some(PlanRequest::paper(shape, *iterations, bounds))
            }
        }
    }
}

/// The power of two that leaves a value at least a sixteenth of room.
fn ladder(value: f64) -> f64 {
    (value.max(f64::MIN_POSITIVE) * 17.0 / 16.0)
        .log2()
        .ceil()
        .exp2()
}

/// The step of an eighth of an octave that leaves a value at least a hundredth of room.
fn fine_ladder(value: f64) -> f64 {
    let eighths = ((value.max(f64::MIN_POSITIVE) * 1.01).log2() * 8.0).ceil();
    (eighths / 8.0).exp2()
}

/// Decrypted weights with what their clear twin tells of their errors: where it lies closer than the plan's expectation (which must hold for
/// any data), eight times the largest difference takes the place of six expected errors. Weights that are far from the twin gain nothing.
#[must_use]
pub fn certified_by_twin(mut opened: Decrypted, twin: ArrayView2<'_, f64>) -> Decrypted {
    if opened.weights.dim() == twin.dim() {
        let seen = largest_magnitude(&(&opened.weights - &twin));
        // A difference of nothing but rounding still leaves the rounding itself.
        let floor = largest_magnitude(&opened.weights) * f64::EPSILON;
        opened.expected_error = opened.expected_error.min(8.0 / 6.0 * seen.max(floor));
    }
    opened
}

/// A training set in the trained coordinates, with its recipe and twin: all that the client knows before it encrypts.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The training rows as they came.
    pub set: TrainingSet,
    /// Where they are trained.
    pub coordinates: Coordinates,
    /// The matrix that is encrypted, n x D.
    pub rows: Array2<f64>,
    /// How the run goes.
    pub recipe: Recipe,
    /// The run in clear.
    pub twin: Twin,
}

/// Rows that cannot be prepared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// They cannot be whitened as asked.
    #[error(transparent)]
    Whiten(#[from] WhitenError),
    /// The twin does not get through.
    #[error(transparent)]
    Twin(#[from] TrainError),
    /// A range that no polynomial is fitted on.
    #[error(transparent)]
    Range(RangeError),
}

impl Prepared {
    /// Whitens (keeping `keep` axes, damped by `lambda`) if the recipe asks for it, and trains the twin.
    ///
    /// Cost: an eigen-decomposition p x p and one clear training.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn new(
        set: TrainingSet,
        recipe: Recipe,
        keep: usize,
        lambda: f64,
    ) -> Result<Self, PrepareError> {
        let coordinates = match recipe {
            Recipe::Whitened { .. } => {
                Coordinates::Whitened(Box::new(Whitening::fit(&set, keep, lambda)?))
            }
            Recipe::Paper { .. } => Coordinates::Raw {
                features: set.width(),
            },
        };
        let rows = coordinates.rows(set.features())?;
        let twin = Twin::train(&recipe, &set, rows.view())?;
        Ok(Self {
            set,
            coordinates,
            rows,
            recipe,
            twin,
        })
    }

    /// The public shape.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape {
            samples: self.rows.nrows(),
            columns: self.rows.ncols(),
            classes: self.set.classes(),
        }
    }

    /// The twin's check of the whitened method; the seed paper's is run as published, and its report is none.
    ///
    /// # Errors
    /// [`PlanRefused`].
    pub fn check(&self, weight: f64) -> Result<Option<CheckReport>, PlanRefused> {
        let Recipe::Whitened {
            schedule,
            polynomial,
        } = &self.recipe
        else {
            return Ok(None);
        };
        // Scores within twice the range bound every gradient, by Cauchy and Schwarz: the plan has that bound already.
        let limits = Limits {
            weight,
            ..Limits::default()
        };
        let (labels, classes) = (self.set.labels(), self.set.classes());
        check_plan(
            self.rows.view(),
            labels,
            classes,
            schedule,
            polynomial,
            limits,
        )
        .map(Some)
    }
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
                let start = Array2::from_elem((set.classes(), rows.ncols()), paper::START_WEIGHT);
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
mod tests;
