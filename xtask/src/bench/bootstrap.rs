//! Whole bootstrappings: runs he-core's example `bootstrap`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::openfhe::OpenFhe;
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
    /// Before and after OpenFHE's of as many slots, which is fetched into target/tmp; takes 11 GB of memory.
    #[arg(long)]
    peers: bool,
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

const SCRIPT: &str = include_str!("bootstrap_peer.py");

pub(super) fn run(given: &Bootstrap) -> Result<Value> {
    let example = cargo::example("bootstrap")?;
    let runs = given.runs.to_string();
    let ours = || {
        let text = cargo::output_of(Command::new(&example).args(["--json", "--runs", &runs]))?;
        row(text.trim())
    };
    let mut row = ours()?;
    if given.peers {
        match OpenFhe::find() {
            Ok(peer) => {
                let theirs = theirs(&peer, &row, &runs)?;
                compare(&mut row, &ours()?, theirs)?;
                row["peer"] = json!(peer.wheel());
            }
            Err(why) => eprintln!("not compared with OpenFHE: {why:#}"),
        }
    }
    Ok(json!([row]))
}

/// The peer's bootstrapping of as many slots, that leaves as many levels.
fn theirs(peer: &OpenFhe, ours: &Value, runs: &str) -> Result<Value> {
    let (slots, levels) = (ours["slots"].to_string(), ours["levels_left"].to_string());
    eprintln!("OpenFHE's bootstrapping of {slots} slots, to {levels} levels: some minutes");
    let mut command = peer.command();
    let text = cargo::output_of(command.args(["-c", SCRIPT, &slots, &levels, runs]))?;
    serde_json::from_str(text.trim())
        .with_context(|| format!("the peer printed no object but {text:?}"))
}

/// Adds the peer's figures to a row, and how many times our processor time it takes: that of our runs before and after, in the middle.
fn compare(row: &mut Value, after: &Value, theirs: Value) -> Result<()> {
    let number = |from: &Value, field: &str| {
        let found = from[field].as_f64();
        found.with_context(|| format!("expected a number {field:?} in {from}"))
    };
    let ours = (number(row, "cpu_seconds")? + number(after, "cpu_seconds")?) / 2.0;
    row["ratio"] = json!(number(&theirs, "cpu_seconds")? / ours);
    row["peer_seconds"] = theirs["seconds"].clone();
    let bits = ["worst_bits_random", "worst_bits_constant"].map(|field| number(&theirs, field));
    let [random, constant] = bits;
    row["peer_worst_bits"] = json!(random?.min(constant?));
    row["peer_run"] = theirs;
    Ok(())
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
    let fields = || FIELDS.iter().chain(&PEER);
    let mut cells = vec![fields().map(ToString::to_string).collect()];
    for row in results.as_array().into_iter().flatten() {
        let cell = |field: &&str| match &row[*field] {
            Value::Number(x) if x.is_f64() => format!("{:.2}", x.as_f64().unwrap_or(f64::NAN)),
            other => plain(other),
        };
        cells.push(fields().map(cell).collect());
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

    #[test]
    fn a_peer_is_compared_with_the_runs_before_and_after_it() {
        let mut before = json!({"cpu_seconds": 1.5});
        let theirs = json!({"cpu_seconds": 12.0, "seconds": 13.0, "worst_bits_random": 13.5, "worst_bits_constant": 12.5});
        compare(&mut before, &json!({"cpu_seconds": 2.5}), theirs.clone()).unwrap();
        assert_eq!(before["ratio"], 6.0);
        assert_eq!(before["peer_seconds"], 13.0);
        assert_eq!(before["peer_worst_bits"], 12.5);
        assert_eq!(before["peer_run"], theirs);
        assert!(compare(&mut before, &json!({}), theirs).is_err());
    }
}
