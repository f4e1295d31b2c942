//! Random polynomials, each a pure function of the generator's stream.

use std::sync::Arc;

use rand_core::Rng;

use super::{Basis, Poly, Representation, Ring};
use crate::arith::{Modulus, slices};

impl<R: Representation> Poly<R> {
    /// Uniform residues: limb by limb, value by value in the order of the canonical residues, each from as many `next_u64` calls as rejection needs. A
    /// call gives its lowest bits, as many as the prime has; values not below the prime are
    /// rejected (at most half of them). With special primes, what the chain's primes above the level would get is drawn and
    /// dropped: residues modulo a prime do not depend on the level.
    #[must_use]
    pub fn uniform(ring: &Arc<Ring>, basis: Basis, rng: &mut impl Rng) -> Self {
        let mut poly = Self::scratch(ring, basis);
        for i in 0..basis.limbs() {
            if i == basis.level() + 1 {
                for above in basis.primes_above() {
                    skip_uniform(ring.modulus(above), ring.degree(), rng);
                }
            }
            let m = *poly.modulus(i);
            fill_uniform(&m, poly.limb_mut(i), rng);
            poly.order_limb(i);
        }
        poly
    }
}

/// Candidates drawn at a time.
const DRAWN: usize = 512;

/// Draws a limb for nobody.
fn skip_uniform(m: &Modulus, n: usize, rng: &mut impl Rng) {
    draw_uniform(m, n, rng, |_, _| ());
}

/// Fills a limb.
fn fill_uniform(m: &Modulus, limb: &mut [f64], rng: &mut impl Rng) {
    draw_uniform(m, limb.len(), rng, |done, kept| {
        slices::balance(m, &mut limb[done..done + kept.len()], kept);
    });
}

/// Draws `n` values, some at a time: `take` gets how many came before, and them. Never draws more candidates than values are missing, so that the stream goes on where one at a time would leave it.
/// Rejects without a branch: for a prime just above a power of two nobody can predict it.
fn draw_uniform(m: &Modulus, n: usize, rng: &mut impl Rng, mut take: impl FnMut(usize, &[u64])) {
    let p = m.value();
    let mask = u64::MAX >> p.leading_zeros();
    let mut kept = [0; DRAWN];
    let mut drawn = [[0; 8]; DRAWN];
    let mut done = 0;
    while done < n {
        let mut count = 0;
        // The same bytes as from one `next_u64` after the other, without a look at the generator's buffer for each.
        let drawn = &mut drawn[..DRAWN.min(n - done)];
        rng.fill_bytes(drawn.as_flattened_mut());
        for bytes in drawn.iter() {
            let candidate = u64::from_le_bytes(*bytes) & mask;
            // A rejected candidate is overwritten by the next.
            kept[count] = candidate;
            count += usize::from(candidate < p);
        }
        take(done, &kept[..count]);
        done += count;
    }
}

/// `n` independent uniform values of -1, 0, 1: two bits each, 3 rejected, 32 pairs a `next_u64` from the lowest on.
#[must_use]
pub fn ternary(n: usize, rng: &mut impl Rng) -> Vec<i64> {
    let mut out = Vec::with_capacity(n);
    while out.len() < n {
        let word = rng.next_u64();
        let pairs = (0..32)
            .map(|k| (word >> (2 * k)) & 3)
            .filter(|pair| *pair < 3);
        let room = n - out.len();
        out.extend(pairs.take(room).map(|pair| pair as i64 - 1));
    }
    out
}

/// `n` values, `weight` of them -1 or 1 at places that are uniform among all, the others 0. A place takes 32 bits of a `next_u64` that are below
/// the largest multiple of the numbers it is drawn from, and its sign one more (Fisher and Yates' shuffle, the first `weight` steps).
///
/// # Panics
/// If `weight` is above `n`, or `n` above 2^31.
#[must_use]
pub fn sparse_ternary(n: usize, weight: usize, rng: &mut impl Rng) -> Vec<i64> {
    assert!(weight <= n && n <= 1 << 31, "{weight} of {n} coefficients");
    let mut places: Vec<usize> = (0..n).collect();
    let mut out = vec![0; n];
    for i in 0..weight {
        let left = (n - i) as u64;
        let limit = (1 << 32) - (1 << 32) % left;
        let (place, sign) = loop {
            let word = rng.next_u64();
            let candidate = word & 0xffff_ffff;
            if candidate < limit {
                break ((candidate % left) as usize, word >> 63);
            }
        };
        places.swap(i, i + place);
        out[places[i]] = 1 - 2 * sign as i64;
    }
    out
}

/// `n` independent values of the centred binomial distribution with 21 coins a side: variance 10.5, standard deviation
/// 3.24. One `next_u64` each: bits 0 to 20 count up, bits 21 to 41 down.
#[must_use]
pub fn binomial(n: usize, rng: &mut impl Rng) -> Vec<i64> {
    const COINS: u64 = (1 << 21) - 1;
    (0..n)
        .map(|_| {
            let word = rng.next_u64();
            i64::from((word & COINS).count_ones()) - i64::from((word >> 21 & COINS).count_ones())
        })
        .collect()
}
