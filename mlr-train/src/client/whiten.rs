//! Whitening: the coordinates in which plain gradient steps are Newton steps with the fixed Hessian.
//!
//! With mean `mu` and covariance `C = U diag(w) U^T` of the training rows (`w_0 >= w_1 >= ...`, divisor n), a raw row `x` becomes
//!
//! ```text
//! u_j = (x - mu) . U_j / sqrt(w_j + lambda w_0),  j = 0..d,    u_d = 1
//! ```
//!
//! D = d + 1 columns, the constant last. A model `z = W u` over these is `z = A x + b` over raw features with
//! `A = W[:, ..d] diag(1 / sqrt(w_j + lambda w_0)) U^T` and `b = W[:, d] - A mu`.

mod axes;

use he_core::error::Explain;
use ndarray::{Array1, Array2, ArrayView2, s};

use crate::data::FeatureSet;
use crate::linalg::{affine, column_means};

/// Lambda where nobody says another. Between 0.003 and 0.03 the results on a hundred or so rows hardly differ; with thousands of rows less
/// is better.
pub const DEFAULT_LAMBDA: f64 = 0.01;

/// Features that cannot be whitened as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WhitenError {
    /// More axes than the data have.
    #[error(
        "whitening: expected 1 to {most} axes for {rows} rows of {features} features, found {found}"
    )]
    Axes {
        /// Most axes that can be kept.
        most: usize,
        /// Rows given.
        rows: usize,
        /// Features of a row.
        features: usize,
        /// Axes asked for.
        found: usize,
    },
    /// A damping that is no positive number.
    #[error("whitening: expected lambda from 1e-12 to 1, found {found}")]
    Lambda {
        /// What was given.
        found: f64,
    },
    /// All rows are equal.
    #[error("whitening: expected features that vary between rows, found {rows} equal rows")]
    Constant {
        /// Rows given.
        rows: usize,
    },
    /// Rows or weights of another width.
    #[error("whitening: expected {expected} columns, found {found}")]
    Width {
        /// Columns expected.
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// More rows and more features than can be decomposed.
    #[error(
        "whitening: expected at most {most} rows or at most {most} features, found {rows} rows of {features} features"
    )]
    Order {
        /// Most of the fewer of both.
        most: usize,
        /// Rows given.
        rows: usize,
        /// Features of a row.
        features: usize,
    },
    /// The eigenvalue iteration did not end.
    #[error("whitening: expected principal axes within {steps} steps, found none")]
    NotConverged {
        /// Steps allowed.
        steps: usize,
    },
}

impl Explain for WhitenError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Axes { .. } => "lower the number of axes kept",
            Self::Lambda { .. } => "1e-4 for many rows, 0.01 for about a hundred",
            Self::Constant { .. } => "extract the features again",
            Self::Width { .. } => "use features of the same extractor as in training",
            Self::Order { .. } => {
                "take fewer rows, or features of a smaller network: the principal axes of so many take hours"
            }
            Self::NotConverged { .. } => "are the features of a sensible size?",
        };
        Some(hint.to_owned())
    }
}

/// A fitted whitening map. Private to the client: it is computed from its features.
#[derive(Clone, PartialEq)]
pub struct Whitening {
    mean: Array1<f64>,
    /// p x d, orthonormal columns.
    axes: Array2<f64>,
    /// w_0, ..., w_{d-1}, descending.
    eigenvalues: Array1<f64>,
    lambda: f64,
    /// p x d: axes scaled by 1 / sqrt(w_j + lambda w_0).
    map: Array2<f64>,
}

impl std::fmt::Debug for Whitening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whitening")
            .field("features", &self.features())
            .field("kept", &self.kept())
            .finish_non_exhaustive()
    }
}

impl Whitening {
    /// Fits to the rows of `set` and keeps the `d` axes of largest variance.
    ///
    /// Each axis has its entry of largest magnitude positive (the first of equals), so the map does not depend on how the eigenvectors
    /// were found. Cost: one product p x n x p, and an eigen-decomposition of p x p; with more than 1,024 features and fewer rows than features,
    /// one product n x p x n, and an eigen-decomposition of n x n.
    ///
    /// # Errors
    /// [`WhitenError`]; `d` is at most `min(p, n - 1)`, the rank that centred rows can have.
    pub fn fit(set: &FeatureSet, d: usize, lambda: f64) -> Result<Self, WhitenError> {
        let x = set.features().view();
        Self::of_rows(x, column_means(x), d, lambda)
    }

