//! The client's part of a run in clear: the matrix that will be encrypted, the clear twin of its training, and the way from trained
//! weights back to a model over raw features. One interface for both methods.

use he_core::error::Explain;
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};

use super::check::{CheckReport, Checked, Limits, PlanRefused, check_plan};
use super::sigmoids::{FitError, fit_each};
use super::whiten::{WhitenError, Whitening};
use crate::clear::whitened::{self, Course, Rounding, Schedule};
use crate::clear::{TrainError, paper};
use crate::data::TrainingSet;
use crate::job::{Bounds, FirstGradient, Method, Program};
use crate::linalg::largest_magnitude;
use crate::packing::Shape;
use crate::plan::PlanRequest;
use crate::rounding::rounded;
use crate::sigmoid::{Activation, Degree, OddPolynomial, Polynomials, RangeError};

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
    #[cfg(test)]
    pub(crate) fn columns(&self) -> usize {
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
        polynomials: Polynomials,
        /// Rounding where weights are refreshed.
        rounding: Option<Rounding>,
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
        Some(match program.method {
            Method::Whitened { .. } => Self::Whitened {
                schedule: Schedule::new(program.schedule.clone()).ok()?,
                polynomials: program.polynomial.polynomials()?,
                rounding: program.rounding(),
            },
            Method::Paper { .. } => {
                // Another schedule is none of the seed paper's.
                let published = program.schedule.iter().all(|&m| m == 1.0);
                let iterations = program.schedule.len();
                published.then_some(Self::Paper { iterations })?
            }
        })
    }

    /// What the twin's check looks at; none for the seed paper's method, which runs as published.
    #[must_use]
    pub fn checked(&self) -> Option<Checked> {
        match self {
            Self::Whitened {
                schedule,
                polynomials,
                rounding,
            } => Some(Checked {
                schedule: schedule.clone(),
                polynomials: polynomials.clone(),
                rounding: rounding.clone(),
            }),
            Self::Paper { .. } => None,
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
                polynomials,
                ..
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
                    polynomials,
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
    /// No polynomials for its iterations.
    #[error(transparent)]
    Fit(#[from] FitError),
}

impl Explain for PrepareError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Whiten(source) => Some(source),
            Self::Twin(source) => Some(source),
            Self::Range(source) => Some(source),
            Self::Fit(source) => Some(source),
        }
    }
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

    /// Whitens, fits a polynomial of `degree` to every iteration's scores, and trains the twin.
    ///
    /// Cost: an eigen-decomposition p x p and two clear trainings.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn with_own_sigmoids(
        set: TrainingSet,
        schedule: Schedule,
        degree: Degree,
        keep: usize,
        lambda: f64,
    ) -> Result<Self, PrepareError> {
        let map = Whitening::fit(&set, keep, lambda)?;
        let coordinates = Coordinates::Whitened(Box::new(map));
        let rows = coordinates.rows(set.features())?;
        let (labels, classes) = (set.labels(), set.classes());
        let recipe = Recipe::Whitened {
            polynomials: fit_each(rows.view(), labels, classes, &schedule, degree)?,
            schedule,
            rounding: None,
        };
        let twin = Twin::train(&recipe, &set, rows.view())?;
        Ok(Self {
            set,
            coordinates,
            rows,
            recipe,
            twin,
        })
    }

    /// The same rows under another recipe of the whitened method: trains its twin.
    ///
    /// Cost: one clear training.
    ///
    /// # Errors
    /// [`TrainError`]: a run that diverges. Nothing has changed then.
    pub fn retrain(&mut self, recipe: Recipe) -> Result<(), TrainError> {
        self.twin = Twin::train(&recipe, &self.set, self.rows.view())?;
        self.recipe = recipe;
        Ok(())
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
        let Some(checked) = self.recipe.checked() else {
            return Ok(None);
        };
        // Scores within the bound bound every gradient, by Cauchy and Schwarz: the plan has that bound already.
        let limits = Limits {
            weight,
            ..Limits::default()
        };
        let (labels, classes) = (self.set.labels(), self.set.classes());
        check_plan(self.rows.view(), labels, classes, &checked, limits).map(Some)
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
    /// W and V as they come to every refresh, rounded as they leave it, in order: what the client's answers are checked against.
    pub refreshed: Vec<Refreshed>,
}

/// W and V between two iterations, c x D.
#[derive(Clone, Debug, PartialEq)]
pub struct Refreshed {
    /// The iteration (from 1) before which they are refreshed.
    pub before: usize,
    /// V: where the next gradient is taken.
    pub look_ahead: Array2<f64>,
    /// W: the weights.
    pub weights: Array2<f64>,
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
                polynomials,
                rounding,
            } => {
                let sigmoid = Activation::from(polynomials.clone());
                let (labels, classes) = (set.labels(), set.classes());
                let course = Course {
                    activation: &sigmoid,
                    rounding: rounding.as_ref(),
                };
                let run = whitened::train_rounded(rows, labels, classes, schedule, course)?;
                Ok(Self {
                    weights: run.last().clone(),
                    client_only: run.weights[0].clone(),
                    largest_score: largest(&run.largest_score),
                    largest_weight: largest_of(run.weights.iter().chain(&run.extrapolated)),
                    refreshed: refreshed(&run, rounding.as_ref()),
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
                    refreshed: vec![],
                })
            }
        }
    }
}

/// The points V of a run are those that gradients are taken at, rounded already.
fn refreshed(run: &whitened::Run, rounding: Option<&Rounding>) -> Vec<Refreshed> {
    let all = rounding.into_iter().flat_map(|rounding| {
        rounding.before.iter().filter_map(|&before| {
            let (done, bits) = (before.checked_sub(2)?, rounding.bits);
            Some(Refreshed {
                before,
                look_ahead: run.extrapolated.get(done + 1)?.clone(),
                weights: rounded(run.weights.get(done)?.view(), bits),
            })
        })
    });
    all.collect()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, &value| value.max(most))
}

fn largest_of<'a>(matrices: impl Iterator<Item = &'a Array2<f64>>) -> f64 {
    matrices.map(largest_magnitude).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
