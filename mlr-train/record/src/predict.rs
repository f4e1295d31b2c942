//! Records of predictions on encrypted rows.

use serde::{Deserialize, Serialize};

/// What a plan of predictions says; all of it is public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScorePlanned {
    /// What the server has of the model: `clear` or `encrypted`.
    pub model: String,
    /// Rows of the largest batch.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of the modulus, key-switching primes included.
    pub log_qp: f64,
    /// Bits of classical security that the table certifies.
    pub security_bits: u32,
    /// Slots of a block: half the rows of a chunk.
    pub block: usize,
    /// Products with evaluation keys.
    pub key_switches: u64,
    /// Divisions by P.
    pub mod_downs: u64,
    /// Ciphertexts of a batch.
    pub upload_ciphertexts: u64,
    /// Their size.
    pub upload_bytes: u64,
    /// Ciphertexts of the model.
    pub model_ciphertexts: u64,
    /// Their size.
    pub model_bytes: u64,
    /// Evaluation keys.
    pub eval_keys: usize,
    /// Their size.
    pub eval_key_bytes: u64,
    /// Size of a batch's scores.
    pub download_bytes: u64,
    /// Expected root mean square error of a score.
    pub predicted_score_error: f64,
    /// Hash of the plan, hex.
    pub plan_hash: String,
    /// Hash of what the model's features are computed by, hex: network, weights and preprocessing, where all of it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_by: Option<String>,
}

/// Rows or a model that were encrypted for a prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryEncrypted {
    /// Time of the whole step.
    pub seconds: f64,
    /// Null for a model.
    pub rows: Option<usize>,
    /// Ciphertexts that go to the server.
    pub upload_ciphertexts: u64,
    /// Their size.
    pub upload_bytes: u64,
}

/// What a scoring took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Time of the whole step.
    pub wall_seconds: f64,
    /// Reading plan, keys and model.
    pub load_seconds: f64,
    /// Scoring, the rows' reading included.
    pub compute_seconds: f64,
    /// Rows.
    pub rows: usize,
    /// Products with evaluation keys.
    pub key_switches: u64,
    /// Divisions by P.
    pub mod_downs: u64,
    /// Size of the scores.
    pub download_bytes: u64,
    /// Largest resident memory of the process, where the system tells.
    pub peak_rss_mb: Option<f64>,
}

/// Scores that were decrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoresOpened {
    /// Time of the whole step.
    pub seconds: f64,
    /// Rows.
    pub rows: usize,
    /// Classes.
    pub classes: usize,
    /// Bits after the binary point of a score that the noise leaves certain.
    pub certified_bits: i32,
    /// Expected root mean square error of a copy.
    pub expected_error: f64,
    /// Signs of lost precision or of ciphertexts that are not what they claim to be.
    pub warnings: Vec<String>,
}
