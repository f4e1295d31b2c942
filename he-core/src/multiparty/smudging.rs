//! Noise that hides a decryption's noise.
//!
//! The sum of the parties' shares of a decryption is the plaintext and the ciphertext's noise, which depends on the secret (Li and Micciancio, ePrint 2020/1533). So every party adds noise
//! of its own, and each alone adds enough, since all others may be in league. How much, for **one opening**:
//!
//! Let L bound the root mean square of a noise's coefficients. A share's noise is e = w G + U for every coefficient, with U uniform in 0 .. w - 1 and G the discrete Gaussian of standard deviation 2^k. Add to it two different
//! noises x and x', whose difference has root mean square 2 L at most: given the sum modulo w, which is uniform in either case, the rest is G shifted by integers that differ by less than |x - x'| / w + 1, of root mean square
//! d = 2 L / w + 1 at most. The Kullback-Leibler divergence of a discrete Gaussian from its shift by d is d^2 / (2 sigma^2), the Renyi divergence of order 2 d^2 / sigma^2
//! (Canonne, Kamath and Steinke, NeurIPS 2020, proposition 5). They add up over the N coefficients of M ciphertexts. So d may be c at most:
//!
//! | [`OpeningSecurity`] | divergence wanted | c | w 2^k / L at N = 2^14, M = 1 |
//! |---|---|---|---|
//! | `Statistical` | KL at most 2^-64 | 2^k 2^-32 (2 / (M N))^(1/2) | 2^39.6 |
//! | `KeyRecovery` | Renyi at most ln 2 | 2^k (ln 2 / (M N))^(1/2) | 2^8.3 |
//!
//! and w = ceil(2 L / (c - 1)). The width w 2^k is near 2 L 2^k / c for a large k, and of the few that are tried the one with the least width is taken.
//!
//! *Statistical*: what is shown is as good as the plaintext and noise that has nothing to do with keys, to s = 64 bits in the sense that Li, Micciancio, Schultz and Sorrell give to a divergence (ePrint 2022/816): as a statistical
//! distance at most 2^-32.5.
//!
//! *Key recovery*: whoever finds a given thing (the secret, a row) with probability p from what is shown finds it with p^2 / 2 at least from plaintext and independent noise (Renyi divergence of order 2, as Boudgoust and Scholl
//! use it for threshold decryption, ePrint 2023/016). So 128 bits against finding keys leave more than 63. It does not say that nothing at all is told.
//!
//! # What that costs
//! log2(w 2^k / L) + 1 bits of *precision*, relative to the ciphertext's noise: room in the modulus is of no help, since whatever makes the message larger makes the noise larger with it. A result with 22 good bits has none left after statistical hiding, and
//! 12 after the other: computations whose results are to be hidden statistically have to be carried out with scales of 2^75 and more throughout.
//!
//! All of this is for one opening under a key: noise of two openings of one number averages out, and no simulator knows how to answer twice.

use std::f64::consts::LN_2;

use rand_core::Rng;

use super::MultipartyError;
use super::gaussian::{below, discrete_gaussian};
use crate::params::Params;

/// Statistical security of an opening, s.
pub const STATISTICAL_SECURITY: u32 = 64;

/// Largest root mean square of a noise's coefficients, in units of what the formulas expect: they are above what is measured everywhere, and 2^10 coefficients are within a tenth of their expectation.
const MARGIN: f64 = 2.0;

/// Standard deviations that are tried, none beyond 2^56, which [`discrete_gaussian`] draws.
const STEPS: u32 = 7;
const MOST_HIGH: u32 = 56;

/// What an opening is to hide of the ciphertext's noise: see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningSecurity {
    /// All of it, to 64 bits of statistical security.
    Statistical,
    /// So much that keys are not found.
    KeyRecovery,
}

/// How wide the noise of a share is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Smudging {
    /// w: how many values the uniform part has.
    unit: u64,
    /// k: log2 of the Gaussian part's standard deviation.
    high: u32,
}

