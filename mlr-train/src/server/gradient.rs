//! Sums over samples: errors times data, folded over the rows.

use he_core::evaluator::{EvalError, Evaluator};
use rayon::prelude::*;

use super::{At, Run, TrainError};
use crate::packing::{Upload, folds};

impl<E: Evaluator> Run<'_, E> {
    /// sum_b conj(E_bk) X_bj for every class and column group, as open sums of products, blocks in order.
    /// `errors` gives the spread conjugate errors of a block from its data.
    pub(super) fn accumulate<F>(&self, at: At, errors: F) -> Result<Vec<E::Acc>, TrainError>
    where
        F: Fn(usize, &[E::Ct]) -> Result<Vec<E::Ct>, TrainError>,
    {
        let layout = self.job.layout();
        let groups = layout.groups();
        let mut sums: Vec<_> = (0..layout.vectors())
            .map(|_| self.eval.accumulator())
            .collect();
        for block in 0..layout.blocks() {
            let data = self.load_data(at, block)?;
            let errors = errors(block, &data)?;
            // Every sum has its own task and takes the blocks in order: the result does not depend on the threads.
            sums.par_iter_mut()
                .enumerate()
                .try_for_each(|(vector, sum)| {
                    let (class, group) = (vector / groups, vector % groups);
                    self.eval.mul_acc(sum, &errors[class], &data[group])
                })
                .map_err(at.step("product of errors and data"))?;
            self.report(at, "scores and errors")?;
        }
        Ok(sums)
    }

    /// Closes the sums: one relinearisation, the diagonal B where the method has one, the fold over the rows, the real part.
    /// `error` bounds the errors' components. 1 level (2 with B); every row of the results holds the same D_kj.
    pub(super) fn directions(
        &self,
        at: At,
        sums: Vec<E::Acc>,
        error: f64,
        curvature: &[E::Ct],
    ) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let groups = self.job.layout().groups();
        let flat: Vec<_> = sums
            .into_par_iter()
            .enumerate()
            .map(|(vector, sum)| {
                let diagonal = curvature.get(vector % groups);
                self.direction(sum, error, diagonal)
                    .map_err(at.step("sum over samples"))
            })
            .collect::<Result<_, _>>()?;
        self.report(at, "sums over samples")?;
        Ok(by_class(flat, groups))
    }

    fn direction(
        &self,
        sum: E::Acc,
        error: f64,
        curvature: Option<&E::Ct>,
    ) -> Result<E::Ct, EvalError> {
        let (eval, layout) = (self.eval, self.job.layout());
        let mut ct = eval.finish(sum)?;
        let mut pairs = layout.blocks();
        self.tighten(&mut ct, self.job.partial_bound(error, pairs))?;
        let mut factor = 1.0;
        if let Some(b) = curvature {
            ct = eval.mul(&ct, b)?;
            factor = self.job.program().bounds.curvature;
        }
        let stride = layout.row_length() as i64;
        for stage in folds(layout.rows(), stride, self.job.program().radix) {
            ct = eval.rotate_sum(&ct, &stage)?;
            pairs *= stage.len();
            self.tighten(&mut ct, factor * self.job.partial_bound(error, pairs))?;
        }
        // v + conj v is twice the real part: halved by relabelling.
        let mut real = eval.add(&ct, &eval.conjugate(&ct)?)?;
        eval.relabel(&mut real, 0.5)?;
        self.tighten(&mut real, factor * self.job.total_bound(error))?;
        Ok(real)
    }

    pub(super) fn load_curvature(&self, at: At) -> Result<Vec<E::Ct>, TrainError> {
        (0..self.job.layout().groups())
            .map(|group| self.load(at, Upload::Curvature { group }))
            .collect()
    }
}

/// Row vectors class by class.
pub(super) fn by_class<T>(flat: Vec<T>, groups: usize) -> Vec<Vec<T>> {
    let mut rest = flat.into_iter();
    let mut classes = Vec::new();
    loop {
        let class: Vec<T> = rest.by_ref().take(groups).collect();
        if class.is_empty() {
            return classes;
        }
        classes.push(class);
    }
}
