//! What a job will need, from a traced run of the training itself.

use std::sync::Arc;

use he_core::evaluator::{Evaluator, Level, Op, Trace};
use he_core::params::{KeySet, Params};
use serde::{Deserialize, Serialize};

use super::cost;
use super::program::Job;
use crate::server::{ShapeSource, TrainError, Unobserved, train};

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

/// Runs `job` on a trace.
///
/// # Errors
/// Whatever the training itself would be refused for.
pub fn predict(job: &Job, params: &Arc<Params>) -> Result<Prediction, TrainError> {
    let trace = Trace::new(Arc::clone(params));
    let weights = train(job, &trace, &ShapeSource::new(&trace, job), &Unobserved)?;
    let metas: Vec<_> = weights.iter().flatten().map(|ct| trace.meta(ct)).collect();
    let error = expected_error(job, params)?;
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
        transforms: cost::total(params, trace.tally()).ceil() as u64,
        weight_error_centibits: (-100.0 * error.log2()).floor() as i64,
        log_qp_tenths: (params.log_qp() * 10.0).ceil() as u64,
        security_bits: params.security().bits(),
        keys,
    })
}

/// Expected root mean square error of a weight: the noise of a traced run with values of typical size. Errors count as independent between
/// slots; those of the look-ahead weights are not, but one iteration passes them on with a factor near 1 either way.
pub(crate) fn expected_error(job: &Job, params: &Arc<Params>) -> Result<f64, TrainError> {
    let typical = job.typical();
    let trace = Trace::new(Arc::clone(params));
    let source = ShapeSource::new(&trace, &typical);
    let weights = train(&typical, &trace, &source, &Unobserved)?;
    let errors = weights.iter().flatten().map(|ct| trace.meta(ct).error());
    Ok(errors.fold(0.0, f64::max))
}

/// Bytes of the ciphertexts that live at once, at 8 a residue: the block and its errors, open sums of three components, weights, look-ahead
/// weights and first gradient, all counted at the top level.
fn memory(job: &Job, params: &Params) -> u64 {
    let layout = job.layout();
    let limbs = Level(params.max_level()).0 + 1;
    let component = (limbs * params.n() * 8) as u64;
    let block = 2 * (layout.groups() + 2 * layout.shape().classes) as u64;
    let vectors = layout.vectors() as u64;
    component * (block + vectors * (3 + 3 * 2))
}
