//! What the slack of the proof lets a malicious owner add: derived in [the module above](super).

use std::f64::consts::LN_2;

use crate::arith::MAX_PRIME_BITS;
use crate::ckks::noise::{ERROR_VARIANCE, SECRET_VARIANCE, rounding};
use crate::multiparty::MultipartyError;
use crate::multiparty::proof::Shape;
use crate::params::{Params, log_halves, row_digits};

/// Largest coefficient of an error.
const ERROR_BOUND: u64 = 21;
/// log2 of the seeds that an owner may try, and of how unlikely it is that one of them breaks the bound.
const TRIES: f64 = 128.0;
const FAILURE: f64 = 64.0;
/// How many times the slack the rounding is where there is a choice.
const LEAST_RATIO: f64 = 1.5;
/// Parameters that let a malicious owner's upload err by more than so many bits beyond the rounding are refused.
const MOST_BITS: f64 = 8.0;

/// The proof's shape: columns u and e', a statement a digit.
pub(super) fn shape(log_n: u32, level: usize) -> Result<Shape, MultipartyError> {
    Shape::new(log_n, row_digits(level), &[1, ERROR_BOUND])
}

/// log2 of P times the standard deviation of a coefficient of the slack, for digits of at most `2^log_digit`.
fn log_slack(
    log_n: u32,
    parties: u32,
    level: usize,
    log_digit: f64,
) -> Result<f64, MultipartyError> {
    let shape = shape(log_n, level)?;
    let (n, parties) = (f64::from(log_n).exp2(), f64::from(parties));
    let count = row_digits(level) as f64;
    let t = LN_2 * (TRIES + FAILURE + f64::from(log_n) - 1.0);
    let digit = log_digit + (n.sqrt() * (count.sqrt() + t.sqrt())).log2();
    let [u, e] = [0, 1].map(|column| shape.log_extracted(column).exp2());
    let secrets = parties * (ERROR_VARIANCE * u * u + SECRET_VARIANCE * e * e);
    Ok(digit + (count * n * secrets).log2() / 2.0)
}

/// Bound on the root mean square of what an owner can add to a slot beyond what it knows, *before* division by the scale, by the slack of its proof for uploads up to `level`: see [the module](super).
///
/// # Errors
/// [`MultipartyError::NotJoint`]; [`MultipartyError::Room`] where that is more than 2^8 times the rounding.
pub fn slack_noise(params: &Params, level: usize) -> Result<f64, MultipartyError> {
    let parties = params.parties().ok_or(MultipartyError::NotJoint)?;
    let (log_p, digit) = (params.log_p(), params.log_largest_row_digit(level));
    let log = log_slack(params.log_n(), parties, level, digit)?;
    let slots = f64::from(params.log_n()) / 2.0;
    let found = log + slots - log_p;
    let excess = found - rounding(params).log2() - MOST_BITS;
    if excess > 0.0 {
        return Err(MultipartyError::Room {
            what: "a proof's slack in the special primes",
            needed: log_p + excess,
            available: log_p,
        });
    }
    Ok(found.exp2())
}

/// How many bits the special primes have together for a slack of less than two thirds of the rounding: for uploads up to `level`, with primes of `bits` bits above q_0, whatever q_0 is: the halves of the longest one are digits of at most 2^23.5 together.
///
/// ```
/// // Three owners at N = 2^14: two primes of 47 bits.
/// let bits = he_core::multiparty::special_bits(14, 3, 8, 36)?;
/// assert!(bits > 88.0 && bits < 94.0);
/// # Ok::<(), he_core::multiparty::MultipartyError>(())
/// ```
///
/// # Errors
/// [`MultipartyError::Room`] for rings that no proof is for.
pub fn special_bits(
    log_n: u32,
    parties: u32,
    level: usize,
    bits: u32,
) -> Result<f64, MultipartyError> {
    let digit = (f64::from(bits) - 1.0).max(log_halves(MAX_PRIME_BITS.div_ceil(2)));
    let log = log_slack(log_n, parties, level, digit)?;
    let square = SECRET_VARIANCE * f64::from(parties) * f64::from(log_n).exp2();
    Ok(log - ((1.0 + square) / 12.0).log2() / 2.0 + LEAST_RATIO.log2())
}
