//! One iteration after the start.

use he_core::evaluator::{EvalError, Evaluator, Level};
use rayon::prelude::*;

use super::{ErrorSize, LABEL_BOUND, Run, State, TrainError};
use crate::plan::{Job, Method};

/// W and V of one class and column group, V only if another iteration follows.
type Pair<Ct> = (Ct, Option<Ct>);

impl<E: Evaluator> Run<'_, E> {
    /// One iteration. 4 levels, 5 with degree 5 or 7; one more for the paper's method.
    pub(super) fn iterate(&self, state: State<E::Ct>) -> Result<State<E::Ct>, TrainError> {
        let at = self.at(state.done + 1);
        let paper = matches!(self.job.program().method, Method::Paper { .. });
        let level = state.look_ahead.iter().flatten().next();
        let level = level.map_or(Level(0), |ct| self.eval.meta(ct).level);
        // Labels are masked to the level of the errors, which the polynomial leaves.
        let spent = self.job.program().polynomial.levels();
        let label_level = Level(level.0.saturating_sub(spent));
        let (error, curvature): (ErrorSize, _) = if paper {
            (
                |job| job.sigmoid_bound() + LABEL_BOUND,
                self.load_curvature(at)?,
            )
        } else {
            (Job::sigmoid_bound, vec![])
        };
        let mut directions = Vec::new();
        for classes in self.passes() {
            let ahead = self.spread_weights(at, classes.clone(), &state.look_ahead)?;
            let sums = self.accumulate(at, classes.len(), |blocks, data| {
                let labels = |block| self.labels(at, block, label_level);
                let labels = paper.then(|| blocks.map(labels).collect::<Result<Vec<_>, _>>());
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

    /// The recurrence of [`crate::plan::Step`]. The gain is a relabelling of D; everything else stands higher and is brought down by products
    /// with constants that land at D's level and scale: no level is spent.
    fn update(
        &self,
        state: &State<E::Ct>,
        class: usize,
        group: usize,
        mut direction: E::Ct,
    ) -> Result<Pair<E::Ct>, EvalError> {
        let eval = self.eval;
        let step = self.job.program().steps[state.done];
        // One class may stand for all (the paper's start weights).
        fn of<T>(all: &[Vec<T>], class: usize, group: usize) -> &T {
            &all[class.min(all.len().saturating_sub(1))][group]
        }
        let (ahead, weights) = (
            of(&state.look_ahead, class, group),
            of(&state.weights, class, group),
        );
        let last = state.done + 1 == self.job.iterations();
        eval.relabel(&mut direction, step.gain)?;
        let to = eval.meta(&direction).placement();
        let paper = matches!(self.job.program().method, Method::Paper { .. });
        let (base, other) = if paper {
            (weights, ahead)
        } else {
            (ahead, weights)
        };
        let mut new = eval.add(&direction, &eval.mul_scalar(base, 1.0, to)?)?;
        if let Some(m) = state.first_gradient.get(class) {
            let first = eval.mul_scalar(&m[group], step.gain, to)?;
            new = eval.add(&new, &first)?;
        }
        self.known(&mut new, |job| job.program().bounds.weight)?;
        if paper {
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

    /// (1 + momentum) new - momentum old, the first product by relabelling.
    fn mix(&self, new: &E::Ct, old: &E::Ct, momentum: f64) -> Result<E::Ct, EvalError> {
        let eval = self.eval;
        let mut mixed = new.clone();
        if momentum != 0.0 {
            eval.relabel(&mut mixed, 1.0 + momentum)?;
            let to = eval.meta(&mixed).placement();
            mixed = eval.add(&mixed, &eval.mul_scalar(old, -momentum, to)?)?;
            self.known(&mut mixed, |job| job.program().bounds.weight)?;
        }
        Ok(mixed)
    }

    /// Whether a saved state has the shape of one of this job's.
    pub(super) fn check_state(&self, state: &State<E::Ct>) -> Result<(), TrainError> {
        let layout = self.job.layout();
        let classes = layout.shape().classes;
        let check = |what, expected: usize, found: usize, good: bool| {
            if good {
                Ok(())
            } else {
                Err(TrainError::State {
                    what,
                    expected,
                    found,
                })
            }
        };
        let iterations = self.job.iterations();
        check(
            "iterations",
            iterations,
            state.done,
            state.done <= iterations,
        )?;
        let open = state.done < iterations;
        let paper = matches!(self.job.program().method, Method::Paper { .. });
        let shared = paper && state.done == 0;
        let expected = if shared { 1 } else { classes };
        let (ahead, first) = (
            if open { expected } else { 0 },
            if open && !paper { classes } else { 0 },
        );
        for (what, expected, vectors) in [
            ("classes of weights", expected, &state.weights),
            ("classes of look-ahead weights", ahead, &state.look_ahead),
            (
                "classes of the first gradient",
                first,
                &state.first_gradient,
            ),
        ] {
            check(what, expected, vectors.len(), vectors.len() == expected)?;
            for class in vectors {
                let (parts, found) = (layout.parts(), class.len());
                check("parts of a vector", parts, found, parts == found)?;
            }
        }
        Ok(())
    }
}
