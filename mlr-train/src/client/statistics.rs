//! What several owners of data add up before they whiten alike: rows, class counts, mean and covariance. Nothing of a single row.
//!
//! Sums of second moments are kept about the mean, `C = sum (x - mu) (x - mu)^T`, and merged by
//! `C = C_a + C_b + n_a n_b / (n_a + n_b) (mu_a - mu_b)(mu_a - mu_b)^T` (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
//! 1983): the same numbers as `sum x x^T`, without the cancellation. Sums by class are left out on purpose: with them, everyone who has
//! the pooled statistics could compute the first gradient M of all owners in clear.
//!
//! The file is safetensors with F64 tensors `mean` (p) and `scatter` (p x p); the metadata entry `velum` is JSON: kind, format version, rows
//! of each owner, class counts, class names, and blake3 of everything else.

use std::collections::HashMap;
use std::path::Path;

use ndarray::{Array1, Array2, Axis};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::whiten::{WhitenError, Whitening};
use crate::data::FeatureSet;
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};
use crate::linalg::{column_means, covariance};

/// Word in the metadata that tells this kind from others.
const KIND: &str = "velum statistics";
/// Version that is written and read.
const VERSION: u32 = 1;
/// 16,384 features are 2 GiB.
const LARGEST: u64 = (2 << 30) + (1 << 20);
/// Rows of all owners, so that no sum overflows.
const MOST_ROWS: u64 = 1 << 40;

/// Pooled or single statistics of rows in clear.
#[derive(Clone, PartialEq)]
pub struct Statistics {
    /// Rows of each owner, in the order of merging.
    owners: Vec<usize>,
    class_counts: Vec<u64>,
    class_names: Option<Vec<String>>,
    mean: Array1<f64>,
    scatter: Array2<f64>,
}

impl std::fmt::Debug for Statistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statistics")
            .field("owners", &self.owners)
            .field("features", &self.mean.len())
            .finish_non_exhaustive()
    }
}

/// Statistics that cannot be added up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Rows of another width.
    #[error(
        "statistics: expected rows of {expected} features like the first, found {found}\n  hint: all owners must extract with the same network"
    )]
    Width {
        /// Features of the first.
        expected: usize,
        /// Features of the other.
        found: usize,
    },
    /// Other names of classes.
    #[error(
        "statistics: expected the classes named like the first, found other names or another order\n  hint: agree on names and numbers of the classes, then extract again"
    )]
    Names,
    /// The same statistics twice.
    #[error(
        "statistics: expected every owner once, found the same statistics twice\n  hint: name each owner's file once"
    )]
    Twice,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    kind: String,
    version: u32,
    owners: Vec<usize>,
    class_counts: Vec<u64>,
    class_names: Option<Vec<String>>,
    content_blake3: String,
}

impl Head {
    fn content_hash(&self, tensors: [&[u8]; 2]) -> Option<String> {
        let mut hasher = blake3::Hasher::new_derive_key("velum mlr-train statistics v1");
        let fields = (&self.owners, &self.class_counts, &self.class_names);
        let fields = serde_json::to_vec(&fields).ok()?;
        for part in [&fields[..]].into_iter().chain(tensors) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Some(hasher.finalize().to_hex().to_string())
    }
}

fn bytes<'a>(values: impl IntoIterator<Item = &'a f64>) -> Vec<u8> {
    let values = values.into_iter();
    values.flat_map(|value| value.to_le_bytes()).collect()
}

impl Statistics {
    /// Of one owner's rows. Cost: one product p x n x p.
    #[must_use]
    pub fn of(set: &FeatureSet) -> Self {
        let x = set.features().view();
        let mean = column_means(x);
        let scatter = covariance(x, &mean) * set.rows() as f64;
        let mut class_counts = vec![0; set.classes()];
        for &label in set.labels() {
            class_counts[label as usize] += 1;
        }
        Self {
            owners: vec![set.rows()],
            class_counts,
            class_names: set.class_names().map(<[String]>::to_vec),
            mean,
            scatter,
        }
    }

