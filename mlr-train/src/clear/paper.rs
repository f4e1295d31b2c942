//! The seed paper's method (arXiv 2304.03807), step for step.
//!
//! Raw features with a constant 1 in front (D = p + 1 columns), no scaling and no centring: with any of them, the accuracies
//! of its first 128 images come out differently. One sigmoid a class. With `Y` the one-hot labels (n x c) and `P = s(X V^T)`:
//!
//! ```text
//! g = (Y - P)^T X                                    gradient of the log-likelihood, c x D
//! B_k = 1 / (epsilon + sum_i |H_ki|)                 H = X^T X / 4; the same row of D factors for every class
//! G = B * g                                          (section 3: diagonal quadratic gradient)
//!
//! T = W + (1 + gamma_t) G(V)      gamma_t = 1 / (n t)             t = 1, 2, ...
//! W = (1 - eta_t) T + eta_t V     eta_t = (1 - a_t) / a_{t+1}
//! V = T                           a_1 = 0.01, a_{t+1} = (1 + sqrt(1 + 4 a_t^2)) / 2
//! ```
//!
//! The first line adds the step at V to *W*, as the paper's code does, where Nesterov's method adds it to V itself (which gives
//! 81 of 384 test rows three times and never the 83 of the second iteration). `eta_1 = 0.99`: at the first step W hardly moves; later `eta < 0` is momentum. The model is W.
//! Without the quadratic gradient, `B = 1` and the step is `gamma_t` alone.

use ndarray::{Array1, Array2, Axis, concatenate};

use super::{TrainError, check_labels};
use crate::data::TrainingSet;
use crate::linalg::{affine, covariance, largest_magnitude, one_hot, transposed_product};
use crate::sigmoid::Activation;

/// Every weight of W_0 and V_0.
pub const START_WEIGHT: f64 = 0.0128;

/// Added to each row sum of H, so that a column of zeros gives no infinite factor.
pub const EPSILON: f64 = 1e-8;

/// Which first-order direction is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The gradient, with step `gamma_t`.
    Gradient,
    /// The diagonal quadratic gradient, with step `1 + gamma_t`.
    QuadraticGradient,
}

/// Multipliers of iteration `t`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipliers {
    /// `eta_t`; negative from the second iteration on.
    pub eta: f64,
    /// `gamma_t`, or `1 + gamma_t` with the quadratic gradient.
    pub step: f64,
}

/// Multipliers of the first `iterations` steps on `n` rows.
#[must_use]
pub fn multipliers(n: usize, iterations: usize, direction: Direction) -> Vec<Multipliers> {
    let next = |a: f64| f64::midpoint(1.0, (1.0 + 4.0 * a * a).sqrt());
    let mut a = 0.01;
    (1..=iterations)
        .map(|t| {
            let after = next(a);
            let eta = (1.0 - a) / after;
            a = after;
            let gamma = 1.0 / (n as f64 * t as f64);
            let step = match direction {
                Direction::Gradient => gamma,
                Direction::QuadraticGradient => 1.0 + gamma,
            };
            Multipliers { eta, step }
        })
        .collect()
}

/// Rows as the method sees them: a constant 1, then the raw features; n x (p + 1).
#[must_use]
pub fn with_constant(features: &Array2<f64>) -> Array2<f64> {
    let mut out = Array2::ones((features.nrows(), features.ncols() + 1));
    out.slice_mut(ndarray::s![.., 1..]).assign(features);
    out
}

/// Factors B_k, one a column of `rows`, all positive.
#[must_use]
pub fn diagonal(rows: &Array2<f64>) -> Array1<f64> {
    let zero = Array1::zeros(rows.ncols());
    // X^T X / n, back to X^T X / 4.
    let h = covariance(rows.view(), &zero) * (rows.nrows() as f64 / 4.0);
    h.rows()
        .into_iter()
        .map(|row| 1.0 / (EPSILON + row.iter().map(|value| value.abs()).sum::<f64>()))
        .collect()
}

/// What a run passed through, for t = 1..=T; matrices are c x D with the constant's weight in column 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// W after each iteration: the model.
    pub weights: Vec<Array2<f64>>,
    /// V at which each gradient was taken.
    pub velocity: Vec<Array2<f64>>,
    /// Largest `|X V^T|` of each iteration.
    pub largest_score: Vec<f64>,
}

