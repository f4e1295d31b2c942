//! The sigmoid `sigma(z) = 1 / (1 + exp(-z))` and odd polynomials in its place.
//!
//! `sigma(z) - 1/2` is odd, so its best polynomial on a symmetric interval is odd too: `sigma(z) ~ 1/2 + a_1 z + a_3 z^3 + ...`

mod activation;
mod weighted;

use he_core::error::Explain;

pub use activation::{Activation, Polynomials, Sigmoid};
pub use weighted::ScoreRange;

/// Logistic sigmoid, without overflow for any finite `z`.
#[must_use]
pub fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// Degrees that can be fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Degree {
    /// Cubic: its leading coefficient is negative, so it turns back beyond its range.
    Three,
    /// Quintic: its leading coefficient is positive, so it pushes back harder beyond its range.
    Five,
    /// Degree 7: negative again, and steeper.
    Seven,
    /// Degree 9. From here on beyond its range a polynomial is worth nothing.
    Nine,
    /// Degree 11.
    Eleven,
    /// Degree 13.
    Thirteen,
    /// Degree 15: as good as the sigmoid for scores of 20 and more, if it is fitted where they lie.
    Fifteen,
}

impl Degree {
    /// As a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        match self {
            Self::Three => 3,
            Self::Five => 5,
            Self::Seven => 7,
            Self::Nine => 9,
            Self::Eleven => 11,
            Self::Thirteen => 13,
            Self::Fifteen => 15,
        }
    }

    /// The degree of that number, if it is one of them.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            3 => Some(Self::Three),
            5 => Some(Self::Five),
            7 => Some(Self::Seven),
            9 => Some(Self::Nine),
            11 => Some(Self::Eleven),
            13 => Some(Self::Thirteen),
            15 => Some(Self::Fifteen),
            _ => None,
        }
    }
}

/// A range that no polynomial can be fitted on.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("sigmoid range: expected a number from 0.5 to 64, found {found}")]
pub struct RangeError {
    /// The range asked for.
    pub found: f64,
}

impl Explain for RangeError {
    fn hint(&self) -> Option<String> {
        Some("6 to 10 is usual".to_owned())
    }
}

/// `1/2 + a_1 z + a_3 z^3 + ...`, an approximation of the sigmoid on `[-range, range]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OddPolynomial {
    /// `a_1, a_3, ...`
    coefficients: Vec<f64>,
    range: f64,
}

/// Most exchanges of a minimax fit; three or four are usual.
const EXCHANGES: usize = 32;

/// Ranges that polynomials are fitted on.
const RANGES: std::ops::RangeInclusive<f64> = 0.5..=64.0;

/// A half-normal density of this many ranges falls by less than a hundredth within one.
const FLAT: f64 = 8.0;

/// Panels of the quadrature behind the fit; four times fewer give the same 13 digits.
const PANELS: usize = 4096;

impl OddPolynomial {
    /// The seed paper's cubic (arXiv 2304.03807), fitted on `[-8, 8]`. Its slope changes sign at |z| = 9.6.
    #[must_use]
    pub fn paper_cubic() -> Self {
        Self {
            coefficients: vec![0.106_795_345_032_162_94, -0.000_385_032_598_050_75],
            range: 8.0,
        }
    }

    /// Least-squares fit: the polynomial of that degree with the smallest `integral of (p - sigma)^2` over `[-range, range]`.
    ///
    /// Projects onto the Legendre polynomials P_1, P_3, P_5, P_7, by Simpson's rule on a fixed grid; from degree 9 on as
    /// [`OddPolynomial::fit_scores`] does, with a density that is flat but for a hundredth.
    ///
    /// # Errors
    /// [`RangeError`] unless `0.5 <= range <= 64`.
    pub fn fit(degree: Degree, range: f64) -> Result<Self, RangeError> {
        if !RANGES.contains(&range) {
            return Err(RangeError { found: range });
        }
        if degree.get() > 7 {
            let rms = FLAT * range;
            return weighted::fit(degree, ScoreRange { range, rms });
        }
        // Odd Legendre polynomials in u = z / range, by ascending odd power.
        const LEGENDRE: [(f64, [f64; 4]); 4] = [
            (1.0, [1.0, 0.0, 0.0, 0.0]),
            (3.0, [-1.5, 2.5, 0.0, 0.0]),
            (5.0, [15.0 / 8.0, -70.0 / 8.0, 63.0 / 8.0, 0.0]),
            (
                7.0,
                [-35.0 / 16.0, 315.0 / 16.0, -693.0 / 16.0, 429.0 / 16.0],
            ),
        ];
        let terms = (degree.get() as usize).div_ceil(2);
        let mut coefficients = vec![0.0; terms];
        for (order, powers) in &LEGENDRE[..terms] {
            let integrand = |u: f64| (sigmoid(range * u) - 0.5) * odd_horner(powers, u);
            // The integrand is even: twice the integral over [0, 1], times (2k + 1) / 2.
            let share = (2.0 * order + 1.0) * simpson(integrand);
            for (index, coefficient) in coefficients.iter_mut().enumerate() {
                *coefficient += share * powers[index] / range.powi(2 * index as i32 + 1);
            }
        }
        Ok(Self {
            coefficients,
            range,
        })
    }

