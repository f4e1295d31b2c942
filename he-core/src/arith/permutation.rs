//! Index lists that are right by construction.

use super::NttTable;

/// Indices that any slice of the same length can be read at: all are below the list's length, which is below `2^31`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permutation {
    sources: Vec<u32>,
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
        let sources = (0..n).map(|i| position[table.evaluation_exponent(i) * g % (2 * n) / 2]);
        Self {
            sources: sources.collect(),
        }
    }

    /// The indices.
    #[must_use]
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }
}
