//! Records of training.

use serde::{Deserialize, Serialize};

/// What a training took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Time of the whole step.
    pub wall_seconds: f64,
    /// Reading plan and keys.
    pub load_seconds: f64,
    /// Training, the dataset's reading included.
    pub compute_seconds: f64,
    /// Iterations that the checkpoint had done already.
    pub resumed_iterations: usize,
    /// What `compute_seconds` was expected to be, from a measurement of this machine at the start; none after a resumption, and for a
    /// training of a second or two, which is not worth one.
    pub predicted_seconds: Option<f64>,
    /// Products with evaluation keys, of this process, as all that follows.
    pub key_switches: u64,
    /// Divisions by P.
    pub mod_downs: u64,
    /// Largest resident memory of the process, where the system tells.
    pub peak_rss_mb: Option<f64>,
}
