//! What is known of a ciphertext without a key: level, scale, bound, expected noise.

use serde::{Deserialize, Serialize};

/// How many more rescalings a ciphertext can undergo; its limbs are q_0 ..= q_level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Level(pub usize);

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A level and a scale: where a fresh ciphertext is made, or where a product by a constant is to land.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Level.
    pub level: Level,
    /// Exact scale: the integer that stands for 1.
    pub scale: f64,
}

/// The public metadata of a ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Level.
    pub level: Level,
    /// Exact scale. Products and quotients of scales round at 2^-53: far below any noise.
    pub scale: f64,
    /// No slot exceeds this in absolute value (declared by the caller, propagated by the ledger).
    pub bound: f64,
    /// Usual size of a slot, at most `bound`: what the noise of a product reckons with, since that is an operand's noise times the
    /// usual size of the other. The bound unless the caller knows better; not written to files.
    pub rms: f64,
    /// Expected root mean square error of a slot before division by the scale (see [`crate::ckks::noise`]).
    pub noise: f64,
}

impl Meta {
    /// Level and scale.
    pub fn placement(&self) -> Placement {
        Placement {
            level: self.level,
            scale: self.scale,
        }
    }

    /// Expected root mean square error of a slot, in units of the value.
    pub fn error(&self) -> f64 {
        self.noise / self.scale
    }

    /// Bits of a slot after the binary point that the noise leaves untouched: -log2 of six standard errors.
    pub fn certified_bits(&self) -> f64 {
        -(6.0 * self.error()).log2()
    }
}

/// Scales count as equal up to this relative difference: rounding of the scale's own arithmetic, far below any noise.
pub(super) const SCALE_TOLERANCE: f64 = 1.0 / (1u64 << 40) as f64;

/// Whether two scales are the same number but for the rounding of their own arithmetic.
pub fn scales_match(a: f64, b: f64) -> bool {
    (a - b).abs() <= SCALE_TOLERANCE * a.abs().max(b.abs())
}
