//! Names of the ciphertexts that the client uploads.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One uploaded ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Upload {
    /// The packed first gradient `(Y - 1/2)^T X`.
    FirstGradient {
        /// Whose: the server adds those of all owners up.
        owner: usize,
        /// Which part, r row vectors each.
        part: usize,
    },
    /// Start weights, shared by all classes.
    Weights {
        /// Column group.
        group: usize,
    },
    /// The diagonal of the quadratic gradient's B.
    Curvature {
        /// Column group.
        group: usize,
    },
    /// Features of 2r samples.
    Data {
        /// Block of samples.
        block: usize,
        /// Column group.
        group: usize,
    },
    /// Labels of 2r samples.
    Labels {
        /// Block of samples.
        block: usize,
        /// Which part, p classes each.
        part: usize,
    },
}

impl fmt::Display for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The owner's dataset is a directory of its own.
            Self::FirstGradient { part, .. } => write!(f, "first-gradient-{part}"),
            Self::Weights { group } => write!(f, "weights-{group}"),
            Self::Curvature { group } => write!(f, "curvature-{group}"),
            Self::Data { block, group } => write!(f, "data-{block}-{group}"),
            Self::Labels { block, part } => write!(f, "labels-{block}-{part}"),
        }
    }
}
