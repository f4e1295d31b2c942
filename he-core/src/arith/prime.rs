//! Primes that split: `p = 1 mod 2N`.

use super::bits::{MAX_PRIME_BITS, MIN_PRIME_BITS};
use super::error::{ArithError, check_degree};

/// Whether `n < 2^64` is prime: Miller-Rabin with the first twelve primes as bases, which decides
/// every `n` below 3.3e24 (Sorenson and Webster, Math. Comp. 86, 2017).
#[must_use]
pub fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 2 {
        return false;
    }
    if let Some(b) = BASES.iter().find(|b| n.is_multiple_of(**b)) {
        return n == *b;
    }
    let s = (n - 1).trailing_zeros();
    let d = (n - 1) >> s;
    BASES.iter().all(|&base| {
        let mut x = pow_mod(base, d, n);
        if x == 1 || x == n - 1 {
            return true;
        }
        (1..s).any(|_| {
            x = mul_mod(x, x, n);
            x == n - 1
        })
    })
}

/// The `count` primes `p = 1 mod 2^(log_n + 1)` nearest to `2^bits` that are not in `taken`, nearest
/// first (of two equally near, the smaller first).
///
/// Only primes within a factor of two of `2^bits`, above `2^16` and below `2^48` count.
///
/// # Errors
/// [`ArithError::Degree`] for a degree without a transform, [`ArithError::PrimesExhausted`] if
/// there are too few.
pub fn ntt_primes(
    bits: u32,
    log_n: u32,
    count: usize,
    taken: &[u64],
) -> Result<Vec<u64>, ArithError> {
    check_degree(log_n)?;
    let mut found = Vec::with_capacity(count);
    if (MIN_PRIME_BITS..=MAX_PRIME_BITS).contains(&bits) {
        let step = 1u64 << (log_n + 1);
        let centre = 1u64 << bits;
        let low = (centre / 2).max(1 << MIN_PRIME_BITS);
        let high = (centre * 2).min(1 << MAX_PRIME_BITS);
        // 2^bits is a multiple of the step or smaller than it; candidates are 1 more than multiples.
        let base = centre / step * step;
        for k in 0..=centre / step + 1 {
            let below = (base + 1).checked_sub(k * step);
            let above = base + 1 + k * step;
            let pair = [below.filter(|_| k > 0), Some(above)];
            for p in pair.into_iter().flatten() {
                if found.len() < count && p > low && p < high && !taken.contains(&p) && is_prime(p)
                {
                    found.push(p);
                }
            }
            if found.len() == count {
                return Ok(found);
            }
        }
    }
    if found.len() == count {
        return Ok(found);
    }
    Err(ArithError::PrimesExhausted {
        bits,
        log_n,
        wanted: count,
        found: found.len(),
    })
}

pub(super) fn mul_mod(a: u64, b: u64, p: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(p)) as u64
}

pub(super) fn pow_mod(mut a: u64, mut e: u64, p: u64) -> u64 {
    let mut r = 1;
    a %= p;
    while e > 0 {
        if e & 1 == 1 {
            r = mul_mod(r, a, p);
        }
        a = mul_mod(a, a, p);
        e >>= 1;
    }
    r
}
