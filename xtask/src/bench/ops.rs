//! Single operations: runs he-core's example `ops` and completes its rows.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::cargo;

/// What every row must hold.
const FIELDS: [&str; 6] = ["op", "log_n", "limbs", "log_qp", "threads", "median_ms"];

/// The rows, with empty fields for a peer.
pub(super) fn run() -> Result<Value> {
    let text = cargo::output_of(cargo::cargo().args([
        "run",
        "--quiet",
        "--package",
        "he-core",
        "--example",
        "ops",
        "--",
        "--json",
    ]))?;
    rows(&text)
}

/// Reads one JSON object a line.
fn rows(text: &str) -> Result<Value> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut row: Value = serde_json::from_str(line)
            .with_context(|| format!("the example printed no object but {line:?}"))?;
        for field in FIELDS {
            if row[field].is_null() {
                bail!("the example printed a row without {field:?}: {line}");
            }
        }
        let Some(object) = row.as_object_mut() else {
            bail!("the example printed no object but {line:?}");
        };
        for field in ["peer", "peer_ms", "ratio"] {
            object.entry(field).or_insert(Value::Null);
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
    fn rows_get_empty_fields_for_a_peer() {
        let found = rows(&format!("{ROW}\n\n{ROW}\n")).unwrap();
        assert_eq!(found.as_array().unwrap().len(), 2);
        assert_eq!(found[1]["op"], "rotate");
        let row = found[0].as_object().unwrap();
        assert_eq!(row.len(), FIELDS.len() + 3);
        assert_eq!(row["ratio"], Value::Null);
    }

    #[test]
    fn rows_that_say_too_little_are_refused() {
        assert!(rows("").is_err());
        assert!(rows("rotate 20 ms").is_err());
        let error = rows(&ROW.replace("\"threads\":1,", "")).unwrap_err();
        assert!(error.to_string().contains("threads"), "{error}");
    }
}
