//! Choosing axes, damping, iterations, steps and range on a split of the *training* rows, from a short public ladder.
//!
//! The rows that [`super::check`] holds out take no part: what they say of the winner is honest, where the accuracy that it was chosen for is
//! that of the luckiest of many. The other rows are split once more ([`Split::inner`]): some train, the others choose; of many rows, evenly
//! spaced ones do. One whitening with all axes serves every choice: fewer axes are its first columns, another damping scales them. Runs of
//! 4 iterations hold those of 2 and 3. A choice counts only if no score at any point V exceeds twice the range, rule (b) of
//! [`super::check`]. Among choices within a thousandth of the best accuracy the cheapest on ciphertexts wins: fewest iterations, then
//! fewest axes.

mod long;

use ndarray::{Array2, ArrayView2, Axis, s};

pub use self::long::LongSearch;
pub(crate) use self::long::standard_error;

use super::prepare::{PrepareError, Prepared, Recipe};
use super::whiten::{WhitenError, Whitening};
use crate::clear::TrainError;
use crate::clear::whitened::{NEWTON_STEP, Run, Schedule, train};
use crate::data::{Split, TrainingSet};
use crate::linalg::affine;
use crate::metrics;
use crate::sigmoid::{Activation, Degree, OddPolynomial};

/// Axes: with the constant, columns that fill rows of a power of two.
const AXES: [usize; 7] = [15, 31, 63, 127, 255, 383, 511];
/// Dampings, the largest first: the first whitening is the best conditioned.
const LAMBDAS: [f64; 4] = [3e-2, 1e-2, 1e-3, 1e-4];
/// First step, and the later ones, in units of 1/n.
const FIRST: f64 = NEWTON_STEP;
const LATER: [f64; 3] = [NEWTON_STEP, 12.0, 16.0];
/// Ranges of the cubic; scores may go twice as far.
const RANGES: [f64; 3] = [6.0, 8.0, 10.0];
/// Iterations.
const ITERATIONS: [usize; 3] = [2, 3, 4];
/// Most rows that train and that are held out.
pub(super) const MOST_TRAINED: usize = 10_000;
pub(super) const MOST_HELD_OUT: usize = 10_000;
/// Accuracy given up for a cheaper run.
const WORTH: f64 = 0.001;

/// One choice and what it gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// d: axes kept.
    pub keep: usize,
    /// Damping of the whitening.
    pub lambda: f64,
    /// A cubic is one for all iterations; from 5 on every iteration has a polynomial of its own.
    pub degree: Degree,
    /// Half width of the cubic's interval, or of the widest of all polynomials.
    pub range: f64,
    /// Steps in units of 1/n, one an iteration.
    pub steps: Vec<f64>,
    /// Rows right of those that choose.
    pub correct: usize,
    /// Largest score at any point where a gradient was taken.
    pub largest_score: f64,
}

impl Choice {
    /// All rows prepared for this choice; polynomials of their own are fitted to them.
    ///
    /// Cost: an eigen-decomposition p x p and one clear training, two with polynomials of their own.
    ///
    /// # Errors
    /// [`PrepareError`].
    pub fn prepare(&self, set: TrainingSet) -> Result<Prepared, PrepareError> {
        let schedule = Schedule::new(self.steps.clone())?;
        if self.degree != Degree::Three {
            return Prepared::with_own_sigmoids(set, schedule, self.degree, self.keep, self.lambda);
        }
        let recipe = Recipe::Whitened {
            schedule,
            polynomials: cubic(self.range)?.into(),
            rounding: None,
        };
        Prepared::new(set, recipe, self.keep, self.lambda)
    }
}

/// All that was tried, as far as it was allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// The best choice first, then those to fall back to.
    pub ranked: Vec<Choice>,
    /// How many in front are equally good: the one with the cheapest plan is taken.
    pub near: usize,
    /// Rows that trained.
    pub trained: usize,
    /// Rows that chose.
    pub chose: usize,
    /// Choices that were compared.
    pub choices: usize,
}

impl Tuning {
    /// The best choice of every number of axes and iterations, in that order.
    #[must_use]
    pub fn table(&self) -> Vec<&Choice> {
        let mut best: Vec<&Choice> = Vec::new();
        for choice in &self.ranked {
            let same = best
                .iter_mut()
                .find(|other| other.keep == choice.keep && other.steps.len() == choice.steps.len());
            match same {
                Some(other) if choice.correct > other.correct => *other = choice,
                Some(_) => {}
                None => best.push(choice),
            }
        }
        best.sort_by_key(|choice| (choice.keep, choice.steps.len()));
        best
    }