    /// The map of the rows of `x` with this mean.
    pub(super) fn of_rows(
        x: ArrayView2<'_, f64>,
        mean: Array1<f64>,
        d: usize,
        lambda: f64,
    ) -> Result<Self, WhitenError> {
        require_axes(x.nrows(), x.ncols(), d)?;
        let found = axes::of_rows(x, &mean, d)?;
        Self::from_parts(mean, found.vectors, found.variances, lambda, x.nrows())
    }

    /// The map of `rows` rows with this mean (p) and covariance (p x p, divisor n), as [`Whitening::fit`]: several owners pool theirs
    /// ([`super::Statistics`]) and whiten alike.
    ///
    /// # Errors
    /// As [`Whitening::fit`].
    pub fn of_moments(
        mean: Array1<f64>,
        c: Array2<f64>,
        rows: usize,
        d: usize,
        lambda: f64,
    ) -> Result<Self, WhitenError> {
        let features = mean.len();
        require_axes(rows, features, d)?;
        if c.dim() != (features, features) {
            return Err(WhitenError::Width {
                expected: features,
                found: c.ncols(),
            });
        }
        let found = axes::of_covariance(c, rows, d)?;
        Self::from_parts(mean, found.vectors, found.variances, lambda, rows)
    }

    /// Builds the map from stored parts; `rows` only for the error.
    pub(super) fn from_parts(
        mean: Array1<f64>,
        axes: Array2<f64>,
        eigenvalues: Array1<f64>,
        lambda: f64,
        rows: usize,
    ) -> Result<Self, WhitenError> {
        if !(1e-12..=1.0).contains(&lambda) {
            return Err(WhitenError::Lambda { found: lambda });
        }
        if axes.nrows() != mean.len() || axes.ncols() != eigenvalues.len() || axes.is_empty() {
            return Err(WhitenError::Width {
                expected: mean.len(),
                found: axes.nrows(),
            });
        }
        let top = eigenvalues[0];
        if top <= 0.0 {
            return Err(WhitenError::Constant { rows });
        }
        let map = &axes * &eigenvalues.mapv(|w| 1.0 / (w + lambda * top).sqrt());
        Ok(Self {
            mean,
            axes,
            eigenvalues,
            lambda,
            map,
        })
    }

    /// p: raw features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.mean.len()
    }

    /// d: axes kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.eigenvalues.len()
    }

    /// D = d + 1: columns of a whitened row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.kept() + 1
    }

    /// Mean of the training rows, p.
    #[must_use]
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// Principal axes, p x d.
    #[must_use]
    pub fn axes(&self) -> &Array2<f64> {
        &self.axes
    }

    /// Variances along the axes, d, descending.
    #[must_use]
    pub fn eigenvalues(&self) -> &Array1<f64> {
        &self.eigenvalues
    }

    /// Damping.
    #[must_use]
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// Whitens raw rows, n x p, into n x (d + 1) with the constant 1 last.
    ///
    /// # Errors
    /// [`WhitenError::Width`].
    pub fn apply(&self, features: ArrayView2<'_, f64>) -> Result<Array2<f64>, WhitenError> {
        if features.ncols() != self.features() {
            return Err(WhitenError::Width {
                expected: self.features(),
                found: features.ncols(),
            });
        }
        let shift = -self.mean.dot(&self.map);
        let mut out = Array2::ones((features.nrows(), self.columns()));
        out.slice_mut(s![.., ..-1])
            .assign(&affine(features, self.map.t(), Some(&shift)));
        Ok(out)
    }

    /// Turns weights over whitened rows, c x (d + 1), into weights over raw features, c x p, and intercepts, c.
    ///
    /// # Errors
    /// [`WhitenError::Width`].
    pub fn fold_back(
        &self,
        weights: ArrayView2<'_, f64>,
    ) -> Result<(Array2<f64>, Array1<f64>), WhitenError> {
        if weights.ncols() != self.columns() {
            return Err(WhitenError::Width {
                expected: self.columns(),
                found: weights.ncols(),
            });
        }
        let raw = weights.slice(s![.., ..-1]).dot(&self.map.t());
        let intercept = &weights.column(self.kept()) - &raw.dot(&self.mean);
        Ok((raw, intercept))
    }
}

