//! How finely decrypted values may be shown.
//!
//! A decrypted CKKS value carries noise that depends on the key (Li and Micciancio, ePrint 2020/1533). Values are rounded to a unit that is large
//! against the noise, so that what is shown is the exact value rounded, but near the borders between two multiples of the unit.

use ndarray::{Array2, ArrayView2};

/// The unit over the expected root mean square error. The largest of some 10^4 Gaussian errors stays below six; that usual sizes of values stand for
/// their largest makes the expectation right within a factor of four.
pub const MARGIN: f64 = 24.0;
/// The unit over the largest error that a twin shows.
const OVER_SEEN: f64 = 8.0;
/// Part of the largest value that is fine enough: what accuracy needs.
const FINE: f64 = 1.0 / 1024.0;

/// What speaks for the sizes that expected errors were reckoned with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sizes {
    /// Whoever encrypted has checked them.
    Checked,
    /// A twin in clear has the values.
    Twin(Seen),
    /// Nobody has seen all rows: values of unusual size make errors far beyond the expected ones.
    Unchecked {
        /// Largest of the decrypted values.
        largest: f64,
    },
}

/// What a twin in clear tells of decrypted values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Largest distance from the twin's values.
    pub distance: f64,
    /// Largest of the twin's values.
    pub largest: f64,
}

/// Bits behind the binary point that values may be shown with. The unit 2^-bits is the power of two above 24 expected errors, above the spread of copies and,
/// with a twin, above eight times the largest distance from it.
///
/// Where a twin shows errors far below the expectation, 1/1024 of its largest value is enough in place of the expected errors: like them it is no
/// function of the noise. So is the unit in an honest run. Where nobody has checked the sizes, the unit is at least 1/1024 of the largest value: errors of rows with
/// heavy tails were measured at up to 300 expected ones, and that part is thousands of them in every plan.
pub fn bits(expected: f64, spread: f64, sizes: Sizes) -> i32 {
    let planned = MARGIN * expected;
    let unit = match sizes {
        Sizes::Checked => planned.max(spread),
        Sizes::Twin(seen) => planned
            .min(FINE * seen.largest)
            .max(spread)
            .max(OVER_SEEN * seen.distance),
        Sizes::Unchecked { largest } => planned.max(spread).max(FINE * largest),
    };
    // Also for a unit of zero or none at all, which hides nothing and everything.
    (-unit.log2()).floor().clamp(-1000.0, 52.0) as i32
}

/// The unit over the root mean square of noise that is added on purpose. It is Gaussian and known exactly: of 10^5 errors the largest stays below six, half of this.
const OVER_HIDDEN: f64 = 12.0;

/// As [`bits`], for values that several parties opened together, each behind noise of its own: `hidden` is what is left of that noise. The digits that are certain.
pub fn bits_opened(expected: f64, hidden: f64, sizes: Sizes) -> i32 {
    bits(expected, OVER_HIDDEN * hidden, sizes)
}

/// As [`bits_opened`], the digits that are shown. The parties' noise is no function of any key, so it does not have to be hidden in its turn, and whoever opens has seen all digits: a unit
/// of the size of the noise makes the error a sixth larger at most, where one above all noise made it four times as large.
pub fn bits_shown(expected: f64, hidden: f64, sizes: Sizes) -> i32 {
    bits(expected, hidden, sizes)
}

/// Values rounded to multiples of 2^-bits.
pub fn rounded(values: ArrayView2<'_, f64>, bits: i32) -> Array2<f64> {
    let unit = f64::from(bits).exp2();
    values.mapv(|value| (value * unit).round() / unit)
}

/// The power of two at or above a figure that is made of noise: all that is told of it.
pub fn coarse(figure: f64) -> f64 {
    figure.log2().ceil().exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_above_all_that_is_known_of_the_noise() {
        let seen = |distance, largest| Sizes::Twin(Seen { distance, largest });
        let unchecked = |largest| Sizes::Unchecked { largest };
        let one = (-20.0f64).exp2();
        // 24 x 2^-20 is below 2^-15.
        assert_eq!(bits(one, 0.0, Sizes::Checked), 15);
        assert_eq!(bits(one, (-10.0f64).exp2(), Sizes::Checked), 10);
        assert_eq!(bits(one, 0.0, seen((-10.0f64).exp2(), 1.0)), 7);
        // A quiet twin gains nothing below the expectation, but where that is coarse.
        assert_eq!(bits(one, 0.0, seen(0.0, 1.0)), 15);
        assert_eq!(bits(0.01, 0.0, seen(1e-6, 1.0)), 10);
        // Nobody has checked: a thousandth of the largest value, unless that is finer.
        assert_eq!(bits(one, 0.0, unchecked(1.0)), 10);
        assert_eq!(bits(one, 0.0, unchecked(1e-3)), 15);
        assert_eq!(bits(f64::INFINITY, 0.0, Sizes::Checked), -1000);
    }

    #[test]
    fn shown_values_are_within_half_a_unit_and_an_error() {
        for exponent in 1..30 {
            let error = (-f64::from(exponent)).exp2() * 0.7;
            let exact = ndarray::array![[0.3, -1.7], [2.9, 0.0]];
            let bits = bits(
                0.0,
                0.0,
                Sizes::Twin(Seen {
                    distance: error,
                    largest: 2.9,
                }),
            );
            let unit = (-f64::from(bits)).exp2();
            assert!(error <= unit / 8.0);
            let shown = rounded((&exact + error).view(), bits);
            assert!((&shown - &exact).iter().all(|d| d.abs() <= unit * 0.625));
        }
        assert_eq!(coarse(0.3), 0.5);
    }
}
