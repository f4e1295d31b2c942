//! What a job will need, from a traced run of the training itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use he_core::circuits::Refresh;
use he_core::evaluator::{CountedOp, Evaluator, Level, Meta, SimulatedCt, Simulator};
#[cfg(test)]
use he_core::params::KeyLevels;
use he_core::params::{KeySet, Params};
use serde::{Deserialize, Serialize};

use super::IterationCost;
use super::bootstrapping::{BootstrapEstimate, Under};
use super::cost::{self, Rates};
use super::counted::{Counted, loads};
use super::drift::Stretches;
use super::joint::{self, JointEstimate};
use super::memory;
use super::threads::on_one_thread;
use crate::job::Job;
use crate::server::{
    Observer, Progress, Refreshed, ShapeSource, SourceError, State, TrainError, train,
};

/// What a traced run says of a job under given parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Levels consumed.
    pub levels: usize,
    /// Evaluation keys needed, exactly.
    pub keys: KeySet,
    /// Products with evaluation keys: the unit of progress.
    pub key_products: u64,
    /// Divisions by the special modulus.
    pub mod_downs: u64,
    /// Uploaded ciphertexts.
    pub uploads: u64,
    /// Bytes of the uploaded ciphertexts, seeded and bit-packed.
    pub upload_bytes: u64,
    /// Bytes of the evaluation keys, seeded and bit-packed.
    pub key_bytes: u64,
    /// Bytes of the encrypted weights.
    pub download_bytes: u64,
    /// Refreshes of the weights.
    #[serde(default, skip_serializing_if = "joint::is_zero")]
    pub refreshes: u64,
    /// Bytes of all refreshes, both ways.
    #[serde(default, skip_serializing_if = "joint::is_zero")]
    pub refresh_bytes: u64,
    /// What a joint key takes, where the job has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointEstimate>,
    /// The bootstrapping, if weights are refreshed by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<BootstrapEstimate>,
    /// Bytes of memory at the server: keys, the block at work, open sums, iterates.
    pub server_memory_bytes: u64,
    /// Cost in transforms of one limb at N = 2^15, rounded up.
    pub transforms: u64,
    /// -log2 of the expected root mean square error of a weight, in hundredths of a bit, rounded down.
    pub weight_error_centibits: i64,
    /// log2 of the whole modulus, in tenths, rounded up.
    pub log_qp_tenths: u64,
    /// Bits of classical security.
    pub security_bits: u32,
}

impl Estimate {
    /// Expected root mean square error of a weight.
    pub fn weight_error(&self) -> f64 {
        (-(self.weight_error_centibits as f64) / 100.0).exp2()
    }

    /// Expected root mean square error of a weight as it is shown: with the noise of the opening, where several parties open it.
    pub fn shown_error(&self) -> f64 {
        let joint = self.joint.as_ref();
        joint.map_or_else(|| self.weight_error(), JointEstimate::opened_error)
    }

