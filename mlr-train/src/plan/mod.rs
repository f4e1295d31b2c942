//! Plans: what is trained, how it is laid out, under which parameters, and what that costs.

mod chains;
pub mod cost;
mod error;
mod file;
mod memory;
mod owners;
mod polynomial;
mod predict;
mod program;
mod request;
mod rough;
mod scales;
mod search;

pub use error::PlanError;
pub(crate) use file::key_binding;
pub use file::{Plan, Ranked};
pub(crate) use memory::BLOCKS_AT_ONCE;
pub use owners::Owners;
pub use polynomial::Polynomial;
pub use predict::{IterationCost, Prediction, predict};
pub use program::{Bounds, FirstGradient, Job, Method, Program, ProgramError, Scales, Step};
pub use request::{LARGEST_ERROR, Limits, PlanRequest};
#[cfg(test)]
pub(crate) use scales::fit_scales;

#[cfg(test)]
mod tests;