    /// The most accurate choice of every degree and number of iterations, in that order.
    #[must_use]
    pub fn by_degree(&self) -> Vec<&Choice> {
        let mut best: Vec<&Choice> = Vec::new();
        let place = |choice: &Choice| (choice.degree.get(), choice.steps.len());
        for choice in &self.ranked {
            match best.iter_mut().find(|other| place(other) == place(choice)) {
                Some(other) if choice.correct > other.correct => *other = choice,
                Some(_) => {}
                None => best.push(choice),
            }
        }
        best.sort_by_key(|choice| place(choice));
        best
    }

    /// Accuracy of a choice on the rows that choose. The winner's is too high: it was picked for it. What to expect of it is
    /// [`CheckReport::accuracy`](super::CheckReport::accuracy), on rows that had no part in the choice.
    #[must_use]
    pub fn accuracy(&self, choice: &Choice) -> f64 {
        choice.correct as f64 / self.chose as f64
    }
}

/// Tries the ladder. Cost: an eigen-decomposition p x p, and 36 clear iterations on at most 10,000 rows for each of 28 pairs of axes and
/// damping.
///
/// # Errors
/// [`PrepareError`] for rows that cannot be whitened; a tuning without choices if none keeps the rule.
pub fn tune(set: &TrainingSet) -> Result<Tuning, PrepareError> {
    let ready = Ready::of(set)?;
    let (mut all, held) = (ready.cubics()?, ready.data.held.len());
    let best = all.iter().map(|choice| choice.correct).max().unwrap_or(0);
    let near = best.saturating_sub((held as f64 * WORTH) as usize);
    all.sort_by_key(|choice| {
        let wrong = std::cmp::Reverse(choice.correct);
        if choice.correct >= near {
            (0, choice.steps.len(), choice.keep, wrong)
        } else {
            (1, held - choice.correct, choice.keep, wrong)
        }
    });
    Ok(Tuning {
        choices: all.len(),
        ranked: all,
        near: 1,
        trained: ready.data.labels.len(),
        chose: held,
    })
}

/// The split, whitened with all axes.
#[derive(Debug)]
struct Ready {
    map: Whitening,
    /// Rows that train and rows that choose, under the first damping.
    trained: Array2<f64>,
    tested: Array2<f64>,
    data: Data,
    axes: Vec<usize>,
}

impl Ready {
    fn of(set: &TrainingSet) -> Result<Self, PrepareError> {
        let Split { kept, held } = Split::of_labels(set.labels()).inner(set.labels());
        let (kept, held) = (spaced(&kept, MOST_TRAINED), spaced(&held, MOST_HELD_OUT));
        let most = set.width().min(kept.len().saturating_sub(1));
        let axes = ladder(most);
        let Some(&widest) = axes.last().filter(|_| !held.is_empty()) else {
            return Err(WhitenError::Constant { rows: set.rows() }.into());
        };
        let features = set.features();
        let rows = features.select(Axis(0), &kept);
        let part = crate::linalg::column_means(rows.view());
        let map = Whitening::of_rows(rows.view(), part, widest, LAMBDAS[0])?;
        let (trained, tested) = (
            map.apply(rows.view())?,
            map.apply(features.select(Axis(0), &held).view())?,
        );
        let pick = |rows: &[usize]| -> Vec<u32> { rows.iter().map(|&i| set.labels()[i]).collect() };
        Ok(Self {
            map,
            trained,
            tested,
            data: Data {
                labels: pick(&kept),
                held: pick(&held),
                classes: set.classes(),
            },
            axes,
        })
    }

    /// Both kinds of rows under another damping, with fewer axes.
    fn damped(&self, Damping { keep, lambda }: Damping) -> [Array2<f64>; 2] {
        [&self.trained, &self.tested].map(|rows| damped(&self.map, rows.view(), keep, lambda))
    }

    /// Short runs of cubics: all that keep the rule.
    fn cubics(&self) -> Result<Vec<Choice>, PrepareError> {
        let mut all = Vec::new();
        for &keep in &self.axes {
            for lambda in LAMBDAS {
                let damping = Damping { keep, lambda };
                let [x, test] = self.damped(damping);
                self.data.choices(&x, &test, damping, &mut all)?;
            }
        }
        Ok(all)
    }
}

