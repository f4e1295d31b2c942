//! What several owners of data add up before they whiten alike: rows, class counts, mean and covariance. Nothing of a single row.
//!
//! Sums of second moments are kept about the mean, `C = sum (x - mu) (x - mu)^T`, and merged by
//! `C = C_a + C_b + n_a n_b / (n_a + n_b) (mu_a - mu_b)(mu_a - mu_b)^T` (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
//! 1983): the same numbers as `sum x x^T`, without the cancellation. Sums by class are left out on purpose: with them, everyone who has
//! the pooled statistics could compute the first gradient M of all owners in clear.
//!
//! The file is safetensors with F64 tensors `mean` (p) and `scatter` (p x p); the metadata entry `velum` is JSON: kind, format version, rows
//! of each owner, class counts, class names, what the features were computed by, and blake3 of everything else.

mod file;
mod sums;

use he_core::error::Explain;
use ndarray::{Array1, Array2, Axis};

use super::headed::bytes;
use super::whiten::{WhitenError, Whitening};
use crate::data::{Description, FeatureSet, OriginError, listed, places};
use crate::linalg::{column_means, covariance};
pub use sums::{SumsError, length as sums_length};

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
}

#[cfg(test)]
mod tests;
