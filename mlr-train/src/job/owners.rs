//! Whose rows a job trains on.

use serde::{Deserialize, Serialize};

use super::joint::Joint;

/// Who uploads, and under which key. The default is one owner with the secret key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owners {
    /// Rows of each owner, in the order of their datasets; empty where one has all rows.
    pub rows: Vec<usize>,
    /// Hash of the whitening map that all owners share, in hex; none where the one owner makes its own.
    pub whitening: Option<String>,
    /// Whether uploads are encrypted under the public key: twice the bytes, and more noise.
    pub public_key: bool,
    /// The joint key that uploads are proved under; none where one key holder has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<Joint>,
}

impl Owners {
    /// One owner with the secret key: plans of that kind do not mention owners.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