    /// Least squares weighted by where scores of this range and root mean square lie (`weighted`): the fit for one iteration of a long training.
    ///
    /// # Errors
    /// [`RangeError`] unless `0.5 <= range <= 64`.
    pub fn fit_scores(degree: Degree, scores: ScoreRange) -> Result<Self, RangeError> {
        weighted::fit(degree, scores)
    }

    /// Minimax fit: the odd polynomial of that degree with the smallest largest error over `[-range, range]`, by Remez exchange.
    ///
    /// Of an odd function on a symmetric interval the best polynomial is odd, and its k coefficients are fixed by k + 1 points of (0, range]
    /// where the error is largest, with alternating signs (Chebyshev).
    ///
    /// # Errors
    /// [`RangeError`] unless `0.5 <= range <= 64`.
    pub fn minimax(degree: Degree, range: f64) -> Result<Self, RangeError> {
        let start = Self::fit(degree, range)?;
        let terms = start.coefficients.len();
        let mut points: Vec<f64> = (1..=terms + 1)
            .map(|k| (std::f64::consts::FRAC_PI_2 * k as f64 / (terms + 1) as f64).sin())
            .collect();
        let mut best = start;
        for _ in 0..EXCHANGES {
            let Some(next) = Self::levelled(&points, range) else {
                break;
            };
            let error = |u: f64| next.evaluate(range * u) - sigmoid(range * u);
            let moved = alternating_peaks(error, terms + 1);
            let done = next.largest_error() >= best.largest_error() * (1.0 - 1e-12);
            if next.largest_error() < best.largest_error() {
                best = next;
            }
            match moved {
                Some(moved) if !done || moved != points => points = moved,
                _ => break,
            }
        }
        Ok(best)
    }

    /// The polynomial whose errors at `points` (in ranges) are equal but for alternating signs.
    fn levelled(points: &[f64], range: f64) -> Option<Self> {
        let terms = points.len() - 1;
        let matrix = nalgebra::DMatrix::from_fn(points.len(), points.len(), |i, k| {
            if k < terms {
                points[i].powi(2 * k as i32 + 1)
            } else if i % 2 == 0 {
                1.0
            } else {
                -1.0
            }
        });
        let values = points.iter().map(|u| sigmoid(range * u) - 0.5);
        let values = nalgebra::DVector::from_iterator(points.len(), values);
        let solved = matrix.lu().solve(&values)?;
        let coefficients = (0..terms)
            .map(|k| solved[k] / range.powi(2 * k as i32 + 1))
            .collect();
        Some(Self {
            coefficients,
            range,
        })
    }

    /// The polynomial with these coefficients, said to be good on `[-range, range]`; none unless there are two to eight of them, finite,
    /// on a range that [`OddPolynomial::fit`] accepts.
    #[must_use]
    pub fn from_coefficients(coefficients: Vec<f64>, range: f64) -> Option<Self> {
        let good = (2..=8).contains(&coefficients.len())
            && coefficients.iter().all(|c| c.is_finite())
            && RANGES.contains(&range);
        good.then_some(Self {
            coefficients,
            range,
        })
    }

    /// `a_1, a_3, ...`
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Half the width of the interval it was fitted on.
    #[must_use]
    pub fn range(&self) -> f64 {
        self.range
    }

    /// Degree, an odd number.
    #[must_use]
    pub fn degree(&self) -> usize {
        2 * self.coefficients.len() - 1
    }

    /// Value at `z`.
    #[must_use]
    pub fn evaluate(&self, z: f64) -> f64 {
        0.5 + odd_horner(&self.coefficients, z)
    }

    /// Largest error against the sigmoid on a grid of 4097 points over `[0, range]`.
    #[must_use]
    pub fn largest_error(&self) -> f64 {
        (0..=PANELS)
            .map(|k| {
                let z = self.range * k as f64 / PANELS as f64;
                (self.evaluate(z) - sigmoid(z)).abs()
            })
            .fold(0.0, f64::max)
    }
}

/// The largest error of every stretch of (0, 1] on which its sign stays, if there are `count` stretches.
fn alternating_peaks(error: impl Fn(f64) -> f64, count: usize) -> Option<Vec<f64>> {
    let at = |k: usize| k as f64 / PANELS as f64;
    let mut peaks: Vec<(f64, f64)> = Vec::new();
    for k in 1..=PANELS {
        let (u, e) = (at(k), error(at(k)));
        match peaks.last_mut() {
            Some(last) if (last.1 < 0.0) == (e < 0.0) => {
                if e.abs() > last.1.abs() {
                    *last = (u, e);
                }
            }
            _ => peaks.push((u, e)),
        }
    }
    (peaks.len() == count).then(|| peaks.into_iter().map(|peak| peak.0).collect())
}

