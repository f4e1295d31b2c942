//! Softmax regression to convergence: the best that a linear model gets from the data in clear.
//!
//! Minimises, over weights W (c x p) and intercepts b (c) on standardised features `u = (x - mean) / deviation`,
//!
//! ```text
//! f(W, b) = -(1/n) sum_i log softmax(W u_i + b)[y_i] + (l2 / 2) |W|^2
//! ```
//!
//! by L-BFGS with 10 pairs (Nocedal and Wright, "Numerical Optimization", 2nd ed., algorithms 7.4 and 7.5) and a backtracking
//! line search (Armijo). The intercept is not penalised. `f` is convex, and strictly convex in W, so the result does not depend on the path.

use std::collections::VecDeque;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{TrainError, check_labels};
use crate::data::{Split, TrainingSet};
use crate::linalg::{affine, column_means, one_hot, transposed_product};
use crate::metrics;

/// Penalties that [`best`] tries, strongest first; one weight of a standardised feature per unit.
pub const PENALTIES: [f64; 7] = [1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4];

/// Pairs of steps and gradient differences that L-BFGS remembers.
const MEMORY: usize = 10;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Largest entry of the gradient of f.
    pub gradient: f64,
    /// Most iterations.
    pub iterations: usize,
}

impl Default for Stop {
    /// Gradient entries below 1e-5, at most 1000 iterations.
    fn default() -> Self {
        Self {
            gradient: 1e-5,
            iterations: 1000,
        }
    }
}

/// A converged model over raw features.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Weights over raw features, c x p.
    pub weights: Array2<f64>,
    /// Intercepts, c.
    pub intercept: Array1<f64>,
    /// The penalty it was trained with.
    pub l2: f64,
    /// L-BFGS iterations done.
    pub iterations: usize,
    /// Largest entry of the gradient at the end.
    pub gradient: f64,
}

struct Problem {
    /// n x (p + 1): standardised features, then the constant 1.
    rows: Array2<f64>,
    one_hot: Array2<f64>,
    labels: Vec<u32>,
    l2: f64,
}

struct Scaling {
    mean: Array1<f64>,
    /// 1 / standard deviation; 1 for a constant column.
    factor: Array1<f64>,
}

impl Scaling {
    fn of(features: ArrayView2<'_, f64>) -> Self {
        let mean = column_means(features);
        let squares = column_means((&features - &mean).mapv(|value| value * value).view());
        let factor = squares.mapv(|s| if s > 0.0 { 1.0 / s.sqrt() } else { 1.0 });
        Self { mean, factor }
    }

    fn apply(&self, features: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut rows = Array2::ones((features.nrows(), features.ncols() + 1));
        let mut target = rows.slice_mut(ndarray::s![.., ..-1]);
        target.assign(&features);
        target -= &self.mean;
        target *= &self.factor;
        rows
    }

    /// Weights over standardised features with the constant's last, as weights over raw features and intercepts.
    fn fold_back(&self, w: &Array2<f64>) -> (Array2<f64>, Array1<f64>) {
        let weights = &w.slice(ndarray::s![.., ..-1]) * &self.factor;
        let intercept = &w.column(w.ncols() - 1) - &weights.dot(&self.mean);
        (weights, intercept)
    }
}

impl Problem {
    /// Value and gradient of f at `w`, c x (p + 1).
    fn value_and_gradient(&self, w: &Array2<f64>) -> (f64, Array2<f64>) {
        let n = self.rows.nrows() as f64;
        let mut p = affine(self.rows.view(), w.view(), None);
        let mut loss = 0.0;
        for (mut row, &label) in p.axis_iter_mut(Axis(0)).zip(&self.labels) {
            let top = row.fold(f64::NEG_INFINITY, |most, &z| most.max(z));
            let own = row[label as usize];
            row.mapv_inplace(|z| (z - top).exp());
            let sum = row.sum();
            loss += sum.ln() + top - own;
            row /= sum;
        }
        p -= &self.one_hot;
        let mut gradient = transposed_product(p.view(), self.rows.view()) / n;
        let free = w.slice(ndarray::s![.., ..-1]);
        let mut penalised = gradient.slice_mut(ndarray::s![.., ..-1]);
        penalised.scaled_add(self.l2, &free);
        let square: f64 = free.iter().map(|value| value * value).sum();
        (loss / n + self.l2 / 2.0 * square, gradient)
    }
}

fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn largest(a: &Array2<f64>) -> f64 {
    a.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

struct Pair {
    step: Array2<f64>,
    change: Array2<f64>,
    curvature: f64,
}

/// Two-loop recursion: the quasi-Newton direction `-H g`.
fn direction(pairs: &VecDeque<Pair>, gradient: &Array2<f64>) -> Array2<f64> {
    let mut q = gradient.clone();
    let mut alphas = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let alpha = dot(&pair.step, &q) / pair.curvature;
        q.scaled_add(-alpha, &pair.change);
        alphas.push(alpha);
    }
    if let Some(pair) = pairs.back() {
        q *= pair.curvature / dot(&pair.change, &pair.change);
    }
    for (pair, alpha) in pairs.iter().zip(alphas.into_iter().rev()) {
        let beta = dot(&pair.change, &q) / pair.curvature;
        q.scaled_add(alpha - beta, &pair.step);
    }
    -q
}

/// Minimises f from `w`. Returns weights, value, largest gradient entry and iterations.
fn minimise(problem: &Problem, mut w: Array2<f64>, stop: Stop) -> (Array2<f64>, f64, usize) {
    let (mut value, mut gradient) = problem.value_and_gradient(&w);
    let mut pairs: VecDeque<Pair> = VecDeque::new();
    let mut iterations = 0;
    while iterations < stop.iterations && largest(&gradient) > stop.gradient {
        let mut d = direction(&pairs, &gradient);
        let mut slope = dot(&d, &gradient);
        if slope >= 0.0 {
            // Rounding spoilt the memory: start again from steepest descent.
            pairs.clear();
            d = -&gradient;
            slope = dot(&d, &gradient);
        }
        let mut length = 1.0;
        let found = loop {
            let mut next = w.clone();
            next.scaled_add(length, &d);
            let (next_value, next_gradient) = problem.value_and_gradient(&next);
            if next_value <= value + 1e-4 * length * slope {
                break Some((next, next_value, next_gradient));
            }
            length /= 2.0;
            // 2^-40 of a quasi-Newton step changes nothing that f64 could show.
            if length < 1e-12 {
                break None;
            }
        };
        let Some((next, next_value, next_gradient)) = found else {
            break;
        };
        let step = &next - &w;
        let change = &next_gradient - &gradient;
        let curvature = dot(&step, &change);
        if curvature > 1e-300 {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(Pair {
                step,
                change,
                curvature,
            });
        }
        (w, value, gradient) = (next, next_value, next_gradient);
        iterations += 1;
    }
    let gradient = largest(&gradient);
    (w, gradient, iterations)
}

/// Trains with one penalty.
///
/// Cost: two products n x p x c for each evaluation of f, a little over one evaluation an iteration.
///
/// # Errors
/// [`TrainError::Labels`]; [`TrainError::Schedule`] for a penalty that is not positive and finite.
pub fn train(set: &TrainingSet, l2: f64, stop: Stop) -> Result<Fit, TrainError> {
    let features = set.features().view();
    fit(features, set.labels(), set.classes(), &[l2], stop).map(|mut fits| fits.remove(0))
}

/// One fit for each penalty in order, each started from the one before.
fn fit(
    features: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    penalties: &[f64],
    stop: Stop,
) -> Result<Vec<Fit>, TrainError> {
    check_labels(features.nrows(), labels, classes)?;
    if let Some(l2) = penalties.iter().find(|l2| !(l2.is_finite() && **l2 > 0.0)) {
        return Err(TrainError::Schedule {
            found: format!("penalty {l2}"),
        });
    }
    let scaling = Scaling::of(features);
    let mut problem = Problem {
        rows: scaling.apply(features),
        one_hot: one_hot(labels, classes),
        labels: labels.to_vec(),
        l2: 0.0,
    };
    let mut start = Array2::zeros((classes, features.ncols() + 1));
    let mut fits = Vec::with_capacity(penalties.len());
    for &l2 in penalties {
        problem.l2 = l2;
        let (w, gradient, iterations) = minimise(&problem, start, stop);
        let (weights, intercept) = scaling.fold_back(&w);
        fits.push(Fit {
            weights,
            intercept,
            l2,
            iterations,
            gradient,
        });
        start = w;
    }
    Ok(fits)
}

/// The converged clear model: chooses the penalty out of [`PENALTIES`] by accuracy on the held-out rows of a [`Split`]
/// (a tie goes to the stronger penalty), trained on the others, then trains on all rows with it.
///
/// The choice stops at gradients of 1e-3, the last run at `stop`. No test row is involved.
///
/// # Errors
/// As [`train`].
pub fn best(set: &TrainingSet, stop: Stop) -> Result<Fit, TrainError> {
    let features = set.features().view();
    best_of(features, set.labels(), set.classes(), stop)
}

