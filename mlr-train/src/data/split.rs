//! The one split of training rows: some of every class train, the others judge.
//!
//! Every fifth row of each class is held out, in the order of a fixed pseudo-random permutation. So the split depends neither on the order in
//! which a file lists its classes, nor on anything that a user could turn to find a lucky one. A class with a single row trains.

/// One row of so many is held out.
const EVERY: usize = 5;

/// Rows that train and rows that judge, by their places in the set, each ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows that train: at least one of every class that has rows.
    pub kept: Vec<usize>,
    /// Rows that judge; none where every class has a single row.
    pub held: Vec<usize>,
}

impl Split {
    /// Splits rows by their labels. Of `n` rows of a class, `n / 5` rounded up or down are held out, so that a fifth of all are.
    #[must_use]
    pub fn of_labels(labels: &[u32]) -> Self {
        Self::of_rows(labels, &(0..labels.len()).collect::<Vec<_>>())
    }

    /// Splits the rows that train once more, to choose on without touching those that judge.
    #[must_use]
    pub fn inner(&self, labels: &[u32]) -> Self {
        Self::of_rows(labels, &self.kept)
    }

    fn of_rows(labels: &[u32], rows: &[usize]) -> Self {
        let mut order = rows.to_vec();
        // By class, and within a class by a hash of the row's place: the same on every machine.
        order.sort_by_key(|&row| (labels[row], scrambled(row as u64), row));
        let (mut kept, mut held) = (Vec::new(), Vec::new());
        // Rows counted so far: classes of few rows take turns in holding one out.
        let mut counted = 0;
        for class in order.chunk_by(|&a, &b| labels[a] == labels[b]) {
            let out = if class.len() > 1 {
                (counted + class.len()) / EVERY - counted / EVERY
            } else {
                0
            };
            counted += class.len();
            held.extend(&class[..out]);
            kept.extend(&class[out..]);
        }
        // Two or more rows of one class always leave one to judge with.
        if held.is_empty()
            && let Some(place) = kept.windows(2).position(|p| labels[p[0]] == labels[p[1]])
        {
            held.push(kept.remove(place));
        }
        kept.sort_unstable();
        held.sort_unstable();
        Self { kept, held }
    }

    /// Held-out rows that a model right for the largest class alone gets right: the class with most rows among those that train.
    #[must_use]
    pub fn largest_class(&self, labels: &[u32]) -> usize {
        let classes = labels.iter().max().map_or(0, |&most| most as usize + 1);
        let mut counts = vec![0_usize; classes];
        for &row in &self.kept {
            counts[labels[row] as usize] += 1;
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let Some(class) = counts.iter().position(|&count| count == most) else {
            return 0;
        };
        let same = |row: &&usize| labels[**row] as usize == class;
        self.held.iter().filter(same).count()
    }
}

/// A bijection of 64-bit numbers without visible pattern: the finaliser of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom
/// number generators", 2014).
fn scrambled(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(labels: &[u32], rows: &[usize], class: u32) -> usize {
        rows.iter().filter(|&&row| labels[row] == class).count()
    }

    /// The order of a file must not matter: in turns, in blocks, or any other.
    #[test]
    fn every_class_is_held_out_by_a_fifth_in_any_order() {
        let turns: Vec<u32> = (0..600).map(|row| row % 10).collect();
        let blocks: Vec<u32> = (0..600).map(|row| row / 60).collect();
        let fives: Vec<u32> = (0..600).map(|row| u32::from(row % 5 == 4)).collect();
        for labels in [turns, blocks, fives] {
            let split = Split::of_labels(&labels);
            assert_eq!((split.kept.len(), split.held.len()), (480, 120));
            for class in 0..=labels.iter().copied().max().unwrap() {
                let all = labels.iter().filter(|&&label| label == class).count();
                assert_eq!(count(&labels, &split.held, class), all / 5);
            }
            let mut all: Vec<usize> = [&split.kept[..], &split.held].concat();
            all.sort_unstable();
            assert_eq!(all, (0..600).collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_that_judge_have_no_pattern() {
        let split = Split::of_labels(&[0; 1000]);
        for every in [2, 5, 7, 10] {
            for offset in 0..every {
                let hits = split.held.iter().filter(|&&row| row % every == offset);
                // 200 draws of share p = 1 / every: four deviations.
                let (n, p) = (200.0, 1.0 / every as f64);
                let far = (hits.count() as f64 - n * p).abs();
                assert!(far <= 4.0 * (n * p * (1.0 - p)).sqrt(), "{every} {offset}");
            }
        }
    }

    #[test]
    fn rare_classes_train() {
        let split = Split::of_labels(&[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!((split.kept.len(), split.held.len()), (7, 0));
        for labels in [&[0, 0, 1][..], &[0, 1, 0, 1, 2, 2], &[3, 3, 0, 0, 1, 1, 2]] {
            let split = Split::of_labels(labels);
            assert_eq!(split.held.len(), 1, "{labels:?}");
            for &row in &split.held {
                assert!(count(labels, &split.kept, labels[row]) > 0);
            }
        }
    }

    #[test]
    fn choosing_does_not_see_the_rows_that_judge() {
        let labels: Vec<u32> = (0..500).map(|row| row % 3).collect();
        let outer = Split::of_labels(&labels);
        let inner = outer.inner(&labels);
        assert_eq!((inner.kept.len(), inner.held.len()), (320, 80));
        let both = inner.kept.iter().chain(&inner.held);
        assert!(both.clone().all(|row| outer.kept.contains(row)));
        assert_eq!(both.count(), outer.kept.len());
    }

    #[test]
    fn the_largest_class_is_that_of_the_rows_that_train() {
        let labels: Vec<u32> = (0..100).map(|row| u32::from(row >= 80)).collect();
        assert_eq!(Split::of_labels(&labels).largest_class(&labels), 16);
        assert_eq!(Split::of_labels(&[]).largest_class(&[]), 0);
    }
}
