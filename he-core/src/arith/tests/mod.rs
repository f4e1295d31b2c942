//! The kernels against integer arithmetic.

mod kernels;
mod paths;
mod primes;
mod stream;
mod transform;

use super::*;

/// Deterministic test values (SplitMix64).
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer of magnitude at most `bound`.
    pub(crate) fn within(&mut self, bound: f64) -> f64 {
        let b = bound as u64;
        (self.next() % (2 * b + 1)) as f64 - b as f64
    }
}

pub(super) fn modulus(bits: u32, log_n: u32) -> Modulus {
    Modulus::new(ntt_primes(bits, log_n, 1, &[]).unwrap()[0]).unwrap()
}

/// The canonical residue of an integer.
fn residue(m: &Modulus, x: i128) -> u64 {
    x.rem_euclid(i128::from(m.value())) as u64
}

/// blake3 of canonical integers, little-endian.
pub(crate) fn hash(values: impl IntoIterator<Item = u64>) -> String {
    let mut hasher = blake3::Hasher::new();
    for v in values {
        hasher.update(&v.to_le_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
