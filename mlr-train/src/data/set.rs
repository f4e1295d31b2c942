//! The checked types: a feature set, and one fit for training.

use std::collections::HashSet;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

use super::origin::Description;
use super::rows::{RowSelection, RowSelectionError};
use crate::files::{At, FileError, Location, Problem};

/// More classes than this are taken for a mistake (a column of identifiers read as labels).
const MOST_CLASSES: usize = 65_536;

/// Rows x features of finite values, one label in `0..classes` for each row.
///
/// A class may have no row here (a small test set); [`TrainingSet`] asks for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    features: Array2<f64>,
    labels: Vec<u32>,
    classes: usize,
    class_names: Option<Vec<String>>,
    column_names: Option<Vec<String>>,
    description: Description,
    source: PathBuf,
}

impl FeatureSet {
    /// Checks and takes features (rows x features) and labels.
    ///
    /// `source` names the data in errors. The number of classes is that of `class_names` or, without them,
    /// the largest label plus one.
    ///
    /// # Errors
    /// [`Problem::Shape`] without rows or features, [`Problem::LabelCount`], [`Problem::NotFinite`] with row and column,
    /// [`Problem::Label`] for a label beyond the class names or absurdly large, or for one name of two classes.
    pub fn new(
        features: Array2<f64>,
        labels: Vec<u32>,
        class_names: Option<Vec<String>>,
        source: impl Into<PathBuf>,
    ) -> Result<Self, FileError> {
        let source = source.into();
        let at = At(&source);
        if features.is_empty() {
            return Err(at.fault(
                Problem::Shape,
                Location::Whole,
                "at least one row and one feature",
                format!("{} rows of {} features", features.nrows(), features.ncols()),
                "extract the features again",
            ));
        }
        if labels.len() != features.nrows() {
            return Err(at.fault(
                Problem::LabelCount,
                Location::Whole,
                format!("{} labels, one for each row", features.nrows()),
                format!("{} labels", labels.len()),
                "features and labels must come from the same images",
            ));
        }
        if let Some(((row, column), value)) = features
            .indexed_iter()
            .find(|(_, value)| !value.is_finite())
        {
            return Err(at.fault(
                Problem::NotFinite,
                Location::Cell { row, column },
                "a finite number",
                value.to_string(),
                "remove the row, or extract the features again in single precision",
            ));
        }
        if let Some(name) = class_names.as_deref().and_then(twice) {
            return Err(at.fault(
                Problem::Label,
                Location::Field("class_names".to_owned()),
                "a name of its own for each class",
                format!("`{name}` twice"),
                "rename one of the classes",
            ));
        }
        let most = class_names.as_ref().map_or(MOST_CLASSES, Vec::len);
        let beyond = labels
            .iter()
            .position(|&label| usize::try_from(label).map_or(true, |label| label >= most));
        if let Some(row) = beyond {
            return Err(at.fault(
                Problem::Label,
                Location::Row(row),
                format!("a label below {most}"),
                labels[row].to_string(),
                "labels count from 0; is the label column the right one?",
            ));
        }
        let classes = match &class_names {
            Some(names) => names.len(),
            None => labels.iter().max().map_or(0, |&label| label as usize + 1),
        };
        Ok(Self {
            features,
            labels,
            classes,
            class_names,
            column_names: None,
            description: Description::default(),
            source,
        })
    }

    /// The same rows with what they were computed by.
    #[must_use]
    pub fn with_description(mut self, description: Description) -> Self {
        self.description = description;
        self
    }

    /// The same rows with names of their features, if there are as many.
    #[must_use]
    pub(super) fn with_column_names(mut self, names: Option<Vec<String>>) -> Self {
        self.column_names = names.filter(|names| names.len() == self.width());
        self
    }

    /// What the rows were computed by, as far as it is known.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How messages name a feature: by the table's header, or by its number from 0.
    #[must_use]
    pub fn column_name(&self, column: usize) -> String {
        match self
            .column_names
            .as_ref()
            .and_then(|names| names.get(column))
        {
            Some(name) => format!("`{name}`"),
            None => format!("feature {column}"),
        }
    }

    /// Features, rows x features.
    #[must_use]
    pub fn features(&self) -> &Array2<f64> {
        &self.features
    }

    /// One label a row, below [`classes`](Self::classes).
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.features.nrows()
    }

    /// Number of features of a row, without any constant.
    #[must_use]
    pub fn width(&self) -> usize {
        self.features.ncols()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Names of the classes, if known.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// Where the rows came from.
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The chosen rows, in the order of the file, with the same classes.
    ///
    /// # Errors
    /// Those of [`RowSelection::of_labels`].
    pub fn select(&self, selection: &RowSelection) -> Result<Self, RowSelectionError> {
        let rows = selection.of_labels(&self.labels)?;
        Ok(Self {
            features: self.features.select(Axis(0), &rows),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            classes: self.classes,
            class_names: self.class_names.clone(),
            column_names: self.column_names.clone(),
            description: self.description.clone(),
            source: self.source.clone(),
        })
    }

    /// Puts every label in its new place, where there are places, and takes new names.
    pub(super) fn rename(&mut self, places: Option<&[Option<usize>]>, names: &[String]) {
        if let Some(places) = places {
            for label in &mut self.labels {
                if let Some(place) = places[*label as usize] {
                    // Names are at most as many as labels can number.
                    *label = u32::try_from(place).unwrap_or(u32::MAX);
                }
            }
        }
        self.classes = names.len();
        self.class_names = Some(names.to_vec());
    }

    /// The same rows with the number of classes raised to `classes`: a test set that happens to miss the last one.
    ///
    /// # Errors
    /// [`Problem::Label`] if a label is not below `classes`.
    pub fn with_classes(mut self, classes: usize) -> Result<Self, FileError> {
        let row = self
            .labels
            .iter()
            .position(|&label| label as usize >= classes);
        if let Some(row) = row {
            return Err(At(&self.source).fault(
                Problem::Label,
                Location::Row(row),
                format!("a label below {classes}, the number of classes trained"),
                self.labels[row].to_string(),
                "evaluate on data with the classes of the training data",
            ));
        }
        if classes != self.classes {
            self.class_names = None;
        }
        self.classes = classes;
        Ok(self)
    }

    /// blake3 of the content: shape, classes, labels and the bits of every feature, not names or path.
    ///
    /// Domain `velum feature set v1`; integers as little-endian u64, labels as u32, features as the bits of f64.
    #[must_use]
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"velum feature set v1\0");
        for count in [self.rows(), self.width(), self.classes] {
            hasher.update(&(count as u64).to_le_bytes());
        }
        for label in &self.labels {
            hasher.update(&label.to_le_bytes());
        }
        let mut buffer = Vec::with_capacity(self.width() * 8);
        for row in self.features.rows() {
            buffer.clear();
            for value in row {
                buffer.extend_from_slice(&value.to_le_bytes());
            }
            hasher.update(&buffer);
        }
        hasher.finalize()
    }
}

