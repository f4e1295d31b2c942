//! How good a model is, and how close two sets of weights are.

use he_core::error::Explain;
use ndarray::{Array2, ArrayView2};

pub use velum_record::Share;

mod ranking;
mod threshold;

pub use ranking::{auc, probabilities, temperature};
pub use threshold::{Cut, Cuts};

/// Index of the largest score of each row. A tie goes to the smallest class, and NaN never wins
/// (a row of nothing but NaN gives class 0).
#[must_use]
pub fn predicted(scores: ArrayView2<'_, f64>) -> Vec<u32> {
    scores
        .rows()
        .into_iter()
        .map(|row| {
            let mut best = (0_u32, f64::NEG_INFINITY);
            for (class, &score) in (0_u32..).zip(row) {
                if score > best.1 {
                    best = (class, score);
                }
            }
            best.0
        })
        .collect()
}

/// Counts of labels against predictions, and what follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// `confusion[[label, prediction]]`, c x c.
    confusion: Array2<u64>,
}

/// Figures of one class. A ratio without cases is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassFigures {
    /// Rows with this label.
    pub rows: u64,
    /// True positives over all predictions of this class.
    pub precision: Option<f64>,
    /// True positives over all rows of this class.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Rows of other classes that are not predicted as this one, over all rows of other classes.
    pub specificity: Option<Share>,
    /// True positives over all rows of this class, with its interval.
    pub sensitivity: Option<Share>,
}

/// Labels and predictions that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("evaluation: expected {labels} predictions of classes below {classes}, found {found}")]
pub struct EvaluationError {
    /// Number of labels.
    pub labels: usize,
    /// Number of classes.
    pub classes: usize,
    /// What was given instead.
    pub found: String,
}

impl Explain for EvaluationError {
    fn hint(&self) -> Option<String> {
        Some("model and data must have the same rows and classes".to_owned())
    }
}

impl Evaluation {
    /// Counts `labels` against `predictions`, both below `classes`.
    ///
    /// # Errors
    /// [`EvaluationError`] if the lengths differ, there are no rows, or a class is too large.
    pub fn new(
        labels: &[u32],
        predictions: &[u32],
        classes: usize,
    ) -> Result<Self, EvaluationError> {
        let error = |found: String| EvaluationError {
            labels: labels.len(),
            classes,
            found,
        };
        if labels.len() != predictions.len() || labels.is_empty() {
            return Err(error(format!("{} predictions", predictions.len())));
        }
        let mut confusion = Array2::zeros((classes, classes));
        for (&label, &prediction) in labels.iter().zip(predictions) {
            match confusion.get_mut((label as usize, prediction as usize)) {
                Some(count) => *count += 1,
                None => return Err(error(format!("label {label}, prediction {prediction}"))),
            }
        }
        Ok(Self { confusion })
    }

    /// Counts, label by prediction: c x c.
    #[must_use]
    pub fn confusion(&self) -> &Array2<u64> {
        &self.confusion
    }

    /// Rows counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.confusion.sum()
    }

    /// Rows whose prediction is their label.
    #[must_use]
    pub fn correct(&self) -> u64 {
        self.confusion.diag().sum()
    }

    /// Share of right predictions, in [0, 1].
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct() as f64 / self.rows() as f64
    }

    /// Accuracy with its interval.
    #[must_use]
    pub fn share(&self) -> Share {
        Share::new(self.correct(), self.rows())
    }

    /// Mean recall of the classes that have rows, in [0, 1].
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        mean(self.classes().iter().filter_map(|class| class.recall))
    }

    /// Mean F1 of the classes that have rows or predictions, in [0, 1].
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        mean(self.classes().iter().filter_map(|class| class.f1))
    }

    /// Figures of each class.
    #[must_use]
    pub fn classes(&self) -> Vec<ClassFigures> {
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        let share = |part: u64, whole: u64| (whole > 0).then(|| Share::new(part, whole));
        let all = self.rows();
        (0..self.confusion.nrows())
            .map(|class| {
                let hits = self.confusion[[class, class]];
                let rows = self.confusion.row(class).sum();
                let predictions = self.confusion.column(class).sum();
                ClassFigures {
                    rows,
                    precision: ratio(hits, predictions),
                    recall: ratio(hits, rows),
                    f1: ratio(2 * hits, rows + predictions),
                    sensitivity: share(hits, rows),
                    specificity: share(all + hits - rows - predictions, all - rows),
                }
            })
            .collect()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Share of rows whose largest score is at their label; 0 without rows.
#[must_use]
pub fn accuracy(scores: ArrayView2<'_, f64>, labels: &[u32]) -> f64 {
    correct(scores, labels) as f64 / labels.len().max(1) as f64
}

/// Number of rows whose largest score is at their label.
#[must_use]
pub fn correct(scores: ArrayView2<'_, f64>, labels: &[u32]) -> usize {
    predicted(scores)
        .iter()
        .zip(labels)
        .filter(|(prediction, label)| prediction == label)
        .count()
}

/// Agreement of two weight matrices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Largest error over the largest weight of the reference.
    pub max_relative_error: f64,
}

/// Two matrices that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "weights: expected {expected:?} finite values, not all zero in the reference, found {found:?}"
)]
pub struct AgreementError {
    /// Shape of the reference.
    pub expected: (usize, usize),
    /// Shape of the other.
    pub found: (usize, usize),
}

