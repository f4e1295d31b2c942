//! From what the verbs print to one record a job: what is measured, and how runs become one figure.

use serde_json::{Map, Value};
use velum_record::client::{Encrypted, Evaluated, Keygen, Opened};
use velum_record::plan::Planned;
use velum_record::server::Trained;

/// What the steps of one run said, and the parent's own measurement.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) plan: Planned,
    pub(super) keygen: Keygen,
    pub(super) encrypt: Encrypted,
    pub(super) train: Trained,
    /// From the start of the server's process to its end.
    pub(super) train_seconds: f64,
    pub(super) decrypt: Opened,
    pub(super) evaluate: Evaluated,
}

/// How the runs of a job become one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    /// The middle one.
    Median,
    /// The largest: for errors, where the middle one would flatter.
    Largest,
    /// The one that is the largest factor away from 1: for ratios, for the same reason.
    Farthest,
}

/// One figure of a record; none where a method or a system does not give it.
struct Figure {
    name: &'static str,
    fold: Fold,
    of: fn(&Run) -> Option<f64>,
}

const fn figure(name: &'static str, of: fn(&Run) -> Option<f64>) -> Figure {
    Figure {
        name,
        fold: Fold::Median,
        of,
    }
}

const FIGURES: [Figure; 26] = [
    figure("accuracy_encrypted", |run| Some(run.evaluate.accuracy)),
    figure("accuracy_clear", |run| run.evaluate.accuracy_clear),
    // A method may leave nothing to the client but encryption.
    figure("accuracy_client_only", |run| {
        run.evaluate.accuracy_client_only
    }),
    figure("accuracy_best_clear", |run| {
        run.evaluate.accuracy_best_clear
    }),
    Figure {
        fold: Fold::Largest,
        ..figure("max_weight_error", |run| run.decrypt.max_weight_error)
    },
    figure("train_seconds", |run| Some(run.train_seconds)),
    figure("compute_seconds", |run| Some(run.train.compute_seconds)),
    // What the training said at its start, of what it measured itself, is held to what it took.
    figure("estimated_train_seconds", |run| run.train.predicted_seconds),
    Figure {
        fold: Fold::Farthest,
        ..figure("estimate_ratio", |run| {
            let told = run.train.predicted_seconds?;
            Some(told / run.train.compute_seconds)
        })
    },
    figure("keygen_seconds", |run| Some(run.keygen.seconds)),
    figure("encrypt_seconds", |run| Some(run.encrypt.seconds)),
    figure("decrypt_seconds", |run| Some(run.decrypt.seconds)),
    figure("clear_train_seconds", |run| {
        Some(run.encrypt.clear_train_seconds)
    }),
    // Not every system tells.
    figure("peak_rss_mb", |run| run.train.peak_rss_mb),
    figure("upload_ciphertexts", |run| {
        Some(run.encrypt.upload_ciphertexts as f64)
    }),
    figure("upload_bytes", |run| Some(run.encrypt.upload_bytes as f64)),
    figure("eval_key_bytes", |run| {
        Some(run.keygen.eval_key_bytes as f64)
    }),
    figure("predicted_train_seconds", |run| {
        run.plan.predicted_train_seconds
    }),
    figure("predicted_peak_rss_bytes", |run| {
        Some(run.plan.server_memory_bytes as f64)
    }),
    figure("predicted_upload_bytes", |run| {
        Some(run.plan.upload_bytes as f64)
    }),
    figure("log_n", |run| Some(f64::from(run.plan.log_n))),
    figure("log_qp", |run| Some(run.plan.log_qp)),
    figure("security_bits", |run| {
        Some(f64::from(run.plan.security_bits))
    }),
    figure("iterations", |run| Some(run.plan.iterations as f64)),
    figure("key_switches", |run| Some(run.train.key_switches as f64)),
    figure("mod_downs", |run| Some(run.train.mod_downs as f64)),
];

/// One record from the runs of a job.
pub(super) fn summarise(runs: &[Run]) -> Value {
    let mut record = Map::new();
    for figure in &FIGURES {
        let values: Vec<f64> = runs.iter().filter_map(figure.of).collect();
        let value = match (values.is_empty(), figure.fold) {
            (true, _) => Value::Null,
            (false, Fold::Median) => plain(median(values)),
            (false, Fold::Largest) => plain(values.into_iter().fold(f64::MIN, f64::max)),
            (false, Fold::Farthest) => plain(farthest(values)),
        };
        record.insert(figure.name.to_owned(), value);
    }
    Value::Object(record)
}

