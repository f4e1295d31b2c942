//! Feature sets: rows of real features with a label each, checked once and never again.
//!
//! The files are defined in `docs/feature-set.md`; [`read`] recognises them by name.

mod bundle;
mod classes;
mod csv;
mod gzip;
mod names;
mod npy;
mod origin;
mod read;
mod rows;
mod safetensors;
mod set;
mod split;
mod unlabelled;

use crate::files::{At, FileError, Location, Problem};

pub use bundle::{describe, read_bundle, write_bundle};
pub use classes::{Classes, Matched};
pub(crate) use classes::{listed, places};
pub use names::RowNames;
pub use npy::{read_features, read_labels, write_features, write_labels};
pub use origin::{Description, OriginError};
pub use read::{ReadError, labels_beside, read, read_rows};
pub use rows::{RowSelection, RowSelectionError};
pub use set::{FeatureSet, TrainingSet};
pub use split::Split;
pub use unlabelled::Rows;

/// Most features of a row. The widest usual networks give 4,096; the largest matrix that is kept of them (p x p) is 2 GiB at this.
pub const MOST_FEATURES: usize = 16_384;

/// Rows that are wider than any that could be trained on.
fn too_wide(at: At<'_>, found: usize) -> FileError {
    at.fault(
        Problem::Length,
        Location::Whole,
        format!("rows of at most {MOST_FEATURES} features"),
        format!("{found} features"),
        "is this the right file? else reduce the features first",
    )
}

/// Files larger than this are refused before anything is allocated: 64 GiB.
const LARGEST_FILE: u64 = 64 << 30;
