//! What a run keeps in files: plans, keys, encrypted datasets and models, checkpoints, the client's private directory.
//!
//! Everything is written so that nothing half-written ever has its final name, and names the plan or the key set that it belongs to.
//! Secret keys are in [`secret_key`] alone.

pub mod checkpoint;
pub mod course;
pub mod dataset;
pub mod error;
pub mod evaluation_keys;
#[cfg(feature = "sunscreen")]
pub mod exact;
pub mod folder;
pub mod kinds;
pub mod manifest;
pub mod openings;
pub mod plan;
pub mod predict;
pub mod predictions;
pub mod private;
pub mod progress;
pub mod public_key;
pub mod recipe;
pub mod record;
pub mod refresh;
mod reporter;
pub mod secret_key;
pub mod secrets;
pub mod verify;
pub mod weights;

pub use error::RunError;
pub use plan::{CanonicalFile, PlanFile, ScorePlanFile};
pub use reporter::{Reporter, Silent};
