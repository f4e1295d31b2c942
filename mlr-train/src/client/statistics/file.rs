//! The file of statistics: written, read, checked.

use std::path::Path;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use super::Statistics;
use crate::client::headed::{self, Head, Tensor, bytes};
use crate::data::Description;
use crate::files::{At, FileError};

/// Rows of all owners, so that no sum overflows.
const MOST_ROWS: u64 = 1 << 40;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    kind: String,
    version: u32,
    owners: Vec<usize>,
    parts: Vec<String>,
    class_counts: Vec<u64>,
    class_names: Option<Vec<String>>,
    /// What the features were computed by.
    #[serde(default, skip_serializing_if = "Description::is_unknown")]
    description: Description,
    content_blake3: String,
}

impl Head for Known {
    const KIND: &'static str = "velum statistics";
    const VERSION: u32 = 2;
    const EXPECTED: &'static str = "statistics of features";
    const HINT: &'static str = "name a file that `velum stats` wrote";
    const DAMAGED: &'static str = "the file was changed or damaged: transfer it again";
    /// 16,384 features are 2 GiB.
    const LARGEST: u64 = (2 << 30) + (1 << 20);

    fn named(&self) -> (&str, u32, &str) {
        (&self.kind, self.version, &self.content_blake3)
    }

    fn content_hash(&self, tensors: &[&[u8]]) -> Option<String> {
        let hasher = blake3::Hasher::new_derive_key("velum mlr-train statistics v1");
        let fields = (
            &self.owners,
            &self.parts,
            &self.class_counts,
            &self.class_names,
        );
        headed::hash(hasher, &fields, &self.description, tensors)
    }

    fn set_hash(&mut self, hash: String) {
        self.content_blake3 = hash;
    }
}

impl Statistics {
    /// Writes the file, readable by its owner alone, atomically.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let p = self.features();
        let tensors = [
            ("mean", vec![p], bytes(&self.mean)),
            ("scatter", vec![p, p], bytes(&self.scatter)),
        ];
        let known = Known {
            kind: Known::KIND.to_owned(),
            version: Known::VERSION,
            owners: self.owners.clone(),
            parts: self.parts.clone(),
            class_counts: self.class_counts.clone(),
            class_names: self.class_names.clone(),
            description: self.description.clone(),
            content_blake3: String::new(),
        };
        headed::write(path, known, &tensors)
    }

    /// Reads and checks a file of statistics.
    ///
    /// # Errors
    /// [`Problem::Kind`](crate::files::Problem::Kind) for another kind or version, `Hash` for changed content, `Shape`, `NotFinite`.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let at = At(path);
        let (known, tensors) = headed::read::<Known, 2>(path, ["mean", "scatter"])?;
        let [mean, scatter] = &tensors;
        let p = mean.values.len();
        let all = (known.owners.iter()).try_fold(0u64, |sum, &own| sum.checked_add(own as u64));
        let counted = (known.class_counts.iter()).try_fold(0u64, |sum, &n| sum.checked_add(n));
        let named = known.class_names.as_ref().map(Vec::len);
        let fits = mean.shape == [p]
            && scatter.shape == [p, p]
            && p > 0
            && known.parts.len() == known.owners.len()
            && all == counted
            && all.is_some_and(|rows| (1..=MOST_ROWS).contains(&rows))
            && named.is_none_or(|names| names >= known.class_counts.len());
        let found = format!(
            "{:?} and {:?} for {:?} rows of {} owners",
            mean.shape,
            scatter.shape,
            all,
            known.owners.len()
        );
        let wrong = || {
            let expected = "shapes (p) and (p, p), as many rows of owners as of classes";
            let fields = "mean, scatter, owners, class_counts";
            headed::wrong_shape(at, fields, expected, found.clone())
        };
        if !fits {
            return Err(wrong());
        }
        headed::require_finite(at, &tensors)?;
        let [mean, scatter] = tensors.map(|Tensor { values, .. }| values);
        Ok(Self {
            owners: known.owners,
            parts: known.parts,
            class_counts: known.class_counts,
            class_names: known.class_names,
            description: known.description,
            mean: Array1::from(mean),
            scatter: Array2::from_shape_vec((p, p), scatter).map_err(|_| wrong())?,
        })
    }
}