    /// The first field in which `other` differs by more than the last digit of a rounded logarithm. Estimates of memory and
    /// cost do not bind: a plan stays readable when their model changes.
    pub(super) fn disagreement(&self, other: &Self) -> Option<&'static str> {
        let near = |a: u64, b: u64| a.abs_diff(b) <= 1;
        let bits = self
            .weight_error_centibits
            .abs_diff(other.weight_error_centibits);
        let joint = match (&self.joint, &other.joint) {
            (Some(own), Some(other)) => own.agrees(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        let fields = [
            ("levels", self.levels == other.levels),
            ("key set", self.keys == other.keys),
            ("key products", self.key_products == other.key_products),
            ("divisions by P", self.mod_downs == other.mod_downs),
            ("uploads", self.uploads == other.uploads),
            ("upload size", self.upload_bytes == other.upload_bytes),
            ("key size", self.key_bytes == other.key_bytes),
            ("download size", self.download_bytes == other.download_bytes),
            ("refreshes", self.refreshes == other.refreshes),
            (
                "size of refreshes",
                self.refresh_bytes == other.refresh_bytes,
            ),
            ("what a joint key takes", joint),
            ("expected error", bits <= 1),
            ("modulus", near(self.log_qp_tenths, other.log_qp_tenths)),
            ("security", self.security_bits == other.security_bits),
        ];
        let own = fields.into_iter().find(|f| !f.1).map(|f| f.0);
        own.or_else(|| match (&self.bootstrap, &other.bootstrap) {
            (None, None) => None,
            (Some(a), Some(b)) => a.disagreement(b),
            _ => Some("bootstrapping"),
        })
    }
}

/// Bytes of all refreshes. By the client: W and V down at level 0, and up again, fresh. By owners: the questions, and the shares of all who answer.
fn refresh_bytes(job: &Job, params: &Params) -> u64 {
    if job.asks_owners() {
        return joint::refresh_bytes(job, params);
    }
    if !job.asks_client() {
        return 0;
    }
    let each = job.layout().ciphertexts_per_matrix().get() as u64;
    let iterations = job.levels().iterations().iter();
    let lifts = iterations.filter_map(|l| job.levels().refreshed_to(l.iteration));
    lifts
        .map(|up| {
            let up = up.map(|level| cost::fresh_bytes(params, level));
            let down = 2 * cost::ciphertext_bytes(params, Level(0));
            each * (up[0] + up[1] + down)
        })
        .sum()
}

/// [`estimate_under`] for a job without a bootstrapping.
#[cfg(test)]
pub(crate) fn estimate_job(job: &Job, params: &Arc<Params>) -> Result<Estimate, TrainError> {
    Ok(estimate_under(job, params.into())?.0)
}

/// The evaluation keys of a job without a bootstrapping, with their levels.
#[cfg(test)]
pub(crate) fn key_levels(job: &Job, params: &Arc<Params>) -> KeyLevels {
    let (_, counted) = estimate_under(job, params.into()).unwrap();
    counted.keys().clone()
}

/// Runs `job` on the simulator: what a plan says of it, and what the run counted.
///
/// # Errors
/// Whatever the training itself would be refused for.
pub(super) fn estimate_under(
    job: &Job,
    under: Under<'_>,
) -> Result<(Estimate, Counted), TrainError> {
    on_one_thread(|| estimate_here(job, under, u64::MAX))
}

/// [`estimate_under`] for a job that claims to have `key_products`: the run ends where it has more, so that a reader of a false plan works for no longer than
/// the plan admits to.
pub(super) fn estimate_claimed(
    job: &Job,
    under: Under<'_>,
    key_products: u64,
) -> Result<(Estimate, Counted), TrainError> {
    on_one_thread(|| estimate_here(job, under, key_products))
}

/// Ends a run that has more products with evaluation keys than it may.
struct Within<'a> {
    job: &'a Job,
    shapes: ShapeSource<'a>,
    most: u64,
    beyond: AtomicBool,
    stretches: Stretches,
}

impl Observer<Simulator> for Within<'_> {
    fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<Simulator>>>, SourceError> {
        self.shapes.bootstrap()
    }

    fn iteration_done(&self, state: &State<SimulatedCt>) -> Result<(), SourceError> {
        if !self.job.bootstraps() {
            return Ok(());
        }
        self.stretches
            .look(self.job, self.shapes.simulator(), state)
    }

    fn refresh(
        &self,
        state: &State<SimulatedCt>,
    ) -> Result<Option<Refreshed<SimulatedCt>>, SourceError> {
        if self.job.asks_owners() {
            self.stretches
                .look(self.job, self.shapes.simulator(), state)?;
        }
        self.shapes.refresh(state)
    }

    fn progress(&self, progress: Progress) {
        if progress.key_products > self.most {
            self.beyond.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.beyond.load(Ordering::Relaxed)
    }
}

/// A traced run: what it used, the expected error of its weights, and where they stand.
struct Traced {
    simulator: Simulator,
    error: f64,
    metas: Vec<Meta>,
}

fn traced_within(job: &Job, under: Under<'_>, most: u64) -> Result<Traced, TrainError> {
    let simulator = Simulator::new(Arc::clone(under.params));
    let shapes = ShapeSource::new(&simulator, job).with_bootstrap(under.bootstrap());
    let within = Within {
        job,
        shapes,
        most,
        beyond: AtomicBool::new(false),
        stretches: Stretches::default(),
    };
    let weights = train(job, &simulator, &shapes, &within)?;
    let metas = weights.iter().flatten().map(|ct| simulator.meta(ct));
    let metas: Vec<Meta> = metas.collect();
    let error = expected_error(metas.iter().copied());
    let each = match under.bootstrap() {
        Some(plan) => plan.error(),
        None => joint::added_by_refresh(job, under.params),
    };
    let largest = within.stretches.largest(job, each);
    joint::require_refreshes(job, under.params, largest)
        .map_err(|source| TrainError::Joint { source })?;
    let error = within.stretches.total(job, error, each);
    Ok(Traced {
        error,
        metas,
        simulator,
    })
}

