//! The shape of a bootstrapping, and what follows from it.

use serde::{Deserialize, Serialize};

use super::crossing::{entering_ratio, modulus};
use super::overflow::log2_failure;
use super::sine::SineShape;
use crate::evaluator::{EvalError, Level, Op, Refusal};
use crate::rlwe::Bridge;

/// What is chosen of a bootstrapping besides its rings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootstrapShape {
    /// Butterfly layers of each factor from slots to coefficients, in the small ring: log2 of its slots in all.
    pub to_coefficients: Vec<u32>,
    /// Baby steps of these factors.
    pub small_babies: usize,
    /// Butterfly layers of each factor back, in the large ring: as many in all.
    pub to_slots: Vec<u32>,
    /// Baby steps of these factors.
    pub large_babies: usize,
    /// Largest multiple of q_0 that the sine takes away.
    pub overflow: u32,
    /// log2 of the number of the cosine's coefficients.
    pub log_degree: u32,
    /// Double angles.
    pub doublings: u32,
    /// log2 of q_0 over the largest coefficient: 2^(2 r - 2.7) is the sine's relative error.
    pub log_ratio: u32,
    /// Largest absolute value of a slot.
    pub bound: f64,
    /// Scale of what comes out.
    pub output_scale: f64,
    /// log2 of what the error of a first pass is multiplied by before a second one takes it away (`bootstrap::second`); one pass without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_pass: Option<u32>,
}

/// Most bits by which the error of a first pass may be multiplied.
pub(super) const MOST_SECOND: u32 = 30;

/// The share of q_0 that slots fill before they are raised: what is left over is for noise.
const FILLED: f64 = 0.95;
/// What noise may add to the largest coefficient, relative to it.
const MARGIN: f64 = 1.0 / 128.0;

/// Numbers that follow from a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figures {
    /// Scale after the way to coefficients: slots, n times as large as coefficients at most, fill q_0.
    pub(super) coefficient_scale: f64,
    /// Integer that coefficients, which are smaller, are multiplied by on the way.
    pub(super) gain: u64,
    /// Scale in the large ring.
    pub(super) entered_scale: f64,
    pub(super) sine: SineShape,
}

impl BootstrapShape {
    /// # Errors
    /// Numbers that are of no use; a large ring with too few levels, or a small one.
    pub(super) fn figures(&self, bridge: &Bridge) -> Result<Figures, EvalError> {
        for value in [self.bound, self.output_scale] {
            if !value.is_finite() || value <= 0.0 {
                return Err(Refusal::NotFinite { value }.of(Op::Setup));
            }
        }
        // Beyond these, nothing below is a number of any use.
        let second = self.second_pass.unwrap_or(1);
        let bits = [self.log_ratio, self.log_degree, self.doublings].map(|value| (value, 40));
        for (value, most) in bits.into_iter().chain([(second, MOST_SECOND)]) {
            if value > most || second == 0 {
                let value = f64::from(value);
                return Err(Refusal::NotFinite { value }.of(Op::Setup));
            }
        }
        let (small, large) = (bridge.small().params(), bridge.large().params());
        let q = small.q()[0] as f64;
        let coefficient_scale = FILLED * q / (2.0 * small.slots() as f64 * self.bound);
        let room = q / (f64::from(self.log_ratio).exp2() * self.bound * coefficient_scale);
        let gain = room.floor().max(1.0) as u64;
        let entered_scale = coefficient_scale * entering_ratio(bridge, gain);
        let figures = Figures {
            coefficient_scale,
            gain,
            entered_scale,
            sine: SineShape {
                overflow: self.overflow,
                ratio: self.bound * entered_scale / modulus(bridge) * (1.0 + MARGIN),
                log_degree: self.log_degree,
                doublings: self.doublings,
            },
        };
        let short = |needed: usize, available: usize| {
            let refusal = Refusal::LevelExhausted {
                needed: Level(needed),
                available: Level(available),
            };
            Err(refusal.of(Op::Setup))
        };
        let needed = bridge.shape().leave_level + 1 + figures.sine.levels() + self.to_slots.len();
        if needed > large.max_level() {
            return short(needed, large.max_level());
        }
        if self.to_coefficients.len() > small.max_level() {
            return short(self.to_coefficients.len(), small.max_level());
        }
        Ok(figures)
    }

    /// Passes: one or two.
    #[must_use]
    pub fn passes(&self) -> u32 {
        1 + u32::from(self.second_pass.is_some())
    }

    /// What the error of a first pass is multiplied by; 1 where there is no second.
    pub(super) fn second_gain(&self) -> f64 {
        f64::from(self.second_pass.unwrap_or(0)).exp2()
    }

    /// log2 of the probability that one of the small ring's coefficients overflows in any pass.
    pub(super) fn log_failure(&self, bridge: &Bridge, figures: &Figures) -> f64 {
        let (weight, n) = (bridge.shape().weight, bridge.small().params().n());
        let once = log2_failure(weight, self.overflow, figures.sine.ratio, n);
        (once + f64::from(self.passes()).log2()).min(0.0)
    }
}
