//! Single operations: runs he-core's example `ops`, on request in turns with other libraries.

mod callgrind;
mod pairs;
mod served;
mod table;
mod tfhe_ntt;
mod worker;

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::openfhe::OpenFhe;
use crate::cargo;
pub(super) use table::table;
use worker::Worker;

/// What every row must hold.
const FIELDS: [&str; 6] = ["op", "log_n", "limbs", "log_qp", "threads", "median_ms"];

/// Our operations; with `peers` also ratios, limits of the machine, instruction counts, and whichever of the peers can be had.
pub(super) fn run(peers: bool) -> Result<Value> {
    let example = cargo::example("ops")?;
    let alone = cargo::output_of(Command::new(&example).arg("--json"))?;
    let mut results = json!({"operations": rows(&alone)?});
    let extras = cargo::output_of(Command::new(&example).arg("--extras"))?;
    let extras: Value = serde_json::from_str(&extras).context("the example's extras")?;
    for field in ["limits", "rotation_key", "two_threads"] {
        results[field] = extras[field].clone();
    }
    let start = || Worker::start("ours", Command::new(&example).arg("--serve"));
    results["double_hoisting"] = pairs::double_hoisting(&start)?;
    if peers {
        let scratch = cargo::root().join("target/tmp");
        std::fs::create_dir_all(&scratch)
            .with_context(|| format!("cannot make {}", scratch.display()))?;
        results["openfhe"] = with_openfhe(&start)?;
        results["tfhe_ntt"] = or_say("tfhe-ntt", tfhe_ntt::run(&scratch));
        results["instructions"] = callgrind::run(&example)?.unwrap_or_else(|| {
            eprintln!("instructions are not counted: valgrind was not found");
            Value::Null
        });
    }
    Ok(results)
}

/// A peer that cannot be had is said so; one that can and fails is an error.
fn with_openfhe(start: &dyn Fn() -> Result<Worker>) -> Result<Value> {
    match OpenFhe::find() {
        Ok(peer) => pairs::openfhe(&peer, start),
        Err(why) => Ok(or_say("OpenFHE", Err(why))),
    }
}

fn or_say(peer: &str, found: Result<Value>) -> Value {
    found.unwrap_or_else(|error| {
        eprintln!("not compared with {peer}: {error:#}");
        Value::Null
    })
}

/// Reads one JSON object a line.
fn rows(text: &str) -> Result<Value> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line)
            .with_context(|| format!("the example printed no object but {line:?}"))?;
        for field in FIELDS {
            if row[field].is_null() {
                bail!("the example printed a row without {field:?}: {line}");
            }
        }
        found.push(row);
    }
    if found.is_empty() {
        bail!("the example printed no row");
    }
    Ok(json!(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str =
        r#"{"op":"rotate","log_n":15,"limbs":12,"log_qp":600.5,"threads":1,"median_ms":20.5}"#;

    #[test]
    fn rows_are_read_one_a_line() {
        let found = rows(&format!("{ROW}\n\n{ROW}\n")).unwrap();
        assert_eq!(found.as_array().unwrap().len(), 2);
        assert_eq!(found[1]["op"], "rotate");
    }

    #[test]
    fn rows_that_say_too_little_are_refused() {
        assert!(rows("").is_err());
        assert!(rows("rotate 20 ms").is_err() && rows("[1]").is_err());
        let error = rows(&ROW.replace("\"threads\":1,", "")).unwrap_err();
        assert!(error.to_string().contains("threads"), "{error}");
    }
}