fn odd_horner(coefficients: &[f64], z: f64) -> f64 {
    z * coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, a| sum * z * z + a)
}

/// Integral over `[0, 1]`.
fn simpson(f: impl Fn(f64) -> f64) -> f64 {
    let at = |k: usize| f(k as f64 / PANELS as f64);
    let inner: f64 = (1..PANELS)
        .map(|k| if k % 2 == 1 { 4.0 } else { 2.0 } * at(k))
        .sum();
    (at(0) + inner + at(PANELS)) / (3.0 * PANELS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fit(degree: Degree, range: f64) -> OddPolynomial {
        OddPolynomial::fit(degree, range).unwrap()
    }

    #[test]
    fn the_minimax_fit_levels_its_error() {
        for degree in [Degree::Three, Degree::Five, Degree::Seven] {
            for range in [2.0, 6.0, 10.0] {
                let best = OddPolynomial::minimax(degree, range).unwrap();
                let square = OddPolynomial::fit(degree, range).unwrap();
                assert!(best.largest_error() < square.largest_error());
                // Chebyshev: as many alternating peaks of one height as there are coefficients, and one more.
                let error = |u: f64| best.evaluate(range * u) - sigmoid(range * u);
                let peaks = alternating_peaks(error, best.coefficients().len() + 1).unwrap();
                for u in peaks {
                    let height = error(u).abs() / best.largest_error();
                    assert!(
                        (0.999..=1.0).contains(&height),
                        "{degree:?} {range}: {height}"
                    );
                }
            }
        }
    }

    #[test]
    fn coefficients_are_frozen() {
        let all = [Degree::Three, Degree::Five, Degree::Seven].map(|degree| {
            let text: Vec<_> = fit(degree, 6.0)
                .coefficients()
                .iter()
                .map(|a| format!("{a:.9e}"))
                .collect();
            text.join(" ")
        });
        insta::assert_snapshot!(all.join("\n"), @"
        1.806068652e-1 -3.092097481e-3
        2.171088483e-1 -7.823836028e-3 1.182934637e-4
        2.351757861e-1 -1.234057046e-2 3.943161236e-4 -4.746421401e-6
        ");
    }

    #[test]
    fn the_residual_is_orthogonal_to_the_basis() {
        // The normal equations of least squares, checked by an independent rule (midpoints): its error is below
        // h^2 / 24 times the second derivative, (1 / 4096)^2 / 24 * 300 < 1e-6.
        for (degree, range) in [
            (Degree::Three, 4.0),
            (Degree::Five, 8.0),
            (Degree::Seven, 6.0),
        ] {
            let p = fit(degree, range);
            for power in (1..=p.degree() as i32).step_by(2) {
                let inner: f64 = (0..4096)
                    .map(|k| (f64::from(k) + 0.5) / 4096.0)
                    .map(|u| (p.evaluate(range * u) - sigmoid(range * u)) * u.powi(power))
                    .sum();
                assert!(
                    (inner / 4096.0).abs() < 1e-6,
                    "degree {degree:?}, power {power}"
                );
            }
        }
    }

    #[test]
    fn the_paper_s_cubic_turns_at_9_6() {
        let p = OddPolynomial::paper_cubic();
        // 0.10679534503216294 / (3 * 0.00038503259805075) = 92.455, whose root is 9.6154.
        let at = |z: f64| p.evaluate(z);
        assert!(at(9.605) < at(9.6154) && at(9.6154) > at(9.625));
    }

    #[test]
    fn a_higher_degree_fits_better_and_the_quintic_pushes_back() {
        let errors = [Degree::Three, Degree::Five, Degree::Seven]
            .map(|degree| fit(degree, 8.0).largest_error());
        assert!(errors[0] > errors[1] && errors[1] > errors[2]);
        assert!(fit(Degree::Five, 8.0).evaluate(16.0) > 2.0);
        assert!(fit(Degree::Three, 8.0).evaluate(20.0) < 0.0);
    }

    #[test]
    fn a_range_without_sense_is_refused() {
        for range in [0.0, -6.0, f64::NAN, f64::INFINITY, 1e3] {
            assert!(OddPolynomial::fit(Degree::Three, range).is_err());
        }
    }

    proptest! {
        #[test]
        fn odd_about_one_half(z in -20.0..20.0_f64, range in 2.0..12.0_f64) {
            let p = fit(Degree::Five, range);
            // Mirror images differ by the rounding of one addition to 1/2.
            let sum = p.evaluate(z) + p.evaluate(-z);
            prop_assert!((sum - 1.0).abs() <= 1e-15 * (1.0 + p.evaluate(z).abs()) * 4.0);
            prop_assert!((sigmoid(z) + sigmoid(-z) - 1.0).abs() < 1e-15);
        }
    }
}
