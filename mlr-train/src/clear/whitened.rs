//! The full quadratic gradient with Nesterov momentum, in whitened coordinates: the clear twin of the encrypted training.
//!
//! `x_i` is a whitened row with the constant 1 (D = d + 1 columns), `y_i` its one-hot label, `s` the sigmoid or the polynomial
//! in its place, applied to each class by itself, `n` the number of rows. From `V_0 = W_0 = 0`, for `t = 0, 1, ..., T - 1`:
//!
//! ```text
//! G_t     = sum_i (s(V_t x_i) - y_i) x_i^T          c x D
//! W_{t+1} = V_t - (m_t / n) G_t
//! V_{t+1} = W_{t+1} + beta_t (W_{t+1} - W_t)        beta_t = t / (t + 3)
//! ```
//!
//! `beta_0 = 0`, so `V_1 = W_1`. With `m_t = 4` each step is a Newton step with the fixed Hessian `X^T X / 4` (Boehning and Lindsay,
//! "Monotonicity of quadratic-approximation algorithms", 1988; the quadratic gradient of arXiv 2304.03807 with the whole matrix instead
//! of its diagonal bound), since whitening makes `X^T X / n` the identity up to the damping. Larger later steps buy iterations.
//! `s(0) = 1/2` for the sigmoid and for every odd polynomial: the first iteration is `W_1 = (m_0 / n) sum_i (y_i - 1/2) x_i^T`,
//! a least-squares classifier that the client could compute alone.

use ndarray::{Array2, ArrayView2};

use super::{TrainError, check_labels};
use crate::linalg::{affine, largest_magnitude, one_hot, transposed_product};
use crate::rounding::rounded;
use crate::sigmoid::{Activation, Sigmoid};

/// The `m_t` of a Newton step with the fixed Hessian: no sigmoid is steeper than 1/4.
pub const NEWTON_STEP: f64 = 4.0;

/// Steps `m_t` in units of `1/n`, one an iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    steps: Vec<f64>,
}

impl Schedule {
    /// Checks and takes the steps.
    ///
    /// # Errors
    /// [`TrainError::Schedule`] without steps, with more than 1000, or for one that is not positive and finite.
    pub fn new(steps: Vec<f64>) -> Result<Self, TrainError> {
        let good = |step: &f64| step.is_finite() && *step > 0.0;
        if steps.is_empty() || steps.len() > 1000 || !steps.iter().all(good) {
            let shown: Vec<_> = steps.iter().take(8).collect();
            return Err(TrainError::Schedule {
                found: format!("{} steps, {shown:?}", steps.len()),
            });
        }
        Ok(Self { steps })
    }

    /// `first`, then `later` until `iterations` are full.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn ladder(first: f64, later: f64, iterations: usize) -> Result<Self, TrainError> {
        let mut steps = vec![later; iterations.min(1001)];
        if let Some(step) = steps.first_mut() {
            *step = first;
        }
        Self::new(steps)
    }

    /// The steps `m_0, ..., m_{T-1}`.
    #[must_use]
    pub fn steps(&self) -> &[f64] {
        &self.steps
    }

    /// `beta_t = t / (t + 3)`, for t from 0.
    #[must_use]
    pub fn momentum(t: usize) -> f64 {
        t as f64 / (t + 3) as f64
    }
}

/// Everything that a run passed through, for `t = 0..T`.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// `W_{t+1}`: weights after each iteration, c x D.
    pub weights: Vec<Array2<f64>>,
    /// `V_t`: where each gradient was taken, c x D.
    pub extrapolated: Vec<Array2<f64>>,
    /// Largest `|V_t x_i|` over rows and classes.
    pub largest_score: Vec<f64>,
    /// Share of those scores beyond the polynomial's range; 0 for the exact sigmoid.
    pub beyond_range: Vec<f64>,
    /// Largest entry of `|G_t|`.
    pub largest_gradient: Vec<f64>,
}

impl Run {
    /// Weights at the end, c x D.
    #[must_use]
    pub fn last(&self) -> &Array2<f64> {
        // A schedule has at least one step, so a run has weights.
        &self.weights[self.weights.len() - 1]
    }
}

/// `V_{t+1}` from two iterates.
#[must_use]
pub fn extrapolate(newer: &Array2<f64>, older: &Array2<f64>, t: usize) -> Array2<f64> {
    newer + &((newer - older) * Schedule::momentum(t))
}

/// `M = sum_i (y_i - 1/2) x_i^T`, c x D: the negative first gradient, which the client can compute and upload in place of labels.
/// `W_1 = (m_0 / n) M`.
///
/// # Errors
/// [`TrainError::Labels`].
pub fn label_moments(
    rows: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
) -> Result<Array2<f64>, TrainError> {
    check_labels(rows.nrows(), labels, classes)?;
    let centred = one_hot(labels, classes) - 0.5;
    Ok(transposed_product(centred.view(), rows))
}

