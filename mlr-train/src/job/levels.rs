//! Where in the chain every step runs. A schedule is a sequence of levels, not a subtraction: a refresh lets them rise.

use he_core::evaluator::Level;

use super::method::{FirstGradient, Method};
use super::refresh::{BEGIN_AT, Refreshes, UNPACKED, Way};

/// Levels of one iteration that multiplies the data with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IterationLevels {
    /// Which iteration, from 1.
    pub iteration: usize,
    /// Of the look-ahead weights, and of the data that they are multiplied with.
    pub weights: Level,
    /// Of the scores.
    pub scores: Level,
    /// Of the errors, which the polynomial leaves.
    pub errors: Level,
    /// Of the sums over samples.
    pub sums: Level,
    /// Of the weights afterwards.
    pub end: Level,
}

/// What lifts the weights between two iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lift {
    /// The iteration before which the weights rise.
    pub(crate) before: usize,
    /// Level at which it takes them.
    pub(crate) from: usize,
    /// Highest level at which it can give them back.
    pub(crate) to: usize,
    /// Levels that the chain must have above that.
    pub(crate) above: usize,
    /// The lowest level at which it gives anything back.
    pub(crate) floor: usize,
}

impl Lift {
    /// The client takes them at level 0 and gives them back as high as they are needed; a bootstrapping takes levels of its own at both ends; the owners take
    /// them where their masks have room, at a scale that a product with 1 brings them to.
    fn by(refresh: &Refreshes, before: usize) -> Self {
        let (from, above, floor) = match refresh.way {
            Way::Client => (0, 0, 0),
            Way::Bootstrap => (BEGIN_AT, UNPACKED, 0),
            Way::Owners => (refresh.level + 1, 0, refresh.level),
        };
        Self {
            before,
            from,
            to: usize::MAX,
            above,
            floor,
        }
    }
}

/// The level at which every step of every iteration begins and ends. The last iteration ends at level 0, or at 1 where owners refresh weights: their opening takes bits that q_0 alone has no room for, and
/// the chain is longer than the last iteration anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelSchedule {
    top: usize,
    first_gradient: Option<FirstGradient>,
    /// Of the weights after the first gradient, or of the start weights.
    begin: usize,
    /// Levels that the first gradient takes.
    first: usize,
    iterations: Vec<IterationLevels>,
    /// The iterations before which weights rise.
    lifted: Vec<usize>,
    /// The highest level at which a way that lifts them lands.
    landed: usize,
    /// The lowest level at which one gives anything back.
    floor: usize,
}

impl LevelSchedule {
    /// `iterations` (at least one) of `method` with polynomials of so many levels: one of each iteration that multiplies data with weights, or
    /// one of all. `packed` says that the client's first gradient lies packed, which takes a level to undo.
    #[cfg(test)]
    pub(crate) fn new(
        method: Method,
        iterations: usize,
        polynomials: &[usize],
        packed: bool,
    ) -> Self {
        Self::with_lifts(method, iterations, polynomials, packed, &[])
    }

    /// The same with the refreshes of a program, if there are any.
    #[must_use]
    pub fn refreshed(
        method: Method,
        iterations: usize,
        polynomials: &[usize],
        packed: bool,
        refresh: Option<&Refreshes>,
    ) -> Self {
        let reading = method.reading_iterations(iterations);
        let lifts = refresh.map(|refresh| {
            let before = refresh.before(iterations, reading).into_iter();
            before.map(|t| Lift::by(refresh, t)).collect()
        });
        let lifts: Vec<Lift> = lifts.unwrap_or_default();
        Self::with_lifts(method, iterations, polynomials, packed, &lifts)
    }