/// Refuses more axes than centred rows can have.
fn require_axes(rows: usize, features: usize, d: usize) -> Result<(), WhitenError> {
    let most = features.min(rows.saturating_sub(1));
    if d == 0 || d > most {
        return Err(WhitenError::Axes {
            most,
            rows,
            features,
            found: d,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, array};

    fn set(x: Array2<f64>) -> FeatureSet {
        let labels = (0..x.nrows() as u32).map(|i| i % 2).collect();
        FeatureSet::new(x, labels, None, "t").unwrap()
    }

    fn scattered(rows: usize, columns: usize) -> FeatureSet {
        set(Array2::from_shape_fn((rows, columns), |(i, j)| {
            (((i * 7919 + j * j * 104_729 + i * j * 31) % 1009) as f64 / 500.0 - 1.0)
                * (j + 1) as f64
                + 3.0
        }))
    }

    #[test]
    fn a_known_covariance() {
        // Four points of mean (1, 2): (+-3, +-3) and (+-1, -+1) about it. Axes (1, 1) and (1, -1) over sqrt 2, variances 9 and 1.
        let x = array![[4.0, 5.0], [-2.0, -1.0], [2.0, 1.0], [0.0, 3.0]];
        let w = Whitening::fit(&set(x.clone()), 2, 0.1).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-13, "{a} against {b}");
        close(w.eigenvalues()[0], 9.0);
        close(w.eigenvalues()[1], 1.0);
        let half = 0.5_f64.sqrt();
        close(w.axes()[[0, 0]], half);
        close(w.axes()[[1, 0]], half);
        close(w.axes()[[0, 1]].abs(), half);
        let u = w.apply(x.view()).unwrap();
        // Row 0: 3 sqrt 2 along the first axis, over sqrt(9 + 0.9).
        close(u[[0, 0]], 3.0 * 2.0_f64.sqrt() / 9.9_f64.sqrt());
        close(u[[0, 1]], 0.0);
        close(u[[0, 2]], 1.0);
    }

    #[test]
    fn whitened_rows_have_the_damped_identity_as_covariance() {
        let data = scattered(300, 6);
        let w = Whitening::fit(&data, 5, 0.01).unwrap();
        let u = w.apply(data.features().view()).unwrap();
        let moments = u.t().dot(&u) / 300.0;
        for i in 0..6 {
            for j in 0..6 {
                let expected = match (i, j) {
                    (5, 5) => 1.0,
                    _ if i == j => {
                        let own = w.eigenvalues()[i];
                        own / (own + 0.01 * w.eigenvalues()[0])
                    }
                    _ => 0.0,
                };
                // Backward error of the decomposition: some p * 2^-52 relative to w_0, over w_j >= w_0 / 100.
                assert!((moments[[i, j]] - expected).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn folded_weights_give_the_same_scores() {
        let data = scattered(60, 7);
        let w = Whitening::fit(&data, 4, 0.001).unwrap();
        let weights = Array2::from_shape_fn((3, 5), |(i, j)| (i * 5 + j) as f64 / 7.0 - 1.0);
        let whitened = w.apply(data.features().view()).unwrap().dot(&weights.t());
        let (raw, intercept) = w.fold_back(weights.view()).unwrap();
        let direct = data.features().dot(&raw.t()) + &intercept;
        for (a, b) in whitened.iter().zip(&direct) {
            // Scores below 100, sums of 7: rounding below 1e-12.
            assert!((a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn axes_do_not_flip_when_rows_are_mirrored() {
        let data = scattered(50, 5);
        let mirrored = set(data.features().mapv(|value| -value));
        let (a, b) = (
            Whitening::fit(&data, 3, 0.1).unwrap(),
            Whitening::fit(&mirrored, 3, 0.1).unwrap(),
        );
        for (x, y) in a.axes().iter().zip(b.axes()) {
            assert!((x - y).abs() < 1e-12);
        }
        for axis in a.axes().axis_iter(Axis(1)) {
            let top = axis
                .iter()
                .fold(0.0_f64, |m, v| if v.abs() > m.abs() { *v } else { m });
            assert!(top > 0.0);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let data = scattered(4, 6);
        assert!(matches!(
            Whitening::fit(&data, 4, 0.1),
            Err(WhitenError::Axes { most: 3, .. })
        ));
        assert!(Whitening::fit(&data, 0, 0.1).is_err());
        for lambda in [0.0, -1.0, f64::NAN, 2.0] {
            assert!(matches!(
                Whitening::fit(&data, 2, lambda),
                Err(WhitenError::Lambda { .. })
            ));
        }
        let flat = set(Array2::from_elem((4, 3), 7.0));
        assert_eq!(
            Whitening::fit(&flat, 2, 0.1),
            Err(WhitenError::Constant { rows: 4 })
        );
        let w = Whitening::fit(&data, 2, 0.1).unwrap();
        assert!(w.apply(Array2::zeros((1, 5)).view()).is_err());
        assert!(w.fold_back(Array2::zeros((1, 4)).view()).is_err());
    }
}
