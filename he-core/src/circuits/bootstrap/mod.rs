//! Bootstrapping: levels again for a ciphertext, without its key.
//!
//! For values that live in a small ring of degree N: bootstrapping happens in a ring of g N, for as many complex slots as the small one has,
//! in one go. Slots go to coefficients first, so that the way there costs levels of a short chain (ePrint 2020/1203 has it last).
//!
//! | step | here | ring, levels | source |
//! |---|---|---|---|
//! | slots to coefficients, factored | [`crate::ckks::diagonals`], [`crate::circuits::LinearMaps`] | N, one a factor | ePrint 2018/1043, 2018/1073 |
//! | X to X^g, sparse key, raised to the whole modulus | [`crate::rlwe::Bridge::enter`] | g N | ePrint 2022/024 |
//! | sum over the automorphisms that leave X^g alone | [`crate::circuits::fold`] | 0 | ePrint 2018/153, section 5.1 |
//! | coefficients to slots; real parts beside imaginary parts | [`crate::circuits::LinearMap`] | one a factor | ePrint 2018/1043 |
//! | away with multiples of q_0 | [`Sine`] | 1 + k + r | ePrint 2019/688, 2020/1203 |
//! | parts joined | a mask, and a sum of two rotations | 1 | |
//! | back to the small ring and its chain | [`crate::rlwe::Bridge::leave`] | N | |
//! | the same again for the error of the first time, where that is asked for | `second` | none more | ePrint 2022/1167, section 3.2 |
//!
//! # The error
//! In units of the bound of the values: the sine departs from its argument by (2 pi e)^2 / 6 at ratio e = 2^-10, 2^-17.3, for values at the
//! bound and less for smaller ones; the cosine's polynomial and the noise of each level weigh 4 times as much after every double angle. Constants
//! meet the first at all slots at once: the stated error is for them.
//!
//! # Failure
//! The multiples of q_0 are a sum of as many uniform values as the sparse key has weight, and the sine holds for |I| <= K alone.
//! [`log2_failure`] is exact.
//! A refresh that fails shows in a decryption, so that an adversary who sees decryptions learns of the key from it (ePrint 2020/1533): choose 2^-64 or less.
//!
//! # Values over the bound
//! They wrap around in silence. So [`Bootstrap`] refuses whatever is not declared to be within [`BootstrapShape::bound`], and
//! [`crate::evaluator::Clear`] checks what is declared.

mod circuit;
mod crossing;
mod crossings;
mod overflow;
mod plan;
mod preset;
mod second;
mod shape;
mod sine;

pub use crossing::Crossing;
pub use crossings::{CkksCrossing, ClearCrossing, SimulatorCrossing};
#[cfg(test)]
pub(crate) use overflow::least_overflow;
pub use overflow::{log2_failure, log2_tail};
pub use plan::{Bootstrap, BootstrapPlan};
pub use preset::{BootstrapPreset, PresetError};
pub use shape::BootstrapShape;
pub use sine::{Sine, SineShape};
