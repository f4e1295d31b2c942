//! Scores, errors, labels: everything in the rows of one block.

use he_core::evaluator::{EvalError, Evaluator, Level};
use rayon::prelude::*;

use super::{At, Run, TrainError};
use crate::packing::{Upload, folds};

impl<E: Evaluator> Run<'_, E> {
    /// z_a + i z_b of every row in column 0, window sums across two samples elsewhere. 1 level, 1 + (column fold) key switches.
    fn scores(&self, at: At, data: &[E::Ct], weights: &[E::Ct]) -> Result<E::Ct, TrainError> {
        let product = || {
            let mut sum = self.eval.accumulator();
            for (x, w) in data.iter().zip(weights) {
                self.eval.mul_acc(&mut sum, x, w)?;
            }
            self.eval.finish(sum)
        };
        let z = product().map_err(at.step("product of scores"))?;
        let (p, radix) = (self.job.layout().row_length(), self.job.program().radix);
        let folded = self.fold(z, &folds(p, 1, radix)).and_then(|mut z| {
            self.tighten(&mut z, self.job.score_bound())?;
            Ok(z)
        });
        folded.map_err(at.step("sum of scores over columns"))
    }

    /// The conjugate of 1/2 - sigma(z), componentwise, in column 0; zero elsewhere. 2 levels, 4 key switches.
    ///
    /// With sigma(z) - 1/2 ~ a z + b z^3 on both components and m the mask of column 0,
    /// `conj(a z + b (re^3 + i im^3)) = (m b/4 conj z)(3 z conj z + 4a/b) + (m b/4 z) z^2`: the mask costs no level.
    fn masked_cubic(&self, at: At, z: &E::Ct) -> Result<E::Ct, TrainError> {
        let eval = self.eval;
        let conj = eval.conjugate(z).map_err(at.step("conjugate of scores"))?;
        let squares = || -> Result<_, EvalError> {
            let norm = eval.mul_small(&eval.mul(z, &conj)?, 3)?;
            Ok((
                eval.add_plain(&norm, &self.cubic_constant)?,
                eval.mul(z, z)?,
            ))
        };
        let (norm, square) = squares().map_err(at.step("squares of scores"))?;
        let last = || {
            let meta = eval.meta(&square);
            // The factor's scale that makes the errors land at the planned scale.
            let prime = eval.params().q()[meta.level.0] as f64;
            let scale = f64::from(self.job.program().scales.error).exp2() * prime / meta.scale;
            let mut sum = eval.accumulator();
            let factor = eval.mul_plain(&conj, &self.cubic_mask, scale)?;
            eval.mul_acc(&mut sum, &factor, &norm)?;
            let factor = eval.mul_plain(z, &self.cubic_mask, scale)?;
            eval.mul_acc(&mut sum, &factor, &square)?;
            let mut error = eval.finish(sum)?;
            let bound = self.job.sigmoid_bound() * std::f64::consts::SQRT_2;
            self.tighten(&mut error, bound)?;
            Ok(error)
        };
        last().map_err(at.step("cubic of scores"))
    }

    /// Copies column 0 to the whole row; the other columns are zero.
    fn spread(&self, at: At, ct: E::Ct) -> Result<E::Ct, TrainError> {
        let (p, radix) = (self.job.layout().row_length(), self.job.program().radix);
        let bound = self.eval.meta(&ct).bound;
        let spread = self.fold(ct, &folds(p, -1, radix)).and_then(|mut ct| {
            self.tighten(&mut ct, bound)?;
            Ok(ct)
        });
        spread.map_err(at.step("spreading over columns"))
    }

    /// The conjugate errors of a block for every class, spread over the rows: 1/2 - sigma, plus y - 1/2 where labels are given.
    pub(super) fn errors(
        &self,
        at: At,
        data: &[E::Ct],
        look_ahead: &[Vec<E::Ct>],
        labels: Option<&Labels<E>>,
    ) -> Result<Vec<E::Ct>, TrainError> {
        let cubics: Vec<_> = look_ahead
            .par_iter()
            .map(|weights| self.masked_cubic(at, &self.scores(at, data, weights)?))
            .collect::<Result<_, _>>()?;
        (0..self.job.layout().shape().classes)
            .into_par_iter()
            .map(|class| {
                let cubic = &cubics[class.min(cubics.len() - 1)];
                let error = match labels {
                    None => cubic.clone(),
                    Some(labels) => {
                        let scale = self.eval.meta(cubic).scale;
                        let label = self.label(at, labels, class, scale)?;
                        let sum = self.eval.add(cubic, &label);
                        sum.map_err(at.step("errors of samples"))?
                    }
                };
                self.spread(at, error)
            })
            .collect()
    }

    /// Reads the labels of a block and readies them for rotation at `level`.
    pub(super) fn labels(
        &self,
        at: At,
        block: usize,
        level: Level,
    ) -> Result<Labels<E>, TrainError> {
        let parts = 0..self.job.layout().label_parts();
        parts
            .map(|part| {
                let ct = self.load(at, Upload::Labels { block, part })?;
                let ready = self.eval.drop_to(&ct, level);
                ready
                    .and_then(|ct| self.eval.hoist(&ct))
                    .map_err(at.step("labels"))
            })
            .collect::<Result<_, _>>()
            .map(Labels)
    }

    /// Labels of one class in column 0 at `scale`. 1 level, 1 key switch (none for column 0).
    fn label(
        &self,
        at: At,
        labels: &Labels<E>,
        class: usize,
        scale: f64,
    ) -> Result<E::Ct, TrainError> {
        let p = self.job.layout().row_length();
        let turned = self
            .eval
            .rotate_hoisted(&labels.0[class / p], (class % p) as i64);
        turned
            .and_then(|ct| self.eval.mul_plain(&ct, &self.label_mask, scale))
            .map_err(at.step("labels"))
    }

    /// Labels of every class, spread over the rows, at `scale`. 1 level.
    pub(super) fn spread_labels(
        &self,
        at: At,
        labels: &Labels<E>,
        scale: f64,
    ) -> Result<Vec<E::Ct>, TrainError> {
        (0..self.job.layout().shape().classes)
            .into_par_iter()
            .map(|class| self.spread(at, self.label(at, labels, class, scale)?))
            .collect()
    }
}

/// Labels of a block, ready for rotation: one column a class.
pub(super) struct Labels<E: Evaluator>(Vec<E::Hoisted>);
