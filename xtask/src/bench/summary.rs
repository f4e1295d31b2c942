//! From what the verbs print to one record a job: which field comes from where, and how runs become one figure.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// What one run printed: the JSON object of every verb, by verb. The parent's own measurements stand under "parent".
pub(super) type Run = BTreeMap<&'static str, Value>;

/// How the runs of a job become one figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    /// The middle one.
    Median,
    /// The largest: for errors, where the middle one would flatter.
    Largest,
}

/// One field of a record.
struct Field {
    name: &'static str,
    verb: &'static str,
    source: &'static str,
    fold: Fold,
    nullable: bool,
}

const fn field(name: &'static str, verb: &'static str, source: &'static str) -> Field {
    Field {
        name,
        verb,
        source,
        fold: Fold::Median,
        nullable: false,
    }
}

const fn nullable(name: &'static str, verb: &'static str, source: &'static str) -> Field {
    Field {
        nullable: true,
        ..field(name, verb, source)
    }
}

const FIELDS: [Field; 24] = [
    field("accuracy_encrypted", "evaluate", "accuracy"),
    field("accuracy_clear", "evaluate", "accuracy_clear"),
    // A method may leave nothing to the client but encryption.
    nullable("accuracy_client_only", "evaluate", "accuracy_client_only"),
    field("accuracy_best_clear", "evaluate", "accuracy_best_clear"),
    Field {
        fold: Fold::Largest,
        ..field("max_weight_error", "decrypt", "max_weight_error")
    },
    field("train_seconds", "parent", "train_seconds"),
    field("compute_seconds", "train", "compute_seconds"),
    field("keygen_seconds", "keygen", "seconds"),
    field("encrypt_seconds", "encrypt", "seconds"),
    field("decrypt_seconds", "decrypt", "seconds"),
    field("clear_train_seconds", "encrypt", "clear_train_seconds"),
    // Not every system tells.
    nullable("peak_rss_mb", "train", "peak_rss_mb"),
    field("upload_ciphertexts", "encrypt", "upload_ciphertexts"),
    field("upload_bytes", "encrypt", "upload_bytes"),
    field("eval_key_bytes", "keygen", "eval_key_bytes"),
    nullable("predicted_train_seconds", "plan", "predicted_train_seconds"),
    field("predicted_peak_rss_bytes", "plan", "server_memory_bytes"),
    field("predicted_upload_bytes", "plan", "upload_bytes"),
    field("log_n", "plan", "log_n"),
    field("log_qp", "plan", "log_qp"),
    field("security_bits", "plan", "security_bits"),
    field("iterations", "plan", "iterations"),
    field("key_switches", "train", "key_switches"),
    field("mod_downs", "train", "mod_downs"),
];

/// One record from the runs of a job.
pub(super) fn summarise(runs: &[Run]) -> Result<Value> {
    let mut record = Map::new();
    for field in &FIELDS {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|run| number(run, field).transpose())
            .collect::<Result<_>>()?;
        let value = match (values.is_empty(), field.fold) {
            (true, _) => Value::Null,
            (false, Fold::Median) => plain(median(values)),
            (false, Fold::Largest) => plain(values.into_iter().fold(f64::MIN, f64::max)),
        };
        record.insert(field.name.to_owned(), value);
    }
    Ok(Value::Object(record))
}

/// The figure of one run; `None` for an allowed null.
fn number(run: &Run, field: &Field) -> Result<Option<f64>> {
    let (verb, source) = (field.verb, field.source);
    let object = run
        .get(verb)
        .with_context(|| format!("velum {verb} was not run"))?;
    match &object[source] {
        Value::Null if field.nullable => Ok(None),
        value => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => bail!("velum {verb} printed no number as {source:?} but {value}"),
        },
    }
}

/// The middle value, or the mean of the two in the middle. `values` is not empty.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    (values[low] + values[high]) / 2.0
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

    fn run(seconds: f64, error: f64) -> Run {
        Run::from([
            (
                "plan",
                json!({"log_n": 14, "log_qp": 322.9, "security_bits": 128, "iterations": 2, "server_memory_bytes": 5e8, "upload_bytes": 9}),
            ),
            ("keygen", json!({"seconds": 1.5, "eval_key_bytes": 1000})),
            (
                "encrypt",
                json!({"seconds": 0.5, "clear_train_seconds": 0.1, "upload_ciphertexts": 2, "upload_bytes": 9}),
            ),
            (
                "train",
                json!({"compute_seconds": 2.0, "peak_rss_mb": null, "key_switches": 270, "mod_downs": 99}),
            ),
            (
                "decrypt",
                json!({"seconds": 0.2, "max_weight_error": error}),
            ),
            (
                "evaluate",
                json!({"accuracy": 0.805, "accuracy_clear": 0.805, "accuracy_client_only": null, "accuracy_best_clear": 0.79}),
            ),
            ("parent", json!({"train_seconds": seconds})),
        ])
    }

    #[test]
    fn medians_of_seconds_and_the_largest_error() {
        let record = summarise(&[run(3.0, 1e-5), run(1.25, 3e-5), run(2.5, 2e-5)]).unwrap();
        assert_eq!(record["train_seconds"], json!(2.5));
        assert_eq!(record["max_weight_error"], json!(3e-5));
        assert_eq!(record["log_n"], json!(14));
        assert_eq!(record["peak_rss_mb"], Value::Null);
        assert_eq!(record.as_object().unwrap().len(), FIELDS.len());
    }

    #[test]
    fn an_even_number_of_runs_has_a_median_too() {
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }

    #[test]
    fn a_missing_figure_names_verb_and_field() {
        let mut broken = run(1.0, 1e-5);
        broken.insert("decrypt", json!({"seconds": 0.2}));
        let error = summarise(&[broken]).unwrap_err().to_string();
        assert_eq!(
            error,
            "velum decrypt printed no number as \"max_weight_error\" but null"
        );
    }
}