/// How decrypted values are rounded where they are encrypted anew during a run: a part of the program, since the weights go on from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounding {
    /// The iterations (from 1) before which W and V are rounded.
    pub before: Vec<usize>,
    /// To multiples of 2^-bits.
    pub bits: i32,
}

/// Trains on whitened rows with their constant column: `rows` is n x D, the result holds c x D matrices.
///
/// Cost: two products n x D x c an iteration. The result does not depend on the number of threads.
///
/// # Errors
/// [`TrainError::Labels`]; [`TrainError::Diverged`] naming the iteration.
pub fn train(
    rows: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    schedule: &Schedule,
    activation: &Activation,
) -> Result<Run, TrainError> {
    let course = Course {
        activation,
        rounding: None,
    };
    train_rounded(rows, labels, classes, schedule, course)
}

/// What a run does beside its steps.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// What stands for the sigmoid.
    pub activation: &'a Activation,
    /// Where values are rounded, if anywhere.
    pub rounding: Option<&'a Rounding>,
}

/// [`train`], rounding W and V as a run that is refreshed does.
///
/// # Errors
/// As [`train`].
pub fn train_rounded(
    rows: ArrayView2<'_, f64>,
    labels: &[u32],
    classes: usize,
    schedule: &Schedule,
    course: Course<'_>,
) -> Result<Run, TrainError> {
    let mut stepper = Stepper::new(rows, labels, classes)?;
    for (t, step) in schedule.steps().iter().enumerate() {
        let due = |rounding: &&Rounding| rounding.before.contains(&(t + 1));
        if let Some(rounding) = course.rounding.filter(due) {
            stepper.round(rounding.bits);
        }
        // The scores of the first iteration are zero: its sigmoid is 1/2 whatever stands for it.
        let scores = stepper.scores();
        stepper.step(scores, *step, course.activation.of(t.saturating_sub(1)))?;
    }
    Ok(stepper.finish())
}

/// A run, iteration by iteration.
#[derive(Debug)]
pub(crate) struct Stepper<'a> {
    rows: ArrayView2<'a, f64>,
    y: Array2<f64>,
    w: Array2<f64>,
    v: Array2<f64>,
    run: Run,
}

impl<'a> Stepper<'a> {
    /// From weights of zero.
    pub(crate) fn new(
        rows: ArrayView2<'a, f64>,
        labels: &[u32],
        classes: usize,
    ) -> Result<Self, TrainError> {
        check_labels(rows.nrows(), labels, classes)?;
        let w = Array2::zeros((classes, rows.ncols()));
        Ok(Self {
            rows,
            y: one_hot(labels, classes),
            v: w.clone(),
            w,
            run: Run {
                weights: Vec::new(),
                extrapolated: Vec::new(),
                largest_score: Vec::new(),
                beyond_range: Vec::new(),
                largest_gradient: Vec::new(),
            },
        })
    }

    /// The scores at V, n x c.
    pub(crate) fn scores(&self) -> Array2<f64> {
        affine(self.rows, self.v.view(), None)
    }

    /// W after the iterations so far, c x D.
    pub(crate) fn weights(&self) -> &Array2<f64> {
        &self.w
    }

    /// Rounds W and V.
    fn round(&mut self, bits: i32) {
        self.w = rounded(self.w.view(), bits);
        self.v = rounded(self.v.view(), bits);
    }

    /// One iteration from the scores at V.
    pub(crate) fn step(
        &mut self,
        mut scores: Array2<f64>,
        step: f64,
        sigmoid: Sigmoid<'_>,
    ) -> Result<(), TrainError> {
        let (n, t) = (self.rows.nrows() as f64, self.run.weights.len());
        self.run.largest_score.push(largest_magnitude(&scores));
        let range = sigmoid.range();
        let beyond = scores.iter().filter(|z| z.abs() > range).count();
        let beyond = beyond as f64 / scores.len() as f64;
        self.run.beyond_range.push(beyond);
        scores.mapv_inplace(|z| sigmoid.evaluate(z));
        scores -= &self.y;
        let gradient = transposed_product(scores.view(), self.rows);
        self.run.largest_gradient.push(largest_magnitude(&gradient));
        let newer = &self.v - &(gradient * (step / n));
        if !newer.iter().all(|value| value.is_finite()) {
            return Err(TrainError::Diverged { iteration: t + 1 });
        }
        let next = extrapolate(&newer, &self.w, t);
        let before = std::mem::replace(&mut self.v, next);
        self.run.extrapolated.push(before);
        self.run.weights.push(newer.clone());
        self.w = newer;
        Ok(())
    }

