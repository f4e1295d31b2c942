//! What several owners of data add up before they whiten alike: rows, class counts, mean and covariance. Nothing of a single row.
//!
//! Sums of second moments are kept about the mean, `C = sum (x - mu) (x - mu)^T`, and merged by
//! `C = C_a + C_b + n_a n_b / (n_a + n_b) (mu_a - mu_b)(mu_a - mu_b)^T` (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
//! 1983): the same numbers as `sum x x^T`, without the cancellation. Sums by class are left out on purpose: with them, everyone who has
//! the pooled statistics could compute the first gradient M of all owners in clear.
//!
//! The file is safetensors with F64 tensors `mean` (p) and `scatter` (p x p); the metadata entry `velum` is JSON: kind, format version, rows
//! of each owner, class counts, class names, what the features were computed by, and blake3 of everything else.

mod sums;

use he_core::error::Explain;
use std::collections::HashMap;
use std::path::Path;

use ndarray::{Array1, Array2, Axis};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::whiten::{WhitenError, Whitening};
use crate::data::{Description, FeatureSet, OriginError, listed, places};
use crate::files::{
    Access, At, FileError, Location, Problem, describe_json, read_limited, write_atomic,
};
use crate::linalg::{column_means, covariance};
pub use sums::{SumsError, length as sums_length};

/// Word in the metadata that tells this kind from others.
const KIND: &str = "velum statistics";
/// Version that is written and read.
const VERSION: u32 = 2;
/// 16,384 features are 2 GiB.
const LARGEST: u64 = (2 << 30) + (1 << 20);
/// Rows of all owners, so that no sum overflows.
const MOST_ROWS: u64 = 1 << 40;

/// Rows of each class, and the classes' names.
type NamedCounts = (Vec<u64>, Option<Vec<String>>);

/// Pooled or single statistics of rows in clear.
#[derive(Clone, PartialEq)]
pub struct Statistics {
    /// Rows of each owner, in the order of merging.
    owners: Vec<usize>,
    /// Hash of every owner's own statistics, hex: by it an owner is known in any sum.
    parts: Vec<String>,
    class_counts: Vec<u64>,
    class_names: Option<Vec<String>>,
    description: Description,
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
    #[error("statistics: expected rows of {expected} features like the first, found {found}")]
    Width {
        /// Features of the first.
        expected: usize,
        /// Features of the other.
        found: usize,
    },
    /// Each side names a class that the other lacks: other names for the same, or the same set with gaps on both sides.
    #[error("statistics: expected the classes {expected}, found {found} in their place")]
    Names {
        /// Classes that the first alone has.
        expected: String,
        /// Classes that the other alone has.
        found: String,
    },
    /// More classes without names than there are names.
    #[error("statistics: expected at most {names} classes, which the others name, found {found}")]
    Count {
        /// Names.
        names: usize,
        /// Classes.
        found: usize,
    },
    /// Features of another network, other weights or another preprocessing.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The same statistics twice.
    #[error("statistics: expected every owner once, found one of them twice")]
    Twice,
}

impl Explain for MergeError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Origin(source) => Some(source),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Width { .. } => "all owners must extract with the same network",
            Self::Names { .. } => {
                "name a class alike everywhere; where no owner has all classes, extract with --classes and the names of all"
            }
            Self::Count { .. } => "all owners must number or name the classes alike",
            Self::Origin(source) => return source.hint(),
            Self::Twice => "name each owner's file once",
        };
        Some(hint.to_owned())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
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

impl Head {
    fn content_hash(&self, tensors: [&[u8]; 2]) -> Option<String> {
        let mut hasher = blake3::Hasher::new_derive_key("velum mlr-train statistics v1");
        let fields = (
            &self.owners,
            &self.parts,
            &self.class_counts,
            &self.class_names,
        );
        let mut fields = serde_json::to_vec(&fields).ok()?;
        if !self.description.is_unknown() {
            fields.extend(serde_json::to_vec(&self.description).ok()?);
        }
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
        let mut own = Self {
            owners: vec![set.rows()],
            parts: Vec::new(),
            class_counts,
            class_names: set.class_names().map(<[String]>::to_vec),
            description: set.description().clone(),
            mean,
            scatter,
        };
        own.parts.push(own.hash().to_hex().to_string());
        own
    }

