//! Ways between the two rings of a bootstrapping, for each evaluator.
//!
//! The rings have an evaluator each, and a [`Crossing`] leads from one to the other. What it does to level, scale, bound and noise is
//! one calculation for all of them ([`entered`], [`left`]).

use std::sync::Arc;

use num_complex::Complex64;

use crate::ckks::noise;
use crate::evaluator::{EvalError, Evaluator, Level, Meta, Op, Refusal};
use crate::rlwe::Bridge;

/// The way into the large ring and back, and the large ring's evaluator.
pub trait Crossing<E: Evaluator>: Sync {
    /// The rings.
    fn bridge(&self) -> &Bridge;

    /// The evaluator of the large ring.
    fn large(&self) -> &E;

    /// From level 0 of the small ring to the top of the large one: the polynomial m becomes m(X^g) + q_0 I, in values. In slots, that is the
    /// same slots g times over, and those of q_0 I, which a sum over X^g's automorphisms cuts down to a polynomial in X^g.
    ///
    /// Two key switches ([`Bridge::enter`]). The integer `gain` multiplies data and scale.
    ///
    /// # Errors
    /// A ciphertext that is not at level 0; overflow of the large modulus.
    fn enter(&self, small: &E, ct: &E::Ct, gain: u64) -> Result<E::Ct, EvalError>;

    /// From the leave level of the large ring to the output level of the small one: every g-th coefficient. In slots, the mean of the g
    /// copies. `inexact`: the error that the slots carry already besides their noise, in units of the value.
    ///
    /// One key switch ([`Bridge::leave`]).
    ///
    /// # Errors
    /// A ciphertext that is below the leave level; overflow of the small modulus.
    fn leave(&self, small: &E, ct: &E::Ct, inexact: f64) -> Result<E::Ct, EvalError>;
}

/// The prime of level 0 of the large ring.
pub(super) fn modulus(bridge: &Bridge) -> f64 {
    bridge.large().params().q()[0] as f64
}

/// Scale in the large ring over that in the small one.
pub(super) fn entering_ratio(bridge: &Bridge, gain: u64) -> f64 {
    gain as f64 * modulus(bridge) / bridge.small().params().q()[0] as f64
}

/// Scale after leaving over that before.
pub(super) fn leaving_ratio(bridge: &Bridge) -> f64 {
    let shape = bridge.shape();
    let product = |q: &[u64]| q.iter().map(|q| *q as f64).product::<f64>();
    let small = &bridge.small().params().q()[..=shape.output_level];
    let large = &bridge.large().params().q()[..=shape.leave_level];
    // Prime by prime from both ends: neither product may leave the range of f64.
    match (small.len(), large.len()) {
        (s, l) if s <= 20 && l <= 20 => product(small) / product(large),
        _ => {
            let log = |q: &[u64]| q.iter().map(|q| (*q as f64).log2()).sum::<f64>();
            (log(small) - log(large)).exp2()
        }
    }
}

/// What [`Crossing::enter`] does to metadata.
pub(super) fn entered(bridge: &Bridge, meta: &Meta, gain: u64) -> Result<Meta, EvalError> {
    if meta.level != Level(0) {
        let refusal = Refusal::LevelExhausted {
            needed: Level(0),
            available: meta.level,
        };
        return Err(refusal.of(Op::Refresh));
    }
    let params = bridge.large().params();
    let scale = meta.scale * entering_ratio(bridge, gain);
    let weight = f64::from(bridge.shape().weight);
    let (n, unit) = (params.n() as f64, modulus(bridge) / scale);
    Ok(Meta {
        level: Level(params.max_level()),
        scale,
        // No multiple beyond weight/2 + 1 exists, in N coefficients.
        bound: meta.bound + n * (weight / 2.0 + 1.0) * unit,
        rms: meta.rms + (n * (weight + 1.0) / 12.0).sqrt() * unit,
        noise: noise::entering(bridge, meta.noise, gain),
    })
}

/// What [`Crossing::leave`] does to metadata.
pub(super) fn left(bridge: &Bridge, meta: &Meta, inexact: f64) -> Result<Meta, EvalError> {
    let shape = bridge.shape();
    if meta.level.0 != shape.leave_level {
        let refusal = Refusal::LevelExhausted {
            needed: Level(shape.leave_level),
            available: meta.level,
        };
        return Err(refusal.of(Op::Refresh));
    }
    let scale = meta.scale * leaving_ratio(bridge);
    Ok(Meta {
        level: Level(shape.output_level),
        scale,
        noise: noise::leaving(bridge, meta.noise).hypot(inexact * scale),
        ..*meta
    })
}

/// The same slots in a ring of g times as many: g times over.
pub(super) fn repeated(slots: &[Complex64], times: usize) -> Vec<Complex64> {
    slots.repeat(times)
}

/// The means of the copies of each slot.
pub(super) fn averaged(slots: &[Complex64], period: usize) -> Vec<Complex64> {
    let copies = (slots.len() / period) as f64;
    let mean = |j: usize| {
        let all = slots.iter().skip(j).step_by(period);
        all.sum::<Complex64>() / copies
    };
    (0..period).map(mean).collect()
}

/// Rings that an evaluator is not of.
pub(super) fn foreign() -> EvalError {
    Refusal::ForeignOperand.of(Op::Refresh)
}

/// Both rings' parameters.
pub(super) fn same(bridge: &Arc<Bridge>, small: &crate::params::Params) -> Result<(), EvalError> {
    if bridge.small().params().fingerprint() == small.fingerprint() {
        Ok(())
    } else {
        Err(foreign())
    }
}