/// Trains on raw features.
///
/// # Errors
/// [`TrainError::Diverged`] naming the iteration; [`TrainError::Schedule`] for 0 or more than 1000 iterations.
pub fn train(
    set: &TrainingSet,
    iterations: usize,
    activation: &Activation,
    direction: Direction,
) -> Result<Run, TrainError> {
    check_labels(set.rows(), set.labels(), set.classes())?;
    if !(1..=1000).contains(&iterations) {
        return Err(TrainError::Schedule {
            found: format!("{iterations} steps"),
        });
    }
    let rows = with_constant(set.features());
    let y = one_hot(set.labels(), set.classes());
    let factors = match direction {
        Direction::Gradient => Array1::ones(rows.ncols()),
        Direction::QuadraticGradient => diagonal(&rows),
    };
    let mut w = Array2::from_elem((set.classes(), rows.ncols()), START_WEIGHT);
    let mut v = w.clone();
    let mut run = Run {
        weights: Vec::new(),
        velocity: Vec::new(),
        largest_score: Vec::new(),
    };
    for (index, Multipliers { eta, step }) in multipliers(set.rows(), iterations, direction)
        .into_iter()
        .enumerate()
    {
        let scores = affine(rows.view(), v.view(), None);
        run.largest_score.push(largest_magnitude(&scores));
        let sigmoid = activation.of(index);
        let residual = &y - &scores.mapv(|z| sigmoid.evaluate(z));
        let direction = transposed_product(residual.view(), rows.view()) * &factors;
        let moved = &w + &(direction * step);
        w = &moved * (1.0 - eta) + &v * eta;
        if !w.iter().chain(&moved).all(|value| value.is_finite()) {
            return Err(TrainError::Diverged {
                iteration: index + 1,
            });
        }
        run.velocity.push(std::mem::replace(&mut v, moved));
        run.weights.push(w.clone());
    }
    Ok(run)
}

/// Splits weights with a leading constant into those of the features (c x p) and the intercepts (c).
#[must_use]
pub fn split_constant(weights: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
    (
        weights.slice(ndarray::s![.., 1..]).to_owned(),
        weights.column(0).to_owned(),
    )
}

/// The inverse of [`split_constant`].
///
/// # Errors
/// ndarray's shape error if the counts of classes differ.
pub fn join_constant(
    weights: &Array2<f64>,
    intercept: &Array1<f64>,
) -> Result<Array2<f64>, ndarray::ShapeError> {
    concatenate(
        Axis(1),
        &[intercept.view().insert_axis(Axis(1)), weights.view()],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureSet;
    use crate::sigmoid::OddPolynomial;
    use ndarray::array;

    fn small() -> TrainingSet {
        let x = array![[2.0, 0.5], [0.0, 1.5], [1.0, 1.0], [0.25, 3.0]];
        FeatureSet::new(x, vec![0, 1, 0, 1], None, "t")
            .unwrap()
            .try_into()
            .unwrap()
    }

    #[test]
    fn multipliers_by_hand() {
        let m = multipliers(4, 2, Direction::QuadraticGradient);
        // a_2 = (1 + sqrt(1.0004)) / 2 = 1.00009999, a_3 = (1 + sqrt(1 + 4 a_2^2)) / 2 = 1.61812343.
        assert!((m[0].eta - 0.99 / 1.000_099_99).abs() < 1e-9);
        assert!((m[1].eta - (1.0 - 1.000_099_99) / 1.618_123_43).abs() < 1e-9);
        assert_eq!((m[0].step, m[1].step), (1.25, 1.125));
        assert_eq!(multipliers(4, 1, Direction::Gradient)[0].step, 0.25);
    }

    #[test]
    fn the_diagonal_is_a_gershgorin_bound() {
        let rows = with_constant(small().features());
        let b = diagonal(&rows);
        let h = rows.t().dot(&rows) / 4.0;
        for (k, factor) in b.iter().enumerate() {
            let sum: f64 = h.row(k).iter().map(|value| value.abs()).sum();
            assert!((factor * (sum + EPSILON) - 1.0).abs() < 1e-14);
        }
        // diag(1 / B) - H is positive semidefinite (Gershgorin), so no vector has more of H than of 1 / B.
        for v in [
            array![1.0, 1.0, 1.0],
            array![0.3, -1.0, 2.0],
            array![-1.0, 0.1, 0.9],
        ] {
            assert!(v.dot(&h.dot(&v)) <= (&v * &v / &b).sum());
        }
    }

    #[test]
    fn the_curve_is_frozen() {
        let cubic = Activation::Polynomial(OddPolynomial::paper_cubic());
        let curve = |direction| {
            let run = train(&small(), 3, &cubic, direction).unwrap();
            let norms: Vec<_> = run
                .weights
                .iter()
                .map(|w| format!("{:.9}", w.iter().map(|w| w * w).sum::<f64>().sqrt()))
                .collect();
            norms.join(" ")
        };
        insta::assert_snapshot!(curve(Direction::QuadraticGradient), @"0.032812450 0.761935458 1.735975222");
        insta::assert_snapshot!(curve(Direction::Gradient), @"0.032059231 0.310297479 0.596107535");
    }

    #[test]
    fn constants_come_apart_and_together() {
        let w = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let (features, intercept) = split_constant(&w);
        assert_eq!(intercept, array![1.0, 4.0]);
        assert_eq!(join_constant(&features, &intercept).unwrap(), w);
    }
}
