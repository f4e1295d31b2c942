//! Chains of moduli: what fits the security table, and which cut into digits is cheapest.

use std::collections::HashMap;
use std::f64::consts::SQRT_2;
use std::sync::Arc;

use he_core::arith::MAX_PRIME_BITS;
use he_core::evaluator::{CountedOp, Level};
use he_core::multiparty::special_bits;
use he_core::params::{Params, ParamsError, ParamsLiteral, security};

use super::bootstrapping::Bootstrapping;
use super::cost;
use super::error::PlanError;
use super::request::PlanRequest;
use crate::job::Way;
use crate::packing::Arrangement;

/// Bits of q_0: room for the last gradient.
const LAST_BITS: u32 = 47;
/// The special modulus exceeds the largest digit by this many bits (checked by [`Params`]).
const SPECIAL_MARGIN: u32 = 5;
/// Most special primes.
const MOST_SPECIAL: u32 = 16;

/// Checked parameters by literal: finding primes is the slow part. One for each search.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    known: HashMap<ParamsLiteral, Arc<Params>>,
    /// Parties of a joint key.
    joint: Option<u32>,
    /// Whether its parties refresh weights: such runs need the precision.
    owners_refresh: bool,
    bootstrappings: HashMap<(ParamsLiteral, Level), Bootstrapping>,
}

impl Chains {
    /// For a request: special primes have room for the proofs of a joint key.
    pub(crate) fn of(request: &PlanRequest) -> Self {
        Self {
            known: HashMap::new(),
            joint: request.owners.joint.map(|joint| joint.parties),
            owners_refresh: request.owners_refresh(),
            bootstrappings: HashMap::new(),
        }
    }

    /// Bits that the special primes must have together, whatever the digits: what the proof of an owner's switching key lets pass is less than two thirds of a rounding then.
    fn least_special(&self, log_n: u32, levels: usize, bits: u32) -> u32 {
        let Some(parties) = self.joint else {
            return 0;
        };
        // A ring that no proof is for fits nowhere.
        special_bits(log_n, parties, levels, bits).map_or(u32::MAX, |bits| bits.ceil() as u32)
    }

    /// How far the special modulus exceeds the largest digit. The relinearisation key of a joint secret errs by that much more than one of a single key holder, s·e_0 + u·e_1 + e_2 + e_3 with u
    /// the sum of the parties' ternary secrets ([`he_core::multiparty::relinearise`]): the larger modulus takes it away again.
    fn margin(&self, log_n: u32) -> u32 {
        let (Some(parties), true) = (self.joint, self.owners_refresh) else {
            return SPECIAL_MARGIN;
        };
        let square = f64::from(parties) * f64::from(log_n).exp2() * (2.0 / 3.0);
        let factor = (2.0 * (1.0 + square)).sqrt();
        SPECIAL_MARGIN + factor.log2().ceil() as u32
    }

    /// Checked parameters of a literal.
    pub(crate) fn params(&mut self, literal: &ParamsLiteral) -> Result<Arc<Params>, ParamsError> {
        if let Some(known) = self.known.get(literal) {
            return Ok(Arc::clone(known));
        }
        let new = Params::new(literal.clone())?;
        let new = Arc::new(match self.joint {
            Some(parties) => new.for_parties(parties)?,
            None => new,
        });
        self.known.insert(literal.clone(), Arc::clone(&new));
        Ok(new)
    }

    /// What bootstraps a request's weights in a chain; none where nothing does.
    pub(crate) fn bootstrapping(
        &mut self,
        request: &PlanRequest,
        arrangement: Arrangement,
        params: &Params,
    ) -> Result<Option<Bootstrapping>, PlanError> {
        let levels = request.levels(arrangement.packs_first_gradient());
        let way = request.refresh.map(|refresh| refresh.way);
        if way != Some(Way::Bootstrap) || levels.landed() == Level(0) {
            return Ok(None);
        }
        let key = (params.literal().clone(), levels.landed());
        if let Some(known) = self.bootstrappings.get(&key) {
            return Ok(Some(known.clone()));
        }
        let bound = SQRT_2 * request.bounds.weight;
        let new = Bootstrapping::for_weights(params, key.1, bound)?;
        let new = new.with_passes(request.bootstrap_passes)?;
        self.bootstrappings.insert(key, new.clone());
        Ok(Some(new))
    }

    /// The secure chain of `levels` primes of `bits` bits with the cheapest key switch at half its levels, and that cost, if any fits.
    pub(crate) fn cheapest(
        &mut self,
        log_n: u32,
        levels: usize,
        bits: u32,
        security: u32,
    ) -> Option<(f64, Arc<Params>)> {
        let least = self.least_special(log_n, levels, bits);
        let special = Special {
            security,
            least,
            margin: self.margin(log_n),
        };
        let all = literals(log_n, levels, bits, special);
        let mut best: Option<(f64, Arc<Params>)> = None;
        for literal in &all {
            let Ok(params) = self.params(literal) else {
                continue;
            };
            let level = Level(levels.div_ceil(2));
            let switch = [
                CountedOp::Decompose,
                CountedOp::KeyProduct,
                CountedOp::ModDown,
            ]
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

/// What special primes are to keep: bits of security, and their own bits together.
#[derive(Clone, Copy, Debug)]
struct Special {
    security: u32,
    least: u32,
    /// Bits beyond those of the largest digit.
    margin: u32,
}

/// Every cut of a chain into digits whose special primes, of so many bits at least, fit the table.
fn literals(log_n: u32, levels: usize, bits: u32, limits: Special) -> Vec<ParamsLiteral> {
    let primes = levels as u32 + 1;
    let Special {
        security,
        least,
        margin,
    } = limits;
    let cap = security::cap(log_n, security).unwrap_or(0);
    let mut all = Vec::new();
    for alpha in 1..=primes {
        let special = (LAST_BITS + (alpha - 1) * bits + margin).max(least);
        let count = special.div_ceil(MAX_PRIME_BITS);
        if count > MOST_SPECIAL {
            continue;
        }
        let each = special.div_ceil(count);
        let dnum = primes.div_ceil(alpha);
        // The digits of `dnum` must be `alpha` primes long, or an equal cut was listed before.
        let same = primes.div_ceil(dnum) == alpha;
        let total = LAST_BITS + levels as u32 * bits + count * each;
        if same && total < cap {
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
        let usual = Special {
            security: 128,
            least: 0,
            margin: SPECIAL_MARGIN,
        };
        // training.md: T = 2 with unpacking and T = 3 at 2^14, T = 5 with unpacking at 2^15.
        for (log_n, levels, bits) in [(14, 5, 36), (14, 8, 34), (15, 17, 35), (15, 10, 40)] {
            assert!(!literals(log_n, levels, bits, usual).is_empty());
        }
        assert!(literals(14, 10, 40, usual).is_empty());
        assert!(literals(15, 24, 35, usual).is_empty());
        assert_eq!(room(14, 36, 128), 9);
    }
}