/// The middle value, or the mean of the two in the middle. `values` is not empty.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    (values[low] + values[high]) / 2.0
}

/// The value that is the largest factor away from 1.
fn farthest(values: Vec<f64>) -> f64 {
    let factor = |x: f64| x.ln().abs();
    let further = |a, b| if factor(b) > factor(a) { b } else { a };
    values.into_iter().fold(1.0, further)
}

/// A JSON number without a decimal point where the value is a count.
pub(super) fn plain(value: f64) -> Value {
    // Every count of the bench is far below 2^53, up to which whole f64 are exact.
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    /// As the verbs print it: fields that this test does not name among them.
    fn run(seconds: f64, error: f64) -> Run {
        Run {
            plan: read(json!({
                "schema": 1, "verb": "plan", "method": "whitened", "first_gradient": "client",
                "rows": 128, "columns": 128, "classes": 10, "iterations": 2, "owners": [],
                "public_key": false, "log_n": 14, "log_qp": 322.9, "security_bits": 128,
                "security_log_qp": 430, "security_source": "a table", "levels": 7,
                "layout": "row_major", "row_length": 128, "passes": 1, "key_switches": 270,
                "mod_downs": 99, "upload_ciphertexts": 2, "upload_bytes": 9, "eval_keys": 14,
                "eval_key_bytes": 1000, "download_bytes": 9, "server_memory_bytes": 500_000_000,
                "predicted_weight_error": 1e-4, "predicted_train_seconds": 1.0,
                "plan_hash": "ab", "seconds": 0.1, "trained_on": null, "check": null, "explained": null,
            })),
            keygen: read(json!({
                "seconds": 1.5, "keys": 14, "eval_key_bytes": 1000, "key_binding": "ab", "key": "cd",
            })),
            encrypt: read(json!({
                "seconds": 0.5, "clear_train_seconds": 0.1, "upload_ciphertexts": 2,
                "upload_bytes": 9, "key": "cd", "data": {
                    "source": "x", "features_blake3": "ef", "rows": 128, "features": 400,
                    "class_names": null, "class_counts": [64, 64], "network": null,
                    "weights_blake3": null,
                },
            })),
            train: read(json!({
                "wall_seconds": 2.5, "load_seconds": 0.5, "compute_seconds": 2.0,
                "resumed_iterations": 0, "predicted_seconds": seconds, "peak_rss_mb": null, "key_switches": 270, "mod_downs": 99,
            })),
            train_seconds: seconds,
            decrypt: read(json!({
                "seconds": 0.2, "certified_bits": 11, "max_weight_error": error,
                "expected_error": 1e-5, "warnings": [],
            })),
            evaluate: read(json!({
                "method": "whitened", "iterations": 2, "encrypted": true, "rows": 100,
                "accuracy": 0.805, "accuracy_interval": {
                    "hits": 161, "rows": 200, "share": 0.805, "low": 0.74, "high": 0.86,
                }, "balanced_accuracy": 0.8, "macro_f1": 0.8, "accuracy_clear": 0.805, "accuracy_client_only": null,
                "accuracy_best_clear": 0.79, "max_weight_error": 1e-5, "confusion": [],
                "per_class": [],
            })),
        }
    }

    #[test]
    fn medians_of_seconds_and_the_largest_error() {
        let record = summarise(&[run(3.0, 1e-5), run(1.25, 3e-5), run(2.5, 2e-5)]);
        assert_eq!(record["train_seconds"], json!(2.5));
        assert_eq!(record["max_weight_error"], json!(3e-5));
        // Told 3, 1.25 and 2.5 where 2 were taken: the second is a factor of 1.6 away.
        assert_eq!(record["estimated_train_seconds"], json!(2.5));
        assert_eq!(record["estimate_ratio"], json!(0.625));
        assert_eq!(record["log_n"], json!(14));
        assert_eq!(record["peak_rss_mb"], Value::Null);
        assert_eq!(record["accuracy_client_only"], Value::Null);
        assert_eq!(record.as_object().unwrap().len(), FIGURES.len());
    }

    #[test]
    fn an_even_number_of_runs_has_a_median_too() {
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
