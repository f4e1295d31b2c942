//! The arrangements by name. What they do is in a file each.

use serde::{Deserialize, Serialize};

use super::diagonal::Diagonal;
use super::grid::Packing;
use super::row_major::RowMajor;

/// Which columns of its sample a row of a ciphertext holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// Ciphertext j of a block holds column group j of every sample (Volley Revolver of arXiv 2304.03807). A vector over the columns
    /// takes g ciphertexts.
    RowMajor,
    /// Ciphertext j of a block holds, in row r, column group (r + j) mod g. A vector over the columns is one ciphertext, which has all
    /// groups in g successive rows; its rotations by whole rows meet every ciphertext of a block.
    Diagonal,
}

impl Arrangement {
    /// Every arrangement.
    pub const ALL: [Self; 2] = [Self::RowMajor, Self::Diagonal];

    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.packing().name()
    }

    /// Whether several vectors of the first gradient share a ciphertext, so that they must be unpacked, for a level.
    pub(crate) fn packs_first_gradient(self) -> bool {
        self.packing().packs_first_gradient()
    }

    /// What answers every question about it.
    pub(super) fn packing(self) -> &'static dyn Packing {
        match self {
            Self::RowMajor => &RowMajor,
            Self::Diagonal => &Diagonal,
        }
    }
}
