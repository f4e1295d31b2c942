//! The polynomial for the sigmoid as a program writes it.

use serde::{Deserialize, Serialize};

use super::error::{ProgramError, check};
use crate::sigmoid::{Degree, OddPolynomial, Polynomials};

/// Points of the grid on which the largest value of a polynomial of degree 5 or 7 is looked for.
const GRID: u32 = 4096;

/// Points of the grid of a polynomial of degree 9 to 15.
const CHEBYSHEV: u32 = 256;

/// The sigmoid on ciphertexts: sigma(z) - 1/2 ~ c_1 z + c_3 z^3 + ..., up to degree 15; one polynomial for all iterations, or one for each that
/// multiplies data with weights. Unchecked, as everything in a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Polynomial {
    /// One for all iterations.
    One(Odd),
    /// One for each iteration that multiplies data with weights, in order.
    Each(Vec<Odd>),
}

/// An odd polynomial and where it is good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odd {
    coefficients: Vec<f64>,
    range: f64,
}

impl From<&OddPolynomial> for Odd {
    fn from(polynomial: &OddPolynomial) -> Self {
        Self {
            coefficients: polynomial.coefficients().to_vec(),
            range: polynomial.range(),
        }
    }
}

impl From<&Polynomials> for Polynomial {
    fn from(polynomials: &Polynomials) -> Self {
        match polynomials {
            Polynomials::One(one) => Self::One(one.into()),
            Polynomials::Each(all) => Self::Each(all.iter().map(Odd::from).collect()),
        }
    }
}

impl Polynomial {
    /// One for all iterations.
    pub fn new(polynomial: &OddPolynomial) -> Self {
        Self::One(polynomial.into())
    }

    /// The polynomials in the order of the iterations that multiply data with weights: one where it serves all.
    pub fn all(&self) -> &[Odd] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Each(all) => all,
        }
    }

    /// As the client works with them; none for some that cannot be evaluated.
    pub fn polynomials(&self) -> Option<Polynomials> {
        let read =
            |odd: &Odd| OddPolynomial::from_coefficients(odd.coefficients.clone(), odd.range);
        Some(match self {
            Self::One(one) => Polynomials::One(read(one)?),
            Self::Each(all) => Polynomials::Each(all.iter().map(read).collect::<Option<_>>()?),
        })
    }

    /// The polynomial of the iteration that is the `reading`-th (from 0) to multiply data with weights.
    pub fn of(&self, reading: usize) -> Option<&Odd> {
        match self {
            Self::One(one) => Some(one),
            Self::Each(all) => all.get(reading),
        }
    }

    /// Levels of every polynomial, in the order of [`Polynomial::all`].
    pub fn levels(&self) -> Vec<usize> {
        self.all().iter().map(Odd::levels).collect()
    }

    /// The largest score for which the polynomial of an iteration is planned, if the bound of all scores is `bound`.
    pub fn score(&self, reading: usize, bound: f64) -> f64 {
        match self {
            Self::One(_) => bound,
            Self::Each(all) => all.get(reading).map_or(bound, |odd| bound.min(odd.range)),
        }
    }

    /// Whether it can be evaluated in `reading` iterations that multiply data with weights.
    ///
    /// # Errors
    /// [`ProgramError`] names the number that is out of range.
    pub(super) fn check(&self, reading: usize) -> Result<(), ProgramError> {
        if let Self::Each(all) = self {
            check(
                "polynomials",
                "one for every iteration that multiplies data with weights",
                all.len() as f64,
                all.len() == reading && !all.is_empty(),
            )?;
        }
        self.all().iter().try_for_each(Odd::check)
    }
}

impl Odd {
    /// The coefficients of z, z^3, and so on.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Degree, if it is one that can be evaluated.
    pub fn degree(&self) -> Option<Degree> {
        let number = (2 * self.coefficients.len()).checked_sub(1)?;
        Degree::from_number(u32::try_from(number).ok()?)
    }

    /// Levels of its evaluation: 2 for the cubic, 3 for degrees 5 and 7, 4 for 9 to 15.
    pub fn levels(&self) -> usize {
        match self.coefficients.len() {
            0..=2 => 2,
            3 | 4 => 3,
            _ => 4,
        }
    }

    fn check(&self) -> Result<(), ProgramError> {
        check(
            "coefficients of the polynomial",
            "2 to 8 (degree 3 to 15)",
            self.coefficients.len() as f64,
            self.degree().is_some(),
        )?;
        for (k, &c) in self.coefficients.iter().enumerate() {
            if k == 0 {
                check("linear coefficient", "a positive number", c, c > 0.0)?;
            } else {
                check("higher coefficient", "not zero", c, c != 0.0)?;
            }
        }
        let range = self.range;
        check(
            "range of the polynomial",
            "a positive number",
            range,
            range > 0.0,
        )
    }

