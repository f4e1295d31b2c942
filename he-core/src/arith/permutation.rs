//! Automorphisms as permutations that are right by construction.

use super::ntt::NttTable;
use super::order::{GROUP, bit_reverse};
use super::simd::Pattern;

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
