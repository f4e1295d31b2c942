//! What a job needs under a key that no party holds: proofs of uploads, noise of the opening, shares.

use he_core::evaluator::{Level, Meta};
use he_core::multiparty::{
    MultipartyError, Shape, Smudging, UploadKey, UploadTerms, refresh, slack_noise,
};
use he_core::params::{KeyLevels, Params};
use serde::{Deserialize, Serialize};

use super::cost;
use crate::job::{Iterate, Job, LARGEST_NOISE};
use crate::rounding::{self, Sizes};
use crate::server::TrainError;

/// Standard deviations that a coefficient's noise may have when it is asked whether the opened values fit their modulus.
const NOISE_SIGMAS: f64 = 16.0;

/// What the parties of a joint key do and get. All of it follows from program and parameters, and is checked against them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JointEstimate {
    /// -log2 of the expected root mean square error of an opened weight, the mean of its replicas: that of the training and the noise of the opening, in hundredths of a bit, rounded
    /// down.
    pub opened_error_centibits: i64,
    /// Bits behind the binary point that opened weights are certain of.
    pub certain_bits: i32,
    /// log2 of the standard deviation of the noise that a party adds to a coefficient when it opens.
    pub noise_bits: u32,
    /// Bytes of an owner's proof.
    pub proof_bytes: u64,
    /// Bytes of the switching key that it is of, from the secret of the owner's rows to the joint one.
    pub switching_key_bytes: u64,
    /// Bytes of a party's shares of all keys.
    pub key_share_bytes: u64,
    /// Bytes of a party's share of the opening.
    pub opening_share_bytes: u64,
    /// log2 of the range of the masks that a party refreshes a coefficient under; 0 where the owners refresh nothing, as of the following.
    #[serde(default, skip_serializing_if = "is_zero_bits")]
    pub refresh_mask_bits: u32,
    /// Bytes of the weights that one refresh is asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refresh_question_bytes: u64,
    /// Bytes of a party's share of the largest refresh.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refresh_share_bytes: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
fn is_zero_bits(number: &u32) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks with a reference"
)]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl JointEstimate {
    /// Expected root mean square error of an opened weight.
    pub fn opened_error(&self) -> f64 {
        (-(self.opened_error_centibits as f64) / 100.0).exp2()
    }

    /// Bytes of all owners' switching keys and proofs.
    pub(super) fn keys_of_owners(&self, owners: usize) -> u64 {
        owners as u64 * (self.switching_key_bytes + self.proof_bytes)
    }

    pub(super) fn agrees(&self, other: &Self) -> bool {
        let near = |a: i64, b: i64| a.abs_diff(b) <= 1;
        // Rounded logarithms may differ in their last digit between machines.
        let same = Self {
            opened_error_centibits: other.opened_error_centibits,
            ..self.clone()
        };
        near(self.opened_error_centibits, other.opened_error_centibits) && same == *other
    }
}

/// The shape of an owner's proof: refused where the parameters have no room for what it lets pass.
pub(super) fn proof(job: &Job, params: &Params) -> Result<Shape, TrainError> {
    let level = job.upload_level().0;
    let room = slack_noise(params, level);
    room.and_then(|_| UploadTerms::shape_of(params.log_n(), level))
        .map_err(|source| TrainError::Joint { source })
}

/// The noise of the one opening of weights with this expected raw noise: what every party of the job adds.
///
/// # Errors
/// [`MultipartyError::NotJoint`]; [`MultipartyError::Room`].
pub fn smudging(job: &Job, params: &Params, noise: f64) -> Result<Smudging, MultipartyError> {
    let joint = job.joint().ok_or(MultipartyError::NotJoint)?;
    let count = job.layout().ciphertexts_per_matrix().get();
    Smudging::for_noise(params, noise, count, joint.opening.security())
}

/// Root mean square of what is left of the opening's noise in a weight: the real part of a slot has half of the mean square, and replicas err independently, since their embeddings are
/// orthogonal.
pub fn hidden(job: &Job, params: &Params, smudging: Smudging, scale: f64) -> f64 {
    let parties = job.joint().map_or(1, |joint| joint.threshold as usize);
    let replicas = (job.layout().slots() / job.layout().period()) as f64;
    smudging.slot_noise(params, parties) / scale / (2.0 * replicas).sqrt()
}

/// What the joint key of `job` takes, whose weights end as `metas` say, with this expected error; none where one key holder has the key.
pub(super) fn estimate(
    job: &Job,
    params: &Params,
    keys: &KeyLevels,
    metas: &[Meta],
    error: f64,
) -> Result<Option<JointEstimate>, TrainError> {
    let Some(joint) = job.joint() else {
        return Ok(None);
    };
    let refused = |source| TrainError::Joint { source };
    let proof = proof(job, params)?;
    let scale = metas
        .iter()
        .map(|meta| meta.scale)
        .fold(f64::INFINITY, f64::min);
    let noise = metas.iter().map(|meta| meta.scale).fold(0.0, f64::max) * error;
    let smudging = smudging(job, params, noise).map_err(refused)?;
    for meta in metas {
        require_room(params, meta, joint.threshold, smudging).map_err(refused)?;
    }
    let hidden = hidden(job, params, smudging, scale);
    let opening = metas
        .iter()
        .map(|meta| cost::polynomial_bytes(params, meta.level));
    Ok(Some(JointEstimate {
        opened_error_centibits: (-100.0 * error.hypot(hidden).log2()).floor() as i64,
        certain_bits: rounding::bits_opened(error, hidden, Sizes::Checked),
        noise_bits: smudging.standard_deviation().log2().round() as u32,
        proof_bytes: proof.bytes(),
        switching_key_bytes: switching_key_bytes(job, params),
        key_share_bytes: key_share_bytes(params, keys),
        opening_share_bytes: opening.sum(),
        refresh_mask_bits: job
            .masked_bound()
            .map_or(0, |bound| refresh::mask_bits(params.n(), bound)),
        refresh_question_bytes: refresh_question_bytes(job, params),
        refresh_share_bytes: refresh_share_bytes(job, params).max().unwrap_or(0),
    }))
}