    /// What it passed through.
    pub(crate) fn finish(self) -> Run {
        self.run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigmoid::{Degree, OddPolynomial, sigmoid};
    use ndarray::array;

    fn rows() -> Array2<f64> {
        array![
            [1.0, 0.5, 1.0],
            [-1.0, 0.25, 1.0],
            [0.5, -2.0, 1.0],
            [-0.5, 1.25, 1.0]
        ]
    }

    const LABELS: [u32; 4] = [0, 1, 0, 1];

    fn schedule(steps: &[f64]) -> Schedule {
        Schedule::new(steps.to_vec()).unwrap()
    }

    #[test]
    fn the_first_iteration_is_the_client_s_own() {
        let run = train(
            rows().view(),
            &LABELS,
            2,
            &schedule(&[4.0]),
            &Activation::Exact,
        )
        .unwrap();
        // (4 / 4) * sum (y - 1/2) x, by hand: class 0 has + + at rows 0 and 2.
        let first = array![1.0 + 1.0 + 0.5 + 0.5, 0.5 - 0.25 - 2.0 - 1.25, 0.0] / 2.0;
        assert_eq!(run.last().row(0), first);
        assert_eq!(run.last().row(1), -first);
        assert_eq!(run.largest_score, [0.0]);
        // Steps of 4 on 4 rows: the moments themselves.
        assert_eq!(
            *run.last(),
            label_moments(rows().view(), &LABELS, 2).unwrap()
        );
    }

    #[test]
    fn momentum_starts_with_the_third_gradient() {
        let run = train(
            rows().view(),
            &LABELS,
            2,
            &schedule(&[4.0; 4]),
            &Activation::Exact,
        )
        .unwrap();
        let (w, v) = (&run.weights, &run.extrapolated);
        assert_eq!(v[0], Array2::<f64>::zeros((2, 3)));
        assert_eq!(v[1], w[0]);
        assert_eq!(v[2], &w[1] + &((&w[1] - &w[0]) * 0.25));
        assert_eq!(v[3], &w[2] + &((&w[2] - &w[1]) * 0.4));
    }

    #[test]
    fn one_step_against_the_definition_row_by_row() {
        let cubic = OddPolynomial::fit(Degree::Three, 6.0).unwrap();
        for activation in [Activation::Exact, Activation::Polynomial(cubic.clone())] {
            let run = train(
                rows().view(),
                &LABELS,
                2,
                &schedule(&[4.0, 12.0]),
                &activation,
            )
            .unwrap();
            let s = |z: f64| match activation {
                Activation::Exact => sigmoid(z),
                _ => cubic.evaluate(z),
            };
            let (v, w) = (&run.extrapolated[1], &run.weights[1]);
            for class in 0..2 {
                for column in 0..3 {
                    let g: f64 = rows()
                        .rows()
                        .into_iter()
                        .zip(LABELS)
                        .map(|(x, label)| {
                            let y = f64::from(u8::from(label as usize == class));
                            (s(v.row(class).dot(&x)) - y) * x[column]
                        })
                        .sum();
                    let expected = v[[class, column]] - 12.0 / 4.0 * g;
                    // Some ten roundings of values below 10.
                    assert!((w[[class, column]] - expected).abs() < 1e-13);
                }
            }
        }
    }

    #[test]
    fn the_curve_is_frozen() {
        let cubic = Activation::Polynomial(OddPolynomial::fit(Degree::Three, 4.0).unwrap());
        let run = train(
            rows().view(),
            &LABELS,
            2,
            &schedule(&[4.0, 16.0, 16.0]),
            &cubic,
        )
        .unwrap();
        let lines: Vec<_> = (0..3)
            .map(|t| {
                let norm = run.weights[t].iter().map(|w| w * w).sum::<f64>().sqrt();
                format!(
                    "{norm:.9} {:.9} {:.3}",
                    run.largest_score[t], run.beyond_range[t]
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        3.000000000 0.000000000 0.000
        5.596957978 3.750000000 0.000
        13.362142519 5.991105840 0.500
        ");
    }

    #[test]
    fn divergence_and_nonsense_have_errors() {
        let cubic = Activation::Polynomial(OddPolynomial::fit(Degree::Three, 1.0).unwrap());
        let wild = train(rows().view(), &LABELS, 2, &schedule(&[1e3; 40]), &cubic);
        assert!(matches!(wild, Err(TrainError::Diverged { .. })));
        let four = schedule(&[4.0]);
        for labels in [&[0, 1][..], &[0, 1, 2, 0]] {
            let run = train(rows().view(), labels, 2, &four, &Activation::Exact);
            assert!(matches!(run, Err(TrainError::Labels { .. })));
        }
        for steps in [vec![], vec![0.0], vec![4.0, f64::NAN], vec![1.0; 1001]] {
            assert!(Schedule::new(steps).is_err());
        }
        let ladder = Schedule::ladder(4.0, 16.0, 3).unwrap();
        assert_eq!(ladder.steps(), [4.0, 16.0, 16.0]);
    }
}
