//! Reference trainers in clear, on `f64`: what the encrypted runs are measured against.
//!
//! - [`whitened`]: the full quadratic gradient in whitened coordinates; the exact twin of the encrypted training.
//! - [`paper`]: the seed paper's per-class sigmoid with its Nesterov schedule and diagonal quadratic gradient.
//! - [`softmax`]: softmax regression to convergence; the best that a linear model gets from the data.

pub mod paper;
pub mod softmax;
pub mod whitened;

use he_core::error::Explain;

/// A run that left the finite numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// Weights grew beyond every bound.
    #[error(
        "training diverged: expected finite weights, found an infinite or undefined one after iteration {iteration}"
    )]
    Diverged {
        /// Iteration, from 1.
        iteration: usize,
    },
    /// Rows and labels do not fit.
    #[error("training: expected one label below {classes} for each of {rows} rows, found {found}")]
    Labels {
        /// Rows given.
        rows: usize,
        /// Classes given.
        classes: usize,
        /// What is wrong.
        found: String,
    },
    /// Steps that cannot be taken.
    #[error("step schedule: expected 1 to 1000 positive finite steps, found {found}")]
    Schedule {
        /// What was given.
        found: String,
    },
}

impl Explain for TrainError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Diverged { .. } => "a smaller step, a wider polynomial range or fewer iterations",
            Self::Labels { .. } => "use the labels of the same rows",
            Self::Schedule { .. } => "such as 4,16,16",
        };
        Some(hint.to_owned())
    }
}

/// One label below `classes` for each row.
fn check_labels(rows: usize, labels: &[u32], classes: usize) -> Result<(), TrainError> {
    let found = if labels.len() != rows || rows == 0 {
        format!("{} labels", labels.len())
    } else if let Some(label) = labels.iter().find(|&&label| label as usize >= classes) {
        format!("label {label}")
    } else {
        return Ok(());
    };
    Err(TrainError::Labels {
        rows,
        classes,
        found,
    })
}