    /// The same with lifts between iterations. One that gives back too low a level to finish from is of no use: then the levels below it
    /// are those of the iterations that follow.
    pub(crate) fn with_lifts(
        method: Method,
        iterations: usize,
        polynomials: &[usize],
        packed: bool,
        lifts: &[Lift],
    ) -> Self {
        let curvature = usize::from(method.has_curvature());
        let reading = method.reading_iterations(iterations);
        let first_reading = iterations + 1 - reading;
        let polynomial = |iteration: usize| {
            let own = polynomials.get(iteration - first_reading);
            own.or(polynomials.last()).copied().unwrap_or(0)
        };
        let floor = lifts.iter().map(|lift| lift.floor).max().unwrap_or(0);
        let (mut all, mut end, mut lifted) = (Vec::new(), floor.min(1), Vec::new());
        let mut landed = 0;
        // Backwards: what follows says how high a step must begin.
        for iteration in (first_reading..=iterations).rev() {
            let sums = end + curvature;
            let errors = sums + 1;
            let scores = errors + polynomial(iteration);
            let needed = scores + 1;
            let lift = lifts.iter().find(|lift| lift.before == iteration);
            let (weights, before) = match lift {
                Some(lift) if lift.to >= needed && lift.floor <= needed => {
                    lifted.push(iteration);
                    landed = landed.max(needed + lift.above);
                    (needed, lift.from)
                }
                _ => (needed, needed),
            };
            all.push(IterationLevels {
                iteration,
                weights: Level(weights),
                scores: Level(scores),
                errors: Level(errors),
                sums: Level(sums),
                end: Level(end),
            });
            end = before;
        }
        all.reverse();
        let first_gradient = method.first_gradient();
        // The first gradient stays where it is and enters every sum over samples: above all of them.
        let ends = all.iter().map(|levels: &IterationLevels| levels.end.0 + 1);
        let begin = match (first_gradient, lifted.is_empty()) {
            (Some(_), false) => end.max(ends.max().unwrap_or(0)),
            _ => end,
        };
        let first = match first_gradient {
            None => 0,
            Some(FirstGradient::Client) => usize::from(packed),
            Some(FirstGradient::Server) => 2,
        };
        let highest = all.iter().map(|levels| levels.weights.0).max();
        Self {
            top: (begin + first).max(highest.unwrap_or(0)).max(landed),
            landed,
            floor,
            first_gradient,
            begin,
            first,
            iterations: all,
            lifted,
        }
    }

    /// Whether weights rise between this iteration and the one before it.
    #[must_use]
    pub fn lifts(&self, iteration: usize) -> bool {
        self.lifted.contains(&iteration)
    }

    /// The highest level at which a refresh gives weights back, unpacking included; 0 without one.
    #[must_use]
    pub fn landed(&self) -> Level {
        Level(self.landed)
    }

    /// Of the look-ahead weights and of the weights as a refresh before `iteration` gives them back, if there is one. The weights need no more
    /// than to stand above the direction that they are added to, and come back no lower than owners take them.
    #[must_use]
    pub fn refreshed_to(&self, iteration: usize) -> Option<[Level; 2]> {
        let levels = self
            .iteration(iteration)
            .filter(|_| self.lifts(iteration))?;
        Some([
            levels.weights,
            Level((levels.end.0 + 1).max(self.floor).min(levels.weights.0)),
        ])
    }

    /// Of the trained weights.
    #[must_use]
    pub fn last(&self) -> Level {
        self.iterations.last().map_or(Level(0), |levels| levels.end)
    }

    /// The highest level: levels that the chain must have.
    #[must_use]
    pub fn top(&self) -> usize {
        self.top
    }

    /// Every iteration that multiplies the data with weights, in order.
    #[must_use]
    pub fn iterations(&self) -> &[IterationLevels] {
        &self.iterations
    }

    /// The levels of iteration `iteration`, if it multiplies data with weights.
    #[must_use]
    pub fn iteration(&self, iteration: usize) -> Option<&IterationLevels> {
        self.iterations.iter().find(|l| l.iteration == iteration)
    }

    /// Of the weights after `done` iterations, before any lift.
    #[cfg(test)]
    pub(crate) fn after(&self, done: usize) -> Level {
        self.iteration(done).map_or(Level(self.begin), |l| l.end)
    }

    /// The iteration that works highest, where most memory is needed: none if no data are read.
    #[must_use]
    pub fn highest(&self) -> Option<&IterationLevels> {
        // The first of equally high ones.
        self.iterations.iter().rev().max_by_key(|l| l.weights)
    }

