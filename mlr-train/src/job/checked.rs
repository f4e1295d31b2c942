//! The checked job.

use std::ops::Range;

use super::error::{ProgramError, check};
use super::levels::LevelSchedule;
use super::method::{Labels, Step};
use super::program::Program;
use super::refresh::{BEGIN_AT, Way};
use super::sizes::Sizes;
use crate::packing::Layout;

/// Most iterations of a plan; no chain of moduli has levels for more.
const MOST_ITERATIONS: usize = 32;
/// Limits of a traced run, so that a hostile plan cannot keep a reader busy for long.
const MOST_VECTORS: usize = 1 << 17;
const MOST_PRODUCTS: usize = 1 << 22;

/// A checked program, laid out in ciphertexts of a known number of slots.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    program: Program,
    layout: Layout,
    steps: Vec<Step>,
    levels: LevelSchedule,
    bounds: Sizes,
    rms: Sizes,
}

impl Job {
    /// Checks `program` and lays it out in ciphertexts of `slots` slots.
    ///
    /// # Errors
    /// [`ProgramError`] names the number that is out of range.
    pub fn new(program: Program, slots: usize) -> Result<Self, ProgramError> {
        let layout = lay_out(&program, slots)?;
        let steps = steps(&program)?;
        program.polynomial.check(program.reading())?;
        if let Some(refresh) = &program.refresh {
            let owners = &program.owners;
            refresh.check(program.method, owners.rows.len(), owners.joint.is_some())?;
        }
        let owners = &program.owners;
        if let Some(joint) = &owners.joint {
            joint.check(owners.rows.len(), owners.public_key)?;
        }
        program.bounds.check()?;
        program.scales.check()?;
        let (owners, weight) = (program.owners.rows.len(), program.bounds.weight);
        program.method.check(weight, owners, program.arrangement)?;
        check_work(&program, &layout)?;
        let levels = LevelSchedule::refreshed(
            program.method,
            steps.len(),
            &program.polynomial.levels(),
            layout.packs_first_gradient(),
            program.refresh.as_ref(),
        );
        Ok(Self {
            bounds: Sizes::bounds(&program),
            rms: Sizes::rms(&program),
            program,
            layout,
            steps,
            levels,
        })
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Iterations T, the client's first gradient included.
    pub fn iterations(&self) -> usize {
        self.steps.len()
    }

    /// The recurrence, one entry an iteration.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The level at which every step begins and ends.
    pub fn levels(&self) -> &LevelSchedule {
        &self.levels
    }

    /// What no value exceeds.
    pub fn bounds(&self) -> &Sizes {
        &self.bounds
    }

    /// Root mean squares of values.
    pub fn rms(&self) -> &Sizes {
        &self.rms
    }

    /// Whether weights are refreshed between this iteration (from 1) and the one before it.
    pub fn refreshes_before(&self, iteration: usize) -> bool {
        self.levels.lifts(iteration)
    }

    /// How many refreshes a run asks for.
    pub fn refreshes(&self) -> usize {
        self.refreshed_before().len()
    }

    /// The level that a bootstrapping takes packed weights at.
    pub(crate) fn bootstrap_level(&self) -> usize {
        BEGIN_AT - 1
    }

    /// The iterations (from 1) before which weights are refreshed, in order.
    pub fn refreshed_before(&self) -> Vec<usize> {
        let all = self.levels.iterations().iter().map(|l| l.iteration);
        all.filter(|t| self.levels.lifts(*t)).collect()
    }

    /// Who refreshes weights; none where nobody does.
    pub fn way(&self) -> Option<Way> {
        let refresh = self.program.refresh.as_ref()?;
        (self.refreshes() > 0).then_some(refresh.way)
    }

    /// Whether the server refreshes weights by a bootstrapping.
    pub fn bootstraps(&self) -> bool {
        self.way() == Some(Way::Bootstrap)
    }

    /// Whether the client is asked for refreshes.
    pub fn asks_client(&self) -> bool {
        self.way() == Some(Way::Client)
    }

    /// Whether the parties of a joint key are asked for refreshes.
    pub fn asks_owners(&self) -> bool {
        self.way() == Some(Way::Owners)
    }

    /// Whether the training stops for refreshes that somebody else answers.
    pub fn asks_others(&self) -> bool {
        self.asks_client() || self.asks_owners()
    }

    /// Passes over the data in an iteration.
    pub fn passes(&self) -> usize {
        self.program
            .shape
            .classes
            .div_ceil(self.program.classes_per_pass)
    }

    /// Whether labels are uploaded.
    pub fn has_labels(&self) -> bool {
        self.program.method.labels() != Labels::Never
    }

    /// Rows of each owner of data; all of them where there is one.
    pub fn owner_rows(&self) -> Vec<usize> {
        match self.program.owners.rows.as_slice() {
            [] => vec![self.program.shape.samples],
            rows => rows.to_vec(),
        }
    }

    /// The blocks of each owner's rows, one after the other.
    pub fn owner_blocks(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let rows = self.owner_rows().into_iter();
        rows.map(|own| {
            let start = end;
            end += self.layout.of_rows(own).blocks();
            start..end
        })
        .collect()
    }
}

fn lay_out(program: &Program, slots: usize) -> Result<Layout, ProgramError> {
    let layout = Layout::new(
        program.shape,
        slots,
        program.row_length,
        program.arrangement,
    )?;
    Ok(layout.with_owners(&program.owners.rows)?)
}

fn steps(program: &Program) -> Result<Vec<Step>, ProgramError> {
    let iterations = program.schedule.len();
    check(
        "iterations",
        "1 to 32",
        iterations as f64,
        (1..=MOST_ITERATIONS).contains(&iterations),
    )?;
    let samples = program.shape.samples;
    let steps = program.method.steps(samples, &program.schedule);
    for (step, &m) in steps.iter().zip(&program.schedule) {
        check("step", "a positive number", m, m > 0.0)?;
        check("gain", "a positive number", step.gain, step.gain > 0.0)?;
        check(
            "momentum",
            "a number above -1",
            step.momentum,
            step.momentum > -1.0,
        )?;
    }
    Ok(steps)
}

/// Refuses passes and folds that there are not, and work beyond the limits.
fn check_work(program: &Program, layout: &Layout) -> Result<(), ProgramError> {
    let radix = program.radix;
    check(
        "radix",
        "2, 4, 8 or 16",
        radix as f64,
        [2, 4, 8, 16].contains(&radix),
    )?;
    let per_pass = program.classes_per_pass;
    check(
        "classes of a pass",
        "1 to the number of classes",
        per_pass as f64,
        (1..=program.shape.classes).contains(&per_pass),
    )?;
    let vectors = program.shape.classes * layout.column_groups();
    check(
        "row vectors (classes times column groups)",
        "at most 2^17",
        vectors as f64,
        vectors <= MOST_VECTORS,
    )?;
    let products = layout.blocks().saturating_mul(vectors);
    let products = products.saturating_mul(program.schedule.len());
    check(
        "products (iterations times blocks times row vectors)",
        "at most 2^22",
        products as f64,
        products <= MOST_PRODUCTS,
    )
}
