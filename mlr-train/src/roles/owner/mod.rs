//! What one of several owners of data does: statistics, and encryption under the plan that all share.

pub mod encrypt;
pub mod stats;

pub use stats::{StatsFrom, StatsInput};