/// Axes and what is added to their variances.
#[derive(Clone, Copy)]
struct Damping {
    keep: usize,
    lambda: f64,
}

/// Labels of the split.
#[derive(Debug)]
struct Data {
    labels: Vec<u32>,
    held: Vec<u32>,
    classes: usize,
}

impl Data {
    /// Every schedule and range on these rows; those that keep the rule.
    fn choices(
        &self,
        x: &Array2<f64>,
        test: &Array2<f64>,
        damping: Damping,
        all: &mut Vec<Choice>,
    ) -> Result<(), PrepareError> {
        let longest = ITERATIONS[ITERATIONS.len() - 1];
        for (range, later) in RANGES
            .iter()
            .flat_map(|r| LATER.iter().map(move |l| (*r, *l)))
        {
            let schedule = Schedule::ladder(FIRST, later, longest)?;
            let sigmoid = Activation::Polynomial(cubic(range)?);
            let run = match train(x.view(), &self.labels, self.classes, &schedule, &sigmoid) {
                Ok(run) => run,
                Err(TrainError::Diverged { .. }) => continue,
                Err(other) => return Err(other.into()),
            };
            for iterations in ITERATIONS {
                let Some(largest_score) = allowed(&run, iterations, range) else {
                    continue;
                };
                let scores = affine(test.view(), run.weights[iterations - 1].view(), None);
                all.push(Choice {
                    keep: damping.keep,
                    lambda: damping.lambda,
                    degree: Degree::Three,
                    range,
                    steps: schedule.steps()[..iterations].to_vec(),
                    correct: metrics::correct(scores.view(), &self.held),
                    largest_score,
                });
            }
        }
        Ok(())
    }
}

/// The largest score of the first `iterations`, if it stays within twice the range.
fn allowed(run: &Run, iterations: usize, range: f64) -> Option<f64> {
    let scores = &run.largest_score[..iterations];
    let largest = scores.iter().fold(0.0, |a: f64, &b| a.max(b));
    (largest <= 2.0 * range).then_some(largest)
}

fn cubic(range: f64) -> Result<OddPolynomial, PrepareError> {
    OddPolynomial::fit(Degree::Three, range).map_err(PrepareError::Range)
}

/// The ladder's numbers of axes that the rows have, or all of few.
fn ladder(most: usize) -> Vec<usize> {
    let mut axes: Vec<usize> = AXES.into_iter().filter(|&d| d <= most).collect();
    if axes.len() < AXES.len() && most > 0 && axes.last() != Some(&most) {
        axes.push(most);
    }
    axes
}

/// At most `most` of the rows, evenly spaced.
pub(super) fn spaced(rows: &[usize], most: usize) -> Vec<usize> {
    let every = rows.len().div_ceil(most).max(1);
    rows.iter().copied().step_by(every).collect()
}

