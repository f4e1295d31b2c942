//! Fits that weigh where the scores lie, of any degree up to 15.
//!
//! Scores of a long training reach further and further out while most of them stay near the middle, so an error there costs more. The fit is
//! least squares in the odd Chebyshev polynomials T_1, T_3, ... of z/R, weighted by 0.98 times a density of the scores and 0.02 times the uniform
//! one, which keeps the ends in hand. The density is a half-normal one: of the scores nothing enters but their root mean square, and like the
//! range it stands on a public ladder, so that two small whole numbers say all that a polynomial tells of the data.

use nalgebra::{DMatrix, DVector};

use super::{Degree, OddPolynomial, RANGES, RangeError, sigmoid};

/// Share of the uniform density.
const UNIFORM: f64 = 0.02;
/// Points of the half axis that are weighed.
const POINTS: usize = 2048;
/// Steps of the ladder in an octave.
const STEPS: f64 = 8.0;
/// Scores beyond those seen that a range must leave room for: those of the encrypted run differ by noise, those of fewer rows by chance.
pub(super) const ROOM: f64 = 1.08;

/// What is known of the scores of an iteration: two steps of a public ladder, an eighth of an octave each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// R: no score is beyond it.
    pub range: f64,
    /// Their root mean square, or a little more.
    pub rms: f64,
}

impl ScoreRange {
    /// The lowest steps of the ladder with room for scores of at most `largest` and of root mean square `rms`.
    #[must_use]
    pub fn of(largest: f64, rms: f64) -> Self {
        let range = step(largest * ROOM).max(*RANGES.start());
        Self {
            range,
            rms: step(rms).clamp(range / 64.0, range),
        }
    }
}

/// The step of the ladder at or above a value.
fn step(value: f64) -> f64 {
    ((value.max(f64::MIN_POSITIVE).log2() * STEPS).ceil() / STEPS).exp2()
}

/// The odd Chebyshev polynomials T_1, T_3, ... by ascending odd power.
fn chebyshev(terms: usize) -> Vec<Vec<f64>> {
    // T_1 = u, T_3 = 4 u^3 - 3 u, T_(k+2) = (4 u^2 - 2) T_k - T_(k-2).
    let mut all = vec![vec![1.0], vec![-3.0, 4.0]];
    for k in 2..terms {
        let mut next = vec![0.0; k + 1];
        for (i, c) in all[k - 1].iter().enumerate() {
            next[i] -= 2.0 * c;
            next[i + 1] += 4.0 * c;
        }
        for (i, c) in all[k - 2].iter().enumerate() {
            next[i] -= c;
        }
        all.push(next);
    }
    all.truncate(terms);
    all
}

/// The fit of [`OddPolynomial::fit_scores`].
pub(super) fn fit(degree: Degree, scores: ScoreRange) -> Result<OddPolynomial, RangeError> {
    let ScoreRange { range, rms } = scores;
    let usable = RANGES.contains(&range) && rms > 0.0 && rms.is_finite();
    if !usable {
        return Err(RangeError { found: range });
    }
    let terms = (degree.get() as usize).div_ceil(2);
    let points: Vec<f64> = (0..POINTS)
        .map(|k| (k as f64 + 0.5) / POINTS as f64)
        .collect();
    let density = points
        .iter()
        .map(|u| (-0.5 * (u * range / rms).powi(2)).exp());
    let density: Vec<f64> = density.collect();
    let total: f64 = density.iter().sum();
    let uniform = UNIFORM / POINTS as f64;
    let weights: Vec<f64> = density
        .iter()
        .map(|d| ((1.0 - UNIFORM) * d / total + uniform).sqrt())
        .collect();
    let basis = chebyshev(terms);
    let at = |i: usize, k: usize| weights[i] * super::odd_horner(&basis[k], points[i]);
    let matrix = DMatrix::from_fn(POINTS, terms, at);
    let value = |i: usize, _| weights[i] * (sigmoid(range * points[i]) - 0.5);
    let values = DVector::from_fn(POINTS, value);
    // The columns are far from dependent: weights of at least the uniform share.
    let solved = matrix.svd(true, true).solve(&values, 0.0);
    let solved = solved.map_err(|_| RangeError { found: range })?;
    let coefficient = |power: usize| {
        let sum: f64 = (power..terms).map(|k| solved[k] * basis[k][power]).sum();
        sum / range.powi(2 * power as i32 + 1)
    };
    Ok(OddPolynomial {
        coefficients: (0..terms).map(coefficient).collect(),
        range,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basis_is_that_of_chebyshev() {
        for (k, powers) in chebyshev(8).iter().enumerate() {
            for angle in [0.1f64, 0.7, 1.3] {
                let found = super::super::odd_horner(powers, angle.cos());
                let expected = ((2 * k + 1) as f64 * angle).cos();
                // Terms of at most 2^15 that cancel.
                assert!((found - expected).abs() < 1e-10, "T_{}", 2 * k + 1);
            }
        }
    }

    #[test]
    fn the_residual_is_orthogonal_under_the_weights() {
        let scores = ScoreRange::of(20.0, 5.0);
        for degree in [Degree::Three, Degree::Nine, Degree::Fifteen] {
            let p = fit(degree, scores).unwrap();
            assert_eq!(p.degree(), degree.get() as usize);
            // The normal equations by another rule, ten times finer: both are off by less than 1e-5 of the weight.
            let n = 10 * POINTS;
            let points = || (0..n).map(|k| (k as f64 + 0.5) / n as f64);
            let density = |u: f64| (-0.5 * (u * scores.range / scores.rms).powi(2)).exp();
            let total: f64 = points().map(density).sum::<f64>() / n as f64;
            for power in (1..=p.degree() as i32).step_by(2) {
                let inner: f64 = points()
                    .map(|u| {
                        let weight = (1.0 - UNIFORM) * density(u) / total + UNIFORM;
                        let z = scores.range * u;
                        weight * (p.evaluate(z) - sigmoid(z)) * u.powi(power)
                    })
                    .sum();
                assert!((inner / n as f64).abs() < 1e-5, "{degree:?} {power}");
            }
        }
    }

    #[test]
    fn higher_degrees_err_less_where_the_scores_are() {
        let scores = ScoreRange::of(30.0, 6.0);
        let error = |degree| {
            let p = fit(degree, scores).unwrap();
            let weight = |z: f64| (-0.5 * (z / scores.rms).powi(2)).exp();
            (0..3000)
                .map(|k| f64::from(k) / 100.0)
                .map(|z| weight(z) * (p.evaluate(z) - sigmoid(z)).powi(2))
                .sum::<f64>()
        };
        let errors = [Degree::Seven, Degree::Nine, Degree::Eleven, Degree::Fifteen].map(error);
        assert!(errors.is_sorted_by(|a, b| a > b), "{errors:?}");
    }

    #[test]
    fn the_ladder_tells_eighths_of_octaves() {
        let steps = ScoreRange::of(16.0 / ROOM, 2.0);
        assert!(
            (steps.range - 16.0).abs() < 1e-9 && steps.rms == 2.0,
            "{steps:?}"
        );
        let steps = ScoreRange::of(15.5 / ROOM, 1.9);
        assert!(
            (steps.range - 16.0).abs() < 1e-9 && steps.rms == 2.0,
            "{steps:?}"
        );
        assert!(ScoreRange::of(0.0, 0.0).range == 0.5);
        assert!(
            fit(
                Degree::Nine,
                ScoreRange {
                    range: 100.0,
                    rms: 1.0
                }
            )
            .is_err()
        );
    }
}
