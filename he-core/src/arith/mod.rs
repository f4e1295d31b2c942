//! One prime: search (the transforms follow).

/// Primes for the ring, nearest to 2^bits.
///
/// # Errors
/// Too few primes.
pub fn ntt_primes(bits: u32, log_n: u32, count: usize, taken: &[u64]) -> Result<Vec<u64>, ()> {
    let is_prime = |n: u64| (2..).take_while(|d: &u64| d * d <= n).all(|d| n % d != 0);
    let step = 1u64 << (log_n + 1);
    let base = (1u64 << bits) / step * step;
    let mut found = vec![];
    for k in 0..(1u64 << bits) / step {
        for p in [base + 1 - k * step, base + 1 + k * step] {
            if found.len() < count
                && p < 1 << 48
                && !taken.contains(&p)
                && !found.contains(&p)
                && is_prime(p)
            {
                found.push(p);
            }
        }
        if found.len() == count {
            return Ok(found);
        }
    }
    Err(())
}
