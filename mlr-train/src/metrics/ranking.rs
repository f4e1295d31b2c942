//! How well scores rank, and what a score is worth as a probability.

use ndarray::ArrayView2;

/// Area under the receiver operating characteristic of `margins`, one a row, where `positive` says which rows are of the class that larger
/// ones mean: the chance that a row of that class has a larger margin than another one, ties counted half (Hanley and McNeil, "The meaning
/// and use of the area under a receiver operating characteristic curve", 1982). In [0, 1]; none without rows of both kinds.
///
/// Cost: a sort.
///
/// ```
/// use mlr_train::metrics::auc;
///
/// assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
/// ```
#[must_use]
pub fn auc(margins: &[f64], positive: &[bool]) -> Option<f64> {
    let mut ranked: Vec<(f64, bool)> = margins
        .iter()
        .copied()
        .zip(positive.iter().copied())
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = |which: bool| ranked.iter().filter(|(_, is)| *is == which).count() as f64;
    let (right, wrong) = (count(true), count(false));
    if right == 0.0 || wrong == 0.0 {
        return None;
    }
    // Negative rows below, those of the same margin half, for every positive one.
    let (mut below, mut area) = (0.0, 0.0);
    for same in ranked.chunk_by(|a, b| a.0 == b.0) {
        let positives = same.iter().filter(|(_, is)| *is).count() as f64;
        let negatives = same.len() as f64 - positives;
        area += positives * (below + negatives / 2.0);
        below += negatives;
    }
    Some(area / (right * wrong))
}

/// Probabilities of the classes of one row by its scores: softmax of `scores / temperature`.
#[must_use]
pub fn probabilities(scores: &[f64], temperature: f64) -> Vec<f64> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = scores
        .iter()
        .map(|score| ((score - most) / temperature).exp())
        .collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

/// Limits of `1 / temperature` and halvings of the interval between: the result is exact to 2^-50 of its logarithm.
const SHARPEST: f64 = 1e4;
const HALVINGS: usize = 50;

/// The temperature whose probabilities fit labelled `scores` (n x c) best: the least log loss, which is convex in `1 / temperature` (Guo et al.,
/// "On calibration of modern neural networks", 2017, section 4.2). The rows must have had no part in the training.
///
/// A label stands for the shares (n + 1) / (n + c) of its class and 1 / (n + c) of the others (Laplace's rule, as Platt, 1999, section 2.2), so
/// that rows that are all right make no probability of 1. None without rows, or where scores say nothing at all.
#[must_use]
pub fn temperature(scores: ArrayView2<'_, f64>, labels: &[u32]) -> Option<f64> {
    let (rows, classes) = scores.dim();
    if rows == 0 || classes < 2 || labels.len() != rows {
        return None;
    }
    let all = (rows + classes) as f64;
    // Derivative of the log loss by b = 1 / temperature: expected score less the label's.
    let slope = |sharpness: f64| -> f64 {
        let each = scores.rows().into_iter().zip(labels).map(|(row, &label)| {
            let row = row.to_vec();
            let expected = probabilities(&row, 1.0 / sharpness);
            let target = |class: usize| {
                let own = if class == label as usize {
                    rows as f64
                } else {
                    0.0
                };
                (own + 1.0) / all
            };
            let terms = row.iter().zip(expected).enumerate();
            terms
                .map(|(class, (z, p))| (p - target(class)) * z)
                .sum::<f64>()
        });
        each.sum()
    };
    let (mut low, mut high) = ((1.0 / SHARPEST).ln(), SHARPEST.ln());
    if !(slope(low.exp()) < 0.0 && slope(high.exp()) > 0.0) {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if slope(middle.exp()) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some((-f64::midpoint(low, high)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn areas_by_hand() {
        let (yes, no) = (true, false);
        for (margins, positive, area) in [
            (
                &[1.0, 2.0, 3.0, 4.0][..],
                &[no, no, yes, yes][..],
                Some(1.0),
            ),
            (&[4.0, 3.0, 2.0, 1.0], &[no, no, yes, yes], Some(0.0)),
            (&[1.0, 1.0, 1.0], &[no, yes, no], Some(0.5)),
            // Pairs: (2, 1) right, (2, 3) wrong, (3, 1) right, (3, 3) a tie.
            (&[2.0, 1.0, 3.0, 3.0], &[yes, no, yes, no], Some(0.625)),
            (&[1.0, 2.0], &[yes, yes], None),
            (&[], &[], None),
        ] {
            assert_eq!(auc(margins, positive), area, "{margins:?}");
        }
    }

    #[test]
    fn probabilities_sum_to_one_and_do_not_overflow() {
        let found = probabilities(&[1e4, 1e4 - 2.0, -1e4], 2.0);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!((found[0] / found[1] - 1.0_f64.exp()).abs() < 1e-12);
        assert_eq!(found[2], 0.0);
    }

    #[test]
    fn the_temperature_of_made_up_rows_is_found() {
        // Of 100 rows with scores (s, 0), 100 sigmoid(s / 2) are of class 0: the temperature is 2, but for Laplace's rule.
        let mut scores = Vec::new();
        let mut labels = Vec::new();
        for s in [-4.0_f64, -2.0, 1.0, 3.0] {
            let right = (1000.0 / (1.0 + (-s / 2.0).exp())).round() as usize;
            for row in 0..1000 {
                scores.extend([s, 0.0]);
                labels.push(u32::from(row >= right));
            }
        }
        let scores = Array2::from_shape_vec((4000, 2), scores).unwrap();
        let found = temperature(scores.view(), &labels).unwrap();
        // 4,000 rows rounded to whole ones, and a target that moves by 1/4002: a few thousandths.
        assert!((found - 2.0).abs() < 0.02, "{found}");
        // Rows that are all right give no certainty.
        let sure = array![[3.0, 0.0], [0.0, 3.0]];
        let warm = temperature(sure.view(), &[0, 1]).unwrap();
        let p = probabilities(&[3.0, 0.0], warm)[0];
        // The rule's own share: (2 + 1) / (2 + 2).
        assert!((p - 0.75).abs() < 1e-9, "{p}");
        assert_eq!(temperature(array![[1.0, 1.0]].view(), &[0]), None);
        // Scores that point the wrong way fit no temperature.
        assert_eq!(temperature(sure.view(), &[1, 0]), None);
    }
}
