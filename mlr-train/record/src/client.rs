//! Records of what clients and owners of data do.

use serde::{Deserialize, Serialize};

use crate::Share;

/// What statistics cover.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Rows of each owner, in the order in which owners are numbered from 1.
    pub owners: Vec<usize>,
    /// Rows of all.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// Rows of each class.
    pub class_counts: Vec<u64>,
}

/// Keys that were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Keygen {
    /// Time of the whole step.
    pub seconds: f64,
    /// Evaluation keys.
    pub keys: usize,
    /// Their size.
    pub eval_key_bytes: u64,
    /// What they are bound to, hex: parameters and key set.
    pub key_binding: String,
    /// Fingerprint of the public key, hex: every file of this key names it.
    pub key: String,
}

/// What was encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encrypted {
    /// Time of the whole step.
    pub seconds: f64,
    /// Of which the clear twin took.
    pub clear_train_seconds: f64,
    /// Ciphertexts that go to the server.
    pub upload_ciphertexts: usize,
    /// Their size.
    pub upload_bytes: u64,
    /// Fingerprint of the public key that they are encrypted under, hex.
    pub key: String,
    /// Which of several owners, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<usize>,
    /// Why the twin's check refuses the plan on this owner's rows alone, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_check: Option<String>,
    /// The rows in clear.
    pub data: TrainingData,
}

/// Training rows, as their owner knows them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingData {
    /// Where they came from.
    pub source: String,
    /// Hash of rows and labels, hex.
    pub features_blake3: String,
    /// Rows.
    pub rows: usize,
    /// Features of a row.
    pub features: usize,
    /// Names of the classes, if known.
    pub class_names: Option<Vec<String>>,
    /// Rows of each class.
    pub class_counts: Vec<u64>,
    /// Network that computed the features, if known.
    pub network: Option<String>,
    /// Hash of its weights, hex.
    pub weights_blake3: Option<String>,
}

/// A refresh of the weights that was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefreshedWeights {
    /// Time of the whole step.
    pub seconds: f64,
    /// The iteration before which the weights are refreshed.
    pub before: usize,
    /// Bytes of the request and of the answer.
    pub request_bytes: u64,
    /// As above.
    pub answer_bytes: u64,
    /// Whether this request was answered before: it got the same answer.
    pub again: bool,
}

/// What was decrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Time of the whole step.
    pub seconds: f64,
    /// Bits after the binary point of a weight, as trained, that the noise leaves certain.
    pub certified_bits: i32,
    /// Power of two at or above the largest difference to the twin's weights as trained, relative to the largest of them.
    pub max_weight_error: Option<f64>,
    /// Expected root mean square error of a replica.
    pub expected_error: f64,
    /// Signs of lost precision or of ciphertexts that are not what they claim to be.
    pub warnings: Vec<String>,
}

/// What `evaluate` finds. Accuracies are shares in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Method of the model.
    pub method: String,
    /// Iterations of its training.
    pub iterations: usize,
    /// Whether it was trained on ciphertexts.
    pub encrypted: bool,
    /// Rows.
    pub rows: u64,
    /// Of the model.
    pub accuracy: f64,
    /// The same with Wilson's interval.
    pub accuracy_interval: Share,
    /// Mean recall of the classes that have rows.
    pub balanced_accuracy: f64,
    /// Mean F1 of the classes that have rows or predictions.
    pub macro_f1: f64,
    /// Of two classes: area under the receiver operating characteristic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
    /// Of the clear twin: the same training without encryption.
    pub accuracy_clear: Option<f64>,
    /// Of the model made of nothing but what the client computes before it uploads.
    pub accuracy_client_only: Option<f64>,
    /// Of a converged clear model.
    pub accuracy_best_clear: Option<f64>,
    /// Largest difference to the twin's weights over raw features, relative to the twin's largest weight.
    pub max_weight_error: Option<f64>,
    /// Rows counted by label (outer) and prediction (inner).
    pub confusion: Vec<Vec<u64>>,
    /// Figures of every class.
    pub per_class: Vec<Class>,
    /// Of two classes: what other thresholds would give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// Rows that the model is most sure of, and wrong, the surest first; at most [`MOST_WRONG`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub worst: Vec<Wrong>,
    /// Time of the whole step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// Rows that a record lists at most as taken for another class.
pub const MOST_WRONG: usize = 24;

/// What thresholds give where one of two classes is looked for: a row at or above one is taken for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Number of the class that is looked for.
    pub class: usize,
    /// Whether a threshold is a probability by the model's temperature; else it is the difference of both scores.
    pub probability: bool,
    /// Rows of the class.
    pub positives: u64,
    /// Rows of the other.
    pub negatives: u64,
    /// The receiver operating characteristic, thresholds falling: at most some 260 points of it, none further from the next one than 1/128 of
    /// either kind of rows unless rows of the same score lie between.
    pub curve: Vec<Point>,
    /// Thresholds that people ask for, falling.
    pub table: Vec<Point>,
    /// What the caller's own threshold gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<Point>,
}

/// What one threshold gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Rows at or above it are taken for the class.
    pub threshold: f64,
    /// Rows of the class among them.
    pub hits: u64,
    /// Rows of the other class among them.
    pub false_alarms: u64,
}

/// A row that is taken for another class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrong {
    /// Its number among the rows that were judged, from 0.
    pub row: usize,
    /// The picture that it was computed from, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its class.
    pub label: u32,
    /// What it is taken for.
    pub prediction: u32,
    /// How far the score of that is above its own class's.
    pub margin: f64,
    /// How sure the model is of it, in [0, 1], if it has a temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
}

/// Figures of one class; a ratio without cases is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// Number.
    pub class: usize,
    /// Name, if known.
    pub name: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Share of right ones among the rows predicted so.
    pub precision: Option<f64>,
    /// Share of right ones among the rows of the class.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// Recall by its medical name, with Wilson's interval.
    pub sensitivity: Option<Share>,
    /// Share of the rows of other classes that are not predicted as this one.
    pub specificity: Option<Share>,
    /// Area under the receiver operating characteristic of this class against all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auc: Option<f64>,
}
