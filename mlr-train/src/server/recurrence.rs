//! One iteration after the start.

use he_core::evaluator::{EvalError, Evaluator, Level};
use rayon::prelude::*;

use super::{ErrorSize, Run, State, TrainError};
use crate::job::{Labels, Sizes};

/// W and V of one class and column group, V only if another iteration follows.
type Pair<Ct> = (Ct, Option<Ct>);

impl<E: Evaluator> Run<'_, E> {
    /// One iteration. 4 levels, 5 with degree 5 or 7, 6 from degree 9 on; one more for the paper's method.
    pub(super) fn iterate(&self, state: State<E::Ct>) -> Result<State<E::Ct>, TrainError> {
        let at = self.at(state.done + 1);
        let method = self.job.program().method;
        // Labels are masked to the level of the errors, which the polynomial leaves.
        let levels = self.job.levels().iteration(at.iteration);
        let label_level = Level(levels.map_or(0, |levels| levels.errors.0 + 1));
        let data_level = levels.map_or(self.job.upload_level(), |levels| levels.weights);
        let labelled = method.labels() == Labels::Every;
        let (error, curvature) = if labelled {
            (ErrorSize::Whole(at.iteration), self.load_curvature(at)?)
        } else {
            (ErrorSize::Sigmoid(at.iteration), vec![])
        };
        let mut directions = Vec::new();
        for classes in self.passes() {
            let ahead = self.spread_weights(at, classes.clone(), &state.look_ahead)?;
            let sums = self.accumulate(at, classes.len(), data_level, |blocks, data| {
                let labels = |block| self.labels(at, block, label_level);
                let labels = labelled.then(|| blocks.map(labels).collect::<Result<Vec<_>, _>>());
                let labels = labels.transpose()?;
                self.errors(at, classes.clone(), data, &ahead, labels.as_deref())
            })?;
            drop(ahead);
            directions.extend(self.directions(at, sums, error, &curvature)?);
        }
        let next = directions
            .into_par_iter()
            .enumerate()
            .map(|(class, groups)| {
                let groups = groups.into_iter().enumerate();
                groups
                    .map(|(group, direction)| self.update(&state, class, group, direction))
                    .collect::<Result<Vec<Pair<E::Ct>>, _>>()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(at.step("update of weights"))?;
        let (mut weights, mut look_ahead) = (vec![], vec![]);
        for class in next {
            let (w, v): (Vec<_>, Vec<_>) = class.into_iter().unzip();
            weights.push(w);
            look_ahead.push(v.into_iter().flatten().collect());
        }
        let done = at.iteration;
        let last = done == at.iterations;
        self.report(at, "update of weights")?;
        Ok(State {
            done,
            look_ahead: if last { vec![] } else { look_ahead },
            weights,
            first_gradient: if last { vec![] } else { state.first_gradient },
        })
    }

    /// The recurrence of [`crate::job::Step`]. The gain goes into the scale of D; everything else stands higher and is brought down by products
    /// with constants that land at D's level and scale: no level is spent.
    fn update(
        &self,
        state: &State<E::Ct>,
        class: usize,
        group: usize,
        mut direction: E::Ct,
    ) -> Result<Pair<E::Ct>, EvalError> {
        let eval = self.eval;
        let step = self.job.steps()[state.done];
        // One class may stand for all (the paper's start weights).
        fn of<T>(all: &[Vec<T>], class: usize, group: usize) -> &T {
            &all[class.min(all.len().saturating_sub(1))][group]
        }
        let (ahead, weights) = (
            of(&state.look_ahead, class, group),
            of(&state.weights, class, group),
        );
        let last = state.done + 1 == self.job.iterations();
        eval.scale_value(&mut direction, step.gain)?;
        let to = eval.meta(&direction).placement();
        let from_weights = self.job.program().method.steps_from_weights();
        let (base, other) = if from_weights {
            (weights, ahead)
        } else {
            (ahead, weights)
        };
        let mut new = eval.add(&direction, &eval.mul_scalar(base, 1.0, to)?)?;
        if let Some(m) = state.first_gradient.get(class) {
            let first = eval.mul_scalar(&m[group], step.gain, to)?;
            new = eval.add(&new, &first)?;
        }
        self.known(&mut new, Sizes::weight)?;
        if from_weights {
            let mixed = self.mix(&new, other, step.momentum)?;
            return Ok((mixed, (!last).then_some(new)));
        }
        let mixed = if last {
            None
        } else {
            Some(self.mix(&new, other, step.momentum)?)
        };
        Ok((new, mixed))
    }

    /// (1 + momentum) new - momentum old, the first product through the scale.
    fn mix(&self, new: &E::Ct, old: &E::Ct, momentum: f64) -> Result<E::Ct, EvalError> {
        let eval = self.eval;
        let mut mixed = new.clone();
        if momentum != 0.0 {
            eval.scale_value(&mut mixed, 1.0 + momentum)?;
            let to = eval.meta(&mixed).placement();
            mixed = eval.add(&mixed, &eval.mul_scalar(old, -momentum, to)?)?;
            self.known(&mut mixed, Sizes::weight)?;
        }
        Ok(mixed)
    }
}
