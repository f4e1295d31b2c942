//! Chains of moduli: what fits the security table, and which cut into digits is cheapest.

use std::collections::HashMap;
use std::sync::Arc;

use he_core::evaluator::{Level, Op};
use he_core::params::{Params, ParamsError, ParamsLiteral, security};

use super::cost;

/// Bits of q_0: room for the last gradient.
const LAST_BITS: u32 = 47;
/// Largest prime that the arithmetic allows.
const LARGEST_PRIME: u32 = 48;
/// The special modulus exceeds the largest digit by this many bits (checked by [`Params`]).
const SPECIAL_MARGIN: u32 = 5;
/// Most special primes.
const MOST_SPECIAL: u32 = 16;

/// Checked parameters by literal: finding primes is the slow part. One for each search.
#[derive(Debug, Default)]
pub(crate) struct Chains(HashMap<ParamsLiteral, Arc<Params>>);

impl Chains {
    /// Checked parameters of a literal.
    pub(crate) fn params(&mut self, literal: &ParamsLiteral) -> Result<Arc<Params>, ParamsError> {
        if let Some(known) = self.0.get(literal) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(Params::new(literal.clone())?);
        self.0.insert(literal.clone(), Arc::clone(&new));
        Ok(new)
    }

    /// The secure chain of `levels` primes of `bits` bits with the cheapest key switch at half its levels, and that cost, if any fits.
    pub(crate) fn cheapest(
        &mut self,
        log_n: u32,
        levels: usize,
        bits: u32,
        security: u32,
    ) -> Option<(f64, Arc<Params>)> {
        let all = literals(log_n, levels, bits, security);
        let mut best: Option<(f64, Arc<Params>)> = None;
        for literal in &all {
            let Ok(params) = self.params(literal) else {
                continue;
            };
            let level = Level(levels.div_ceil(2));
            let switch = [Op::Decompose, Op::KeyProduct, Op::ModDown]
                .iter()
                .map(|&op| cost::operation(&params, op, level))
                .sum::<f64>();
            if best.as_ref().is_none_or(|b| switch < b.0) {
                best = Some((switch, params));
            }
        }
        best
    }
}

/// Every cut of a chain into digits whose special primes fit the table.
fn literals(log_n: u32, levels: usize, bits: u32, security: u32) -> Vec<ParamsLiteral> {
    let primes = levels as u32 + 1;
    let cap = security::cap(log_n, security).unwrap_or(0);
    let mut all = Vec::new();
    for alpha in 1..=primes {
        let special = LAST_BITS + (alpha - 1) * bits + SPECIAL_MARGIN;
        let count = special.div_ceil(LARGEST_PRIME);
        let each = special.div_ceil(count);
        let dnum = primes.div_ceil(alpha);
        // The digits of `dnum` must be `alpha` primes long, or an equal cut was listed before.
        let same = primes.div_ceil(dnum) == alpha;
        let total = LAST_BITS + levels as u32 * bits + count * each;
        if same && total < cap && count <= MOST_SPECIAL {
            let mut q_bits = vec![LAST_BITS];
            q_bits.extend(vec![bits; levels]);
            all.push(ParamsLiteral {
                log_n,
                q_bits,
                p_bits: vec![each; count as usize],
                dnum,
            });
        }
    }
    all
}

/// Levels of `bits` bits that ring degree 2^`log_n` has room for, beside q_0 and the smallest special modulus.
pub(crate) fn room(log_n: u32, bits: u32, security: u32) -> usize {
    let cap = security::cap(log_n, security).unwrap_or(0);
    let rest = cap.saturating_sub(2 * LAST_BITS + SPECIAL_MARGIN + 1);
    (rest / bits) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_the_design_fit_and_longer_ones_do_not() {
        // training.md: T = 2 with unpacking and T = 3 at 2^14, T = 5 with unpacking at 2^15.
        for (log_n, levels, bits) in [(14, 5, 36), (14, 8, 34), (15, 17, 35), (15, 10, 40)] {
            assert!(!literals(log_n, levels, bits, 128).is_empty());
        }
        assert!(literals(14, 10, 40, 128).is_empty());
        assert!(literals(15, 24, 35, 128).is_empty());
        assert_eq!(room(14, 36, 128), 9);
    }
}
