//! How large weights can get: what the key holder knows of a model of several owners' rows.
//!
//! Rows that were whitened by the pooled map have columns without mean (but the constant), orthogonal to each other, with mean squares of at most
//! s^2 = 1, so X^T X <= s^2 n I. Write p for the polynomial without its 1/2 and q(z) = p(z) / z, which lies in [lo, hi] while |z| stays below the
//! plan's bound of scores. One step of a class's weights is
//!
//! ```text
//! w' = v + m/n X^T (y - 1/2 - p(X v)) = (I - m A) v + m/n X^T (y - 1/2),   A = 1/n X^T diag(q) X
//! ```
//!
//! The eigenvalues of A lie between s^2 min(lo, 0) and s^2 hi, so |(I - m A) v| <= f |v| with f the largest of 1, 1 - m s^2 lo and m s^2 hi - 1; and
//! |y - 1/2| = sqrt(n) / 2 gives |X^T (y - 1/2)| <= s n / 2. Hence |w'| <= f |v| + m s / 2, and |v'| <= (1 + beta) |w'| + beta |w| for the look-ahead weights.
//!
//! An honest model stays far below: this excludes forged models with large values, not small ones.

use crate::job::Job;

/// No class's weights have a larger Euclidean norm after the plan's training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LargestNorm(f64);

impl LargestNorm {
    /// Of a plan; none for methods that do not whiten.
    #[must_use]
    pub fn of(job: &Job) -> Option<Self> {
        let program = job.program();
        if !program.method.whitens() {
            return None;
        }
        let s = program.bounds.column_rms;
        let first = program.schedule.len() - program.reading().min(program.schedule.len());
        // A refresh moves every weight by so much at most.
        let rounding = program.refresh.map_or(0.0, |refresh| {
            (program.shape.columns as f64).sqrt() * refresh.largest_error()
        });
        let (mut w, mut v) = (0.0, 0.0);
        for (t, (m, step)) in program.schedule.iter().zip(job.steps()).enumerate() {
            // At weights of zero every polynomial is.
            let f = t.checked_sub(first).map_or(Some(1.0), |reading| {
                let range = program.polynomial.score(reading, program.bounds.score);
                let (lo, hi) = program.polynomial.of(reading)?.quotients(range);
                Some((1.0 - m * s * s * lo).max(m * s * s * hi - 1.0).max(1.0))
            })?;
            let newer = f * v + m * s / 2.0 + rounding;
            let beta = step.momentum.abs();
            v = (1.0 + beta) * newer + beta * w + rounding;
            w = newer;
        }
        Some(Self(w))
    }

    /// The norm.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clear::whitened::{Schedule, train};
    use crate::client::whiten::Whitening;
    use crate::data::FeatureSet;
    use crate::job::FirstGradient;
    use crate::packing::{Arrangement, Shape};
    use crate::plan::{PlanRequest, Program, Scales};
    use crate::sigmoid::{Activation, Degree, OddPolynomial};
    use ndarray::Array2;

    fn program(shape: Shape, schedule: &Schedule, polynomial: &OddPolynomial) -> Program {
        let first = FirstGradient::Client;
        let request = PlanRequest::whitened(
            shape,
            first,
            schedule,
            &polynomial.clone().into(),
            32.0,
            16.0,
        );
        Program {
            shape,
            method: request.method,
            schedule: request.schedule,
            polynomial: request.polynomial,
            bounds: request.bounds,
            arrangement: Arrangement::RowMajor,
            row_length: 8,
            classes_per_pass: shape.classes,
            radix: 4,
            scales: Scales {
                data: 36,
                first: 34,
                error: 34,
                curvature: 24,
            },
            owners: request.owners,
            refresh: None,
        }
    }

    #[test]
    fn no_training_on_whitened_rows_exceeds_it() {
        // Labels that follow from one feature: weights as large as they get.
        let (samples, features) = (240, 12);
        let label = |i: usize| (i * i % 7 % 3) as u32;
        let raw = Array2::from_shape_fn((samples, features), |(i, j)| {
            f64::from(label(i)) * if j == 0 { 3.0 } else { 0.1 }
                + ((i * (j + 3)) as f64 * 0.37).sin()
        });
        let labels: Vec<u32> = (0..samples).map(label).collect();
        let set = FeatureSet::new(raw, labels.clone(), None, "made up").unwrap();
        let map = Whitening::fit(&set, features, 1e-6).unwrap();
        let rows = map.apply(set.features().view()).unwrap();
        let shape = Shape {
            samples,
            columns: rows.ncols(),
            classes: 3,
        };
        for degree in [Degree::Three, Degree::Seven] {
            let polynomial = OddPolynomial::fit(degree, 6.0).unwrap();
            for (first, later, iterations) in [(4.0, 6.0, 1), (4.0, 6.0, 3), (2.0, 4.0, 4)] {
                let schedule = Schedule::ladder(first, later, iterations).unwrap();
                let job = Job::new(program(shape, &schedule, &polynomial), 512).unwrap();
                let allowed = LargestNorm::of(&job).unwrap().get();
                let activation = Activation::Polynomial(polynomial.clone());
                let run = train(rows.view(), &labels, 3, &schedule, &activation).unwrap();
                let scores = run.largest_score.iter().fold(0.0f64, |a, &b| a.max(b));
                assert!(scores <= job.program().bounds.score);
                let norms = run.last().rows().into_iter().map(|w| w.dot(&w).sqrt());
                let largest = norms.fold(0.0, f64::max);
                assert!(largest <= allowed, "{largest} {allowed}");
                // It says something: the first iteration comes within a factor of two.
                assert!(
                    iterations > 1 || 2.0 * largest > allowed,
                    "{largest} {allowed}"
                );
            }
        }
    }
}
