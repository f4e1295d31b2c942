//! The noise formulas: one place, used by the parameter search, by every evaluator's ledger and by the tests.
//!
//! All figures are root mean squares of the complex error of one slot, *before* division by the scale ("raw"). An error polynomial with
//! independent coefficients of variance v gives slots of mean square N·v, because the embedding is sqrt(N) times an isometry.
//! The secret is uniform ternary (variance 2/3), errors are centred binomial of variance 10.5, roundings are uniform (1/12).
//! (Central-limit analysis as in Costache, Curtis, Hales, Murphy, Ogilvie and Player, ePrint 2021/1072.)

use crate::params::Params;

/// Variance of one error coefficient: centred binomial over 21 pairs of bits.
pub const ERROR_VARIANCE: f64 = 10.5;
/// Variance of one coefficient of a uniform ternary secret.
pub const SECRET_VARIANCE: f64 = 2.0 / 3.0;

/// Rounding a plaintext to integer coefficients.
pub fn encode(n: usize) -> f64 {
    (n as f64 / 12.0).sqrt()
}

/// A fresh ciphertext under the secret key: its error and the encoder's rounding.
pub fn fresh_secret(n: usize) -> f64 {
    (n as f64 * (ERROR_VARIANCE + 1.0 / 12.0)).sqrt()
}

/// A fresh ciphertext under the public key: v·e + e_0 + e_1·s, with v ternary, and the encoder's rounding.
pub fn fresh_public(n: usize) -> f64 {
    let n = n as f64;
    (n * (ERROR_VARIANCE * (1.0 + 2.0 * n * SECRET_VARIANCE) + 1.0 / 12.0)).sqrt()
}

/// Rounding both components of a ciphertext when it is divided by a modulus: t_0 + t_1·s.
pub fn rounding(n: usize) -> f64 {
    let n = n as f64;
    (n / 12.0 * (1.0 + n * SECRET_VARIANCE)).sqrt()
}

/// One key product before its division by P, in units of P: digits times key errors. `level` says which digits take part.
pub fn key_product(params: &Params, level: usize) -> f64 {
    let n = params.n() as f64;
    let log_p: f64 = params.p().iter().map(|&p| (p as f64).log2()).sum();
    let digits: f64 = params
        .digits(level)
        .map(|r| {
            let log_digit: f64 = params.q()[r].iter().map(|&q| (q as f64).log2()).sum();
            (2.0 * (log_digit - log_p)).exp2() / 12.0
        })
        .sum();
    (n * n * ERROR_VARIANCE * digits).sqrt()
}

/// A whole key switch at `level`: one key product and the division by P.
pub fn key_switch(params: &Params, level: usize) -> f64 {
    key_product(params, level).hypot(rounding(params.n()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_noise_matches_the_figure_of_the_design() {
        // training.md: about 2^12.9 at N = 2^15.
        assert!((rounding(1 << 15).log2() - 12.9).abs() < 0.05);
        assert!(
            fresh_secret(1 << 15) < rounding(1 << 15) && rounding(1 << 15) < fresh_public(1 << 15)
        );
    }
}
