//! What a job will need, from a traced run of the training itself.

use std::sync::{Arc, Mutex, PoisonError};

use he_core::evaluator::{Evaluator, Level, Meta, Op, Trace, TraceCt};
use he_core::params::{KeySet, Params};
use serde::{Deserialize, Serialize};

use super::cost::{self, Rates};
use super::memory::{Peak, first_level, server_bytes};
use super::program::{FirstGradient, Job, Method};
use crate::packing::Upload;
use crate::server::{Observer, ShapeSource, SourceError, State, TrainError, Unobserved, train};

/// What a traced run says of a job under given parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
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

impl Prediction {
    /// Expected root mean square error of a weight.
    pub fn weight_error(&self) -> f64 {
        (-(self.weight_error_centibits as f64) / 100.0).exp2()
    }

    /// The first field in which `other` differs by more than the last digit of a rounded logarithm or sum.
    pub(super) fn disagreement(&self, other: &Self) -> Option<&'static str> {
        let near = |a: u64, b: u64| a.abs_diff(b) <= 1;
        let bits = self
            .weight_error_centibits
            .abs_diff(other.weight_error_centibits);
        let fields = [
            ("levels", self.levels == other.levels),
            ("key set", self.keys == other.keys),
            ("key products", self.key_products == other.key_products),
            ("divisions by P", self.mod_downs == other.mod_downs),
            ("uploads", self.uploads == other.uploads),
            ("upload size", self.upload_bytes == other.upload_bytes),
            ("key size", self.key_bytes == other.key_bytes),
            ("download size", self.download_bytes == other.download_bytes),
            (
                "memory",
                self.server_memory_bytes == other.server_memory_bytes,
            ),
            ("cost", near(self.transforms, other.transforms)),
            ("expected error", bits <= 1),
            ("modulus", near(self.log_qp_tenths, other.log_qp_tenths)),
            ("security", self.security_bits == other.security_bits),
        ];
        fields.into_iter().find(|f| !f.1).map(|f| f.0)
    }
}

/// Runs `f` on one thread: a traced run is thousands of tasks of a microsecond, which threads would only hand to each other.
pub(super) fn on_one_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    if rayon::current_num_threads() == 1 {
        return f();
    }
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(f),
        Err(_) => f(),
    }
}

/// Runs `job` on a trace.
///
/// # Errors
/// Whatever the training itself would be refused for.
pub fn predict(job: &Job, params: &Arc<Params>) -> Result<Prediction, TrainError> {
    on_one_thread(|| predict_here(job, params))
}

fn predict_here(job: &Job, params: &Arc<Params>) -> Result<Prediction, TrainError> {
    let trace = Trace::new(Arc::clone(params));
    let metas = traced(job, &trace)?;
    let error = expected_error(metas.iter().copied());
    let (mut uploads, mut upload_bytes) = (0, 0);
    for upload in job.uploads() {
        uploads += 1;
        let level = job.placement(upload).level;
        upload_bytes += if job.program().owners.public_key {
            cost::ciphertext_bytes(params, level)
        } else {
            cost::fresh_bytes(params, level)
        };
    }
    let keys = trace.key_set();
    let reading = |(level, count): (Level, u64)| cost::load(params, level) * count as f64;
    let reading: f64 = loads(job).into_iter().map(reading).sum();
    let download = metas
        .iter()
        .map(|m| cost::ciphertext_bytes(params, m.level))
        .sum();
    Ok(Prediction {
        levels: job.levels(),
        key_products: trace.tally().total(Op::KeyProduct),
        mod_downs: trace.tally().total(Op::ModDown),
        uploads,
        upload_bytes,
        key_bytes: cost::key_bytes(params, &keys),
        download_bytes: download,
        server_memory_bytes: memory(job, params) + cost::key_memory(params, &keys),
        transforms: (cost::total(params, trace.tally()) + reading).ceil() as u64,
        weight_error_centibits: (-100.0 * error.log2()).floor() as i64,
        log_qp_tenths: (params.log_qp() * 10.0).ceil() as u64,
        security_bits: params.security().bits(),
        keys,
    })
}

/// Expected root mean square error of a weight: the noise of a traced run, which reckons with usual sizes of values. Errors count as
/// independent between slots; those of the look-ahead weights are not, but one iteration passes them on with a factor near 1 either way.
pub(crate) fn expected_error(metas: impl Iterator<Item = Meta>) -> f64 {
    metas.map(|meta| meta.error()).fold(0.0, f64::max)
}

/// Runs `job` on `trace`: what is known of its weights.
pub(crate) fn traced(job: &Job, trace: &Trace) -> Result<Vec<Meta>, TrainError> {
    let weights = train(job, trace, &ShapeSource::new(trace, job), &Unobserved)?;
    Ok(weights.iter().flatten().map(|ct| trace.meta(ct)).collect())
}