    /// Bounds of p(z)/z on [-range, range], from below and from above, p without its 1/2.
    ///
    /// It is a polynomial in z^2, of degree k. On m + 1 extrema of a Chebyshev polynomial it deviates from the middle of its extremes there by d at most; everywhere
    /// else by d / cos(k pi/2m) (Ehlich and Zeller, see [`Odd::largest`]).
    #[must_use]
    pub fn quotients(&self, range: f64) -> (f64, f64) {
        let at = |u: f64| self.coefficients.iter().rev().fold(0.0, |q, c| q * u + c);
        let angle = std::f64::consts::PI / f64::from(CHEBYSHEV);
        let point = |i: u32| 0.5 * range * range * (1.0 + (f64::from(i) * angle).cos());
        let seen = (0..=CHEBYSHEV).map(|i| at(point(i)));
        let (lo, hi) = seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), q| {
            (lo.min(q), hi.max(q))
        });
        let degree = self.coefficients.len().saturating_sub(1) as f64;
        let deviation = 0.5 * (hi - lo) / (0.5 * degree * angle).cos();
        (0.5 * (lo + hi) - deviation, 0.5 * (lo + hi) + deviation)
    }

    /// A bound of the values on [-range, range].
    ///
    /// Of the cubic exact: at an end or where the slope vanishes. Of degrees 5 and 7 the largest value on a grid of step h, plus h/2 times a
    /// bound of the slope. From degree n = 9 on the largest value on m + 1 extrema of a Chebyshev polynomial divided by cos(n pi/2m) (Ehlich and
    /// Zeller, "Schwankung von Polynomen zwischen Gitterpunkten", 1964): the bound of the slope would be of coefficients that cancel.
    pub fn largest(&self, range: f64) -> f64 {
        let at = |z: f64| {
            let even = self
                .coefficients
                .iter()
                .rev()
                .fold(0.0, |sum, c| sum * z * z + c);
            (z * even).abs()
        };
        if let &[linear, cubic] = self.coefficients.as_slice() {
            let turn = (-linear / (3.0 * cubic)).sqrt();
            let inner = if turn < range { at(turn) } else { 0.0 };
            return at(range).max(inner);
        }
        if self.coefficients.len() > 4 {
            let angle = std::f64::consts::PI / f64::from(CHEBYSHEV);
            let seen = (0..=CHEBYSHEV / 2).map(|i| at(range * (f64::from(i) * angle).cos()));
            let degree = (2 * self.coefficients.len() - 1) as f64;
            return seen.fold(0.0, f64::max) / (0.5 * degree * angle).cos();
        }
        let step = range / f64::from(GRID);
        let slope = |(k, c): (usize, &f64)| (2 * k + 1) as f64 * c.abs() * range.powi(2 * k as i32);
        let slope: f64 = self.coefficients.iter().enumerate().map(slope).sum();
        let seen = (0..=GRID).map(|i| at(f64::from(i) * step));
        seen.fold(0.0, f64::max) + 0.5 * step * slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_between_the_points_of_the_grid() {
        for (degree, to) in [
            (Degree::Three, 14.0),
            (Degree::Five, 14.0),
            (Degree::Seven, 14.0),
            (Degree::Nine, 7.0),
            (Degree::Fifteen, 7.0),
        ] {
            let fitted = OddPolynomial::fit(degree, 7.0).unwrap();
            let polynomial = Odd::from(&fitted);
            assert_eq!(polynomial.degree(), Some(degree));
            let bound = polynomial.largest(to);
            let seen = (0..100_003)
                .map(|i| (fitted.evaluate(to * f64::from(i) / 100_003.0) - 0.5).abs())
                .fold(0.0, f64::max);
            assert!(
                seen <= bound && bound <= 1.05 * seen,
                "{degree:?}: {seen} {bound}"
            );
            let (lo, hi) = polynomial.quotients(to);
            let quotient = |i: i32| {
                let z = to * f64::from(i) / 100_003.0;
                (fitted.evaluate(z) - 0.5) / z
            };
            let (least, most) = (1..100_003)
                .map(quotient)
                .fold((9.0, -9.0), |(l, m), q| (f64::min(l, q), f64::max(m, q)));
            assert!(lo <= least && most <= hi, "{degree:?}");
            assert!(least - lo < 0.05 * (most - least) && hi - most < 0.05 * (most - least));
        }
    }

    #[test]
    fn one_polynomial_is_an_object_and_several_are_a_list() {
        let odd = |range| OddPolynomial::fit(Degree::Three, range).unwrap();
        let one = Polynomial::new(&odd(6.0));
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.starts_with("{\"coefficients\":["), "{text}");
        assert_eq!(serde_json::from_str::<Polynomial>(&text).unwrap(), one);
        let each = Polynomials::Each(vec![odd(4.0), odd(8.0)]);
        let each = Polynomial::from(&each);
        let text = serde_json::to_string(&each).unwrap();
        assert_eq!(serde_json::from_str::<Polynomial>(&text).unwrap(), each);
        assert!(each.check(2).is_ok() && each.check(3).is_err() && one.check(7).is_ok());
        assert_eq!([0, 1].map(|k| each.score(k, 20.0)), [4.0, 8.0]);
        assert_eq!(one.score(1, 12.0), 12.0);
    }
}