/// [`best`] of rows (n x p) and their labels.
///
/// # Errors
/// As [`train`].
pub fn best_of(
    features: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    stop: Stop,
) -> Result<Fit, TrainError> {
    let Split { kept, held } = Split::of_labels(labels);
    let pick = |rows: &[usize]| -> (Array2<f64>, Vec<u32>) {
        let labels = rows.iter().map(|&row| labels[row]).collect();
        (features.select(Axis(0), rows), labels)
    };
    let mut l2 = PENALTIES[2];
    if !held.is_empty() {
        let (kept_features, kept_labels) = pick(&kept);
        let (held_features, held_labels) = pick(&held);
        let rough = Stop {
            gradient: 1e-3,
            ..stop
        };
        let mut most = 0;
        let rows = kept_features.view();
        for fit in fit(rows, &kept_labels, classes, &PENALTIES, rough)? {
            let scores = affine(
                held_features.view(),
                fit.weights.view(),
                Some(&fit.intercept),
            );
            let correct = metrics::correct(scores.view(), &held_labels);
            if correct > most {
                (most, l2) = (correct, fit.l2);
            }
        }
    }
    fit(features, labels, classes, &[l2], stop).map(|mut fits| fits.remove(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureSet;

    /// Three overlapping classes in four dimensions, one of them constant, by a fixed rule.
    fn overlapping() -> TrainingSet {
        let rows = 90;
        let x = Array2::from_shape_fn((rows, 4), |(i, j)| match j {
            3 => 2.5,
            _ => {
                let noise = ((i * 7919 + j * 104_729) % 97) as f64 / 48.0 - 1.0;
                10.0 * noise + if i % 3 == j { 12.0 } else { 0.0 }
            }
        });
        let labels = (0..90).map(|i| i % 3).collect();
        FeatureSet::new(x, labels, None, "t")
            .unwrap()
            .try_into()
            .unwrap()
    }

    fn problem(set: &TrainingSet, l2: f64) -> Problem {
        Problem {
            rows: Scaling::of(set.features().view()).apply(set.features().view()),
            one_hot: one_hot(set.labels(), set.classes()),
            labels: set.labels().to_vec(),
            l2,
        }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_value() {
        let problem = problem(&overlapping(), 0.1);
        let w = Array2::from_shape_fn((3, 5), |(i, j)| ((i * 5 + j) % 7) as f64 / 7.0 - 0.4);
        let (_, gradient) = problem.value_and_gradient(&w);
        for index in [(0, 0), (1, 2), (2, 4)] {
            let shifted = |by: f64| {
                let mut w = w.clone();
                w[index] += by;
                problem.value_and_gradient(&w).0
            };
            // Central difference: h^2 / 6 times a third derivative below 10, plus rounding 1e-16 / h.
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((slope - gradient[index]).abs() < 1e-9);
        }
    }

    #[test]
    fn converges_to_the_minimum() {
        let set = overlapping();
        let tight = Stop {
            gradient: 1e-9,
            iterations: 500,
        };
        let fit = train(&set, 0.01, tight).unwrap();
        assert!(fit.gradient <= 1e-9 && fit.iterations < 200, "{fit:?}");
        // At the minimum of f the intercept's gradient is zero: mean probability equals class frequency.
        let mut p = affine(
            set.features().view(),
            fit.weights.view(),
            Some(&fit.intercept),
        );
        for mut row in p.axis_iter_mut(Axis(0)) {
            row.mapv_inplace(f64::exp);
            let sum = row.sum();
            row /= sum;
        }
        for class in 0..3 {
            // 1e-9 from the stop, the rest rounding of the fold back.
            assert!((p.column(class).sum() / 90.0 - 1.0 / 3.0).abs() < 1e-8);
        }
        // Any other point is higher.
        let problem = problem(&set, 0.01);
        let [best, other] = [
            minimise(&problem, Array2::zeros((3, 5)), tight).0,
            Array2::from_elem((3, 5), 0.1),
        ]
        .map(|w| problem.value_and_gradient(&w).0);
        assert!(other > best);
    }

    #[test]
    fn the_choice_is_repeatable_and_penalties_are_checked() {
        let set = overlapping();
        let fit = best(&set, Stop::default()).unwrap();
        assert_eq!(fit, best(&set, Stop::default()).unwrap());
        assert!(PENALTIES.contains(&fit.l2));
        let scores = affine(
            set.features().view(),
            fit.weights.view(),
            Some(&fit.intercept),
        );
        assert!(metrics::accuracy(scores.view(), set.labels()) > 0.6);
        for l2 in [0.0, -1.0, f64::NAN] {
            assert!(train(&set, l2, Stop::default()).is_err());
        }
    }
}