/// A feature set fit for training: at least two classes, each with a row.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSet(FeatureSet);

impl Deref for TrainingSet {
    type Target = FeatureSet;

    fn deref(&self) -> &FeatureSet {
        &self.0
    }
}

impl TryFrom<FeatureSet> for TrainingSet {
    type Error = FileError;

    /// # Errors
    /// [`Problem::OneClass`], or [`Problem::LabelGap`] naming the first class without a row.
    fn try_from(set: FeatureSet) -> Result<Self, FileError> {
        let mut counts = vec![0_usize; set.classes];
        for &label in &set.labels {
            counts[label as usize] += 1;
        }
        let present = counts.iter().filter(|&&count| count > 0).count();
        let at = At(&set.source);
        if present < 2 {
            return Err(at.fault(
                Problem::OneClass,
                Location::Whole,
                "rows of at least two classes",
                format!("{} rows, all with label {}", set.rows(), set.labels[0]),
                "choose more rows, or check the labels",
            ));
        }
        if let Some(gap) = counts.iter().position(|&count| count == 0) {
            return Err(at.fault(
                Problem::LabelGap,
                Location::Whole,
                format!(
                    "training rows of each of the {} classes 0..={}",
                    set.classes,
                    set.classes - 1
                ),
                format!("no row of class {gap}"),
                "choose more rows, or renumber the labels without gaps",
            ));
        }
        Ok(Self(set))
    }
}

/// The first name that is there twice.
fn twice(names: &[String]) -> Option<&String> {
    let mut seen = HashSet::new();
    names.iter().find(|name| !seen.insert(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn problem(result: Result<impl std::fmt::Debug, FileError>) -> Problem {
        result.unwrap_err().fault().unwrap().problem
    }

    #[test]
    fn each_wrong_content_has_its_problem() {
        let x = || array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let new = |x, labels| FeatureSet::new(x, labels, None, "t");
        assert_eq!(problem(new(x(), vec![0, 1])), Problem::LabelCount);
        assert_eq!(problem(new(Array2::zeros((0, 2)), vec![])), Problem::Shape);
        assert_eq!(problem(new(x(), vec![0, 1, 70_000])), Problem::Label);
        let error = new(array![[1.0, 2.0], [3.0, f64::NAN]], vec![0, 1]).unwrap_err();
        let fault = error.fault().unwrap();
        assert_eq!(fault.problem, Problem::NotFinite);
        assert_eq!(fault.location, Location::Cell { row: 1, column: 1 });
        let names = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(
            problem(FeatureSet::new(x(), vec![0, 1, 2], names, "t")),
            Problem::Label
        );
        let train = |labels| TrainingSet::try_from(new(x(), labels).unwrap());
        assert_eq!(problem(train(vec![0, 0, 0])), Problem::OneClass);
        assert_eq!(problem(train(vec![0, 2, 2])), Problem::LabelGap);
        assert!(train(vec![0, 2, 1]).is_ok());
    }

    #[test]
    fn the_hash_sees_content_and_nothing_else() {
        let set = |x, labels, source| FeatureSet::new(x, labels, None, source).unwrap();
        let base = set(array![[1.0], [2.0]], vec![0, 1], "a");
        assert_eq!(
            base.hash(),
            set(array![[1.0], [2.0]], vec![0, 1], "b").hash()
        );
        assert_ne!(
            base.hash(),
            set(array![[1.0], [2.5]], vec![0, 1], "a").hash()
        );
        assert_ne!(
            base.hash(),
            set(array![[1.0], [2.0]], vec![1, 0], "a").hash()
        );
        // Frozen: a change of the canonical form must be a new version.
        insta::assert_snapshot!(base.hash().to_hex().as_str(), @"f40880e6b65266e830edd22107648a61635494a7291c290968d22914784fb6cd");
    }

    #[test]
    fn a_selection_keeps_the_classes() {
        let set = FeatureSet::new(array![[1.0], [2.0], [3.0]], vec![0, 1, 2], None, "t").unwrap();
        let part = set.select(&"0..2".parse().unwrap()).unwrap();
        assert_eq!((part.rows(), part.classes()), (2, 3));
        assert!(part.clone().with_classes(1).is_err());
        assert_eq!(part.with_classes(5).unwrap().classes(), 5);
    }
}
