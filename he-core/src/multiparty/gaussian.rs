//! The discrete Gaussian distribution, exactly: integers with probability in proportion to exp(-x^2 / (2 sigma^2)).
//!
//! Canonne, Kamath and Steinke, *The Discrete Gaussian for Differential Privacy* (NeurIPS 2020), algorithms 1 to 3. Only integers are drawn and compared, so no rounding of
//! floating point leaves a pattern in low bits: with f64 a value near 2^60 would have 8 low bits that are always 0, and whatever it is added to would show through.
//!
//! How long a draw takes depends on what is drawn. That is seen by nobody but the party itself.

use rand_core::Rng;

/// Uniform in `0 .. k`, for `k` of 1 at least.
pub(super) fn below(k: u64, rng: &mut impl Rng) -> u64 {
    let mask = u64::MAX >> (k - 1).leading_zeros().min(63);
    loop {
        let candidate = rng.next_u64() & mask;
        if candidate < k {
            return candidate;
        }
    }
}

/// True with probability 1/k.
fn one_in(k: u64, rng: &mut impl Rng) -> bool {
    below(k, rng) == 0
}

/// `bits` random bits, at most 128.
pub(super) fn bits(bits: u32, rng: &mut impl Rng) -> u128 {
    let low = u128::from(rng.next_u64());
    let word = match bits > 64 {
        true => low | u128::from(rng.next_u64()) << 64,
        false => low,
    };
    match bits {
        0 => 0,
        bits => word & (u128::MAX >> (128 - bits)),
    }
}

/// True with probability exp(-a / 2^b), for `a <= 2^b`: algorithm 1, for an exponent of at most 1. It counts how long events of probability a / (2^b k), for
/// k = 1, 2, .., go on; an odd count has the alternating sum of the exponential series.
fn exp_minus(a: u128, b: u32, rng: &mut impl Rng) -> bool {
    let mut k = 1;
    // An event of probability a/2^b and one of 1/k, both drawn in any case.
    while {
        let first = a >> b > 0 || bits(b, rng) < a;
        one_in(k, rng) && first
    } {
        k += 1;
    }
    k % 2 == 1
}

/// Draws from the discrete Gaussian of standard deviation `2^log_sigma`, for `log_sigma` up to 56.
///
/// A proposal from the discrete Laplace distribution of scale t = sigma (algorithm 2), accepted with probability exp(-(|y| - t)^2 / (2 t^2)) (algorithm 3 with sigma^2 / t = t).
/// Proposals of 64 t and more, of probability e^-64, are drawn again: they are accepted with probability e^-1984.
pub(super) fn discrete_gaussian(log_sigma: u32, rng: &mut impl Rng) -> i64 {
    debug_assert!(log_sigma <= 56);
    let t = 1u128 << log_sigma;
    loop {
        // The part below t, kept with probability exp(-u/t); then how often t fits, each time with probability 1/e.
        let u = bits(log_sigma, rng);
        if !exp_minus(u, log_sigma, rng) {
            continue;
        }
        let mut v = 0u128;
        while v < 64 && exp_minus(1, 0, rng) {
            v += 1;
        }
        let y = u + t * v;
        let negative = bits(1, rng) == 1;
        if v == 64 || (negative && y == 0) {
            continue;
        }
        // (y - t)^2 < 2^(2 (6 + 56)), over 2 t^2 = 2^(2 log_sigma + 1): its whole part, each of probability 1/e, and the rest.
        let square = y.abs_diff(t).pow(2);
        let log_divisor = 2 * log_sigma + 1;
        let whole = square >> log_divisor;
        let rest = square & ((1 << log_divisor) - 1);
        if (0..whole).all(|_| exp_minus(1, 0, rng)) && exp_minus(rest, log_divisor, rng) {
            // Below 64 x 2^56.
            let y = y as i64;
            return if negative { -y } else { y };
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn small_ones_have_the_probabilities_of_the_definition() {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        let draws = 200_000;
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..draws {
            *counts.entry(discrete_gaussian(1, &mut rng)).or_insert(0.0) += 1.0;
        }
        let weight = |x: i64| (-(x * x) as f64 / 8.0).exp();
        let total: f64 = (-40..=40).map(weight).sum();
        // Chi square over -5 .. 5 and the rest: 11 degrees of freedom, above 40 with probability 4e-5.
        let (mut chi, mut seen, mut mass) = (0.0, 0.0, 0.0);
        for x in -5..=5 {
            let expected = draws as f64 * weight(x) / total;
            let found: f64 = counts.get(&x).copied().unwrap_or(0.0);
            chi += (found - expected).powi(2) / expected;
            (seen, mass) = (seen + found, mass + expected);
        }
        let rest = draws as f64 - mass;
        chi += (draws as f64 - seen - rest).powi(2) / rest;
        assert!(chi < 40.0, "chi square {chi}");
    }

    #[test]
    fn wide_ones_have_moments_and_tails_of_a_gaussian_and_uniform_low_bits() {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        let (count, log_sigma) = (40_000, 41);
        let draws: Vec<i64> = (0..count)
            .map(|_| discrete_gaussian(log_sigma, &mut rng))
            .collect();
        let z: Vec<f64> = draws
            .iter()
            .map(|x| *x as f64 / f64::from(log_sigma).exp2())
            .collect();
        let mean = |f: fn(f64) -> f64| z.iter().map(|z| f(*z)).sum::<f64>() / count as f64;
        let unit = 1.0 / (count as f64).sqrt();
        // Six standard errors: of z 1, of z^2 sqrt 2, of z^4 sqrt 96, of the share beyond 2 sigma (0.0455) sqrt(p (1 - p)).
        assert!(mean(|z| z).abs() < 6.0 * unit);
        assert!((mean(|z| z * z) - 1.0).abs() < 6.0 * unit * 2f64.sqrt());
        assert!((mean(|z| z.powi(4)) - 3.0).abs() < 6.0 * unit * 96f64.sqrt());
        let tail = mean(|z| f64::from(z.abs() > 2.0));
        assert!((tail - 0.0455).abs() < 6.0 * unit * 0.21, "tail {tail}");
        for bit in 0..30 {
            let ones = draws.iter().filter(|x| *x >> bit & 1 == 1).count() as f64;
            assert!((ones / count as f64 - 0.5).abs() < 6.0 * unit * 0.5);
        }
    }
}
