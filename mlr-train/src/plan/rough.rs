//! Counting the operations of a job by formula, before any traced run: what ranks layouts.

use he_core::circuits::folds;
use he_core::evaluator::{CountedOp, Level};
use he_core::params::{KeySet, Params};

use super::cost::{self, Rates};
use super::memory::{Peak, server_bytes};
use super::request::PlanRequest;
use crate::job::LevelSchedule;
use crate::packing::Layout;

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
    fn levels(&self) -> LevelSchedule {
        self.request.levels(self.layout.packs_first_gradient())
    }

    fn passes(&self) -> usize {
        self.layout.shape().classes.div_ceil(self.classes_per_pass)
    }

    /// Seconds on one core, roughly.
    pub(super) fn seconds(&self, rates: &Rates) -> f64 {
        let (layout, params) = (self.layout, self.params);
        let (blocks, groups) = (layout.blocks(), layout.column_groups());
        let classes = layout.shape().classes;
        let at =
            |op, level: usize, count: usize| rates.seconds(params, op, Level(level)) * count as f64;
        let switch = |level, count| {
            at(CountedOp::Decompose, level, count)
                + at(CountedOp::KeyProduct, level, count)
                + at(CountedOp::ModDown, level, count)
        };
        let fold = |level, length, stride, count: usize| -> f64 {
            let stages = folds(length, stride, RADIX);
            let stage = |terms: &Vec<i64>| {
                at(CountedOp::Decompose, level, count)
                    + at(CountedOp::KeyProduct, level, count * (terms.len() - 1))
                    + at(CountedOp::ModDown, level, count)
            };
            stages.iter().map(stage).sum()
        };
        let schedule = self.levels();
        let mut total = 0.0;
        for step in schedule.iterations() {
            let (level, scores, errors) = (step.weights.0, step.scores.0, step.errors.0);
            let rows = blocks * classes;
            total += at(CountedOp::Tensor, level, rows * groups) + switch(level, rows);
            total += fold(scores, layout.row_length(), 1, rows);
            // 3 to 5 key switches a level, the conjugation among them.
            total += switch(scores, rows * 4 * (scores - errors - 1));
            total += fold(errors, layout.row_length(), 1, rows);
            total +=
                at(CountedOp::Tensor, errors, rows * groups) + switch(errors, classes * groups);
            let sums = errors.saturating_sub(1);
            if layout.rotates_vectors() {
                let few = (groups as f64).sqrt() as usize;
                // The weights' rotations, and the sums' rotations back.
                total += at(CountedOp::Decompose, level, classes * few)
                    + at(CountedOp::KeyProduct, level, classes * groups)
                    + at(CountedOp::ModDown, level, classes * groups)
                    + at(CountedOp::Decompose, sums, classes * groups)
                    + at(CountedOp::KeyProduct, sums, classes * groups)
                    + at(CountedOp::ModDown, sums, classes * few);
            }
            let vectors = layout.ciphertexts_per_matrix().get();
            let count = layout.slots() / layout.period();
            total += fold(sums, count, 1, vectors) + switch(sums, vectors);
            total += rates.load_seconds(params, schedule.data())
                * (blocks * groups * self.passes()) as f64;
        }
        if layout.packs_first_gradient() {
            let top = params.max_level();
            total += fold(
                top,
                layout.gradient_period(),
                1,
                layout.ciphertexts_per_matrix().get(),
            );
        }
        total
    }

    /// Bytes of the uploaded data and first gradient, seeded and bit-packed.
    pub(super) fn upload(&self) -> u64 {
        let data = (self.layout.blocks() * self.layout.column_groups()) as u64;
        let first = self.layout.first_gradient_ciphertexts().get() as u64;
        let top = Level(self.params.max_level());
        data * cost::fresh_bytes(self.params, self.levels().data())
            + first * cost::fresh_bytes(self.params, top)
    }

    /// Bytes of memory at the server, with as many evaluation keys as are usual.
    pub(super) fn memory(&self) -> u64 {
        let peak = Peak::of(&self.levels(), self.classes_per_pass);
        let keys = KeySet {
            rotations: (1..=USUAL_KEYS).collect(),
            ..KeySet::default()
        };
        // At the highest level: what each is used at, only a traced run tells.
        let keys = keys.up_to(self.params.max_level());
        server_bytes(self.layout, self.params, peak) + cost::key_memory(self.params, &keys)
    }
}
