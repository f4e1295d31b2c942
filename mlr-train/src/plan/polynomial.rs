//! The polynomial for the sigmoid as a program writes it.

use serde::{Deserialize, Serialize};

use crate::sigmoid::{Degree, OddPolynomial};

/// Points of the grid on which the largest value of a polynomial of degree 5 or 7 is looked for.
const GRID: u32 = 4096;

/// The sigmoid on ciphertexts: sigma(z) - 1/2 ~ c_1 z + c_3 z^3 + ..., up to degree 7. Unchecked, as everything in a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Polynomial(Vec<f64>);

impl Polynomial {
    /// The coefficients of z, z^3, and so on.
    pub fn new(polynomial: &OddPolynomial) -> Self {
        Self(polynomial.coefficients().to_vec())
    }

    /// The coefficients of z, z^3, and so on.
    pub fn coefficients(&self) -> &[f64] {
        &self.0
    }

    /// Degree, if it is one that can be evaluated.
    pub fn degree(&self) -> Option<Degree> {
        let number = (2 * self.0.len()).checked_sub(1)?;
        Degree::from_number(u32::try_from(number).ok()?)
    }

    /// Levels of its evaluation: 2 for the cubic, 3 for degrees 5 and 7.
    pub fn levels(&self) -> usize {
        if self.0.len() <= 2 { 2 } else { 3 }
    }

    /// A bound of the values on [-range, range].
    ///
    /// Of the cubic exact: at an end or where the slope vanishes. Else the largest value on a grid of step h, plus h/2 times a bound
    /// of the slope.
    pub fn largest(&self, range: f64) -> f64 {
        let at = |z: f64| {
            let even = self.0.iter().rev().fold(0.0, |sum, c| sum * z * z + c);
            (z * even).abs()
        };
        if let &[linear, cubic] = self.0.as_slice() {
            let turn = (-linear / (3.0 * cubic)).sqrt();
            let inner = if turn < range { at(turn) } else { 0.0 };
            return at(range).max(inner);
        }
        let step = range / f64::from(GRID);
        let slope = |(k, c): (usize, &f64)| (2 * k + 1) as f64 * c.abs() * range.powi(2 * k as i32);
        let slope: f64 = self.0.iter().enumerate().map(slope).sum();
        let seen = (0..=GRID).map(|i| at(f64::from(i) * step));
        seen.fold(0.0, f64::max) + 0.5 * step * slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_between_the_points_of_the_grid() {
        for degree in [Degree::Three, Degree::Five, Degree::Seven] {
            let fitted = OddPolynomial::fit(degree, 7.0).unwrap();
            let polynomial = Polynomial::new(&fitted);
            assert_eq!(polynomial.degree(), Some(degree));
            let bound = polynomial.largest(14.0);
            let seen = (0..100_003)
                .map(|i| (fitted.evaluate(14.0 * f64::from(i) / 100_003.0) - 0.5).abs())
                .fold(0.0, f64::max);
            assert!(
                seen <= bound && bound <= 1.05 * seen,
                "{degree:?}: {seen} {bound}"
            );
        }
    }
}
