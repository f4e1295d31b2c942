//! What is done to slices, written once for every instruction set.
//!
//! Each kernel gets its machine from `simd::dispatch`. All of them are `#[inline(always)]`, down to
//! the last helper: they become part of a function that has the instructions enabled.
#![expect(
    unsafe_code,
    reason = "loads and stores at computed places; each block has its argument"
)]

mod butterfly;
mod canonical;
mod chacha;
mod dot;
mod limits;
mod map;
mod ntt;
mod permute;
mod residue;
mod tail;
mod tensor;

pub(super) use canonical::{Balance, Canonical};
pub(super) use chacha::{ChaCha20, NUMBERS};
pub use dot::MAX_TERMS;
pub(super) use dot::{Convert, Dot, Overflow};
pub(super) use limits::{MultiplyAdds, Total};
pub(super) use map::{
    Add, AddScaled, Map, Mul, MulAssign, MulConstant, Negate, Reduce, Sub, SubScale,
};
pub(super) use ntt::{
    Forward, ForwardColumns, ForwardRow, Inverse, InverseColumns, InverseRow, InverseWhole,
};
pub(super) use permute::Permute;
pub(super) use tensor::Tensor;
pub use tensor::TensorTerm;
