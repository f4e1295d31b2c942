//! The steps of a bootstrapping, for one evaluator.

use std::f64::consts::{SQRT_2, TAU};

use num_complex::Complex64;

use super::crossing::{Crossing, modulus};
use super::shape::{BootstrapShape, Figures};
use super::sine::Sine;
use crate::circuits::{LinearMap, LinearMaps, fold, folds};
use crate::ckks::diagonals::{
    Diagonals, SplitError, coefficients_to_slots, gather_rotations, slots_to_coefficients,
};
use crate::evaluator::{EvalError, Evaluator, Level, Meta, Op, Placement, Refusal, scales_match};

/// Plaintexts and figures of the steps.
#[derive(Debug)]
pub(super) struct Circuit<E: Evaluator> {
    figures: Figures,
    to_coefficients: LinearMaps<E>,
    to_slots: Vec<LinearMap<E>>,
    /// Rotation that the way to slots leaves to be done.
    rotation: usize,
    sine: Sine<E>,
    /// 1 and i in turns, a period of the small ring each.
    mask: E::Plain,
    /// What one pass gives.
    output: Placement,
    bound: f64,
    /// log2 of what a second pass multiplies the error of the first by.
    pub(super) second: Option<u32>,
}

/// What a bootstrapping asks of a ciphertext.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) level: Level,
    pub(super) bound: f64,
    /// The scale, where a second pass follows.
    pub(super) scale: Option<f64>,
}

impl Needs {
    /// Refuses what is too low, too large, or at another scale.
    pub(super) fn require(&self, meta: Meta) -> Result<(), EvalError> {
        let refusal = if meta.level < self.level {
            Refusal::LevelExhausted {
                needed: self.level,
                available: meta.level,
            }
        } else if meta.bound > self.bound {
            // Beyond it values would wrap around in silence.
            Refusal::BoundExceeded {
                declared: self.bound,
                found: meta.bound,
            }
        } else if let Some(right) = self.scale.filter(|&s| !scales_match(s, meta.scale)) {
            Refusal::ScaleMismatch {
                left: meta.scale,
                right,
            }
        } else {
            return Ok(());
        };
        Err(refusal.of(Op::Refresh))
    }
}

/// Noise is taken to stay within so many of its standard deviations: a sum of many terms exceeds them with probability 2^-369 in a slot, a product of two with 2^-43.
/// What is beyond does not wrap: the sine errs more there.
pub(super) const FURTHEST: f64 = 16.0;

fn split(error: SplitError) -> EvalError {
    Refusal::Split(error).of(Op::Setup)
}

impl<E: Evaluator> Circuit<E> {
    pub(super) fn new(
        small: &E,
        crossing: &impl Crossing<E>,
        shape: &BootstrapShape,
    ) -> Result<Self, EvalError> {
        let (bridge, large) = (crossing.bridge(), crossing.large());
        let figures = shape.figures(bridge)?;
        let n = small.slots();
        let there = slots_to_coefficients(n, &shape.to_coefficients).map_err(split)?;
        let back = coefficients_to_slots(n, &shape.to_slots).map_err(split)?;
        let (mut back, rotation) = gather_rotations(&back);
        // Real parts and, after a turn by -i, imaginary parts: real slots, side by side.
        if let Some(last) = back.last_mut() {
            *last = last.side_by_side(&[Complex64::ONE, -Complex64::I]);
        }
        let maps = |m: &Diagonals| LinearMap::new(large, m, shape.large_babies);
        let turn = |j: usize| match j / n % 2 {
            0 => Complex64::ONE,
            _ => Complex64::I,
        };
        Ok(Self {
            to_coefficients: LinearMaps::new(small, &there, shape.small_babies)?,
            to_slots: back.iter().map(maps).collect::<Result<_, _>>()?,
            rotation,
            sine: Sine::new(large, figures.sine)?,
            mask: large.plain((0..large.slots()).map(turn).collect())?,
            output: Placement {
                level: Level(bridge.shape().output_level),
                scale: shape.output_scale / shape.second_gain(),
            },
            bound: shape.bound,
            second: shape.second_pass,
            figures,
        })
    }

    /// Level and scale of what comes out of all passes.
    pub(super) fn output(&self) -> Placement {
        Placement {
            scale: self.output.scale * self.gain(),
            ..self.output
        }
    }

    /// What the error of a first pass is multiplied by; 1 where there is no second.
    pub(super) fn gain(&self) -> f64 {
        f64::from(self.second.unwrap_or(0)).exp2()
    }