/// Refuses refreshes by owners for whose masks the modulus has no room, and weights whose expected error there, `largest`, may be beyond what the masks are made for.
pub(super) fn require_refreshes(
    job: &Job,
    params: &Params,
    largest: f64,
) -> Result<(), MultipartyError> {
    let (Some(joint), Some(at), Some(bound)) = (job.joint(), job.masked_at(), job.masked_bound())
    else {
        return Ok(());
    };
    refresh::require_room(params, joint.threshold, bound, at.level.0)?;
    // Of a coefficient, in units of the value: errors of slots are independent.
    let noise = NOISE_SIGMAS * largest / (params.n() as f64).sqrt();
    let allowed = LARGEST_NOISE * job.bounds().weight();
    if noise <= allowed {
        return Ok(());
    }
    Err(MultipartyError::Room {
        what: "noise of weights that are refreshed",
        needed: (noise * at.scale).log2(),
        available: (allowed * at.scale).log2(),
    })
}

/// Root mean square error that a refresh by owners adds to a weight; 0 where they refresh nothing.
pub(super) fn added_by_refresh(job: &Job, params: &Params) -> f64 {
    let before = job.refreshed_before().first().copied();
    let before = before.filter(|_| job.asks_owners());
    let meta = before.and_then(|t| job.refreshed(t, Iterate::Weights, params.n()));
    meta.map_or(0.0, |meta| meta.error())
}

/// Bytes of W and V as owners take them; 0 where they refresh nothing.
fn refresh_question_bytes(job: &Job, params: &Params) -> u64 {
    let count = 2 * job.layout().ciphertexts_per_matrix().get() as u64;
    job.masked_at()
        .map_or(0, |at| count * cost::ciphertext_bytes(params, at.level))
}

/// Bytes of a party's share of every refresh by owners: of each ciphertext, a polynomial at the level of the masks and one at the level that is reached.
fn refresh_share_bytes(job: &Job, params: &Params) -> impl Iterator<Item = u64> {
    let (at, each) = (job.masked_at(), job.layout().ciphertexts_per_matrix().get());
    let of = move |before: usize| {
        let (at, up) = (at?, job.levels().refreshed_to(before)?);
        let up = up.map(|level| cost::polynomial_bytes(params, level));
        let low = cost::polynomial_bytes(params, at.level);
        Some(each as u64 * (2 * low + up[0] + up[1]))
    };
    job.refreshed_before().into_iter().filter_map(of)
}

/// Bytes of all refreshes by owners: questions, and the shares of those who answer.
pub(super) fn refresh_bytes(job: &Job, params: &Params) -> u64 {
    let threshold = job.joint().map_or(0, |joint| u64::from(joint.threshold));
    let question = refresh_question_bytes(job, params);
    let shares = refresh_share_bytes(job, params);
    shares.map(|share| question + threshold * share).sum()
}

/// Refuses an opening whose values, noise and shares' noise do not fit the modulus that is left.
fn require_room(
    params: &Params,
    meta: &Meta,
    threshold: u32,
    smudging: Smudging,
) -> Result<(), MultipartyError> {
    let own = meta.bound * meta.scale + NOISE_SIGMAS * meta.noise / (params.n() as f64).sqrt();
    let shares = f64::from(threshold) * smudging.log_bound().exp2();
    let needed = 1.0 + (own + shares).log2();
    let available = params.log_q(meta.level.0);
    if needed < available {
        return Ok(());
    }
    Err(MultipartyError::Room {
        what: "weights and the noise of their opening",
        needed,
        available,
    })
}

/// Bytes of an owner's switching key.
fn switching_key_bytes(job: &Job, params: &Params) -> u64 {
    let level = job.upload_level();
    let part = cost::polynomial_bytes(params, level) + cost::special_bytes(params);
    UploadKey::parts(level.0) as u64 * part
}

/// Bytes of a party's shares of the public key, over all primes, and of all evaluation keys, each at its level: half of a key; of relinearisation, two in the first round
/// and one in the second.
fn key_share_bytes(params: &Params, keys: &KeyLevels) -> u64 {
    let public =
        cost::polynomial_bytes(params, Level(params.max_level())) + cost::special_bytes(params);
    let half = |level| cost::half_key_bytes(params, level);
    let again = keys.relinearise.map_or(0, |level| 2 * half(level));
    public + keys.levels().map(half).sum::<u64>() + again
}