    /// Adds the rows of others, whose owners come after these.
    ///
    /// # Errors
    /// [`MergeError`]; nothing is changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), MergeError> {
        let (expected, found) = (self.mean.len(), other.mean.len());
        if expected != found {
            return Err(MergeError::Width { expected, found });
        }
        let named = |a: &Option<Vec<String>>, b: &Option<Vec<String>>| matches!((a, b), (Some(a), Some(b)) if a != b);
        if named(&self.class_names, &other.class_names) {
            return Err(MergeError::Names);
        }
        if self.mean == other.mean && self.scatter == other.scatter {
            return Err(MergeError::Twice);
        }
        let (a, b) = (self.rows() as f64, other.rows() as f64);
        let apart = &self.mean - &other.mean;
        let column = apart.view().insert_axis(Axis(1));
        let outer = column.dot(&column.t()) * (a * b / (a + b));
        self.scatter = &self.scatter + &other.scatter + outer;
        self.mean = (&self.mean * a + &other.mean * b) / (a + b);
        if self.class_counts.len() < other.class_counts.len() {
            self.class_counts.resize(other.class_counts.len(), 0);
        }
        for (sum, count) in self.class_counts.iter_mut().zip(&other.class_counts) {
            *sum += count;
        }
        if self.class_names.is_none() {
            self.class_names.clone_from(&other.class_names);
        }
        self.owners.extend(&other.owners);
        Ok(())
    }

    /// Rows of each owner, in the order of merging.
    #[must_use]
    pub fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// Rows of all owners.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.owners.iter().sum()
    }

    /// p: features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.mean.len()
    }

    /// Rows of each class.
    #[must_use]
    pub fn class_counts(&self) -> &[u64] {
        &self.class_counts
    }

    /// Names of the classes, if an owner named them.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// The whitening map of all rows, with `d` axes and damping `lambda`. Cost: an eigen-decomposition p x p.
    ///
    /// # Errors
    /// [`WhitenError`], as [`Whitening::fit`].
    pub fn whitening(&self, d: usize, lambda: f64) -> Result<Whitening, WhitenError> {
        let rows = self.rows();
        let covariance = &self.scatter / rows.max(1) as f64;
        Whitening::of_moments(self.mean.clone(), covariance, rows, d, lambda)
    }

    /// blake3 of the content.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("velum mlr-train statistics hash v1");
        for &rows in &self.owners {
            hasher.update(&(rows as u64).to_le_bytes());
        }
        hasher.update(&bytes(&self.mean));
        hasher.update(&bytes(&self.scatter));
        hasher.finalize()
    }

    /// Writes the file, readable by its owner alone, atomically.
    ///
    /// # Errors
    /// The system's error.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let failed =
            |message: String| FileError::io("encode", path)(std::io::Error::other(message));
        let p = self.features();
        let parts = [
            ("mean", vec![p], bytes(&self.mean)),
            ("scatter", vec![p, p], bytes(&self.scatter)),
        ];
        let mut head = Head {
            kind: KIND.to_owned(),
            version: VERSION,
            owners: self.owners.clone(),
            class_counts: self.class_counts.clone(),
            class_names: self.class_names.clone(),
            content_blake3: String::new(),
        };
        head.content_blake3 = head
            .content_hash([&parts[0].2, &parts[1].2])
            .ok_or_else(|| failed("the description cannot be written as JSON".to_owned()))?;
        let text = serde_json::to_string(&head).map_err(|error| failed(error.to_string()))?;
        let views = parts
            .iter()
            .map(|(name, shape, data)| {
                TensorView::new(Dtype::F64, shape.clone(), data).map(|view| (*name, view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| failed(error.to_string()))?;
        let metadata = HashMap::from([("velum".to_owned(), text)]);
        let out = safetensors::serialize(views, Some(metadata))
            .map_err(|error| failed(error.to_string()))?;
        write_atomic(path, &out, Access::Private)
    }

    /// Reads and checks a file of statistics.
    ///
    /// # Errors
    /// [`Problem::Kind`] for another kind or version, [`Problem::Hash`] for changed content, [`Problem::Shape`], [`Problem::NotFinite`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let at = At(path);
        let content = read_limited(path, LARGEST)?;
        let kind = |found: String| {
            at.fault(
                Problem::Kind,
                Location::Whole,
                format!("statistics of features, version {VERSION}"),
                found,
                "name a file that `velum stats` wrote",
            )
        };
        let file = SafeTensors::deserialize(&content).map_err(|error| kind(error.to_string()))?;
        let (_, metadata) =
            SafeTensors::read_metadata(&content).map_err(|error| kind(error.to_string()))?;
        let entries = metadata.metadata().as_ref();
        let text = entries
            .and_then(|entries| entries.get("velum"))
            .ok_or_else(|| kind("another safetensors file".to_owned()))?;
        let head: Head = serde_json::from_str(text)
            .map_err(|error| kind(describe_json(text.as_bytes(), &error)))?;
        if head.kind != KIND || head.version != VERSION {
            return Err(kind(format!("{:?}, version {}", head.kind, head.version)));
        }
        let tensor = |name: &str| {
            file.tensor(name)
                .ok()
                .filter(|view| view.dtype() == Dtype::F64)
                .ok_or_else(|| kind(format!("no F64 tensor `{name}`")))
        };
        let (mean, scatter) = (tensor("mean")?, tensor("scatter")?);
        let found = head.content_hash([mean.data(), scatter.data()]);
        if found.as_deref() != Some(head.content_blake3.as_str()) {
            return Err(at.fault(
                Problem::Hash,
                Location::Whole,
                format!("content with blake3 {}", head.content_blake3),
                found.unwrap_or_default(),
                "the file was changed or damaged: transfer it again",
            ));
        }
        let values = |view: &TensorView<'_>| -> Vec<f64> {
            let (chunks, _) = view.data().as_chunks::<8>();
            let numbers = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk));
            numbers.collect()
        };
        let (means, scatters) = (values(&mean), values(&scatter));
        let p = means.len();
        let all = (head.owners.iter()).try_fold(0u64, |sum, &own| sum.checked_add(own as u64));
        let counted = (head.class_counts.iter()).try_fold(0u64, |sum, &n| sum.checked_add(n));
        let named = head.class_names.as_ref().map(Vec::len);
        let fits = mean.shape() == [p]
            && scatter.shape() == [p, p]
            && p > 0
            && all == counted
            && all.is_some_and(|rows| (1..=MOST_ROWS).contains(&rows))
            && named.is_none_or(|names| names >= head.class_counts.len());
        let shapes = format!(
            "{:?} and {:?} for {:?} rows of {} owners",
            mean.shape(),
            scatter.shape(),
            all,
            head.owners.len()
        );
        let wrong = || {
            at.fault(
                Problem::Shape,
                Location::Field("mean, scatter, owners, class_counts".to_owned()),
                "shapes (p) and (p, p), as many rows of owners as of classes",
                shapes.clone(),
                "the file was not written by this program",
            )
        };
        if !fits {
            return Err(wrong());
        }
        if !means.iter().chain(&scatters).all(|value| value.is_finite()) {
            return Err(at.fault(
                Problem::NotFinite,
                Location::Whole,
                "finite numbers",
                "an infinite or undefined one",
                "the file was not written by this program",
            ));
        }
        Ok(Self {
            owners: head.owners,
            class_counts: head.class_counts,
            class_names: head.class_names,
            mean: Array1::from(means),
            scatter: Array2::from_shape_vec((p, p), scatters).map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn set(from: usize, to: usize) -> FeatureSet {
        let x = Array2::from_shape_fn((to - from, 4), |(i, j)| {
            50.0 + (((i + from) * 7919 + j * 104_729) % 97) as f64 / 48.0
        });
        let labels = (from..to).map(|row| row as u32 % 3).collect();
        FeatureSet::new(x, labels, None, "t").unwrap()
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let mut pooled = Statistics::of(&set(0, 30));
        for (from, to) in [(30, 41), (41, 90)] {
            pooled.merge(&Statistics::of(&set(from, to))).unwrap();
        }
        let whole = Statistics::of(&set(0, 90));
        assert_eq!((pooled.owners(), pooled.rows()), (&[30, 11, 49][..], 90));
        assert_eq!(pooled.class_counts(), whole.class_counts());
        // Means of 51 and sums of 90 squares below 4: some hundred roundings of 2^-53 of the largest value on the way, 51^2 at most.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-10;
        assert!(
            pooled
                .mean
                .iter()
                .zip(&whole.mean)
                .all(|(a, b)| near(*a, *b))
        );
        let scatters = pooled.scatter.iter().zip(&whole.scatter);
        assert!(scatters.into_iter().all(|(a, b)| near(*a, *b)));
        // And so does the map: the same as that of the rows themselves.
        let fitted = Whitening::fit(&set(0, 90), 3, 0.01).unwrap();
        let map = pooled.whitening(3, 0.01).unwrap();
        let rows = set(0, 90);
        let (a, b) = (
            map.apply(rows.features().view()),
            fitted.apply(rows.features().view()),
        );
        let difference = a.unwrap() - b.unwrap();
        assert!(difference.iter().all(|x| x.abs() < 1e-9));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let mut pooled = Statistics::of(&set(0, 30));
        let before = pooled.clone();
        assert_eq!(pooled.merge(&before), Err(MergeError::Twice));
        let narrow = FeatureSet::new(Array2::ones((2, 3)), vec![0, 1], None, "t").unwrap();
        let error = pooled.merge(&Statistics::of(&narrow)).unwrap_err();
        assert!(matches!(
            error,
            MergeError::Width {
                expected: 4,
                found: 3
            }
        ));
        assert!(pooled == before);
        assert!(!format!("{pooled:?}").contains("50"));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats");
        let written = Statistics::of(&set(0, 30));
        written.write(&path).unwrap();
        assert!(Statistics::read(&path).unwrap() == written);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(Statistics::read(&path).is_err(), "cut to {length}");
        }
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 1;
            fs::write(&path, &bytes).unwrap();
            // A flip may leave the meaning alone (a space of the header's padding): then nothing else may differ.
            if let Ok(read) = Statistics::read(&path) {
                assert!(read == written, "flip at {index}");
            }
        }
    }
}
