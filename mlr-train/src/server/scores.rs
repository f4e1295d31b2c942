//! Scores, errors, labels: everything in the rows of one block.

use std::ops::Range;

use he_core::circuits::{fold, folds};
use he_core::evaluator::{Evaluator, Level};
use rayon::prelude::*;

use super::{At, Run, TrainError};
use crate::packing::{Upload, chunks};

impl<E: Evaluator> Run<'_, E> {
    /// Products of the rows of some blocks with the weights of every vector in `weights`, vector by vector, not relinearised. No level, no key switch yet.
    fn products(
        &self,
        at: At,
        data: &[Vec<E::Ct>],
        weights: &[Vec<E::Ct>],
    ) -> Result<Vec<E::ProductSum>, TrainError> {
        let count = weights.len() * data.len();
        let mut sums: Vec<_> = (0..count).map(|_| self.eval.product_sum()).collect();
        let [weights, data] =
            [weights, data].map(|rows| rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let products = self.eval.add_matrix_product(&mut sums, &weights, &data);
        products.map_err(at.step("product of scores"))?;
        Ok(sums)
    }

    /// z_a + i z_b of every row in column 0, window sums across two samples elsewhere. 1 level, 1 + (column fold) key switches.
    fn scores(&self, at: At, products: E::ProductSum) -> Result<E::Ct, TrainError> {
        let z = self
            .eval
            .relinearize_rescale(products)
            .map_err(at.step("product of scores"))?;
        let (p, radix) = (self.job.layout().row_length(), self.job.program().radix);
        let stages = folds(p, 1, radix);
        let folded = fold(self.eval, z, &stages, |_, _| Ok(())).and_then(|mut z| {
            self.known(&mut z, |sizes| sizes.score(at.iteration))?;
            Ok(z)
        });
        folded.map_err(at.step("sum of scores over columns"))
    }

    /// Copies column 0 to the whole row; the other columns are zero.
    fn spread(&self, at: At, ct: E::Ct) -> Result<E::Ct, TrainError> {
        let (p, radix) = (self.job.layout().row_length(), self.job.program().radix);
        let meta = self.eval.meta(&ct);
        let stages = folds(p, -1, radix);
        let spread = fold(self.eval, ct, &stages, |_, _| Ok(())).and_then(|mut ct| {
            // One column is not zero.
            self.eval.declare_bound(&mut ct, meta.bound)?;
            self.eval.declare_rms(&mut ct, meta.rms)?;
            Ok(ct)
        });
        spread.map_err(at.step("spreading over columns"))
    }

    /// The conjugate errors of some blocks for some classes, block by block, spread over the rows: 1/2 - sigma, plus y - 1/2 where labels are given.
    /// `look_ahead` holds a ciphertext for every column group, for each of the classes or for one that all share; `labels` are a block's.
    pub(super) fn errors(
        &self,
        at: At,
        classes: Range<usize>,
        data: &[Vec<E::Ct>],
        look_ahead: &[Vec<E::Ct>],
        labels: Option<&[Labels<E>]>,
    ) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let blocks = data.len();
        let sigmoids: Vec<_> = self
            .products(at, data, look_ahead)?
            .into_par_iter()
            .map(|products| self.masked_sigmoid(at, &self.scores(at, products)?))
            .collect::<Result<_, _>>()?;
        let vectors = sigmoids.len() / blocks.max(1);
        let count = classes.len();
        let errors: Vec<_> = (0..blocks * count)
            .into_par_iter()
            .map(|i| {
                let (block, k) = (i / count, i % count);
                let sigmoid = &sigmoids[k.min(vectors - 1) * blocks + block];
                let error = match labels {
                    None => sigmoid.clone(),
                    Some(labels) => {
                        let scale = self.eval.meta(sigmoid).scale;
                        let label = self.label(at, &labels[block], classes.start + k, scale)?;
                        let sum = self.eval.add(sigmoid, &label);
                        sum.map_err(at.step("errors of samples"))?
                    }
                };
                self.spread(at, error)
            })
            .collect::<Result<_, TrainError>>()?;
        Ok(chunks(errors, count))
    }

    /// Reads the labels of a block and readies them for rotation at `level`.
    pub(super) fn labels(
        &self,
        at: At,
        block: usize,
        level: Level,
    ) -> Result<Labels<E>, TrainError> {
        let parts = self.job.layout().label_ciphertexts().indices();
        parts
            .map(|part| {
                let ct = self.load(at, Upload::Labels { block, part })?;
                let ready = self.eval.drop_level(&ct, level);
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

    /// Labels of some classes, spread over the rows, at `scale`. 1 level.
    pub(super) fn spread_labels(
        &self,
        at: At,
        classes: Range<usize>,
        labels: &Labels<E>,
        scale: f64,
    ) -> Result<Vec<E::Ct>, TrainError> {
        classes
            .into_par_iter()
            .map(|class| self.spread(at, self.label(at, labels, class, scale)?))
            .collect()
    }
}

/// Labels of a block, ready for rotation: one column a class.
pub(super) struct Labels<E: Evaluator>(Vec<E::Hoisted>);
