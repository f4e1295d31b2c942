//! How many multiples of q_0 a raised ciphertext can carry.
//!
//! Raised, a message m modulo q becomes m + q I, where I is the integer nearest to S - m/q and S is a sum of h independent uniform values
//! of -1/2 .. 1/2: one for each coefficient of the sparse key that is not zero, times a uniform coefficient of the ciphertext. The tail of
//! such a sum is known exactly (Irwin and Hall, Biometrika 19, 1927): P(S > h/2 - x) is the sum over 0 <= j <= x of
//! (-1)^j binomial(h, j) (x - j)^h / h!.

/// log2 of P(|S - `shift`| > `bound`) at most, for a sum S of `weight` uniform values of -1/2 .. 1/2: both tails at the nearer end.
///
/// The alternating sum in `f64`, exact to 2^-20 relatively; where its terms cancel beyond that (heavy keys, bounds near the middle), its
/// first term, which is never less than the whole. Minus infinity where the sum cannot be so large.
pub fn log2_tail(weight: u32, bound: f64, shift: f64) -> f64 {
    let x = f64::from(weight) / 2.0 - bound + shift.abs();
    if x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    // log2 of the first term.
    let mut first = f64::from(weight) * x.log2();
    for k in 1..=weight {
        first -= f64::from(k).log2();
    }
    // The others over the first.
    let (mut sum, mut size, mut binomial) = (1.0f64, 1.0f64, 1.0f64);
    let mut j = 1u32;
    while f64::from(j) < x && j <= weight {
        binomial *= f64::from(weight - j + 1) / f64::from(j);
        let term = binomial * ((x - f64::from(j)) / x).powi(weight as i32);
        sum += if j % 2 == 1 { -term } else { term };
        size += term;
        j += 1;
    }
    let whole = sum > size * f64::from(weight) / f64::from(1 << 30);
    let tail = if whole { first + sum.log2() } else { first };
    // Both tails.
    (tail + 1.0).min(0.0)
}

/// log2 of a bound on the probability that any of `coefficients` of them overflows beyond `overflow` multiples of q, for messages of at
/// most `ratio` times q.
///
/// ```
/// use he_core::circuits::bootstrap::log2_failure;
///
/// // 8,192 complex weights, a key of weight 32, |I| <= 14.
/// let log2 = log2_failure(32, 14, 2f64.powi(-10), 2 * 8192);
/// assert!(log2 < -80.0 && log2 > -90.0);
/// ```
pub fn log2_failure(weight: u32, overflow: u32, ratio: f64, coefficients: usize) -> f64 {
    let tail = log2_tail(weight, f64::from(overflow) + 0.5, ratio);
    (tail + (coefficients as f64).log2()).min(0.0)
}

/// The least |I| that no coefficient exceeds but with probability 2^`log2`.
#[cfg(test)]
pub(crate) fn least_overflow(weight: u32, ratio: f64, coefficients: usize, log2: f64) -> u32 {
    let enough = |k: &u32| log2_failure(weight, *k, ratio, coefficients) <= log2;
    (0..=weight).find(enough).unwrap_or(weight)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;

    use super::*;

    /// log2 of the exact tail on one side, doubled, by integers: x = `twice`/2.
    fn exact(weight: u32, twice: u32) -> f64 {
        let power = |base: i64, e: u32| BigInt::from(base).pow(e);
        let (mut sum, mut binomial) = (BigInt::from(0), BigInt::from(1));
        for j in 0..=twice / 2 {
            let term = &binomial * power(i64::from(twice) - 2 * i64::from(j), weight);
            sum += if j % 2 == 1 { -term } else { term };
            binomial = binomial * BigInt::from(weight - j) / BigInt::from(j + 1);
        }
        let factorial = (1..=weight).fold(BigInt::from(1), |a, b| a * BigInt::from(b));
        let log2 = |x: &BigInt| {
            let shift = x.bits().saturating_sub(60);
            let top: BigInt = x >> shift;
            let top: i64 = top.try_into().unwrap();
            (top as f64).log2() + shift as f64
        };
        log2(&sum) - log2(&factorial) - f64::from(weight) + 1.0
    }

    #[test]
    fn the_tail_is_the_exact_one() {
        // Two values: (1 - t)^2 / 2 on each side; three: (3/2 - t)^3 / 6.
        assert!((log2_tail(2, 0.5, 0.0) - 0.25f64.log2()).abs() < 1e-12);
        assert!((log2_tail(3, 1.0, 0.0) - (0.125f64 / 3.0).log2()).abs() < 1e-12);
        for (weight, twice) in [
            (32, 1),
            (32, 3),
            (32, 5),
            (32, 9),
            (32, 13),
            (64, 15),
            (8, 4),
        ] {
            let bound = f64::from(weight) / 2.0 - f64::from(twice) / 2.0;
            let (found, expected) = (log2_tail(weight, bound, 0.0), exact(weight, twice));
            assert!(
                (found - expected).abs() < 1e-6,
                "{weight} {twice}: {found} {expected}"
            );
        }
        // Where terms cancel, the figure is a bound all the same.
        assert!(log2_tail(192, 40.0, 0.0) >= exact(192, 112));
        assert_eq!(log2_tail(32, 16.0, 0.0), f64::NEG_INFINITY);
        assert!(log2_tail(32, 0.0, 0.0).abs() < 1e-9);
    }

    #[test]
    fn the_least_overflow_is_least() {
        let ratio = 2f64.powi(-10);
        let k = least_overflow(32, ratio, 1 << 14, -64.0);
        assert_eq!(k, 14);
        assert!(log2_failure(32, k, ratio, 1 << 14) <= -64.0);
        assert!(log2_failure(32, k - 1, ratio, 1 << 14) > -64.0);
        // A message that is off the middle leaves less room.
        assert!(log2_failure(32, k, 0.25, 1 << 14) > log2_failure(32, k, ratio, 1 << 14));
    }
}
