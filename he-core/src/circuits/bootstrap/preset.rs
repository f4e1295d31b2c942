//! Parameter sets for whole bootstrappings.

use std::sync::Arc;

use super::plan::BootstrapPlan;
use super::shape::BootstrapShape;
use crate::evaluator::EvalError;
use crate::params::sparse::Weight;
use crate::params::{Params, ParamsError, ParamsLiteral};
use crate::rlwe::{Bridge, BridgeError, BridgeShape, Context};

/// A training ring, a ring to bootstrap in, and the way between.
#[derive(Clone, Debug, PartialEq)]
pub struct BootstrapPreset {
    /// The small ring.
    pub small: ParamsLiteral,
    /// The large ring.
    pub large: ParamsLiteral,
    /// The secret of the large ring.
    pub large_weight: Weight,
    /// The keys between.
    pub bridge: BridgeShape,
    /// The circuit.
    pub shape: BootstrapShape,
}

/// Why a preset cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PresetError {
    /// A ring, or a key that is not secure.
    #[error(transparent)]
    Bridge(#[from] BridgeError),
    /// Levels or moduli that do not suffice.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

impl crate::error::Explain for PresetError {}

/// Bits of the primes of the large ring, and of its special primes.
const LARGE_BITS: u32 = 47;
const SPECIAL_BITS: u32 = 48;
/// Bits of both special primes of the way back, where larger ones would be beyond the cap: five bits above a digit.
const SMALL_SPECIAL_BITS: u32 = 26;
/// A special modulus exceeds the largest digit by so many bits.
const SPECIAL_MARGIN: u32 = 5;
/// So many bits of the scale may be lost on the way back: with 20 or more above the noise there, no bit of a value is.
const SPARE_BITS: u32 = 6;
/// Factors to coefficients and to slots.
const FACTORS: [u32; 2] = [2, 3];
/// The largest ring that there is a table of sparse keys for.
const LARGEST_RING: u32 = 16;

/// `layers` in so many parts, as equal as they can be, the larger ones first.
fn parts(layers: u32, count: u32) -> Vec<u32> {
    let one = |k: u32| (layers + count - 1 - k) / count;
    (0..count).map(one).collect()
}

impl BootstrapPreset {
    /// A set for values of at most `bound` in the slots of a given ring, which come back at `output_level` and at a scale of the size of its
    /// primes, through a ring of four times the degree (2^16 at most). Two levels to coefficients; eight of the sine and three to slots in the
    /// large ring.
    ///
    /// The large chain is left at the lowest level whose modulus is not much less than the small one's where it is landed, so that no more than
    /// six bits of the scale are lost.
    pub fn of_ring(small: ParamsLiteral, output_level: usize, bound: f64) -> Self {
        let layers = small.log_n.saturating_sub(1);
        let landed: u32 = small.q_bits.iter().take(output_level + 1).sum();
        let leave = landed
            .saturating_sub(SPARE_BITS)
            .div_ceil(LARGE_BITS)
            .max(1);
        let cap = Weight::Uniform.cap_128(small.log_n).unwrap_or(u32::MAX);
        let special = if leave * LARGE_BITS + 2 * SPECIAL_BITS <= cap {
            SPECIAL_BITS
        } else {
            SMALL_SPECIAL_BITS
        };
        let weights = Self::weights_2_14();
        let sine = 1 + weights.shape.log_degree + weights.shape.doublings;
        // Those that are left, one for the mask, and one of q_0's kind below them all.
        let primes = leave + 1 + sine + FACTORS[1];
        let log_n = (small.log_n + 2).min(LARGEST_RING);
        let most = weights.large_weight.cap_128(log_n).unwrap_or(u32::MAX);
        // Fewer, longer digits are faster; they need larger special primes.
        let special_primes = |dnum: u32| {
            let digit = primes.div_ceil(dnum) * LARGE_BITS + SPECIAL_MARGIN;
            digit.div_ceil(SPECIAL_BITS)
        };
        let fits = |dnum: &u32| primes * LARGE_BITS + special_primes(*dnum) * SPECIAL_BITS <= most;
        let dnum = (weights.large.dnum..primes).find(fits).unwrap_or(primes);
        let prime = small.q_bits.last().copied().unwrap_or(LARGE_BITS);
        Self {
            large: ParamsLiteral {
                log_n,
                q_bits: vec![LARGE_BITS; primes as usize],
                p_bits: vec![SPECIAL_BITS; special_primes(dnum) as usize],
                dnum,
            },
            large_weight: weights.large_weight,
            bridge: BridgeShape {
                leave_level: leave as usize - 1,
                leave_p_bits: vec![special; 2],
                output_level,
                ..weights.bridge
            },
            shape: BootstrapShape {
                to_coefficients: parts(layers, FACTORS[0]),
                to_slots: parts(layers, FACTORS[1]),
                bound,
                output_scale: f64::from(prime).exp2(),
                ..weights.shape
            },
            small,
        }
    }

    /// 8,192 complex slots of N = 2^14 with eight levels of 32 bits, through N = 2^16: for weights of a model of up to ten classes and 512
    /// features as W + i V in one ciphertext, |W + i V| at most 8. 128 bits of security; failure below 2^-64; two levels for the way to coefficients.
    pub fn weights_2_14() -> Self {
        Self {
            small: ParamsLiteral {
                log_n: 14,
                q_bits: [vec![47], vec![32; 8]].concat(),
                p_bits: vec![48, 48],
                dnum: 5,
            },
            large: ParamsLiteral {
                log_n: 16,
                q_bits: vec![47; 19],
                p_bits: vec![48; 7],
                dnum: 3,
            },
            large_weight: Weight::Sparse(192),
            bridge: BridgeShape {
                weight: 32,
                enter_p_bits: vec![48, 48],
                leave_level: 6,
                leave_p_bits: vec![48, 48],
                output_level: 8,
            },
            shape: BootstrapShape {
                to_coefficients: vec![7, 6],
                small_babies: 8,
                to_slots: vec![5, 4, 4],
                large_babies: 4,
                overflow: 14,
                log_degree: 4,
                doublings: 3,
                log_ratio: 10,
                bound: 8.0,
                output_scale: 32f64.exp2(),
                second_pass: None,
            },
        }
    }

    /// **Insecure**: 512 slots of N = 2^10 through N = 2^12, for fast tests.
    pub fn insecure_test() -> Self {
        let weights = Self::weights_2_14();
        Self {
            small: ParamsLiteral {
                log_n: 10,
                q_bits: [vec![47], vec![32; 4]].concat(),
                ..weights.small
            },
            large: ParamsLiteral {
                log_n: 12,
                q_bits: vec![47; 16],
                ..weights.large
            },
            large_weight: weights.large_weight,
            bridge: BridgeShape {
                leave_level: 3,
                output_level: 4,
                ..weights.bridge
            },
            shape: BootstrapShape {
                to_coefficients: vec![5, 4],
                to_slots: vec![3, 3, 3],
                ..weights.shape
            },
        }
    }

    /// The rings and the plan; every key is held to the cap of its own table.
    ///
    /// # Errors
    /// [`PresetError`]; for an insecure one, the key that is.
    pub fn plan(self) -> Result<Arc<BootstrapPlan>, PresetError> {
        self.plan_on(Params::of_weight, Bridge::new)
    }

    /// The same without the checks of security: for tests.
    ///
    /// # Errors
    /// [`PresetError`].
    pub fn insecure_test_plan(self) -> Result<Arc<BootstrapPlan>, PresetError> {
        self.plan_on(Params::insecure_test_of_weight, Bridge::insecure_test)
    }

    fn plan_on(
        self,
        params: impl Fn(ParamsLiteral, Weight) -> Result<Params, ParamsError>,
        bridge: impl Fn(&Arc<Context>, &Arc<Context>, BridgeShape) -> Result<Arc<Bridge>, BridgeError>,
    ) -> Result<Arc<BootstrapPlan>, PresetError> {
        let context = |literal, weight| -> Result<Arc<Context>, BridgeError> {
            Ok(Context::new(Arc::new(params(literal, weight)?))?)
        };
        let small = context(self.small, Weight::Uniform)?;
        let large = context(self.large, self.large_weight)?;
        let bridge = bridge(&small, &large, self.bridge)?;
        Ok(BootstrapPlan::new(&bridge, self.shape)?)
    }
}
