//! What a traced run counted, and the seconds that follow from it on any machine.

use he_core::evaluator::{CountedOp, Evaluator as _, Level, Simulator};
use he_core::params::KeyLevels;

use super::bootstrapping::Under;
use super::cost::{self, Rates};
use super::memory;
use crate::job::{Job, Labels};
use crate::packing::Upload;

/// What a traced run of a job counted. A run takes milliseconds to minutes: whoever has one asks this, not another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    operations: Vec<(CountedOp, Level, u64)>,
    /// Evaluation keys with their levels, those of a bootstrapping's large ring apart.
    keys: KeyLevels,
    /// Bytes of memory that a process of the training takes.
    memory: u64,
}

impl Counted {
    /// Of the run that `simulator` has done, with these keys, and that takes so much memory.
    pub(super) fn of(simulator: &Simulator, keys: KeyLevels, memory: u64) -> Self {
        Self {
            memory,
            operations: simulator.tally().rows(),
            keys,
        }
    }

    /// The evaluation keys that the run asks for, each with the highest level that it is used at.
    pub(super) fn keys(&self) -> &KeyLevels {
        &self.keys
    }

    /// Seconds of the training on both of a machine's kinds of work, operations and reading, spread over all its threads. Where somebody else refreshes weights,
    /// the training ends and begins again as another process, which reads the keys once more and has its memory given anew.
    pub(super) fn seconds(&self, job: &Job, under: Under<'_>, rates: &Rates) -> f64 {
        let params = under.params;
        let reading =
            |(level, count): (Level, u64)| rates.load_seconds(params, level) * count as f64;
        let reading: f64 = loads(job).into_iter().map(reading).sum();
        let processes = processes(job) as f64;
        let keys = self.keys.levels();
        let keys = keys.map(|level| rates.key_seconds(params, level));
        let keys = processes * keys.sum::<f64>();
        let counted = rates.total(params, &self.operations) + reading + keys;
        let refreshes = under.bootstrapping.map_or(0.0, |b| {
            let count = job.refreshes() as f64;
            let readings = match memory::keeps_bootstrapping(job, under) {
                true => count.min(1.0),
                false => count,
            };
            count * b.work_seconds(job, rates) + readings * b.reading_seconds(rates)
        });
        let pages = processes * rates.page_seconds(params, self.memory);
        let threads = rates.threads as f64;
        cost::UNCOUNTED * (counted / threads + refreshes) + pages / threads
    }
}

/// Processes that a training takes, one after the other.
fn processes(job: &Job) -> usize {
    1 + if job.asks_others() {
        job.refreshes()
    } else {
        0
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clear::whitened::Schedule;
    use crate::job::{FirstGradient, Refreshes, Way};
    use crate::packing::{Arrangement, Shape};
    use crate::plan::{Plan, PlanRequest};
    use crate::sigmoid::{Degree, OddPolynomial};

    /// Five iterations, refreshed by `way` before the last three.
    fn planned(way: Option<Way>) -> Plan {
        let shape = Shape {
            samples: 60,
            columns: 4,
            classes: 2,
        };
        let cubic = OddPolynomial::fit(Degree::Three, 6.0).unwrap().into();
        let iterations = if way.is_some() { 5 } else { 2 };
        let schedule = Schedule::ladder(4.0, 4.0, iterations).unwrap();
        let first = FirstGradient::Client;
        let mut request = PlanRequest::whitened(shape, first, &schedule, &cubic, 8.0, 4.0);
        request.limits.security = 128;
        request.row_length = Some(4);
        request.arrangement = Some(Arrangement::RowMajor);
        request.largest_error = 1.0 / 256.0;
        request.refresh = way.map(|way| Refreshes {
            way,
            every: 1,
            bits: 0,
            level: 0,
        });
        Plan::search(&request).unwrap()
    }

    #[test]
    fn every_process_reads_the_keys_and_is_given_its_memory() {
        let rates = Rates::default().slower(1.0, 2);
        for (way, processes) in [
            (None, 1.0),
            (Some(Way::Client), 4.0),
            (Some(Way::Bootstrap), 1.0),
        ] {
            let plan = planned(way);
            let (job, params) = (plan.job(), plan.params());
            let counted = Counted {
                operations: vec![],
                keys: KeyLevels {
                    relinearise: Some(2),
                    rotations: [(1, 2), (2, 0)].into(),
                    ..KeyLevels::default()
                },
                memory: 1_000_000_000,
            };
            let without = Counted {
                keys: KeyLevels::default(),
                memory: 0,
                ..counted.clone()
            };
            // Without a bootstrapping: its own time is the same in both.
            let under = Under::new(params, None);
            let more = counted.seconds(job, under, &rates) - without.seconds(job, under, &rates);
            let one = |level| rates.key_seconds(params, level);
            let keys = (2.0 * one(2) + one(0)) / 2.0;
            // Where a unit of reading takes 6e-5 s, 10^9 bytes take 0.6 s on one core.
            let expected = processes * (cost::UNCOUNTED * keys + 0.3);
            assert!(
                (more / expected - 1.0).abs() < 1e-9,
                "{way:?}: {more} {expected}"
            );
        }
    }
}