    /// Refuses a ciphertext that is too low, too large, or at another scale than that of what a second pass is added to.
    pub(super) fn require(&self, meta: Meta) -> Result<(), EvalError> {
        let needs = Needs {
            level: self.input_level(),
            bound: self.bound,
            scale: self.second.map(|_| self.output().scale),
        };
        needs.require(meta)
    }

    /// The level that is needed to begin with.
    pub(super) fn input_level(&self) -> Level {
        Level(self.to_coefficients.levels())
    }

    /// Error of the sine of one pass in units of its values: the most of it, for both parts of a slot.
    pub(super) fn inexact<C: Crossing<E>>(&self, crossing: &C) -> f64 {
        let unit = modulus(crossing.bridge()) / (TAU * self.figures.entered_scale);
        SQRT_2 * self.figures.sine.worst_error() * unit
    }

    /// All steps, once.
    pub(super) fn once<C: Crossing<E>>(
        &self,
        small: &E,
        crossing: &C,
        ct: &E::Ct,
    ) -> Result<E::Ct, EvalError> {
        let known = small.meta(ct);
        let ct = small.drop_level(ct, self.input_level())?;
        let scale = self.figures.coefficient_scale;
        let coefficients = self.to_coefficients.apply(small, &ct, scale)?;
        let entered = crossing.enter(small, &coefficients, self.figures.gain)?;
        let parts = self.parts(crossing, entered)?;
        let sine = self.sine.apply(crossing.large(), &parts)?;
        let values = self.joined(crossing, sine)?;
        let inexact = self.inexact(crossing);
        let mut out = crossing.leave(small, &values, inexact)?;
        let bound = known.bound + inexact + FURTHEST * small.meta(&out).error();
        small.declare_bound(&mut out, bound)?;
        small.declare_rms(&mut out, known.rms)?;
        Ok(out)
    }

    /// From what was raised to real slots t/X: real parts of the coefficients and, a period of the small ring further on,
    /// imaginary parts.
    fn parts<C: Crossing<E>>(&self, crossing: &C, ct: E::Ct) -> Result<E::Ct, EvalError> {
        let (large, bridge) = (crossing.large(), crossing.bridge());
        let n = bridge.small().params().slots();
        let gap = large.slots() / n;
        let interval = self.figures.sine.interval();
        let weight = f64::from(bridge.shape().weight);
        // Coefficients of t/X, without and with a tail that has no probability; as many numbers make a slot.
        let usual = ((weight + 1.0) / 12.0).sqrt() / interval;
        let largest = (weight / 2.0 + 1.0) / interval * SQRT_2;
        let unit = self.figures.entered_scale / (modulus(bridge) * interval);
        // The sum over the automorphisms is g times the polynomial in X^g.
        let mut ct = fold(large, ct, &folds(gap, n as i64, 2), |_, _| Ok(()))?;
        large.scale_value(&mut ct, unit / gap as f64)?;
        large.declare_bound(&mut ct, largest * n as f64)?;
        large.declare_rms(&mut ct, usual * (2.0 * n as f64).sqrt())?;
        for (k, map) in self.to_slots.iter().enumerate() {
            let next = large.meta(&ct).level.0.saturating_sub(1);
            // Scales near the primes stay near them when they are squared and divided by one. The last one doubles with the sum below.
            let halved = if k + 1 == self.to_slots.len() {
                0.5
            } else {
                1.0
            };
            let scale = large.params().q()[next] as f64 * halved;
            ct = map.apply(large, &ct, scale)?;
        }
        large.declare_rms(&mut ct, usual * SQRT_2)?;
        let mut real = large.add(&ct, &large.conjugate(&ct)?)?;
        large.scale_value(&mut real, 0.5)?;
        large.declare_bound(&mut real, 1.0)?;
        large.declare_rms(&mut real, usual)?;
        Ok(real)
    }

    /// From sines to complex slots at the leave level, g copies of them.
    fn joined<C: Crossing<E>>(&self, crossing: &C, mut sine: E::Ct) -> Result<E::Ct, EvalError> {
        let (large, bridge) = (crossing.large(), crossing.bridge());
        let n = bridge.small().params().slots();
        let unit = modulus(bridge) / (TAU * self.figures.entered_scale);
        large.scale_value(&mut sine, unit)?;
        let level = Level(bridge.shape().leave_level + 1);
        let sine = large.drop_level(&sine, level)?;
        let scale = self.output.scale / super::crossing::leaving_ratio(bridge);
        let turned = large.mul_plain(&sine, &self.mask, scale)?;
        let rotation = self.rotation as i64;
        let mut values = large.rotate_sum(&turned, &[rotation, rotation + n as i64])?;
        let bound = self.bound + self.inexact(crossing);
        large.declare_rms(&mut values, bound)?;
        Ok(values)
    }
}
