//! Vector instructions: one generic source for every kernel, chosen at run time.
//!
//! This is the only module that names an instruction set. A kernel is a [`Kernel`] whose `run` is
//! generic over [`Machine`]; [`dispatch`] hands it the widest machine there is, inside a function
//! that has the instructions enabled. All machines do the same IEEE operations on every element in
//! the same order, so their results have the same bits.
#![expect(
    unsafe_code,
    reason = "vector intrinsics and their loads and stores; each block has its argument"
)]

mod allocator;
mod buffer;
mod dispatch;
mod gather;
mod lanes;
mod machine;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "values are moved one by one there")
)]
mod pattern;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use allocator::share_heaps;
pub use buffer::{Buffer, release_unused};
pub(super) use dispatch::dispatch;
#[cfg(test)]
pub(super) use dispatch::{Level, run_available};
pub(super) use lanes::{Lanes, ROUND, array4, array8};
pub(super) use machine::{Blocks, ByLength, Kernel, Machine, Rows};
pub(super) use pattern::Pattern;
pub(super) use portable::Portable;
