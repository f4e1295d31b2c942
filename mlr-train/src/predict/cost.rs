//! What a scoring job will need, from a traced run of the scoring itself.

use std::sync::Arc;

use he_core::ckks::noise;
use he_core::evaluator::{CountedOp, Evaluator, Meta, Simulator};
use he_core::params::{KeyLevels, KeySet, Params};
use serde::{Deserialize, Serialize};

use super::head::{ShapeHead, pieces};
use super::job::{Job, ModelForm};
use super::server::{ScoreError, score};
use crate::plan::cost;

/// What a traced run says of a job: figures of the largest batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// Evaluation keys needed, exactly. None at all is possible.
    pub keys: KeySet,
    /// Products with evaluation keys.
    pub key_products: u64,
    /// Divisions by the special modulus.
    pub mod_downs: u64,
    /// Ciphertexts of the rows.
    pub query_ciphertexts: u64,
    /// Their bytes, seeded and bit-packed.
    pub query_bytes: u64,
    /// Ciphertexts of an encrypted model.
    pub model_ciphertexts: u64,
    /// Their bytes, seeded and bit-packed.
    pub model_bytes: u64,
    /// Bytes of the evaluation keys.
    pub key_bytes: u64,
    /// Bytes of the encrypted scores.
    pub download_bytes: u64,
    /// Cost in transforms of one limb at N = 2^15, rounded up.
    pub transforms: u64,
    /// -log2 of the expected root mean square error of a score, in hundredths of a bit, rounded down.
    pub score_error_centibits: i64,
    /// log2 of the whole modulus, in tenths, rounded up.
    pub log_qp_tenths: u64,
    /// Bits of classical security.
    pub security_bits: u32,
}

impl Forecast {
    /// Expected root mean square error of a score.
    pub fn score_error(&self) -> f64 {
        (-(self.score_error_centibits as f64) / 100.0).exp2()
    }

    /// The first field in which `other` differs by more than the last digit of a rounded logarithm or sum.
    pub(super) fn disagreement(&self, other: &Self) -> Option<&'static str> {
        let near = |a: u64, b: u64| a.abs_diff(b) <= 1;
        let bits = self
            .score_error_centibits
            .abs_diff(other.score_error_centibits);
        let fields = [
            ("key set", self.keys == other.keys),
            ("key products", self.key_products == other.key_products),
            ("divisions by P", self.mod_downs == other.mod_downs),
            (
                "ciphertexts of the rows",
                self.query_ciphertexts == other.query_ciphertexts,
            ),
            ("size of the rows", self.query_bytes == other.query_bytes),
            (
                "ciphertexts of the model",
                self.model_ciphertexts == other.model_ciphertexts,
            ),
            ("size of the model", self.model_bytes == other.model_bytes),
            ("key size", self.key_bytes == other.key_bytes),
            ("download size", self.download_bytes == other.download_bytes),
            ("cost", near(self.transforms, other.transforms)),
            ("expected error", bits <= 1),
            ("modulus", near(self.log_qp_tenths, other.log_qp_tenths)),
            ("security", self.security_bits == other.security_bits),
        ];
        fields.into_iter().find(|f| !f.1).map(|f| f.0)
    }
}

/// Runs one chunk of `job` on the simulator; every chunk costs the same. With the figures come the evaluation keys, each with the highest level that it is used at.
///
/// # Errors
/// Whatever the scoring itself would be refused for.
pub fn forecast(job: &Job, params: &Arc<Params>) -> Result<(Forecast, KeyLevels), ScoreError> {
    let (simulator, metas) = traced(job, params)?;
    let layout = job.layout();
    let chunks = layout.chunks(layout.shape().rows) as u64;
    let keys = simulator.key_levels();
    let query = chunks * layout.parts() as u64;
    let (top, bottom) = (job.row_placement().level, job.score_placement().level);
    let encrypted = job.program().model == ModelForm::Encrypted;
    let model = if encrypted {
        pieces(job).count() as u64
    } else {
        0
    };
    let outputs = layout.outputs() as u64;
    let model_bytes = match model.checked_sub(outputs) {
        Some(weights) => {
            weights * cost::fresh_bytes(params, top) + outputs * cost::fresh_bytes(params, bottom)
        }
        None => 0,
    };
    let download: u64 = metas
        .iter()
        .map(|m| cost::ciphertext_bytes(params, m.level))
        .sum();
    let error = expected_error(job, params)?;
    let forecast = Forecast {
        key_products: chunks * simulator.tally().total(CountedOp::KeyProduct),
        mod_downs: chunks * simulator.tally().total(CountedOp::ModDown),
        query_ciphertexts: query,
        query_bytes: query * cost::fresh_bytes(params, top),
        model_ciphertexts: model,
        model_bytes,
        key_bytes: cost::key_bytes(params, &keys),
        download_bytes: chunks * download,
        transforms: chunks * cost::total(params, simulator.tally()).ceil() as u64,
        score_error_centibits: (-100.0 * error.log2()).floor() as i64,
        log_qp_tenths: (params.log_qp() * 10.0).ceil() as u64,
        security_bits: params.security().bits(),
        keys: keys.set(),
    };
    Ok((forecast, keys))
}

/// Level, scale and bound of the scores of a chunk, and their expected error: what the key's holder goes by, whatever a file claims.
///
/// # Errors
/// As [`forecast`].
pub fn expected(job: &Job, params: &Arc<Params>, error: f64) -> Result<Vec<Meta>, ScoreError> {
    let (_, metas) = traced(job, params)?;
    let planned = |meta: Meta| Meta {
        noise: error * meta.scale,
        ..meta
    };
    Ok(metas.into_iter().map(planned).collect())
}

fn traced(job: &Job, params: &Arc<Params>) -> Result<(Simulator, Vec<Meta>), ScoreError> {
    let simulator = Simulator::new(Arc::clone(params));
    let encrypted = simulator.fresh(
        job.row_placement(),
        job.row_bound(),
        noise::fresh_secret(params.n()),
    );
    let rows = encrypted.map_err(|source| ScoreError::Step {
        step: "encryption of rows",
        source,
    })?;
    let scores = score(
        job,
        &simulator,
        &vec![rows; job.layout().parts()],
        &ShapeHead(job),
    )?;
    let metas = scores.iter().map(|ct| simulator.meta(ct)).collect();
    Ok((simulator, metas))
}

/// Expected root mean square error of a score: the noise of a traced run with values of usual size, and what dropped weights add at most.
fn expected_error(job: &Job, params: &Arc<Params>) -> Result<f64, ScoreError> {
    let (_, metas) = traced(&job.with_rms_sizes(), params)?;
    let noise = metas.iter().map(Meta::error).fold(0.0, f64::max);
    Ok(noise.hypot(job.program().dropped))
}
