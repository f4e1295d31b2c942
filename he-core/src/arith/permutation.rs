//! Index lists that are right by construction.

use super::NttTable;

/// Values that are moved together: 8 KiB, so that what is computed, moved and added stays in the first-level cache.
const BLOCK: usize = 1024;

/// Indices that any slice of the same length can be read at: all are below the list's length, which is below `2^31`.
///
/// Aligned blocks of values go to aligned blocks. Outputs of a transform are in bit-reversed order but for a transposition inside groups of
/// 64, so those of one aligned block are the values at `psi^e` for all exponents `e` with the same lowest bits, and so are those at
/// `psi^(g e)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permutation {
    sources: Vec<u32>,
    block: usize,
    /// Where each block goes: output block by source block.
    targets: Vec<usize>,
}

impl Permutation {
    /// The automorphism `X -> X^g`, `g` odd, on outputs of a transform: output `i` of `a(X^g)` is the value of `a` at
    /// `psi^(g e(i))`.
    #[must_use]
    pub fn automorphism(table: &NttTable, g: u64) -> Self {
        let n = table.n();
        let mut position = vec![0; n];
        for i in 0..n {
            position[table.evaluation_exponent(i) / 2] = i as u32;
        }
        let g = g as usize % (2 * n);
        // Every entry of `position` is below n, whatever g is.
        let sources: Vec<u32> = (0..n)
            .map(|i| position[table.evaluation_exponent(i) * g % (2 * n) / 2])
            .collect();
        let block = BLOCK.min(n);
        let mut targets = vec![0; n / block];
        for (target, indices) in sources.chunks_exact(block).enumerate() {
            let source = indices[0] as usize / block;
            // What `in_block` promises, whatever the order of outputs is.
            assert!(
                indices.iter().all(|i| *i as usize / block == source),
                "outputs of a transform in an unknown order"
            );
            targets[source] = target;
        }
        Self {
            sources,
            block,
            targets,
        }
    }

    /// Values that are moved together: a power of two.
    #[must_use]
    pub fn block(&self) -> usize {
        self.block
    }

    /// Where the values of a source block go: the output block, and the index in the whole list of each of its sources, all in the source
    /// block.
    ///
    /// # Panics
    /// Beyond the last block.
    #[must_use]
    pub fn in_block(&self, source: usize) -> (usize, &[u32]) {
        let target = self.targets[source];
        (
            target,
            &self.sources[target * self.block..(target + 1) * self.block],
        )
    }

    /// The indices.
    #[must_use]
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }
}
