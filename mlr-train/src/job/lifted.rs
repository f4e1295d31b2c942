//! Where refreshed weights stand.

use he_core::ckks::noise;
use he_core::evaluator::{Level, Meta, Placement};
use he_core::multiparty::refresh;

use super::checked::Job;
use super::refresh::Way;

/// The two vectors of every class that are refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iterate {
    /// V: where the next gradient is taken.
    LookAhead,
    /// W: the weights.
    Weights,
}

/// Noise of a masked coefficient, in units of the bound of the weights.
pub(crate) const LARGEST_NOISE: f64 = 0.125;

impl Job {
    /// Where W or V stand after a refresh before `iteration`, and what is known of them, in a ring of degree `n`; none where there is no refresh.
    ///
    /// The scale is that of the weights after the first gradient. The error of a refresh by the client is that of a fresh encryption and of the rounding: what the values
    /// had erred before was compared with the twin, and the weights go on from the rounded values as the twin does. That of a refresh by the owners is what they add to each ciphertext;
    /// what the values had erred before is left out, as for a bootstrapping: the plan carries it to the end by the recurrence.
    pub fn refreshed(&self, iteration: usize, of: Iterate, n: usize) -> Option<Meta> {
        let [ahead, weights] = self.levels().refreshed_to(iteration)?;
        let refresh = self.program().refresh.as_ref()?;
        let level = match of {
            Iterate::LookAhead => ahead,
            Iterate::Weights => weights,
        };
        let scale = self.refreshed_scale()?;
        let noise = match (refresh.way, self.joint()) {
            (Way::Owners, Some(joint)) => refresh::noise(n, joint.threshold),
            _ => noise::fresh_secret(n).hypot(refresh.error() * scale),
        };
        Some(Meta {
            level,
            scale,
            bound: self.bounds().weight(),
            rms: self.rms().weight(),
            noise,
        })
    }

    fn refreshed_scale(&self) -> Option<f64> {
        let gain = match self.program().method.first_gradient() {
            Some(_) => self.steps().first()?.gain,
            None => 1.0,
        };
        Some((f64::from(self.program().scales.first) - gain.log2().round()).exp2())
    }

    /// Where the owners take W and V; none where they refresh nothing.
    pub fn masked_at(&self) -> Option<Placement> {
        let refresh = self.program().refresh.filter(|_| self.asks_owners())?;
        Some(Placement {
            level: Level(refresh.level),
            scale: self.refreshed_scale()?,
        })
    }

    /// No coefficient of W or V, noise included, exceeds this when the owners refresh them: what their masks are made for. A plan refuses noise beyond an eighth of the values' bound.
    pub fn masked_bound(&self) -> Option<f64> {
        let scale = self.masked_at()?.scale;
        Some((1.0 + LARGEST_NOISE) * self.bounds().weight() * scale)
    }
}