fn memory(job: &Job, params: &Params) -> u64 {
    let program = job.program();
    let first = first_level(program.method, program.arrangement, job.levels());
    let paper = matches!(program.method, Method::Paper { .. });
    let peak = Peak {
        first,
        errors: first.saturating_sub(1 + program.polynomial.levels()),
        classes_per_pass: program.classes_per_pass,
        reads: paper || job.iterations() > 1,
    };
    server_bytes(job.layout(), params, peak)
}

/// Ciphertexts that the training reads, by level: every block once a pass and iteration.
fn loads(job: &Job) -> Vec<(Level, u64)> {
    let program = job.program();
    let server = program.method
        == Method::Whitened {
            first_gradient: FirstGradient::Server,
        };
    let paper = matches!(program.method, Method::Paper { .. });
    let iterations = job.iterations() - usize::from(!server && !paper);
    let passes = program.shape.classes.div_ceil(program.classes_per_pass) as u64;
    let one = |upload: Upload| {
        let again = match upload {
            Upload::Data { .. } | Upload::Curvature { .. } => iterations as u64 * passes,
            Upload::Labels { .. } if paper => iterations as u64 * passes,
            Upload::Labels { .. } => passes,
            _ => 1,
        };
        (job.placement(upload).level, again)
    };
    job.uploads().map(one).collect()
}

impl Prediction {
    /// Seconds of the training on both of a machine's kinds of work, operations and reading, spread over all its threads.
    pub(crate) fn seconds_of(
        job: &Job,
        params: &Arc<Params>,
        rates: &Rates,
    ) -> Result<f64, TrainError> {
        let trace = Trace::new(Arc::clone(params));
        traced(job, &trace)?;
        let reading =
            |(level, count): (Level, u64)| rates.load_seconds(params, level) * count as f64;
        let reading: f64 = loads(job).into_iter().map(reading).sum();
        let keys = trace.key_set().len() as f64 * rates.key_seconds(params);
        let counted = rates.total(params, trace.tally()) + reading + keys;
        Ok(cost::UNCOUNTED * counted / rates.threads as f64)
    }
}

/// What one iteration does, from a traced run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IterationCost {
    /// From 1.
    pub iteration: usize,
    /// Level of the weights before it.
    pub level_before: usize,
    /// Level of the weights after it.
    pub level_after: usize,
    /// log2 of the weights' scale after it.
    pub log2_scale: f64,
    /// log2 of the expected root mean square error of a weight after it, values at their usual sizes.
    pub log2_error: f64,
    /// Products with evaluation keys.
    pub key_products: u64,
    /// Tensor products.
    pub tensors: u64,
    /// Predicted seconds of its operations, reading excluded.
    pub seconds: f64,
}

/// The ledger of every iteration.
pub(crate) fn iteration_costs(
    job: &Job,
    params: &Arc<Params>,
    rates: &Rates,
) -> Result<Vec<IterationCost>, TrainError> {
    struct Watch<'a> {
        trace: &'a Trace,
        rates: &'a Rates,
        rows: Mutex<Vec<IterationCost>>,
    }
    impl Observer<Trace> for Watch<'_> {
        fn iteration_done(&self, state: &State<TraceCt>) -> Result<(), SourceError> {
            let Some(weights) = state.weights.iter().flatten().next() else {
                return Ok(());
            };
            let (meta, tally) = (self.trace.meta(weights), self.trace.tally());
            let mut rows = self.rows.lock().map_err(|e| e.to_string())?;
            let params = self.trace.params();
            let sum = |of: fn(&IterationCost) -> u64| rows.iter().map(of).sum::<u64>();
            let row = IterationCost {
                iteration: state.done,
                level_before: rows
                    .last()
                    .map_or(params.max_level(), |row| row.level_after),
                level_after: meta.level.0,
                log2_scale: meta.scale.log2(),
                log2_error: meta.error().log2(),
                key_products: tally.total(Op::KeyProduct) - sum(|row| row.key_products),
                tensors: tally.total(Op::Tensor) - sum(|row| row.tensors),
                seconds: self.rates.total(params, tally) / self.rates.threads as f64
                    - rows.iter().map(|row| row.seconds).sum::<f64>(),
            };
            rows.push(row);
            Ok(())
        }
    }
    let trace = Trace::new(Arc::clone(params));
    let watch = Watch {
        trace: &trace,
        rates,
        rows: Mutex::default(),
    };
    train(job, &trace, &ShapeSource::new(&trace, job), &watch)?;
    Ok(watch
        .rows
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}
