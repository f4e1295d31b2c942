//! What other thresholds than the usual one would give, where one of two kinds of rows is looked for.

/// Steps of a thinned curve in each direction.
const STEPS: u64 = 128;

/// A threshold, and the rows at or above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// The threshold: the margin of some row.
    pub margin: f64,
    /// Rows at or above it that are looked for.
    pub hits: u64,
    /// Other rows at or above it.
    pub false_alarms: u64,
}

/// What every threshold gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Cuts {
    /// One a different margin, margins falling.
    cuts: Vec<Cut>,
    positives: u64,
    negatives: u64,
}

impl Cuts {
    /// Of rows with these margins, of which `positive` are looked for. None without rows of both kinds.
    ///
    /// Cost: a sort.
    ///
    /// ```
    /// use mlr_train::metrics::{Cut, Cuts};
    ///
    /// let cuts = Cuts::new(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]).unwrap();
    /// assert_eq!(cuts.at(0.35), Cut { margin: 0.35, hits: 2, false_alarms: 1 });
    /// ```
    #[must_use]
    pub fn new(margins: &[f64], positive: &[bool]) -> Option<Self> {
        let mut ranked: Vec<(f64, bool)> = margins
            .iter()
            .copied()
            .zip(positive.iter().copied())
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut hits, mut false_alarms) = (0, 0);
        let mut cuts = Vec::new();
        for same in ranked.chunk_by(|a, b| a.0 == b.0) {
            let found = same.iter().filter(|(_, is)| *is).count();
            hits += found as u64;
            false_alarms += (same.len() - found) as u64;
            cuts.push(Cut {
                margin: same[0].0,
                hits,
                false_alarms,
            });
        }
        (hits > 0 && false_alarms > 0).then_some(Self {
            cuts,
            positives: hits,
            negatives: false_alarms,
        })
    }

    /// Rows that are looked for.
    #[must_use]
    pub fn positives(&self) -> u64 {
        self.positives
    }

    /// The others.
    #[must_use]
    pub fn negatives(&self) -> u64 {
        self.negatives
    }

    /// What the threshold `margin` gives.
    #[must_use]
    pub fn at(&self, margin: f64) -> Cut {
        let above = self.cuts.partition_point(|cut| cut.margin >= margin);
        let last = above.checked_sub(1).map(|last| self.cuts[last]);
        let (hits, false_alarms) = last.map_or((0, 0), |cut| (cut.hits, cut.false_alarms));
        Cut {
            margin,
            hits,
            false_alarms,
        }
    }

    /// The largest threshold that finds at least this share of the rows that are looked for.
    #[must_use]
    pub fn reaching(&self, share: f64) -> Cut {
        let needed = (share * self.positives as f64).ceil() as u64;
        let below = self.cuts.partition_point(|cut| cut.hits < needed);
        self.cuts[below.min(self.cuts.len() - 1)]
    }

    /// At most 258 of them, for a picture: between two of them lies 1/128 of either kind of rows and those of one margin.
    #[must_use]
    pub fn thinned(&self) -> Vec<Cut> {
        let mut kept: Vec<Cut> = Vec::new();
        for (k, cut) in self.cuts.iter().enumerate() {
            let (hits, alarms) = kept
                .last()
                .map_or((0, 0), |last| (last.hits, last.false_alarms));
            let far = |step: u64, all: u64| STEPS * step >= all;
            let ahead = far(cut.hits - hits, self.positives)
                || far(cut.false_alarms - alarms, self.negatives);
            if k == 0 || k + 1 == self.cuts.len() || ahead {
                kept.push(*cut);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::auc;

    #[test]
    fn cuts_by_hand() {
        let cuts = Cuts::new(
            &[3.0, 2.0, 2.0, 1.0, -1.0],
            &[true, true, false, false, true],
        );
        let cuts = cuts.unwrap();
        assert_eq!((cuts.positives(), cuts.negatives()), (3, 2));
        let pair = |cut: Cut| (cut.hits, cut.false_alarms);
        assert_eq!(pair(cuts.at(f64::INFINITY)), (0, 0));
        assert_eq!(pair(cuts.at(3.0)), (1, 0));
        assert_eq!(pair(cuts.at(2.5)), (1, 0));
        assert_eq!(pair(cuts.at(2.0)), (2, 1));
        assert_eq!(pair(cuts.at(-9.0)), (3, 2));
        assert_eq!(cuts.reaching(0.6).margin, 2.0);
        assert_eq!(cuts.reaching(1.0).margin, -1.0);
        assert_eq!(cuts.reaching(0.0).margin, 3.0);
        assert_eq!(Cuts::new(&[1.0], &[true]), None);
        assert_eq!(Cuts::new(&[], &[]), None);
    }

    #[test]
    fn a_thinned_curve_is_short_and_has_the_same_area() {
        // Two kinds of 5,000 rows that overlap.
        let mut state = 1_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let positive: Vec<bool> = (0..10_000).map(|row| row % 2 == 0).collect();
        let margins: Vec<f64> = positive
            .iter()
            .map(|&is| next() + if is { 0.4 } else { 0.0 })
            .collect();
        let cuts = Cuts::new(&margins, &positive).unwrap();
        let thin = cuts.thinned();
        assert!(thin.len() <= 258, "{}", thin.len());
        let (mut area, mut last) = (0.0, (0.0, 0.0));
        for cut in &thin {
            let at = (cut.false_alarms as f64 / 5000.0, cut.hits as f64 / 5000.0);
            area += (at.0 - last.0) * f64::midpoint(at.1, last.1);
            last = at;
        }
        assert_eq!(last, (1.0, 1.0));
        // Trapezia between points no further apart than a 128th (and a row) in both directions: half of the square of that each, at most 258 times.
        let bound = 258.0 / 2.0 * (1.0 / 128.0 + 1.0 / 5000.0_f64).powi(2);
        let exact = auc(&margins, &positive).unwrap();
        assert!((area - exact).abs() <= bound, "{area} {exact}");
    }
}
