//! Statistics as plain sums over rows, which add up under masks ([`crate::client::aggregate`]), and back.

use he_core::error::Explain;
use ndarray::{Array1, Array2, Axis};
use thiserror::Error;

use super::Statistics;

/// Sums that are no statistics of these rows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SumsError {
    /// Another number of sums than classes and features make.
    #[error("sums of statistics: expected {expected} numbers, found {found}")]
    Length {
        /// Numbers that classes and features make.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// Rows by class that do not add up to the owners' rows, or no whole numbers.
    #[error(
        "sums of statistics: expected rows of the classes that add up to {expected}, found {found}"
    )]
    Rows {
        /// Rows that the owners stated.
        expected: usize,
        /// Sum of the classes' rows.
        found: String,
    },
}

impl Explain for SumsError {
    fn hint(&self) -> Option<String> {
        Some("an owner summed other rows than it stated, or other features or classes".to_owned())
    }
}

/// How many sums there are: rows of each class, features, and products of two features.
#[must_use]
pub fn length(classes: usize, features: usize) -> usize {
    classes + features + features * (features + 1) / 2
}

impl Statistics {
    /// Rows of each of `classes` classes, sums of the features, and the upper triangle of the sums of their products, row by row: the same for all owners, so that theirs add up.
    #[must_use]
    pub fn sums(&self, classes: usize) -> Vec<f64> {
        let rows = self.rows() as f64;
        let p = self.features();
        let mut out = Vec::with_capacity(length(classes, p));
        let counts = self.class_counts.iter().map(|count| *count as f64);
        out.extend(counts.chain(std::iter::repeat(0.0)).take(classes));
        out.extend(self.mean.iter().map(|mean| mean * rows));
        for i in 0..p {
            for j in i..p {
                out.push(self.scatter[[i, j]] + rows * self.mean[i] * self.mean[j]);
            }
        }
        out
    }

