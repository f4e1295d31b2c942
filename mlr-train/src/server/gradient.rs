//! Sums over samples: errors times data, folded over the rows.

use std::ops::Range;

use he_core::circuits::{fold, folds};
use he_core::evaluator::{EvalError, Evaluator, Level, Op, Refusal};
use rayon::prelude::*;

use super::{At, ErrorSize, Run, TrainError};
use crate::job::Sizes;
use crate::packing::{Upload, chunks};

/// Blocks that are multiplied at once, with the weights and with their errors: weights and open sums are read and written once for all of them.
pub(crate) const BLOCKS_AT_ONCE: usize = 4;

impl<E: Evaluator> Run<'_, E> {
    /// sum_b conj(E_bk) X_bj for some classes and every column group, as open sums of products, blocks in order.
    /// `errors` gives the spread conjugate errors of these classes in some blocks, block by block, from their data, of which it needs no more than `level`.
    pub(super) fn accumulate<F>(
        &self,
        at: At,
        classes: usize,
        level: Level,
        errors: F,
    ) -> Result<Vec<E::ProductSum>, TrainError>
    where
        F: Fn(Range<usize>, &[Vec<E::Ct>]) -> Result<Vec<Vec<E::Ct>>, TrainError>,
    {
        let layout = self.job.layout();
        let (blocks, groups) = (layout.blocks(), layout.column_groups());
        let mut sums: Vec<_> = (0..classes * groups)
            .map(|_| self.eval.product_sum())
            .collect();
        for first in (0..blocks).step_by(BLOCKS_AT_ONCE) {
            let some = first..blocks.min(first + BLOCKS_AT_ONCE);
            let data = some.clone().map(|block| self.load_data(at, block, level));
            let data = data.collect::<Result<Vec<_>, _>>()?;
            let errors = errors(some, &data)?;
            // Rows of the matrix product: a class of errors, a group of data, blocks in order.
            let (left, right) = (columns(errors, classes), columns(data, groups));
            let [a, b] =
                [&left, &right].map(|rows| rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let added = self.eval.add_matrix_product(&mut sums, &a, &b);
            added.map_err(at.step("product of errors and data"))?;
            self.report(at, "scores and errors")?;
        }
        Ok(sums)
    }

    /// Closes the sums: one relinearisation, the diagonal B where the method has one, the fold over the rows, the real part.
    /// `error` bounds the errors' components. 1 level (2 with B); every replica in the results holds the same D_k.
    pub(super) fn directions(
        &self,
        at: At,
        sums: Vec<E::ProductSum>,
        error: ErrorSize,
        curvature: &[E::Ct],
    ) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let layout = self.job.layout();
        let groups = layout.column_groups();
        let failed = at.step("sum over samples");
        let flat: Result<Vec<_>, _> = if layout.rotates_vectors() {
            self.turned_back(sums, error).and_then(|classes| {
                let folded = classes.into_par_iter();
                let folded = folded.map(|ct| self.folded(ct, error, false));
                folded.collect()
            })
        } else {
            sums.into_par_iter()
                .enumerate()
                .map(|(vector, sum)| self.direction(sum, error, curvature.get(vector % groups)))
                .collect()
        };
        let flat = flat.map_err(failed)?;
        self.report(at, "sums over samples")?;
        Ok(layout.ciphertexts_per_vector().cut(flat))
    }

    fn direction(
        &self,
        sum: E::ProductSum,
        error: ErrorSize,
        curvature: Option<&E::Ct>,
    ) -> Result<E::Ct, EvalError> {
        let mut ct = self.eval.relinearize_rescale(sum)?;
        let pairs = self.job.layout().blocks();
        self.known(&mut ct, |sizes| sizes.partial(error.of(sizes), pairs))?;
        match curvature {
            None => self.folded(ct, error, false),
            Some(b) => {
                let scaled = self.eval.mul(&ct, b)?;
                self.folded(scaled, error, true)
            }
        }
    }

    /// Sums over the rows that hold the same columns, and takes the real part. `scaled` says that the sums were multiplied with B.
    fn folded(&self, ct: E::Ct, error: ErrorSize, scaled: bool) -> Result<E::Ct, EvalError> {
        let (eval, layout) = (self.eval, self.job.layout());
        let factor = |sizes: &Sizes| {
            if scaled { sizes.curvature() } else { 1.0 }
        };
        let (count, stride) = (layout.slots() / layout.period(), layout.period() as i64);
        let pairs = layout.blocks() * layout.rows() / count;
        let stages = folds(count, stride, self.job.program().radix);
        let ct = fold(eval, ct, &stages, |ct, terms| {
            self.known(ct, |sizes| {
                factor(sizes) * sizes.partial(error.of(sizes), pairs * terms)
            })
        })?;
        // v + conj v is twice the real part: halved through the scale.
        let mut real = eval.add(&ct, &eval.conjugate(&ct)?)?;
        eval.scale_value(&mut real, 0.5)?;
        self.known(&mut real, |sizes| {
            factor(sizes) * sizes.total(error.of(sizes))
        })?;
        Ok(real)
    }

    /// For every class the sum over j of its j-th sum of products turned back by j rows, in two steps: by j mod b rows, then by the rest.
    fn turned_back(
        &self,
        sums: Vec<E::ProductSum>,
        error: ErrorSize,
    ) -> Result<Vec<E::Ct>, EvalError> {
        let (eval, layout) = (self.eval, self.job.layout());
        let turns = Turns::new(layout.column_groups(), layout.row_length());
        let giants: Vec<E::Ct> = chunks(sums, turns.small)
            .into_par_iter()
            .map(|sums| {
                let closed = sums.into_iter().map(|sum| {
                    let mut ct = eval.relinearize_rescale(sum)?;
                    self.known(&mut ct, |sizes| {
                        sizes.partial(error.of(sizes), layout.blocks())
                    })?;
                    Ok(ct)
                });
                let closed: Vec<E::Ct> = closed.collect::<Result<_, EvalError>>()?;
                let terms: Vec<_> = closed.iter().zip(turns.small_steps()).collect();
                let mut sum = eval.rotate_each_and_sum(&terms)?;
                let pairs = layout.blocks() * turns.small;
                self.known(&mut sum, |sizes| sizes.partial(error.of(sizes), pairs))?;
                Ok(sum)
            })
            .collect::<Result<_, EvalError>>()?;
        chunks(giants, turns.large)
            .into_par_iter()
            .map(|giants| {
                let terms: Vec<_> = giants.iter().zip(turns.large_steps()).collect();
                let mut sum = eval.rotate_each_and_sum(&terms)?;
                let pairs = layout.blocks() * layout.column_groups();
                self.known(&mut sum, |sizes| sizes.partial(error.of(sizes), pairs))?;
                Ok(sum)
            })
            .collect()
    }

    /// Look-ahead weights as the scores of some classes want them: a ciphertext for every column group of a block. In the diagonal
    /// arrangement these are rotations: g - 1 key products and g divisions by P a class.
    pub(super) fn spread_weights(
        &self,
        at: At,
        classes: Range<usize>,
        look_ahead: &[Vec<E::Ct>],
    ) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        let layout = self.job.layout();
        if !layout.rotates_vectors() {
            // One class may stand for all.
            let shared = look_ahead.len() == 1;
            let own = if shared { 0..1 } else { classes };
            return Ok(look_ahead[own].to_vec());
        }
        let turns = Turns::new(layout.column_groups(), layout.row_length());
        let rotated = |ct: &E::Ct| -> Result<Vec<E::Ct>, EvalError> {
            // The weights repeat after g rows, so turning on by j rows is turning back by g - j: the sums' keys serve here too.
            let digits = self.eval.hoist(ct)?;
            let large: Vec<_> = turns.large_steps().collect();
            let back: Vec<Vec<E::Ct>> = large
                .into_par_iter()
                .map(|step| {
                    let turned = self.eval.rotate_hoisted(&digits, step)?;
                    let digits = self.eval.hoist(&turned)?;
                    turns
                        .small_steps()
                        .map(|step| self.eval.rotate_hoisted(&digits, step))
                        .collect()
                })
                .collect::<Result<_, EvalError>>()?;
            let back: Vec<E::Ct> = back.into_iter().flatten().collect();
            let groups = layout.column_groups();
            Ok((0..groups)
                .map(|j| back[(groups - j) % groups].clone())
                .collect())
        };
        let all: Result<_, _> = look_ahead[classes]
            .iter()
            .map(|parts| match parts.as_slice() {
                [ct] => rotated(ct),
                _ => Err(Refusal::Empty.of(Op::Rotate)),
            })
            .collect();
        all.map_err(at.step("rotations of the weights"))
    }

    pub(super) fn load_curvature(&self, at: At) -> Result<Vec<E::Ct>, TrainError> {
        (self.job.layout().ciphertexts_per_vector().indices())
            .map(|group| self.load(at, Upload::Curvature { group }))
            .collect()
    }

    /// The classes of every pass over the data.
    pub(super) fn passes(&self) -> impl Iterator<Item = Range<usize>> + use<'_, E> {
        let all = self.job.layout().shape().classes;
        let step = self.job.program().classes_per_pass;
        (0..all)
            .step_by(step)
            .map(move |first| first..(first + step).min(all))
    }
}

/// Rotations back by 0..g rows, cut into small steps of one row and large ones of `small` rows: few keys instead of g
/// (baby steps and giant steps).
#[derive(Clone, Copy)]
struct Turns {
    small: usize,
    large: usize,
    row_length: usize,
}

impl Turns {
    /// For g (a power of two) groups.
    fn new(groups: usize, row_length: usize) -> Self {
        let small = 1 << groups.ilog2().div_ceil(2);
        Self {
            small,
            large: groups / small,
            row_length,
        }
    }

    fn small_steps(self) -> impl Iterator<Item = i64> {
        (0..self.small).map(move |j| -((j * self.row_length) as i64))
    }

    fn large_steps(self) -> impl Iterator<Item = i64> {
        (0..self.large).map(move |j| -((j * self.small * self.row_length) as i64))
    }
}

/// Column by column what is given row by row.
fn columns<T>(rows: Vec<Vec<T>>, count: usize) -> Vec<Vec<T>> {
    let mut columns: Vec<_> = (0..count).map(|_| Vec::with_capacity(rows.len())).collect();
    for item in rows {
        columns
            .iter_mut()
            .zip(item)
            .for_each(|(column, x)| column.push(x));
    }
    columns
}