impl Smudging {
    /// For one opening of `ciphertexts` whose slots have the expected raw error `noise` ([`crate::evaluator::Meta::noise`]).
    ///
    /// A slot's mean square is N times a coefficient's, so L = 2 noise / sqrt(N).
    ///
    /// # Errors
    /// [`MultipartyError::Room`] for noise of more than 2^62, beside which nothing would be left to read, and for more ciphertexts than noise is drawn for (beyond 2^47 coefficients).
    pub fn for_noise(
        params: &Params,
        noise: f64,
        ciphertexts: usize,
        security: OpeningSecurity,
    ) -> Result<Self, MultipartyError> {
        let n = params.n() as f64;
        let bound = MARGIN * noise / n.sqrt();
        // A noise that is not a number is refused too.
        let fits = bound < 2f64.powi(62);
        if !fits {
            return Err(MultipartyError::Room {
                what: "noise that hides the noise of a decryption",
                needed: bound.log2(),
                available: 62.0,
            });
        }
        let coefficients = ciphertexts.max(1) as f64 * n;
        // log2 of the largest d with a standard deviation of 1.
        let log_shift = match security {
            OpeningSecurity::Statistical => {
                (1.0 - f64::from(STATISTICAL_SECURITY) - coefficients.log2()) / 2.0
            }
            OpeningSecurity::KeyRecovery => (LN_2 / coefficients).log2() / 2.0,
        };
        let least = (-log_shift).ceil() as u32 + 1;
        let of = |high: u32| {
            let shift = (f64::from(high) + log_shift).exp2();
            let unit = (2.0 * bound / (shift - 1.0)).ceil().max(1.0) as u64;
            Self { unit, high }
        };
        let all = (least..=MOST_HIGH.min(least + STEPS - 1)).map(of);
        let best = all.min_by(|a, b| a.standard_deviation().total_cmp(&b.standard_deviation()));
        best.ok_or(MultipartyError::Room {
            what: "noise that hides so many ciphertexts",
            needed: f64::from(least),
            available: f64::from(MOST_HIGH),
        })
    }

    /// Standard deviation of one share's coefficient.
    pub fn standard_deviation(&self) -> f64 {
        // The uniform part adds 1/12 of a unit of the Gaussian's.
        self.unit as f64 * f64::from(self.high).exp2()
    }

    /// Root mean square of a slot of the sum of `parties` shares' noise, before division by the scale.
    pub fn slot_noise(&self, params: &Params, parties: usize) -> f64 {
        (params.n() as f64 * parties as f64).sqrt() * self.standard_deviation()
    }

    /// Bound on a coefficient of one share's noise: 2^6 standard deviations and the uniform part. Never exceeded.
    pub fn log_bound(&self) -> f64 {
        self.standard_deviation().log2() + 6.01
    }

    /// The noise of `n` coefficients.
    pub(super) fn draw(&self, n: usize, rng: &mut impl Rng) -> Vec<i128> {
        (0..n)
            .map(|_| {
                let high = i128::from(discrete_gaussian(self.high, rng));
                // Below 2^(6 + 56) times 2^63: exact.
                high * i128::from(self.unit) + i128::from(below(self.unit, rng))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ParamsLiteral;

    #[test]
    fn the_width_is_that_of_the_derivation() {
        for log_n in [10, 14] {
            let literal = ParamsLiteral {
                log_n,
                q_bits: vec![40, 30],
                p_bits: vec![46],
                dnum: 2,
            };
            let params = Params::insecure_test(literal).unwrap();
            let n = params.n() as f64;
            for (noise, ciphertexts) in [(1e3, 1), (1e9, 30)] {
                let of =
                    |security| Smudging::for_noise(&params, noise, ciphertexts, security).unwrap();
                let bound = 2.0 * noise / n.sqrt();
                for (security, kl) in [
                    (OpeningSecurity::Statistical, 2f64.powi(-64)),
                    (OpeningSecurity::KeyRecovery, 2f64.ln() / 2.0),
                ] {
                    let smudging = of(security);
                    let unit = smudging.unit as f64;
                    // The divergence of shifts of root mean square 2 bound / unit + 1: at most what is wanted, and little less.
                    let sigma = f64::from(smudging.high).exp2();
                    let divergence =
                        |shift: f64| ciphertexts as f64 * n * shift.powi(2) / (2.0 * sigma.powi(2));
                    let found = divergence(2.0 * bound / unit + 1.0);
                    assert!(found <= kl * (1.0 + 1e-9), "{found} of {kl}");
                    // No width below 2 bound / c would do: the uniform part costs a hundredth, and whole numbers a quarter where the noise is a few units.
                    let least = 2.0 * bound * (ciphertexts as f64 * n / (2.0 * kl)).sqrt();
                    let over = if unit < 16.0 { 1.3 } else { 1.01 };
                    assert!(smudging.standard_deviation() <= over * least);
                }
                let over = of(OpeningSecurity::Statistical).standard_deviation() / bound;
                // 2^(s/2) and what the coefficients cost.
                let dimension = (2.0 * ciphertexts as f64 * n).log2() / 2.0;
                assert!((over.log2() - 32.0 - dimension).abs() < 0.4);
            }
            for noise in [1e30, f64::NAN] {
                let refused = Smudging::for_noise(&params, noise, 1, OpeningSecurity::KeyRecovery);
                assert!(refused.is_err());
            }
        }
    }
}
