//! Automorphisms as permutations that are right by construction.

use super::NttTable;
use super::ntt::{GROUP, bit_reverse};

/// The automorphism `X -> X^g`, `g` odd, on the outputs of a transform of degree `N`: output `i` of `a(X^g)` is the value of `a` at `psi^(g e(i))`.
///
/// Outputs lie in groups of 64. With `i = 64 q + 8 k + b` and the bits of `k`, `b` and `q` reversed to `K`, `B` and `R`, the
/// [exponent](NttTable::evaluation_exponent) is `e(i) = 2 (T N/64 + R) + 1` with `T = 8 K + B`. Modulo `2N`,
/// `g e(i) = g (2 R + 1) + g T N/32`: so the sources of a group are one group, which is chosen by `g (2 R + 1)`, whose upper six bits are the `C` of
/// `T' = g T + C mod 64`. There are 64 such patterns for a `g`. As the lowest bits of `R` choose the lowest bits of
/// the source's, aligned blocks of groups go to aligned blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permutation {
    patterns: Vec<Pattern>,
    /// Where each source group goes, and by which pattern.
    targets: Vec<(u32, u8)>,
    /// Which source block each output block comes from.
    sources: Vec<usize>,
}

/// How the 64 values of a group are moved: `T' = g T + C mod 64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Where each value comes from: below 64.
    pub(super) sources: [u8; GROUP],
    /// In two steps, for vectors of 8 values. The lane that each lane `b` comes from: the reversed bits of `g B + C mod 8`.
    pub(super) lanes: [u64; 8],
    /// Then lane `b` of vector `K` comes from vector `g K + S mod 8`, with `S` the upper three bits of `g B + C mod 64`. The lanes whose `S` has bit 0, 1, 2.
    pub(super) shifts: [u8; 3],
    /// After the shift, vector `M` is the one at 8 times this: the reversed bits of `M/g mod 8`.
    pub(super) order: [u8; 8],
}

/// The three bits of a number below 8, reversed.
pub(super) const fn reverse3(x: usize) -> usize {
    x >> 2 | x & 2 | (x & 1) << 2
}

impl Pattern {
    fn new(g: usize, c: usize) -> Self {
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
}

impl Permutation {
    /// Values of a block: 8 KiB, so that what is computed, moved and added stays in the first-level cache. Smaller limbs are one block.
    pub const BLOCK: usize = 1024;

    /// The automorphism `X -> X^g`, `g` odd.
    #[must_use]
    pub fn automorphism(table: &NttTable, g: u64) -> Self {
        let (n, log_groups) = (table.n(), table.log_n() - 6);
        let groups = n / GROUP;
        let g = g as usize % (2 * n);
        let mut targets = vec![(0, 0); groups];
        for target in 0..groups {
            let r = bit_reverse(target, log_groups);
            let half = g * (2 * r + 1) % (2 * n) / 2;
            let source = bit_reverse(half % groups, log_groups);
            targets[source] = (target as u32, (half / groups) as u8);
        }
        let block = Self::BLOCK.min(n);
        let mut sources = vec![0; n / block];
        for (source, group) in targets.chunks_exact(block / GROUP).enumerate() {
            sources[group[0].0 as usize * GROUP / block] = source;
        }
        Self {
            patterns: (0..64).map(|c| Pattern::new(g, c)).collect(),
            targets,
            sources,
        }
    }

    /// The block whose values go to an output block.
    ///
    /// # Panics
    /// Beyond the last block.
    #[must_use]
    pub fn source_of_block(&self, target: usize) -> usize {
        self.sources[target]
    }

    /// Where the values of a source group go: the output group, less than there are, and the pattern.
    ///
    /// # Panics
    /// Beyond the last group.
    #[inline(always)]
    pub(super) fn target(&self, source: usize) -> (usize, &Pattern) {
        let (target, pattern) = self.targets[source];
        (target as usize, &self.patterns[pattern as usize])
    }
}
