//! Plans: what is trained, how it is laid out, under which parameters, and what that costs.

mod chains;
pub mod cost;
mod error;
mod file;
mod predict;
mod program;
mod request;
mod scales;
mod search;

pub use error::PlanError;
pub use file::Plan;
pub(crate) use file::key_binding;
pub use predict::{Prediction, predict};
#[cfg(test)]
pub(crate) use program::levels;
pub use program::{Bounds, Cubic, FirstGradient, Job, Method, Program, ProgramError, Scales, Step};
pub use request::{LARGEST_ERROR, PlanRequest};
#[cfg(test)]
pub(crate) use scales::fit_scales;

#[cfg(test)]
mod tests;
