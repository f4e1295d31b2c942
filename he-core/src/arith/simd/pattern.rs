//! How the values of a group change places.

use crate::arith::order::GROUP;

/// How the 64 values of a group are moved: `T' = g T + C mod 64`. `Permutation` says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::arith) struct Pattern {
    /// Private to this file: machines read where these say, without a check.
    sources: [u8; GROUP],
    lanes: [u64; 8],
    shifts: [u8; 3],
    order: [u8; 8],
}

/// The three bits of a number below 8, reversed.
pub(super) const fn reverse3(x: usize) -> usize {
    x >> 2 | x & 2 | (x & 1) << 2
}

impl Pattern {
    /// The pattern of an odd `g` and of `c`, below 64.
    pub(in crate::arith) fn new(g: usize, c: usize) -> Self {
        // g B + C mod 64 for each lane b.
        let sum = |b: usize| (g * reverse3(b) + c) % 64;
        let mut shifts = [0; 3];
        for (bit, mask) in shifts.iter_mut().enumerate() {
            *mask = (0..8).fold(0, |m, b| m | ((sum(b) >> (3 + bit) & 1) as u8) << b);
        }
        Self {
            sources: std::array::from_fn(|i| {
                let t = (g * (8 * reverse3(i / 8) + reverse3(i % 8)) + c) % 64;
                (8 * reverse3(t / 8) + reverse3(t % 8)) as u8
            }),
            lanes: std::array::from_fn(|b| reverse3(sum(b) % 8) as u64),
            shifts,
            // An odd number is its own inverse modulo 8.
            order: std::array::from_fn(|m| reverse3(g * m % 8) as u8),
        }
    }

    /// Where each value comes from: below 64.
    #[inline(always)]
    pub(super) fn sources(&self) -> &[u8; GROUP] {
        &self.sources
    }

    /// In two steps, for vectors of 8 values. The lane that each lane `b` comes from: the reversed
    /// bits of `g B + C mod 8`.
    #[inline(always)]
    pub(super) fn lanes(&self) -> &[u64; 8] {
        &self.lanes
    }

    /// Then lane `b` of vector `K` comes from vector `g K + S mod 8`, with `S` the upper three bits
    /// of `g B + C mod 64`. The lanes whose `S` has bit 0, 1, 2.
    #[inline(always)]
    pub(super) fn shifts(&self) -> [u8; 3] {
        self.shifts
    }

    /// After the shift, vector `M` is the one at 8 times this: the reversed bits of `M/g mod 8`,
    /// below 8.
    #[inline(always)]
    pub(super) fn order(&self) -> &[u8; 8] {
        &self.order
    }
}