    /// Of the uploaded first gradient or start weights.
    #[must_use]
    pub fn first_upload(&self) -> Level {
        Level(self.begin + self.first)
    }

    /// Of the uploaded data: as high as their highest use.
    #[must_use]
    pub fn data(&self) -> Level {
        let highest = self.highest().map_or(Level(self.begin), |l| l.weights);
        if self.first_gradient == Some(FirstGradient::Server) {
            // The labels are masked first.
            highest.max(Level(self.begin + 1))
        } else {
            highest
        }
    }

    /// Of the uploaded labels, which a mask takes down by one: above the errors that they are added to, or above the data.
    #[must_use]
    pub fn labels(&self) -> Level {
        match self.first_gradient {
            Some(_) => Level(self.begin + 2),
            None => Level(self.highest().map_or(0, |l| l.errors.0) + 1),
        }
    }

    /// Of the uploaded diagonal B: where the sums over samples are that it is multiplied with.
    #[must_use]
    pub fn curvature(&self) -> Level {
        self.highest().map_or(Level(0), |l| l.sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::refresh::Way;

    const CLIENT: Method = Method::Whitened {
        first_gradient: FirstGradient::Client,
    };
    const SERVER: Method = Method::Whitened {
        first_gradient: FirstGradient::Server,
    };
    const PAPER: Method = Method::Paper { start_weight: 0.0 };

    #[test]
    fn levels_fall_to_zero_without_a_lift() {
        // (method, iterations, polynomial, packed): 4 levels an iteration after the first with a cubic, 5 for the paper's method.
        for (method, iterations, polynomial, packed, top) in [
            (CLIENT, 1, 2, true, 1),
            (CLIENT, 1, 2, false, 0),
            (CLIENT, 3, 2, true, 9),
            (CLIENT, 3, 3, false, 10),
            (SERVER, 1, 2, true, 2),
            (SERVER, 3, 2, false, 10),
            (PAPER, 2, 2, true, 10),
        ] {
            let levels = LevelSchedule::new(method, iterations, &[polynomial], packed);
            assert_eq!(levels.top(), top, "{method:?} {iterations}");
            assert_eq!(levels.after(iterations), Level(0));
            for pair in levels.iterations().windows(2) {
                assert_eq!(pair[0].end, pair[1].weights);
            }
        }
        let levels = LevelSchedule::new(SERVER, 2, &[2], true);
        let uploads = [levels.labels(), levels.data()];
        assert_eq!(uploads, [Level(6), Level(5)]);
        let levels = LevelSchedule::new(PAPER, 2, &[2], true);
        let uploads = [levels.first_upload(), levels.labels(), levels.curvature()];
        assert_eq!(uploads, [Level(10), Level(8), Level(6)]);
    }

    #[test]
    fn a_lift_bounds_the_levels_of_any_number_of_iterations() {
        // Weights are taken at level 1 and come back at level 6 before every iteration from the third on.
        let lifts: Vec<Lift> = (3..=40)
            .map(|before| Lift {
                before,
                from: 1,
                to: 6,
                above: 0,
                floor: 0,
            })
            .collect();
        let levels = LevelSchedule::with_lifts(CLIENT, 40, &[2], true, &lifts);
        assert_eq!(levels.top(), 6);
        assert_eq!(levels.after(2), Level(1));
        assert_eq!(levels.after(40), Level(0));
        assert_eq!(levels.data(), Level(5));
        // One that gives back less than an iteration needs lifts nothing.
        let low = [Lift {
            before: 3,
            from: 0,
            to: 3,
            above: 0,
            floor: 0,
        }];
        let levels = LevelSchedule::with_lifts(CLIENT, 3, &[2], true, &low);
        assert_eq!(levels, LevelSchedule::new(CLIENT, 3, &[2], true));
    }

    #[test]
    fn a_refresh_by_the_client_starts_at_level_zero_and_ends_as_high_as_is_needed() {
        let refresh = |every| Refreshes {
            way: Way::Client,
            every,
            bits: 12,
            level: 0,
        };
        // Degrees 3, 7, 15 and 15 in iterations 2 to 5.
        let polynomials = [2, 3, 4, 4];
        let schedule =
            |every| LevelSchedule::refreshed(CLIENT, 5, &polynomials, false, Some(&refresh(every)));
        let each = schedule(1);
        assert_eq!(each.top(), 6);
        let weights: Vec<usize> = each.iterations().iter().map(|l| l.weights.0).collect();
        assert_eq!(weights, [4, 5, 6, 6]);
        assert!((2..=5).all(|iteration| each.lifts(iteration) == (iteration > 2)));
        assert_eq!(each.refreshed_to(4), Some([Level(6), Level(1)]));
        assert_eq!(each.refreshed_to(2), None);
        let two = schedule(2);
        assert_eq!((two.top(), two.after(3)), (12, Level(0)));
        assert!(two.lifts(4) && !two.lifts(3) && !two.lifts(5));
        // The first gradient stands above every sum: iteration 4 ends at level 6, iteration 2 begins at 9.
        assert_eq!(two.first_upload(), Level(9));
        let low = LevelSchedule::refreshed(CLIENT, 5, &[2, 2, 4, 4], false, Some(&refresh(2)));
        assert_eq!(low.first_upload(), Level(8));
        let lower = [2, 4, 4, 4, 4];
        let lower = LevelSchedule::refreshed(CLIENT, 6, &lower, false, Some(&refresh(1)));
        assert_eq!(lower.first_upload(), Level(4));
        // More iterations than are between two refreshes: none.
        assert_eq!(
            schedule(9),
            LevelSchedule::new(CLIENT, 5, &polynomials, false)
        );
    }

    #[test]
    fn a_bootstrapping_takes_levels_at_both_ends_but_for_the_last_iteration() {
        let refresh = Refreshes {
            way: Way::Bootstrap,
            every: 1,
            bits: 12,
            level: 0,
        };
        // Degrees 3, 7, 15 and 15 in iterations 2 to 5.
        let polynomials = [2, 3, 4, 4];
        let levels = LevelSchedule::refreshed(CLIENT, 5, &polynomials, false, Some(&refresh));
        let seen = |f: fn(&IterationLevels) -> Level| -> Vec<usize> {
            levels.iterations().iter().map(|l| f(l).0).collect()
        };
        assert_eq!(seen(|l| l.weights), [7, 8, 9, 6]);
        assert_eq!(seen(|l| l.end), [3, 3, 3, 0]);
        assert_eq!((levels.top(), levels.landed()), (10, Level(10)));
        assert_eq!(levels.refreshed_to(5), Some([Level(6), Level(1)]));
        assert_eq!(levels.refreshed_to(4), Some([Level(9), Level(4)]));
    }

    #[test]
    fn owners_take_weights_a_level_below_the_last_product_and_give_them_back_as_they_are_needed() {
        let refresh = Refreshes {
            way: Way::Owners,
            every: 2,
            bits: 64,
            level: 2,
        };
        let polynomials = [2, 3, 4, 4];
        let levels = LevelSchedule::refreshed(CLIENT, 5, &polynomials, false, Some(&refresh));
        let seen = |f: fn(&IterationLevels) -> Level| -> Vec<usize> {
            levels.iterations().iter().map(|l| f(l).0).collect()
        };
        // Iteration 5 leaves a level for the opening; iteration 3 leaves the level of the masks and one for the product.
        assert_eq!(seen(|l| l.end), [8, 3, 7, 1]);
        assert_eq!(seen(|l| l.weights), [12, 8, 13, 7]);
        assert_eq!(levels.refreshed_to(4), Some([Level(13), Level(8)]));
        assert_eq!((levels.top(), levels.last()), (13, Level(1)));
        // Nothing comes back lower than it was taken: W before the last iteration.
        let each = Refreshes {
            every: 1,
            ..refresh
        };
        let levels = LevelSchedule::refreshed(CLIENT, 5, &polynomials, false, Some(&each));
        assert_eq!(levels.refreshed_to(4), Some([Level(9), Level(4)]));
        assert_eq!(levels.refreshed_to(5), Some([Level(7), Level(2)]));
    }
}
