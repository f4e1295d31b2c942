//! What a traced run counted, and the seconds that follow from it on any machine.

use he_core::evaluator::{CountedOp, Evaluator as _, Level, Simulator};

use super::bootstrapping::Under;
use super::cost::{self, Rates};
use crate::job::{Job, Labels};
use crate::packing::Upload;

/// What a traced run of a job counted. A run takes milliseconds to minutes: whoever has one asks this, not another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    operations: Vec<(CountedOp, Level, u64)>,
    /// Evaluation keys, those of a bootstrapping apart.
    keys: usize,
}

impl Counted {
    /// Of the run that `simulator` has done.
    pub(super) fn of(simulator: &Simulator) -> Self {
        Self {
            operations: simulator.tally().rows(),
            keys: simulator.key_set().len(),
        }
    }

    /// Seconds of the training on both of a machine's kinds of work, operations and reading, spread over all its threads.
    pub(super) fn seconds(&self, job: &Job, under: Under<'_>, rates: &Rates) -> f64 {
        let params = under.params;
        let reading =
            |(level, count): (Level, u64)| rates.load_seconds(params, level) * count as f64;
        let reading: f64 = loads(job).into_iter().map(reading).sum();
        let keys = self.keys as f64 * rates.key_seconds(params);
        let counted = rates.total(params, &self.operations) + reading + keys;
        let refreshes = under.bootstrapping.map_or(0.0, |b| b.seconds(job, rates));
        let refreshes = refreshes * job.refreshes() as f64;
        cost::UNCOUNTED * (counted / rates.threads as f64 + refreshes)
    }
}

/// Ciphertexts that the training reads, by level: every block once a pass and iteration.
pub(super) fn loads(job: &Job) -> Vec<(Level, u64)> {
    let method = job.program().method;
    let labels = method.labels();
    // The first gradient from labels reads the data once more.
    let iterations = job.levels().iterations().len() + usize::from(labels == Labels::First);
    let passes = job.passes() as u64;
    let one = |upload: Upload| {
        let again = match upload {
            Upload::Data { .. } | Upload::Curvature { .. } => iterations as u64 * passes,
            Upload::Labels { .. } if labels == Labels::Every => iterations as u64 * passes,
            Upload::Labels { .. } => passes,
            _ => 1,
        };
        (job.placement(upload).level, again)
    };
    job.uploads().map(one).collect()
}