/// The first `keep` columns of whitened rows under another damping, and the constant.
fn damped(map: &Whitening, rows: ArrayView2<'_, f64>, keep: usize, lambda: f64) -> Array2<f64> {
    let mut out = Array2::ones((rows.nrows(), keep + 1));
    out.slice_mut(s![.., ..keep])
        .assign(&rows.slice(s![.., ..keep]));
    let (w, before) = (map.eigenvalues(), map.lambda());
    for (j, mut column) in out.columns_mut().into_iter().enumerate().take(keep) {
        let factor = ((w[j] + before * w[0]) / (w[j] + lambda * w[0])).sqrt();
        column *= factor;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::FeatureSet;

    fn set(rows: usize) -> TrainingSet {
        let labels: Vec<u32> = (0..rows).map(|row| row as u32 % 3).collect();
        let features = Array2::from_shape_fn((rows, 20), |(row, column)| {
            let noise = ((row * 7919 + column * 104_729) % 997) as f64 / 498.0 - 1.0;
            3.0 * noise + if row % 3 == column % 3 { 1.0 } else { 0.0 }
        });
        let set = FeatureSet::new(features, labels, None, "t").unwrap();
        set.try_into().unwrap()
    }

    #[test]
    fn another_damping_is_another_whitening() {
        let set = set(200);
        let wide = Whitening::fit(&set, 20, 0.03).unwrap();
        let rows = wide.apply(set.features().view()).unwrap();
        let narrow = Whitening::fit(&set, 7, 1e-3).unwrap();
        let expected = narrow.apply(set.features().view()).unwrap();
        let found = damped(&wide, rows.view(), 7, 1e-3);
        assert!((found - expected).iter().all(|x| x.abs() < 1e-9));
    }

    #[test]
    fn the_choice_keeps_the_rule_and_is_near_the_best() {
        let set = set(1000);
        let tuning = tune(&set).unwrap();
        assert_eq!((tuning.trained, tuning.chose), (640, 160));
        let (first, best) = (
            &tuning.ranked[0],
            tuning.ranked.iter().map(|c| c.correct).max().unwrap(),
        );
        assert_eq!(first.correct, best);
        for choice in &tuning.ranked {
            assert!(choice.largest_score <= 2.0 * choice.range);
            // Of equally good ones none is cheaper.
            let cost = |c: &Choice| (c.steps.len(), c.keep);
            assert!(choice.correct < best || cost(choice) >= cost(first));
        }
        // 15 and 20 axes, 2 to 4 iterations.
        assert_eq!(tuning.table().len(), 6);
        assert!(tuning.accuracy(first) > 0.4);
        let prepared = first.prepare(set).unwrap();
        prepared.check(f64::INFINITY).unwrap().unwrap();
    }

    #[test]
    fn long_runs_are_ranked_by_the_rule_of_one_standard_error() {
        let set = set(1000);
        let mut search = LongSearch::new(&set).unwrap();
        let axes = search.axes();
        assert_eq!(axes, [15, 20]);
        for keep in axes {
            search.run(keep).unwrap();
        }
        let tuning = search.finish();
        let most = tuning.ranked.iter().map(|c| c.correct).max().unwrap();
        let least = most as f64 - standard_error(most, tuning.chose);
        let (near, far) = tuning.ranked.split_at(tuning.near);
        assert!(!near.is_empty() && near.iter().all(|c| c.correct as f64 >= least));
        let costs = |c: &Choice| [c.keep, c.steps.len(), c.degree.get() as usize];
        let no_dearer =
            |a: &Choice, b: &Choice| costs(a).iter().zip(costs(b)).all(|(a, b)| *a <= b);
        // Nobody in front is dearer than another, and whoever is as good and not in front is.
        for (i, a) in near.iter().enumerate() {
            assert!(
                near.iter()
                    .enumerate()
                    .all(|(j, b)| i == j || !no_dearer(b, a))
            );
        }
        for c in far.iter().filter(|c| c.correct as f64 >= least) {
            assert!(near.iter().any(|b| no_dearer(b, c)));
        }
        // The short runs are those of the tuning without refreshes, and the long ones are what a training of all of it would be.
        let cubics = tuning.ranked.iter().filter(|c| c.degree == Degree::Three);
        assert_eq!(cubics.count(), tune(&set).unwrap().choices);
        let long = tuning
            .ranked
            .iter()
            .find(|c| c.degree == Degree::Nine && c.steps.len() == 20);
        let long = long.unwrap().clone();
        let prepared = long.prepare(set).unwrap();
        let Recipe::Whitened {
            schedule,
            polynomials,
            ..
        } = &prepared.recipe
        else {
            panic!("a whitened recipe")
        };
        assert_eq!(
            (schedule.steps(), prepared.rows.ncols()),
            (&long.steps[..], long.keep + 1)
        );
        assert!(matches!(polynomials, crate::sigmoid::Polynomials::Each(all) if all.len() == 19));
        // Six numbers of iterations of four degrees, and three of cubics, of which some may leave their range.
        let table = tuning.by_degree();
        assert!((25..=27).contains(&table.len()), "{}", table.len());
        // 96 of 160: sqrt(160 x 0.6 x 0.4).
        assert!((standard_error(96, 160) - 38.4f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn few_and_many_rows() {
        assert_eq!(ladder(12), [12]);
        assert_eq!(ladder(40), [15, 31, 40]);
        assert_eq!(ladder(2048), AXES);
        assert!(ladder(0).is_empty());
        assert_eq!(spaced(&[3, 4, 5, 6, 7], 2), [3, 6]);
        assert!(tune(&set(4)).is_err());
    }
}
