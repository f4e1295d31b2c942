//! The best classes of each row.

use ndarray::ArrayView2;

/// The classes of each row of `scores` (n x c) with their scores, best first, at most `most` of them. A tie goes to the smallest class, as in
/// [`predicted`](crate::metrics::predicted).
#[must_use]
pub fn best(scores: ArrayView2<'_, f64>, most: usize) -> Vec<Vec<(u32, f64)>> {
    let rows = scores.rows().into_iter();
    rows.map(|row| {
        let mut classes: Vec<(u32, f64)> = (0..).zip(row.iter().copied()).collect();
        // A stable sort: classes with equal scores stay in their order.
        classes.sort_by(|a, b| b.1.total_cmp(&a.1));
        classes.truncate(most);
        classes
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::predicted;
    use ndarray::array;

    #[test]
    fn the_best_come_first_and_ties_go_to_the_smallest_class() {
        let scores = array![[0.5, 2.0, -1.0, 2.0], [3.0, 1.0, 2.0, 0.0]];
        let found = best(scores.view(), 3);
        assert_eq!(found[0], [(1, 2.0), (3, 2.0), (0, 0.5)]);
        assert_eq!(found[1], [(0, 3.0), (2, 2.0), (1, 1.0)]);
        let first: Vec<u32> = found.iter().map(|row| row[0].0).collect();
        assert_eq!(first, predicted(scores.view()));
        assert_eq!(best(scores.view(), 9)[0].len(), 4);
    }
}