/// The expected root mean square error of the weights of a job.
pub(super) fn traced_error(job: &Job, under: Under<'_>) -> Result<f64, TrainError> {
    Ok(traced_within(job, under, u64::MAX)?.error)
}

fn estimate_here(
    job: &Job,
    under: Under<'_>,
    most: u64,
) -> Result<(Estimate, Counted), TrainError> {
    let params = under.params;
    let Traced {
        simulator,
        error,
        metas,
    } = traced_within(job, under, most)?;
    let (mut uploads, mut upload_bytes) = (0, 0);
    for upload in job.uploads() {
        uploads += 1;
        let level = job.placement(upload).level;
        let owners = &job.program().owners;
        upload_bytes += match owners.joint {
            None if owners.public_key => cost::ciphertext_bytes(params, level),
            _ => cost::fresh_bytes(params, level),
        };
    }
    let mut keys = simulator.key_levels();
    let bootstrap = under.bootstrapping.map(|b| b.estimate(job));
    if let Some(plan) = under.bootstrap() {
        keys.extend(plan.keys());
    }
    let joint = joint::estimate(job, params, &keys, &metas, error)?;
    let owners = job.owner_rows().len();
    upload_bytes += joint
        .as_ref()
        .map_or(0, |joint| joint.keys_of_owners(owners));
    let reading = |(level, count): (Level, u64)| cost::load(params, level) * count as f64;
    let reading: f64 = loads(job).into_iter().map(reading).sum();
    let download = metas
        .iter()
        .map(|m| cost::ciphertext_bytes(params, m.level))
        .sum();
    let server_memory_bytes = memory::most(job, under) + cost::key_memory(params, &keys);
    let counted = Counted::of(&simulator, keys.clone(), server_memory_bytes);
    let estimate = Estimate {
        levels: job.levels().top(),
        key_products: simulator.tally().total(CountedOp::KeyProduct),
        mod_downs: simulator.tally().total(CountedOp::ModDown),
        uploads,
        upload_bytes,
        key_bytes: cost::key_bytes(params, &keys) + bootstrap.as_ref().map_or(0, |b| b.key_bytes),
        download_bytes: download,
        refreshes: job.refreshes() as u64,
        refresh_bytes: refresh_bytes(job, params),
        joint,
        server_memory_bytes,
        bootstrap,
        transforms: (cost::total(params, simulator.tally()) + reading).ceil() as u64,
        weight_error_centibits: (-100.0 * error.log2()).floor() as i64,
        log_qp_tenths: (params.log_qp() * 10.0).ceil() as u64,
        security_bits: params.security().bits(),
        keys: keys.set(),
    };
    Ok((estimate, counted))
}

/// Expected root mean square error of a weight: the noise of a traced run, which reckons with usual sizes of values. Errors count as
/// independent between slots; those of the look-ahead weights are not, but one iteration passes them on with a factor near 1 either way.
pub(crate) fn expected_error(metas: impl Iterator<Item = Meta>) -> f64 {
    metas.map(|meta| meta.error()).fold(0.0, f64::max)
}

/// What is known of V and W where they come to a refresh, by the iteration before which that is.
fn at_refreshes(
    job: &Job,
    params: &Arc<Params>,
) -> Result<BTreeMap<usize, Refreshed<Meta>>, TrainError> {
    struct Watch<'a> {
        shapes: ShapeSource<'a>,
        seen: Mutex<BTreeMap<usize, Refreshed<Meta>>>,
    }
    impl Observer<Simulator> for Watch<'_> {
        fn refresh(
            &self,
            state: &State<SimulatedCt>,
        ) -> Result<Option<Refreshed<SimulatedCt>>, SourceError> {
            let meta = |ct: &SimulatedCt| self.shapes.simulator().meta(ct);
            let list = |all: &[Vec<SimulatedCt>]| -> Vec<Vec<Meta>> {
                all.iter()
                    .map(|parts| parts.iter().map(meta).collect())
                    .collect()
            };
            let metas = Refreshed {
                look_ahead: list(&state.look_ahead),
                weights: list(&state.weights),
            };
            let mut seen = self.seen.lock().map_err(|e| e.to_string())?;
            seen.insert(state.done + 1, metas);
            self.shapes.refresh(state)
        }
    }
    if !job.asks_others() {
        return Ok(BTreeMap::new());
    }
    let simulator = Simulator::new(Arc::clone(params));
    let watch = Watch {
        shapes: ShapeSource::new(&simulator, job),
        seen: Mutex::default(),
    };
    train(job, &simulator, &watch.shapes, &watch)?;
    let seen = watch.seen.into_inner();
    Ok(seen.unwrap_or_else(PoisonError::into_inner))
}

