//! The first iteration: unpacking the client's gradient, or computing it from labels, or the paper's start weights.

use he_core::circuits::{fold, folds};
use he_core::evaluator::{EvalError, Evaluator, Level};
use rayon::prelude::*;

use super::{At, ErrorSize, Run, State, TrainError};
use crate::job::{FirstGradient, LABEL_SIZE, Sizes};
use crate::packing::{Upload, first_gradient_row, row_indicator};

impl<E: Evaluator> Run<'_, E> {
    /// The state from which [`Run::iterate`] goes on.
    pub(super) fn start(&self) -> Result<State<E::Ct>, TrainError> {
        let at = self.at(1);
        match self.job.program().method.first_gradient() {
            Some(first_gradient) => {
                let m = match first_gradient {
                    FirstGradient::Client => self.unpack(at)?,
                    FirstGradient::Server => self.label_gradient(at)?,
                };
                self.after_first_gradient(at, m)
            }
            None => {
                let groups = self.job.layout().ciphertexts_per_vector().indices();
                let start: Vec<_> = groups
                    .map(|group| self.load(at, Upload::Weights { group }))
                    .collect::<Result<_, _>>()?;
                Ok(State {
                    done: 0,
                    look_ahead: vec![start.clone()],
                    weights: vec![start],
                    first_gradient: vec![],
                })
            }
        }
    }

    /// W_1 = gain M from W_0 = V_0 = 0, and V_1 = (1 + momentum) W_1: by scaling values alone.
    fn after_first_gradient(
        &self,
        at: At,
        mut m: Vec<Vec<E::Ct>>,
    ) -> Result<State<E::Ct>, TrainError> {
        let step = self.job.steps()[0];
        // Here, where the first gradient is still one with both of its multiples: they share its memory.
        m.iter_mut()
            .flatten()
            .for_each(|ct| self.eval.canonicalize(ct));
        let scaled = |factor: f64, m: &[Vec<E::Ct>]| -> Result<Vec<Vec<E::Ct>>, EvalError> {
            let mut out = m.to_vec();
            for ct in out.iter_mut().flatten() {
                self.eval.scale_value(ct, factor)?;
                self.known(ct, Sizes::weight)?;
            }
            Ok(out)
        };
        let weights = scaled(step.gain, &m).map_err(at.step("first weights"))?;
        let look_ahead = if self.job.iterations() > 1 {
            let ahead = scaled(step.gain * (1.0 + step.momentum), &m);
            self.lowered(ahead.map_err(at.step("first weights"))?, at)?
        } else {
            m.clear();
            vec![]
        };
        Ok(State {
            done: 1,
            look_ahead,
            weights,
            first_gradient: m,
        })
    }

    /// Look-ahead weights at the level where the next iteration wants them: refreshes may want the first gradient higher.
    fn lowered(&self, mut ahead: Vec<Vec<E::Ct>>, at: At) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let Some(next) = self.job.levels().iteration(at.iteration + 1) else {
            return Ok(ahead);
        };
        for ct in ahead.iter_mut().flatten() {
            if self.eval.meta(ct).level > next.weights {
                let lower = self.eval.drop_level(ct, next.weights);
                *ct = lower.map_err(at.step("first weights"))?;
            }
        }
        Ok(ahead)
    }

    /// Every row vector of the packed first gradient in a ciphertext of its own, repeated in every row. 1 level; none in the diagonal
    /// arrangement, where nothing is packed.
    ///
    /// Few rows (no more than the radix): their rotations once, then c g sums of products with row indicators. Many: mask a row, fold it
    /// over the period. Both use rotations that the fold over rows needs anyway.
    fn unpack(&self, at: At) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let layout = self.job.layout();
        let mut packed: Vec<_> = layout
            .first_gradient_ciphertexts()
            .indices()
            .map(|part| self.first_gradient_part(at, part))
            .collect::<Result<_, _>>()?;
        if !layout.packs_first_gradient() {
            // A class each, ready for use.
            for ct in &mut packed {
                let known = self.known(ct, |sizes| sizes.total(LABEL_SIZE));
                known.map_err(at.step("first gradient"))?;
            }
            return Ok(layout.ciphertexts_per_vector().cut(packed));
        }
        let flat = if layout.gradient_period() <= self.job.program().radix {
            self.unpack_by_rotations(&packed)
        } else {
            self.unpack_by_folds(&packed)
        };
        let flat = flat.map_err(at.step("unpacking the first gradient"))?;
        self.report(at, "first gradient")?;
        Ok(layout.ciphertexts_per_vector().cut(flat))
    }

    /// One part of the packed first gradient, summed over the owners: M adds up. No level, no key switch.
    fn first_gradient_part(&self, at: At, part: usize) -> Result<E::Ct, TrainError> {
        let of = |owner| self.load(at, Upload::FirstGradient { owner, part });
        let mut sum = of(0)?;
        for owner in 1..self.job.owner_rows().len() {
            let added = self.eval.add(&sum, &of(owner)?).and_then(|mut added| {
                // The bound of an owner's part is that of the sum: the squares of a column add up too.
                self.known(&mut added, |sizes| {
                    self.job
                        .upload_size(sizes, Upload::FirstGradient { owner, part })
                })?;
                Ok(added)
            });
            sum = added.map_err(at.step("sum of the owners' first gradients"))?;
        }
        Ok(sum)
    }

    fn unpack_by_rotations(&self, packed: &[E::Ct]) -> Result<Vec<E::Ct>, EvalError> {
        let (eval, layout) = (self.eval, self.job.layout());
        let (period, stride) = (layout.gradient_period(), layout.row_length());
        let masks: Vec<_> = (0..period)
            .map(|row| eval.plain(row_indicator(layout, row, period)))
            .collect::<Result<_, _>>()?;
        let mut rotations = Vec::with_capacity(packed.len());
        for part in packed {
            let digits = eval.hoist(part)?;
            let turned: Vec<_> = (0..period)
                .into_par_iter()
                .map(|t| eval.rotate_hoisted(&digits, (t * stride) as i64))
                .collect::<Result<_, _>>()?;
            rotations.push(turned);
        }
        self.vectors(|part, row| {
            // Turned by t rows, the wanted row stands in row - t.
            let terms: Vec<_> = (0..period)
                .map(|t| (&rotations[part][t], &masks[(row + period - t) % period]))
                .collect();
            eval.dot_plain(&terms, self.first_scale())
        })
    }

    fn unpack_by_folds(&self, packed: &[E::Ct]) -> Result<Vec<E::Ct>, EvalError> {
        let (eval, layout) = (self.eval, self.job.layout());
        let (period, stride) = (layout.gradient_period(), layout.row_length() as i64);
        let stages = folds(period, stride, self.job.program().radix);
        self.vectors(|part, row| {
            let mask = eval.plain(row_indicator(layout, row, period))?;
            let alone = eval.mul_plain(&packed[part], &mask, self.first_scale())?;
            // One row is not zero: the sum over the rows is as large as it.
            fold(eval, alone, &stages, |_, _| Ok(()))
        })
    }

    /// One ciphertext for every class and column group, from the part and row that hold it.
    fn vectors<F>(&self, make: F) -> Result<Vec<E::Ct>, EvalError>
    where
        F: Fn(usize, usize) -> Result<E::Ct, EvalError> + Sync,
    {
        let layout = self.job.layout();
        (layout.ciphertexts_per_matrix().indices())
            .into_par_iter()
            .map(|vector| {
                let groups = layout.column_groups();
                let (part, row) = first_gradient_row(layout, vector / groups, vector % groups);
                let mut ct = make(part, row)?;
                self.known(&mut ct, |sizes| sizes.total(LABEL_SIZE))?;
                Ok(ct)
            })
            .collect()
    }

    fn first_scale(&self) -> f64 {
        f64::from(self.job.program().scales.first).exp2()
    }

    /// M = (Y - 1/2)^T X from encrypted labels. 2 levels.
    fn label_gradient(&self, at: At) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let level = self.job.levels().labels();
        // Labels at this scale, times data, rescaled and halved by the real part, land at the planned scale.
        let data = f64::from(self.job.program().scales.data).exp2();
        let scale = 0.5 * self.first_scale() * self.eval.params().q()[level.0 - 1] as f64 / data;
        // Masked, labels are one level lower.
        let below = Level(level.0 - 1);
        let mut directions = Vec::new();
        for classes in self.passes() {
            let sums = self.accumulate(at, classes.len(), below, |blocks, _| {
                let errors = blocks.map(|block| {
                    let labels = self.labels(at, block, level)?;
                    self.spread_labels(at, classes.clone(), &labels, scale)
                });
                errors.collect()
            })?;
            directions.extend(self.directions(at, sums, ErrorSize::Label, &[])?);
        }
        Ok(directions)
    }
}
