//! Digits of the switching keys of rows ([`crate::multiparty::upload`]): residues modulo single primes, whatever the digits of other keys; those modulo q_0, which may be
//! longer than the others, are cut in two.

use super::Params;

/// How many there are up to a level.
pub(crate) fn row_digits(level: usize) -> usize {
    level + 2
}

/// Bits that the lower half of a residue modulo `q_0` has.
pub(crate) fn low_bits(q0: u64) -> u32 {
    (u64::BITS - q0.leading_zeros()).div_ceil(2)
}

/// log2 of a bound on both halves of a balanced residue together, the root of the sum of their squares: none is above `2^(low - 1)`, and they depend on each other.
pub(crate) fn log_halves(low: u32) -> f64 {
    f64::from(low) - 0.5
}

impl Params {
    /// log2 of how many values each digit up to `level` has: the upper half of residues modulo q_0, the lower one, residues modulo q_1, ..
    pub(crate) fn log_row_digits(&self, level: usize) -> impl Iterator<Item = f64> {
        let low = f64::from(low_bits(self.q[0]));
        let whole = self.q.iter().take(level + 1).skip(1);
        let halves = [self.log_q(0) - low, low].into_iter();
        halves.chain(whole.map(|&q| (q as f64).log2()))
    }

    /// log2 of a bound on the absolute value of every digit up to `level`, of both halves together.
    pub(crate) fn log_largest_row_digit(&self, level: usize) -> f64 {
        let halves = log_halves(low_bits(self.q[0]));
        let whole = self.log_row_digits(level).skip(2).map(|log| log - 1.0);
        whole.fold(halves, f64::max)
    }
}
