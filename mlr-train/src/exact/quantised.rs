//! Models and rows as integers.

use ndarray::{Array2, ArrayView2};

use crate::model::Model;

/// Bits of the largest feature and of the largest weight, without sign. Rounding to so many keeps accuracy: see the bench's results.
const BITS: i32 = 10;

/// What an integer stands for: powers of two.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Of features.
    pub data: f64,
    /// Of weights.
    pub weight: f64,
}

impl Steps {
    /// The finest steps that leave the largest feature of `rows` (n x d) and the largest weight 10 bits; none where either is zero throughout.
    pub fn of(model: &Model, rows: ArrayView2<'_, f64>) -> Option<Self> {
        let step = |largest: f64| {
            let found = (largest.log2().floor() + 1.0 - f64::from(BITS)).exp2();
            (found.is_finite() && found > 0.0).then_some(found)
        };
        let largest = |values: &mut dyn Iterator<Item = &f64>| {
            values.fold(0.0f64, |most, v| most.max(v.abs()))
        };
        Some(Self {
            data: step(largest(&mut rows.iter()))?,
            weight: step(largest(&mut model.weights().iter()))?,
        })
    }

    /// What one unit of an integer score is worth.
    pub fn score(&self) -> f64 {
        self.data * self.weight
    }
}

/// A model of integers: the intercept is the weight of a last feature that is always 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantised {
    /// c x (d + 1).
    weights: Array2<i64>,
}

impl Quantised {
    /// Rounds a model. The integers of a model that [`Steps::of`] was made for are below 2^11, intercepts apart, which [`ExactPlan`](super::ExactPlan) bounds.
    pub fn new(model: &Model, steps: Steps) -> Self {
        let features = model.features();
        let weights = Array2::from_shape_fn((model.classes(), features + 1), |(class, feature)| {
            let exact = if feature < features {
                model.weights()[[class, feature]] / steps.weight
            } else {
                model.intercept()[class] / steps.score()
            };
            exact.round() as i64
        });
        Self { weights }
    }

    /// Weights, c x (d + 1).
    pub fn weights(&self) -> &Array2<i64> {
        &self.weights
    }

    /// Rounds rows (n x d): n x (d + 1) with a last column of ones.
    pub fn rows(rows: ArrayView2<'_, f64>, steps: Steps) -> Array2<i64> {
        Array2::from_shape_fn((rows.nrows(), rows.ncols() + 1), |(row, feature)| {
            rows.get((row, feature))
                .map_or(1, |x| (x / steps.data).round() as i64)
        })
    }

    /// Largest absolute score of rows whose integers are at most `largest`.
    pub fn bound(&self, largest: i64) -> i64 {
        let last = self.weights.ncols() - 1;
        let rows = self.weights.rows().into_iter();
        let sums = rows.map(|row| {
            row.indexed_iter()
                .map(|(feature, w)| {
                    w.saturating_abs()
                        .saturating_mul(if feature == last { 1 } else { largest })
                })
                .fold(0i64, i64::saturating_add)
        });
        sums.max().unwrap_or(0)
    }

    /// The clear twin: integer scores, n x c, of integer rows, n x (d + 1).
    pub fn scores(&self, rows: ArrayView2<'_, i64>) -> Array2<i64> {
        rows.dot(&self.weights.t())
    }
}