    /// Adds the rows of others, whose owners come after these.
    ///
    /// Classes are matched by name where both sides name them: one side may lack classes, and may have them in another order. Where one side
    /// has none, label k is taken for the k-th name.
    ///
    /// # Errors
    /// [`MergeError`]; nothing is changed then.
    pub fn merge(&mut self, other: &Self) -> Result<(), MergeError> {
        let (expected, found) = (self.mean.len(), other.mean.len());
        if expected != found {
            return Err(MergeError::Width { expected, found });
        }
        self.description.require_same(&other.description)?;
        let classes = self.merged_classes(other)?;
        if self.parts.iter().any(|part| other.parts.contains(part)) {
            return Err(MergeError::Twice);
        }
        let (a, b) = (self.rows() as f64, other.rows() as f64);
        let apart = &self.mean - &other.mean;
        let column = apart.view().insert_axis(Axis(1));
        let outer = column.dot(&column.t()) * (a * b / (a + b));
        self.scatter = &self.scatter + &other.scatter + outer;
        self.mean = (&self.mean * a + &other.mean * b) / (a + b);
        (self.class_counts, self.class_names) = classes;
        self.description = std::mem::take(&mut self.description).or(&other.description);
        self.owners.extend(&other.owners);
        self.parts.extend_from_slice(&other.parts);
        Ok(())
    }

    /// Rows of each class of both, and the classes' names.
    fn merged_classes(&self, other: &Self) -> Result<NamedCounts, MergeError> {
        let mut counts = self.class_counts.clone();
        let names = match (&self.class_names, &other.class_names) {
            (Some(own), Some(names)) => {
                let mut all = own.clone();
                let lacks = |a: &[String], b: &[String]| -> Vec<String> {
                    let found = places(a, b).into_iter().zip(a);
                    let alone = found.filter(|(place, _)| place.is_none());
                    alone.map(|(_, name)| name.clone()).collect()
                };
                let (own_alone, others_alone) = (lacks(own, names), lacks(names, own));
                if !own_alone.is_empty() && !others_alone.is_empty() {
                    return Err(MergeError::Names {
                        expected: listed(&own_alone),
                        found: listed(&others_alone),
                    });
                }
                all.extend(others_alone);
                counts.resize(all.len(), 0);
                let added = other.class_counts.iter().zip(places(names, &all));
                for (rows, place) in added {
                    // Every name is among all of them.
                    place.into_iter().for_each(|class| counts[class] += rows);
                }
                return Ok((counts, Some(all)));
            }
            (Some(names), None) | (None, Some(names)) => Some(names.clone()),
            (None, None) => None,
        };
        let found = counts.len().max(other.class_counts.len());
        if let Some(names) = names.as_ref().map(Vec::len).filter(|&names| found > names) {
            return Err(MergeError::Count { names, found });
        }
        counts.resize(found, 0);
        for (sum, rows) in counts.iter_mut().zip(&other.class_counts) {
            *sum += rows;
        }
        Ok((counts, names))
    }

    /// What the features were computed by, as far as an owner knows.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Classes without a row here, by name or number.
    #[must_use]
    pub fn empty_classes(&self) -> Vec<String> {
        let all = self.class_names.as_ref().map_or(0, Vec::len);
        let all = all.max(self.class_counts.len());
        let empty = (0..all).filter(|&class| self.class_counts.get(class).is_none_or(|&n| n == 0));
        let name = |class: usize| match &self.class_names {
            Some(names) => names[class].clone(),
            None => class.to_string(),
        };
        empty.map(name).collect()
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

    /// Variance of every feature over all rows.
    #[must_use]
    pub fn variances(&self) -> Vec<f64> {
        let rows = self.rows().max(1) as f64;
        self.scatter.diag().iter().map(|sum| sum / rows).collect()
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
            parts: self.parts.clone(),
            class_counts: self.class_counts.clone(),
            class_names: self.class_names.clone(),
            description: self.description.clone(),
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
            && head.parts.len() == head.owners.len()
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
            parts: head.parts,
            class_counts: head.class_counts,
            class_names: head.class_names,
            description: head.description,
            mean: Array1::from(means),
            scatter: Array2::from_shape_vec((p, p), scatters).map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests;