impl Explain for AgreementError {
    fn hint(&self) -> Option<String> {
        Some("compare models of the same features and classes".to_owned())
    }
}

impl Agreement {
    /// Compares `found` with `reference`, of the same shape.
    ///
    /// # Errors
    /// [`AgreementError`] for different or empty shapes, values that are not finite, or a reference of zeros.
    pub fn new(
        found: ArrayView2<'_, f64>,
        reference: ArrayView2<'_, f64>,
    ) -> Result<Self, AgreementError> {
        let error = AgreementError {
            expected: reference.dim(),
            found: found.dim(),
        };
        let finite = |m: &ArrayView2<'_, f64>| m.iter().all(|value| value.is_finite());
        let largest = reference.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
        if found.dim() != reference.dim()
            || !finite(&found)
            || !finite(&reference)
            || largest == 0.0
        {
            return Err(error);
        }
        let errors = found.iter().zip(reference);
        let errors = errors.map(|(a, b)| (a - b).abs() / largest);
        Ok(Self {
            max_relative_error: errors.fold(0.0, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn ties_go_to_the_smallest_class_and_nan_never_wins() {
        let nan = f64::NAN;
        let scores = array![[1.0, 1.0, 0.0], [nan, -2.0, -3.0], [nan, nan, nan]];
        assert_eq!(predicted(scores.view()), [0, 1, 0]);
    }

    /// Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I; for 1 of 1 the closed form 1 / (1 + z^2).
    #[test]
    fn wilson_s_interval() {
        for (hits, rows, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
            (1, 1, 0.2065, 1.0),
        ] {
            let share = Share::new(hits, rows);
            // Four digits are given.
            assert!((share.low - low).abs() < 5.1e-5, "{share:?}");
            assert!((share.high - high).abs() < 5.1e-5, "{share:?}");
        }
        assert_eq!((Share::new(0, 0).low, Share::new(0, 0).high), (0.0, 1.0));
        assert_eq!(Share::new(1, 1).to_string(), "100.00 % (20.65 to 100.00)");
    }

    #[test]
    fn figures_of_a_small_matrix() {
        let labels = [0, 0, 0, 1, 1, 2];
        let found = Evaluation::new(&labels, &[0, 0, 1, 1, 0, 1], 4).unwrap();
        assert_eq!((found.correct(), found.rows()), (3, 6));
        assert_eq!(found.accuracy(), 0.5);
        assert_eq!(found.confusion()[[2, 1]], 1);
        let classes = found.classes();
        assert_eq!(classes[0].precision, Some(2.0 / 3.0));
        assert_eq!(classes[0].recall, Some(2.0 / 3.0));
        assert_eq!(classes[1].precision, Some(1.0 / 3.0));
        assert_eq!(classes[1].f1, Some(0.4));
        assert_eq!((classes[2].precision, classes[2].recall), (None, Some(0.0)));
        assert_eq!(classes[3].f1, None);
        assert!(Evaluation::new(&labels, &[0], 3).is_err());
        assert!(Evaluation::new(&[3], &[0], 3).is_err());
    }

    #[test]
    fn agreement_is_told_by_the_worst_weight() {
        let reference = array![[2.0, -4.0], [1.0, 0.5]];
        let found = &reference + &array![[0.25, 0.0], [0.5, -1.0]];
        let agreement = Agreement::new(found.view(), reference.view()).unwrap();
        // Errors over the largest weight 4: 2^-4, none, 2^-3, 2^-2.
        assert_eq!(agreement.max_relative_error, 0.25);
        let zero = Array2::zeros((2, 2));
        assert!(Agreement::new(found.view(), zero.view()).is_err());
        assert!(Agreement::new(array![[f64::NAN]].view(), array![[1.0]].view()).is_err());
    }

    #[test]
    fn figures_of_two_classes_by_hand() {
        // Of 10 ill rows 8 are found, of 30 well ones 27.
        let labels: Vec<u32> = (0..40).map(|row| u32::from(row < 10)).collect();
        let predictions: Vec<u32> = (0..40)
            .map(|row| u32::from(row < 8 || (10..13).contains(&row)))
            .collect();
        let found = Evaluation::new(&labels, &predictions, 2).unwrap();
        let [well, ill] = found.classes()[..] else {
            panic!("two classes");
        };
        let share = |share: Option<Share>| share.map(|share| (share.hits, share.rows));
        assert_eq!(share(ill.sensitivity), Some((8, 10)));
        assert_eq!(share(ill.specificity), Some((27, 30)));
        // What one class calls sensitivity the other calls specificity.
        assert_eq!(well.sensitivity, ill.specificity);
        assert_eq!(well.specificity, ill.sensitivity);
        assert!((found.balanced_accuracy() - 0.85).abs() < 1e-15);
        // F1: 16 / (10 + 11) and 54 / (30 + 29).
        assert!((found.macro_f1() - (16.0 / 21.0 + 54.0 / 59.0) / 2.0).abs() < 1e-15);
        assert_eq!((found.share().hits, found.share().rows), (35, 40));
        // A class without rows has no recall and no part in the mean.
        let one = Evaluation::new(&[0, 0], &[0, 1], 3).unwrap();
        assert_eq!(one.balanced_accuracy(), 0.5);
        assert_eq!(one.classes()[2].specificity.unwrap().share, 1.0);
        assert_eq!(one.classes()[0].specificity, None);
    }
}
