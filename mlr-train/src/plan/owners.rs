//! Whose rows a job trains on.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::program::Job;

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
}

impl Owners {
    /// One owner with the secret key: plans of that kind do not mention owners.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Job {
    /// Rows of each owner of data; all of them where there is one.
    pub fn owner_rows(&self) -> Vec<usize> {
        match self.program().owners.rows.as_slice() {
            [] => vec![self.program().shape.samples],
            rows => rows.to_vec(),
        }
    }

    /// The blocks of each owner's rows, one after the other.
    pub fn owner_blocks(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let rows = self.owner_rows().into_iter();
        rows.map(|own| {
            let start = end;
            end += self.layout().of_rows(own).blocks();
            start..end
        })
        .collect()
    }
}
