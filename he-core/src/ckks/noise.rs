//! The noise formulas: one place, used by the parameter search, by every evaluator's ledger and by the tests.
//!
//! All figures are root mean squares of the complex error of one slot, *before* division by the scale ("raw"). An error polynomial with
//! independent coefficients of variance v gives slots of mean square N·v, because the embedding is sqrt(N) times an isometry.
//! The secret is uniform ternary (variance 2/3), errors are centred binomial of variance 10.5, roundings are uniform (1/12).
//!
//! A joint secret is the sum of n independent ternary ones ([`Params::parties`]), and a joint key's error the sum of n errors: variances 2 n/3 and
//! 10.5 n. Noise that comes from rounding to a multiple of the secret so grows with the root of n, that of a public key too.
//! (Central-limit analysis as in Costache, Curtis, Hales, Murphy, Ogilvie and Player, ePrint 2021/1072.)

use crate::params::Params;
use crate::rlwe::Bridge;

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

/// How many ternary secrets the secret is the sum of.
fn terms(params: &Params) -> f64 {
    params.parties().map_or(1.0, f64::from)
}

/// Variance of v·e + e_0 + e_1·s: the error of a public-key encryption, in a coefficient.
fn public_variance(params: &Params) -> f64 {
    let n = params.n() as f64;
    ERROR_VARIANCE * (1.0 + 2.0 * n * SECRET_VARIANCE * terms(params))
}

/// A fresh ciphertext under the public key: v·e + e_0 + e_1·s, with v ternary, and the encoder's rounding.
pub fn fresh_public(params: &Params) -> f64 {
    (params.n() as f64 * (public_variance(params) + 1.0 / 12.0)).sqrt()
}

/// Rows of an owner after their switch from its own key to the joint one, with all doubled ([`crate::multiparty::upload`]): twice a fresh ciphertext's noise, the division's rounding, and what is left of the
/// errors of the switching key, whose digits are residues modulo single primes, in two halves for q_0. `level` says how many.
pub fn fresh_switched(params: &Params, level: usize) -> f64 {
    let n = params.n() as f64;
    let ratios = params.log_row_digits(level).map(|log| log - params.log_p());
    let digits: f64 = ratios.map(|log| (2.0 * log).exp2()).sum();
    let key = n * (digits / 12.0 * public_variance(params)).sqrt();
    let doubled = (2.0 * fresh_secret(params.n())).hypot(2.0 * key);
    rounding(params).hypot(doubled)
}

/// Rounding both components of a ciphertext when it is divided by a modulus: t_0 + t_1·s.
pub fn rounding(params: &Params) -> f64 {
    rounding_under(params.n(), params.square() * terms(params))
}

/// The same under a key of any coefficients, whose squares sum to `square`.
pub fn rounding_under(n: usize, square: f64) -> f64 {
    (n as f64 / 12.0 * (1.0 + square)).sqrt()
}

/// A ciphertext of the small ring with error `noise` after [`Bridge::enter`]: times the gain and the ratio of both primes, with one rounding in the small
/// ring and two key switches in the large one.
pub fn entering(bridge: &Bridge, noise: f64, gain: u64) -> f64 {
    let (small, large) = (bridge.small().params(), bridge.large().params());
    let ratio = gain as f64 * large.q()[0] as f64 / small.q()[0] as f64;
    [
        noise * ratio,
        rounding(small),
        key_switch(bridge.entering().params(), 0),
        key_switch(large, large.max_level()),
    ]
    .into_iter()
    .fold(0.0, f64::hypot)
}

/// A ciphertext of the large ring with error `noise` after [`Bridge::leave`]. Of the key switch, every g-th coefficient stays; `noise` counts as
/// if all of it lay there.
pub fn leaving(bridge: &Bridge, noise: f64) -> f64 {
    let (small, large) = (bridge.small().params(), bridge.large().params());
    let shape = bridge.shape();
    let (n, wide) = (small.n(), large.n());
    let level = shape.leave_level;
    let switch =
        key_product(bridge.leaving().params(), level).hypot(rounding_under(wide, small.square()));
    let kept = (n as f64 / wide as f64).sqrt();
    let log_ratio = small.log_q(shape.output_level) - large.log_q(level);
    (noise.hypot(switch * kept) * log_ratio.exp2()).hypot(rounding(small))
}

/// One key product of a Galois key before its division by P, in units of P: digits times key errors. `level` says which digits take part.
pub fn key_product(params: &Params, level: usize) -> f64 {
    product(params, level, terms(params) * ERROR_VARIANCE)
}

/// [`key_product`] of the relinearisation key. That of a joint secret comes from two rounds ([`crate::multiparty::relinearise`]) and has the error
/// s·e_0 + u·e_1 + e_2 + e_3, with u the sum of the parties' ephemeral ternary secrets.
pub fn relinearisation_product(params: &Params, level: usize) -> f64 {
    let error = terms(params) * ERROR_VARIANCE;
    let secret = params.n() as f64 * terms(params) * SECRET_VARIANCE;
    let variance = match params.parties() {
        None => error,
        Some(_) => 2.0 * error * (1.0 + secret),
    };
    product(params, level, variance)
}

/// Digits at `level` times key errors of this variance a coefficient, in units of P.
fn product(params: &Params, level: usize, variance: f64) -> f64 {
    let n = params.n() as f64;
    (n * n * variance * params.digit_ratios(level)).sqrt()
}

/// A whole key switch with a Galois key at `level`: one key product and the division by P.
pub fn key_switch(params: &Params, level: usize) -> f64 {
    key_product(params, level).hypot(rounding(params))
}

/// A whole relinearisation at `level`: one key product and the division by P.
pub fn relinearisation(params: &Params, level: usize) -> f64 {
    relinearisation_product(params, level).hypot(rounding(params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        let literal = crate::params::ParamsLiteral {
            log_n: 15,
            q_bits: vec![43, 35, 35],
            p_bits: vec![48],
            dnum: 3,
        };
        Params::insecure_test(literal).unwrap()
    }

    #[test]
    fn noise_of_a_joint_key_grows_with_the_root_of_the_parties() {
        let alone = params().for_parties(1).unwrap();
        let many = params().for_parties(9).unwrap();
        for formula in [fresh_public, rounding, |p: &Params| key_product(p, 2)] {
            assert!((formula(&many) / formula(&alone) - 3.0).abs() < 1e-3);
        }
        // Both the secret and the errors grow.
        let ratio = relinearisation_product(&many, 2) / relinearisation_product(&alone, 2);
        assert!((ratio - 9.0).abs() < 1e-3);
        assert!(params().for_parties(0).is_err() && params().for_parties(257).is_err());
        assert_ne!(alone.fingerprint(), params().fingerprint());
        assert_ne!(alone.fingerprint(), many.fingerprint());
    }

    #[test]
    fn rounding_noise_matches_the_figure_of_the_design() {
        // training.md: about 2^12.9 at N = 2^15.
        let params = params();
        assert!((rounding(&params).log2() - 12.9).abs() < 0.05);
        assert!(fresh_secret(1 << 15) < rounding(&params));
        assert!(rounding(&params) < fresh_public(&params));
    }
}