/// What is known of V and W that come to the refresh before an iteration; none where there is none.
pub(crate) fn at_refresh(
    job: &Job,
    params: &Arc<Params>,
    before: usize,
) -> Result<Option<Refreshed<Meta>>, TrainError> {
    Ok(on_one_thread(|| at_refreshes(job, params))?.remove(&before))
}

/// The largest expected root mean square error of weights that come to a refresh; none where there is none. Noise grows between refreshes alone.
pub(super) fn error_at_refreshes(
    job: &Job,
    params: &Arc<Params>,
) -> Result<Option<f64>, TrainError> {
    let all = at_refreshes(job, params)?;
    let error = |at: &Refreshed<Meta>| {
        expected_error(at.look_ahead.iter().chain(&at.weights).flatten().copied())
    };
    Ok(all.values().map(error).reduce(f64::max))
}

/// Level of what iteration `iteration` begins with: of the weights that it multiplies data with, after a refresh if there is one, or of the
/// uploaded first gradient.
fn level_before(job: &Job, iteration: usize) -> usize {
    let levels = job.levels();
    let begins = levels.iteration(iteration).map(|own| own.weights);
    begins.unwrap_or_else(|| levels.first_upload()).0
}

/// The ledger of every iteration.
pub(crate) fn iteration_costs(
    job: &Job,
    under: Under<'_>,
    rates: &Rates,
) -> Result<Vec<IterationCost>, TrainError> {
    struct Watch<'a> {
        job: &'a Job,
        simulator: &'a Simulator,
        rates: &'a Rates,
        /// Seconds of a bootstrapping.
        refresh: f64,
        shapes: ShapeSource<'a>,
        rows: Mutex<Vec<IterationCost>>,
    }
    impl Observer<Simulator> for Watch<'_> {
        fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<Simulator>>>, SourceError> {
            self.shapes.bootstrap()
        }

        fn refresh(
            &self,
            state: &State<SimulatedCt>,
        ) -> Result<Option<Refreshed<SimulatedCt>>, SourceError> {
            self.shapes.refresh(state)
        }

        fn iteration_done(&self, state: &State<SimulatedCt>) -> Result<(), SourceError> {
            let Some(weights) = state.weights.iter().flatten().next() else {
                return Ok(());
            };
            let (meta, tally) = (self.simulator.meta(weights), self.simulator.tally());
            let mut rows = self.rows.lock().map_err(|e| e.to_string())?;
            let params = self.simulator.params();
            let sum = |of: fn(&IterationCost) -> u64| rows.iter().map(of).sum::<u64>();
            let lifts = |done: usize| self.job.refreshes_before(done);
            let refreshes = (1..=state.done).filter(|t| lifts(*t)).count();
            let row = IterationCost {
                iteration: state.done,
                level_before: level_before(self.job, state.done),
                level_after: meta.level.0,
                log2_scale: meta.scale.log2(),
                log2_error: meta.error().log2(),
                key_products: tally.total(CountedOp::KeyProduct) - sum(|row| row.key_products),
                tensors: tally.total(CountedOp::Tensor) - sum(|row| row.tensors),
                seconds: self.rates.total(params, &tally.rows()) / self.rates.threads as f64
                    + self.refresh * refreshes as f64
                    - rows.iter().map(|row| row.seconds).sum::<f64>(),
            };
            rows.push(row);
            Ok(())
        }
    }
    let simulator = Simulator::new(Arc::clone(under.params));
    let watch = Watch {
        job,
        simulator: &simulator,
        rates,
        refresh: under.bootstrapping.map_or(0.0, |b| {
            match memory::keeps_bootstrapping(job, under) {
                true => b.work_seconds(job, rates),
                false => b.work_seconds(job, rates) + b.reading_seconds(rates),
            }
        }),
        shapes: ShapeSource::new(&simulator, job).with_bootstrap(under.bootstrap()),
        rows: Mutex::default(),
    };
    train(job, &simulator, &watch.shapes, &watch)?;
    Ok(watch
        .rows
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}
