//! Encoding: complex slots to integer coefficients and back.

use num_complex::Complex64;
use thiserror::Error;

use super::embedding::{Embedding, error_bound};
use super::wipe::wipe_slots;

/// Coefficients stay below this in absolute value, so that `as i128` converts them exactly.
pub const MAX_COEFFICIENT: f64 = (1u128 << 126) as f64;

/// Why slots cannot be encoded, or coefficients not decoded.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A ring degree without an encoder.
    #[error("ring degree 2^{found} has no encoder: expected 2^3 to 2^17")]
    RingDegree {
        /// log2 of the degree asked for.
        found: u32,
    },
    /// A vector of the wrong length.
    #[error("{what}: expected {expected} of them, found {found}")]
    Length {
        /// Slots or coefficients.
        what: &'static str,
        /// Length that the ring has.
        expected: usize,
        /// Length given.
        found: usize,
    },
    /// A number that is not finite, or a scale that is not positive.
    #[error("{what}: {value} is not a usable number here")]
    NotFinite {
        /// Scale, slot or coefficient.
        what: &'static str,
        /// The number.
        value: f64,
    },
    /// Value times scale is too large for a coefficient.
    #[error(
        "values of up to 2^{found:.1} (value times scale) do not fit a coefficient of 126 bits: choose a smaller scale"
    )]
    TooLarge {
        /// log2 of the largest coefficient.
        found: f64,
    },
}

impl crate::error::Explain for EncodeError {}

/// Encodes and decodes the N/2 complex slots of one ring degree N.
///
/// Slot j is the value at zeta^(5^j), zeta = exp(i pi / N). The automorphism X -> X^(5^k) moves slot j + k to slot j (a rotation to the left by k);
/// X -> X^(-1) conjugates every slot; products of polynomials are products of slots.
///
/// Cost: N/4 log2(N/2) complex products either way. Results have the same bits on every machine.
#[derive(Clone, Debug)]
pub struct Encoder {
    embedding: Embedding,
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), EncodeError> {
    if found == expected {
        Ok(())
    } else {
        Err(EncodeError::Length {
            what,
            expected,
            found,
        })
    }
}

fn check_scale(scale: f64) -> Result<(), EncodeError> {
    if scale.is_finite() && scale > 0.0 {
        Ok(())
    } else {
        Err(EncodeError::NotFinite {
            what: "scale",
            value: scale,
        })
    }
}

impl Encoder {
    /// Tables for N = 2^`log_n`, 3 <= `log_n` <= 17: 12 N bytes.
    ///
    /// # Errors
    /// [`EncodeError::RingDegree`].
    pub fn new(log_n: u32) -> Result<Self, EncodeError> {
        if !(3..=17).contains(&log_n) {
            return Err(EncodeError::RingDegree { found: log_n });
        }
        Ok(Self {
            embedding: Embedding::new(log_n),
        })
    }

    /// Slots: N/2.
    pub fn slots(&self) -> usize {
        self.embedding.slots()
    }

    /// Bound on the relative error, in the root mean square over all slots, that `f64` arithmetic adds in [`Encoder::encode`] or
    /// [`Encoder::decode`]: 7 log2(N/2) units of 2^-53 for the transform and one for the scale (below 2^-46 for every supported ring).
    pub fn error_bound(&self) -> f64 {
        error_bound(self.slots()) + f64::EPSILON / 2.0
    }

    /// Integer coefficients of the polynomial whose slots are `scale` times `slots`; N of them, constant term first.
    ///
    /// The coefficients are integers held exactly in `f64`, ties rounded to even, each at most `scale` times the largest slot (plus 1/2). In units of
    /// 1/`scale` the slots of the result differ from `slots` by the rounding, at most sqrt(N)/2 and in expectation sqrt(N/12)
    /// in the root mean square ([`super::noise::encode`]), and by [`Encoder::error_bound`] times `scale` times the slots' own root mean square.
    ///
    /// # Errors
    /// [`EncodeError::Length`], [`EncodeError::NotFinite`], [`EncodeError::TooLarge`].
    pub fn encode(&self, slots: &[Complex64], scale: f64) -> Result<Vec<f64>, EncodeError> {
        check_length("slots", self.slots(), slots.len())?;
        check_scale(scale)?;
        for z in slots {
            for value in [z.re, z.im] {
                if !value.is_finite() {
                    return Err(EncodeError::NotFinite {
                        what: "slot",
                        value,
                    });
                }
            }
        }
        let mut c = self.embedding.interpolate(slots);
        // The transform left a factor of N/2, a power of two: dividing the scale by it is exact.
        let factor = scale / self.slots() as f64;
        let round = |x: f64| (x * factor).round_ties_even();
        let mut coefficients: Vec<f64> = c
            .iter()
            .map(|z| round(z.re))
            .chain(c.iter().map(|z| round(z.im)))
            .collect();
        wipe_slots(&mut c);
        if let Some(x) = coefficients
            .iter()
            .find(|x| x.is_nan() || x.abs() >= MAX_COEFFICIENT)
        {
            // NaN: the sums themselves overflowed.
            return Err(EncodeError::TooLarge {
                found: x.abs().log2(),
            });
        }
        // -0.0 would be another bit pattern of the same integer.
        coefficients.iter_mut().for_each(|x| *x += 0.0);
        Ok(coefficients)
    }

    /// The slots of the polynomial with the given coefficients, divided by `scale`.
    ///
    /// Coefficients are integers centred around 0, as [`super::lift::Lift`] makes them of residues; beyond 2^53 each may carry
    /// a relative error of 2^-53. The slots' error is [`Encoder::error_bound`] times their own root mean square.
    ///
    /// # Errors
    /// [`EncodeError::Length`], [`EncodeError::NotFinite`].
    pub fn decode(&self, coefficients: &[f64], scale: f64) -> Result<Vec<Complex64>, EncodeError> {
        check_length("coefficients", 2 * self.slots(), coefficients.len())?;
        check_scale(scale)?;
        if let Some(&value) = coefficients.iter().find(|x| !x.is_finite()) {
            return Err(EncodeError::NotFinite {
                what: "coefficient",
                value,
            });
        }
        let (low, high) = coefficients.split_at(self.slots());
        let c = low
            .iter()
            .zip(high)
            .map(|(re, im)| Complex64::new(re / scale, im / scale))
            .collect();
        Ok(self.embedding.evaluate(c))
    }
}

#[cfg(test)]
mod tests;
