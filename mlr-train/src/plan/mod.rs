//! Plans: what is trained, how it is laid out, under which parameters, and what that costs.

mod binding;
mod bootstrapping;
mod candidates;
mod chains;
pub mod cost;
mod counted;
mod drift;
mod error;
mod estimate;
mod file;
mod joint;
mod memory;
mod request;
mod rough;
mod scales;
mod search;
mod threads;
mod weigh;

pub use crate::job::{
    Bounds, FirstGradient, Hiding, Job, Joint, MASK_BITS, Method, Owners, Polynomial, Program,
    ProgramError, Refreshes, Scales, Step, Way,
};
pub(crate) use binding::key_binding;
#[cfg(test)]
pub(crate) use bootstrapping::Under;
pub use bootstrapping::{BootstrapEstimate, BootstrapSet, Bootstrapping};
pub use error::PlanError;
pub use estimate::Estimate;
pub(crate) use estimate::at_refresh;
#[cfg(test)]
pub(crate) use estimate::{estimate_job, key_levels};
pub(crate) use file::MOST_BYTES;
pub use file::{Plan, Ranked};
pub use joint::{JointEstimate, hidden, smudging};
pub(crate) use request::largest_error;
pub use request::{
    LARGEST_ERROR, LARGEST_ERROR_BOOTSTRAPPED, LARGEST_OPENED_ERROR,
    LARGEST_OPENED_ERROR_REFRESHED, Limits, PlanRequest,
};
#[cfg(test)]
pub(crate) use scales::{fit_scales, fit_scales_under};
pub use velum_record::plan::IterationCost;
pub use weigh::{Cost, ROUND_TRIP, Weighed, Weighing, ways, weigh};

#[cfg(test)]
mod tests;
