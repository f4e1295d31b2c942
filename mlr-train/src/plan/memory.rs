//! What the server keeps in memory beside the evaluation keys.

use he_core::circuits::bootstrap::BootstrapPlan;
use he_core::params::Params;

use super::bootstrapping::Under;
use crate::job::{Job, LevelSchedule};
use crate::packing::Layout;
use crate::server::BLOCKS_AT_ONCE;

/// Ciphertexts and digits at work, and buffers kept for reuse, in ciphertexts at the top level.
const AT_WORK: usize = 24;

/// One part in this many is added for what the allocator keeps (measured: 8 % on 60,000 rows).
const ALLOCATOR: u64 = 12;

/// One part in this many is added where a figure has to hold: what pages, fragments and the system's own buffers took beyond it on twelve plans (12 % at most on one thread).
const MARGIN: u64 = 7;
/// V and W before a bootstrapping and after it, and the first gradient.
const STATE_LISTS: usize = 5;
/// Digits, sums and products of a key switch that a thread has at work, beside the digits themselves.
const BESIDE_DIGITS: usize = 2;

/// A bound of the memory where `threads` are at work, from the figure of a plan: that figure reckons with what all of them share.
pub(super) fn bound(figure: u64, params: &Params, threads: usize) -> u64 {
    let digits = params.digits(params.max_level()).count() + BESIDE_DIGITS;
    let limbs = params.q().len() + params.p().len();
    let one = (digits * limbs * params.n() * 8) as u64;
    figure + figure / MARGIN + threads as u64 * one
}

/// Where a run stands in the chain when it needs most memory: in the first iteration that reads the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peak {
    /// Level of weights and data.
    pub(super) first: usize,
    /// Level of the errors.
    pub(super) errors: usize,
    /// Classes of a pass.
    pub(super) classes_per_pass: usize,
    /// Whether any iteration reads data.
    pub(super) reads: bool,
}

impl Peak {
    /// The highest iteration of a schedule, with so many classes a pass.
    pub(super) fn of(levels: &LevelSchedule, classes_per_pass: usize) -> Self {
        let highest = levels.highest();
        Self {
            first: highest.map_or(0, |l| l.weights.0),
            errors: highest.map_or(0, |l| l.errors.0),
            classes_per_pass,
            reads: highest.is_some(),
        }
    }
}

/// Bytes, at 8 a residue: rotated weights of a pass, weights, the blocks at work with their open scores and their errors, open sums.
pub(super) fn server_bytes(layout: &Layout, params: &Params, peak: Peak) -> u64 {
    let component = |level: usize| ((level + 1) * params.n() * 8) as u64;
    let ciphertexts = |count: usize, level| 2 * count as u64 * component(level);
    let (groups, vectors, per_pass) = (
        layout.column_groups(),
        layout.ciphertexts_per_matrix().get(),
        peak.classes_per_pass,
    );
    let work = ciphertexts(AT_WORK, params.max_level());
    let allocated = |bytes: u64| bytes + bytes / ALLOCATOR;
    if !peak.reads {
        return allocated(work + ciphertexts(2 * vectors, params.max_level()));
    }
    // The diagonal arrangement rotates the weights of a pass.
    let ahead = if layout.rotates_vectors() {
        ciphertexts(per_pass * groups, peak.first)
    } else {
        0
    };
    let blocks = layout.blocks().min(BLOCKS_AT_ONCE);
    let sums = (per_pass * groups) as u64 * 3 * component(peak.errors);
    // Open, and closed: some are through before the last ones are begun.
    let scores = (per_pass * blocks) as u64 * (3 + 2) * component(peak.first);
    allocated(
        work + ahead
            + sums
            + scores
            + ciphertexts(vectors + blocks * groups, peak.first)
            + ciphertexts(blocks * per_pass, peak.errors),
    )
}

/// Bytes that the training takes without its keys, and those of a bootstrapping.
fn both(job: &Job, under: Under<'_>) -> (u64, Option<u64>) {
    let peak = Peak::of(job.levels(), job.program().classes_per_pass);
    let bootstrap = under.bootstrap();
    (
        server_bytes(job.layout(), under.params, peak),
        bootstrap.map(|plan| bootstrap_bytes(job.layout(), plan)),
    )
}

/// Bytes that a process of the training takes without its keys.
pub(super) fn most(job: &Job, under: Under<'_>) -> u64 {
    let (training, bootstrapping) = both(job, under);
    // The keys of a bootstrapping are in memory for its time, when no data are; where they stay, the training is within the margin.
    training.max(bootstrapping.unwrap_or(0))
}

/// Whether what a bootstrapping needs stays in memory from one refresh to the next: where the smaller of it and the training is within the margin of the larger.
pub(super) fn keeps_bootstrapping(job: &Job, under: Under<'_>) -> bool {
    let (training, bootstrapping) = both(job, under);
    bootstrapping.is_some_and(|bootstrapping| fit_together(training, bootstrapping))
}

fn fit_together(a: u64, b: u64) -> bool {
    a.min(b) <= a.max(b) / MARGIN
}

/// Bytes while weights are bootstrapped: what only that needs, its ciphertexts at work, and the iterates and first gradient before and after.
fn bootstrap_bytes(layout: &Layout, plan: &BootstrapPlan) -> u64 {
    let bytes = |params: &Params, count: usize| {
        (2 * count * (params.max_level() + 1) * params.n() * 8) as u64
    };
    let bridge = plan.bridge();
    let state = STATE_LISTS * layout.ciphertexts_per_matrix().get();
    let all = plan.memory_bytes()
        + bytes(bridge.large().params(), AT_WORK)
        + bytes(bridge.small().params(), state + AT_WORK);
    all + all / ALLOCATOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_in_memory_is_within_the_bound_of_the_larger_part() {
        for (a, b, together) in [
            (1_000, 7_000, true),
            (7_000, 1_000, true),
            (1_001, 7_000, false),
            (3_000_000_000, 4_900_000_000, false),
            (600_000_000, 4_300_000_000, true),
        ] {
            assert_eq!(fit_together(a, b), together, "{a} {b}");
            let bound = a.max(b) + a.max(b) / MARGIN;
            assert_eq!(a + b <= bound, together, "{a} {b}");
        }
    }
}
