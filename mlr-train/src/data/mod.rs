//! Feature sets: rows of real features with a label each, checked once and never again.
//!
//! The files are defined in `docs/feature-set.md`; [`read`] recognises them by name.

mod bundle;
mod csv;
mod npy;
mod read;
mod rows;
mod safetensors;
mod set;
mod unlabelled;

pub use bundle::{Description, read_bundle, write_bundle};
pub use npy::{read_features, read_labels, write_features, write_labels};
pub use read::{labels_beside, read};
pub use rows::{RowSelection, RowSelectionError};
pub use set::{FeatureSet, TrainingSet};
pub use unlabelled::Rows;

/// Files larger than this are refused before anything is allocated: 64 GiB.
const LARGEST_FILE: u64 = 64 << 30;