    /// The pooled statistics from the sums over all owners, with the names and the description of these, which are one owner's. `owners`: the rows that each stated; `session`: what
    /// tells these owners from those of another sum.
    ///
    /// Second moments about the mean are a difference here, of numbers that are off by half a unit of the fixed point for each owner: relative to the largest feature squared they lose what
    /// [`Statistics::merge`] keeps.
    ///
    /// # Errors
    /// [`SumsError`].
    pub fn pooled(
        &self,
        owners: &[usize],
        session: &[u8; 32],
        classes: usize,
        sums: &[f64],
    ) -> Result<Self, SumsError> {
        let p = self.features();
        if length(classes, p) != sums.len() {
            return Err(SumsError::Length {
                expected: length(classes, p),
                found: sums.len(),
            });
        }
        // Others state what they like; a sum beyond all numbers is that of no rows that were counted.
        let add = |sum: usize, own: &usize| sum.saturating_add(*own);
        let rows = owners.iter().fold(0, add);
        let (counts, rest) = sums.split_at(classes);
        let whole = |count: &f64| *count >= 0.0 && (count - count.round()).abs() < 1e-3;
        let all: f64 = counts.iter().sum();
        if !counts.iter().all(whole) || (all - rows as f64).abs() >= 0.5 || rows == 0 {
            return Err(SumsError::Rows {
                expected: rows,
                found: format!("{all}"),
            });
        }
        let (first, second) = rest.split_at(p);
        let mean = Array1::from_vec(first.to_vec()) / rows as f64;
        let column = mean.view().insert_axis(Axis(1));
        let mut scatter: Array2<f64> = column.dot(&column.t()) * -(rows as f64);
        let mut moments = second.iter();
        for i in 0..p {
            for j in i..p {
                let moment = moments.next().copied().unwrap_or(0.0);
                scatter[[i, j]] += moment;
                if i != j {
                    scatter[[j, i]] += moment;
                }
            }
        }
        let part = |owner: usize| {
            let mut hash =
                blake3::Hasher::new_derive_key("velum mlr-train statistics of a session v1");
            hash.update(session);
            hash.update(&(owner as u64).to_le_bytes());
            hash.finalize().to_hex().to_string()
        };
        Ok(Self {
            owners: owners.to_vec(),
            parts: (0..owners.len()).map(part).collect(),
            class_counts: counts.iter().map(|count| count.round() as u64).collect(),
            class_names: self.class_names.clone(),
            description: self.description.clone(),
            mean,
            scatter,
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use zeroize::Zeroizing;

    use super::*;
    use crate::client::aggregate::Aggregation;
    use crate::data::FeatureSet;

    const FEATURES: usize = 7;
    const CLASSES: usize = 3;

    fn statistics(owner: usize, rows: usize) -> Statistics {
        let x = Array2::from_shape_fn((rows, FEATURES), |(i, j)| {
            3.0 + ((i * FEATURES + j) as f64 * 0.71 + owner as f64).sin() * (j + 1) as f64
        });
        let labels = (0..rows as u32).map(|i| i % CLASSES as u32).collect();
        Statistics::of(&FeatureSet::new(x, labels, None, "test").unwrap())
    }

    fn largest(a: impl IntoIterator<Item = f64>) -> f64 {
        a.into_iter().fold(0.0, |a: f64, b| a.max(b.abs()))
    }

    #[test]
    fn masked_sums_give_the_pooled_statistics() {
        let rows = [40, 31, 90];
        let all: Vec<_> = (0..3).map(|owner| statistics(owner, rows[owner])).collect();
        let mut merged = all[0].clone();
        all[1..]
            .iter()
            .for_each(|other| merged.merge(other).unwrap());

        let session = [4; 32];
        let length = length(CLASSES, FEATURES);
        let terms = Aggregation::new(session, "statistics", 3, length, 1e6).unwrap();
        let masked: Vec<_> = (0..3u32)
            .map(|owner| {
                let others = (0..3u32).filter(|other| *other != owner);
                let seeds =
                    others.map(|other| (other, Zeroizing::new([(owner + other) as u8; 32])));
                let sums = all[owner as usize].sums(CLASSES);
                terms
                    .mask(owner, &sums, &seeds.collect::<Vec<_>>())
                    .unwrap()
            })
            .collect();
        let total = terms.total(&masked).unwrap();
        let pooled = all[0].pooled(&rows, &session, CLASSES, &total).unwrap();
        assert_eq!(pooled.owners(), merged.owners());
        assert_eq!(pooled.class_counts(), merged.class_counts());
        // Three half units of 2^-40 in sums of magnitude 10^4, whose f64 rounding of 2^-53 x 10^4 for each of 161 rows is below 10^-9.
        assert!(largest(&pooled.mean - &merged.mean) < 1e-10);
        assert!(largest(&pooled.scatter - &merged.scatter) < 1e-8);
        // Owners of another session are others.
        let other = all[0].pooled(&rows, &[5; 32], CLASSES, &total).unwrap();
        assert!(pooled.clone().merge(&other).is_ok());
        assert!(pooled.clone().merge(&pooled).is_err());
    }

    #[test]
    fn sums_of_other_rows_or_shapes_are_refused() {
        let own = statistics(0, 40);
        let sums = own.sums(CLASSES);
        let of =
            |rows: usize, sums: &[f64]| own.pooled(&[rows], &[0; 32], CLASSES, sums).map(|_| ());
        assert_eq!(of(40, &sums), Ok(()));
        assert!(matches!(of(41, &sums), Err(SumsError::Rows { .. })));
        // Rows that wrap around to the right number.
        let wrapped = own.pooled(&[usize::MAX, 41], &[0; 32], CLASSES, &sums);
        assert!(matches!(wrapped, Err(SumsError::Rows { .. })));
        let mut odd = sums.clone();
        odd[0] += 0.25;
        odd[1] -= 0.25;
        assert!(matches!(of(40, &odd), Err(SumsError::Rows { .. })));
        assert!(matches!(
            of(40, &sums[..sums.len() - 1]),
            Err(SumsError::Length { .. })
        ));
        assert!(matches!(of(40, &[]), Err(SumsError::Length { .. })));
    }
}
