//! Counting operations by kind and level.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::Level;

/// What is counted. Key products and divisions by P are the two halves of a key switch; hoisting saves the decompositions,
/// double hoisting the divisions too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedOp {
    /// Cutting a ciphertext component into digits over the extended basis.
    Decompose,
    /// Digits times one evaluation key.
    KeyProduct,
    /// Dividing both components by the special modulus P.
    ModDown,
    /// Tensor product of two ciphertexts, not relinearised.
    Tensor,
    /// Product of a ciphertext and an encoded plaintext.
    PlainProduct,
    /// Product of a ciphertext and an integer constant.
    ScalarProduct,
    /// Division of both components by the top prime.
    Rescale,
    /// Sum or difference.
    Add,
}

/// All kinds, in the order of their counters.
pub const COUNTED_OPS: [CountedOp; 8] = [
    CountedOp::Decompose,
    CountedOp::KeyProduct,
    CountedOp::ModDown,
    CountedOp::Tensor,
    CountedOp::PlainProduct,
    CountedOp::ScalarProduct,
    CountedOp::Rescale,
    CountedOp::Add,
];

/// Counters of operations by kind and level; safe to share between threads.
#[derive(Debug)]
pub struct Tally {
    counts: Vec<AtomicU64>,
    levels: usize,
}

impl Tally {
    /// Counters for levels 0 ..= `max_level`.
    pub fn new(max_level: usize) -> Self {
        let levels = max_level + 1;
        Self {
            counts: (0..levels * COUNTED_OPS.len())
                .map(|_| AtomicU64::new(0))
                .collect(),
            levels,
        }
    }

    /// Counts `n` operations of a kind at a level.
    pub fn count(&self, op: CountedOp, level: Level, n: usize) {
        if let Some(counter) = self.counts.get(op as usize * self.levels + level.0) {
            counter.fetch_add(n as u64, Ordering::Relaxed);
        }
    }

    /// Operations of a kind at all levels.
    pub fn total(&self, op: CountedOp) -> u64 {
        (0..self.levels).map(|l| self.at(op, Level(l))).sum()
    }

    /// Operations of a kind at one level.
    pub fn at(&self, op: CountedOp, level: Level) -> u64 {
        self.counts
            .get(op as usize * self.levels + level.0)
            .map_or(0, |c| c.load(Ordering::Relaxed))
    }

    /// Every counter that is not zero: kind, level, count.
    pub fn rows(&self) -> Vec<(CountedOp, Level, u64)> {
        COUNTED_OPS
            .iter()
            .flat_map(|&op| (0..self.levels).map(move |l| (op, Level(l))))
            .map(|(op, l)| (op, l, self.at(op, l)))
            .filter(|r| r.2 > 0)
            .collect()
    }
}
