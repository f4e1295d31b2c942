//! Where refreshed weights stand.

use he_core::ckks::noise;
use he_core::evaluator::Meta;

use super::checked::Job;

/// The two vectors of every class that are refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iterate {
    /// V: where the next gradient is taken.
    LookAhead,
    /// W: the weights.
    Weights,
}

impl Job {
    /// Where W or V stand after a refresh before `iteration`, and what is known of them, in a ring of degree `n`; none where there is no refresh.
    ///
    /// The scale is that of the weights after the first gradient. The error is that of a fresh encryption and of the rounding: what the values
    /// had erred before was compared with the twin, and the weights go on from the rounded values as the twin does.
    pub fn refreshed(&self, iteration: usize, of: Iterate, n: usize) -> Option<Meta> {
        let [ahead, weights] = self.levels().refreshed_to(iteration)?;
        let refresh = self.program().refresh.as_ref()?;
        let level = match of {
            Iterate::LookAhead => ahead,
            Iterate::Weights => weights,
        };
        let gain = match self.program().method.first_gradient() {
            Some(_) => self.steps().first()?.gain,
            None => 1.0,
        };
        let scale = (f64::from(self.program().scales.first) - gain.log2().round()).exp2();
        Some(Meta {
            level,
            scale,
            bound: self.bounds().weight(),
            rms: self.rms().weight(),
            noise: noise::fresh_secret(n).hypot(refresh.error() * scale),
        })
    }
}
