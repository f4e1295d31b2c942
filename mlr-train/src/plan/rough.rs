//! Counting the operations of a job by formula, before any traced run: what ranks layouts.

use he_core::evaluator::{Level, Op};
use he_core::params::{KeySet, Params};

use super::cost::{self, Rates};
use super::memory::{Peak, first_level, server_bytes};
use super::program::Method;
use super::request::PlanRequest;
use crate::packing::{Arrangement, Layout, folds};

/// Terms of a stage of a fold that the count reckons with.
const RADIX: usize = 4;
/// Evaluation keys that a sketch reckons with.
const USUAL_KEYS: usize = 38;

/// A layout under given parameters, with the classes of a pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sketch<'a> {
    pub(super) request: &'a PlanRequest,
    pub(super) layout: &'a Layout,
    pub(super) params: &'a Params,
    pub(super) classes_per_pass: usize,
}

impl Sketch<'_> {
    fn first_level(&self) -> usize {
        let arrangement = self.layout.arrangement();
        first_level(
            self.request.method,
            arrangement,
            self.request.levels(arrangement),
        )
    }

    fn passes(&self) -> usize {
        self.layout.shape().classes.div_ceil(self.classes_per_pass)
    }

    /// Iterations that read the data, and how far each goes down.
    fn iterations(&self) -> (usize, usize) {
        let paper = usize::from(matches!(self.request.method, Method::Paper { .. }));
        let all = self.request.steps.len();
        (
            all - 1 + paper,
            2 + self.request.polynomial.levels() + paper,
        )
    }

    /// Seconds on one core, roughly.
    pub(super) fn seconds(&self, rates: &Rates) -> f64 {
        let (layout, params) = (self.layout, self.params);
        let (blocks, groups) = (layout.blocks(), layout.groups());
        let classes = layout.shape().classes;
        let at =
            |op, level: usize, count: usize| rates.seconds(params, op, Level(level)) * count as f64;
        let switch = |level, count| {
            at(Op::Decompose, level, count)
                + at(Op::KeyProduct, level, count)
                + at(Op::ModDown, level, count)
        };
        let fold = |level, length, stride, count: usize| -> f64 {
            let stages = folds(length, stride, RADIX);
            let stage = |terms: &Vec<i64>| {
                at(Op::Decompose, level, count)
                    + at(Op::KeyProduct, level, count * (terms.len() - 1))
                    + at(Op::ModDown, level, count)
            };
            stages.iter().map(stage).sum()
        };
        let (iterations, depth) = self.iterations();
        let polynomial = self.request.polynomial.levels();
        let mut total = 0.0;
        for t in 0..iterations {
            let level = self.first_level().saturating_sub(t * depth);
            let (scores, errors) = (
                level.saturating_sub(1),
                level.saturating_sub(1 + polynomial),
            );
            let rows = blocks * classes;
            total += at(Op::Tensor, level, rows * groups) + switch(level, rows);
            total += fold(scores, layout.row_length(), 1, rows);
            total += switch(scores, rows * 4 * (polynomial - 1));
            total += fold(errors, layout.row_length(), 1, rows);
            total += at(Op::Tensor, errors, rows * groups) + switch(errors, classes * groups);
            let sums = errors.saturating_sub(1);
            let vectors = match layout.arrangement() {
                Arrangement::RowMajor => classes * groups,
                Arrangement::Diagonal => {
                    let few = (groups as f64).sqrt() as usize;
                    // The weights' rotations, and the sums' rotations back.
                    total += at(Op::Decompose, level, classes * few)
                        + at(Op::KeyProduct, level, classes * groups)
                        + at(Op::ModDown, level, classes * groups)
                        + at(Op::Decompose, sums, classes * groups)
                        + at(Op::KeyProduct, sums, classes * groups)
                        + at(Op::ModDown, sums, classes * few);
                    classes
                }
            };
            let count = layout.slots() / layout.period();
            total += fold(sums, count, 1, vectors) + switch(sums, vectors);
            total += rates.load_seconds(params, self.data_level())
                * (blocks * groups * self.passes()) as f64;
        }
        if layout.arrangement() == Arrangement::RowMajor {
            let top = params.max_level();
            total += fold(top, layout.gradient_period(), 1, layout.vectors());
        }
        total
    }

    fn data_level(&self) -> Level {
        Level(self.first_level())
    }

    /// Bytes of the uploaded data and first gradient, seeded and bit-packed.
    pub(super) fn upload(&self) -> u64 {
        let data = (self.layout.blocks() * self.layout.groups()) as u64;
        let first = self.layout.gradient_parts() as u64;
        let top = Level(self.params.max_level());
        data * cost::fresh_bytes(self.params, self.data_level())
            + first * cost::fresh_bytes(self.params, top)
    }

    /// Bytes of memory at the server, with as many evaluation keys as are usual.
    pub(super) fn memory(&self) -> u64 {
        let first = self.first_level();
        let peak = Peak {
            first,
            errors: first.saturating_sub(1 + self.request.polynomial.levels()),
            classes_per_pass: self.classes_per_pass,
            reads: self.iterations().0 > 0,
        };
        let keys = KeySet {
            rotations: (1..=USUAL_KEYS).collect(),
            ..KeySet::default()
        };
        server_bytes(self.layout, self.params, peak) + cost::key_memory(self.params, &keys)
    }
}
