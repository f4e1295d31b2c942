//! Whole bootstrappings: runs he-core's example `bootstrap`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::table::{align, plain};
use crate::cargo;

/// Weights at full size, one thread: time, precision, keys, memory.
#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    /// Where the results go, besides the table.
    #[arg(long, value_name = "OUT")]
    pub(super) json: Option<PathBuf>,
    /// Refreshes that the median is taken of.
    #[arg(long, value_name = "N", default_value = "5")]
    runs: std::num::NonZeroUsize,
}

/// What a row must hold. `peer` and its figures are null where there was no peer.
const FIELDS: [&str; 10] = [
    "slots",
    "log_n",
    "log_qp",
    "seconds",
    "worst_bits_random",
    "worst_bits_constant",
    "failure_log2",
    "key_bytes",
    "peak_rss_mb",
    "levels_left",
];
const PEER: [&str; 4] = ["peer", "peer_seconds", "peer_worst_bits", "ratio"];

pub(super) fn run(given: &Bootstrap) -> Result<Value> {
    let example = cargo::example("bootstrap")?;
    let runs = given.runs.to_string();
    let text = cargo::output_of(Command::new(&example).args(["--json", "--runs", &runs]))?;
    Ok(json!([row(text.trim())?]))
}

fn row(text: &str) -> Result<Value> {
    let mut row: Value = serde_json::from_str(text)
        .with_context(|| format!("the example printed no object but {text:?}"))?;
    if let Some(field) = FIELDS.iter().find(|field| row[**field].is_null()) {
        bail!("the example printed a row without {field:?}: {text}");
    }
    for field in PEER {
        row[field] = Value::Null;
    }
    Ok(row)
}

/// One line a row.
pub(super) fn table(results: &Value) -> String {
    let mut cells = vec![FIELDS.iter().map(ToString::to_string).collect()];
    for row in results.as_array().into_iter().flatten() {
        let cell = |field: &&str| match &row[*field] {
            Value::Number(x) if x.is_f64() => format!("{:.2}", x.as_f64().unwrap_or(f64::NAN)),
            other => plain(other),
        };
        cells.push(FIELDS.iter().map(cell).collect());
    }
    align(&cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_says_too_little_is_refused() {
        let mut whole: Value = FIELDS.iter().map(|f| ((*f).to_owned(), json!(1))).collect();
        let found = row(&whole.to_string()).unwrap();
        assert_eq!(found["seconds"], 1);
        assert!(found["peer"].is_null());
        whole["key_bytes"] = Value::Null;
        let error = row(&whole.to_string()).unwrap_err();
        assert!(error.to_string().contains("key_bytes"), "{error}");
        assert!(row("2 seconds").is_err());
    }
}
