//! Several owners of MNIST under a key that none of them holds, every step a process of its own, beside one owner with all rows.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use super::group::{Group, Wanted, example};
use super::mnist;
use super::paper::build;

/// Options of `bench owners`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Owners {
    /// A directory with {train,test}_{features,labels}.npy.
    #[arg(long, value_name = "DIR")]
    features: PathBuf,
    /// Owners of data, with equal shares of the rows.
    #[arg(long, value_name = "N", default_value = "3")]
    owners: u32,
    /// How many of them open the model.
    #[arg(long, value_name = "T", default_value = "2")]
    threshold: u32,
    /// Training rows in all, from the first.
    #[arg(long, value_name = "N", default_value = "60000")]
    samples: usize,
    /// Largest memory of the server.
    #[arg(long, value_name = "SIZE", default_value = "4GB")]
    max_memory: String,
    /// Where the results go, besides the table.
    #[arg(long, value_name = "OUT")]
    pub(super) json: Option<PathBuf>,
}

/// Runs both ways; one record.
pub(super) fn run(given: &Owners) -> Result<Value> {
    let folder = given
        .features
        .canonicalize()
        .with_context(|| format!("cannot find the features {}", given.features.display()))?;
    // Rows come as features: nothing here computes any.
    let (velum, step) = (build(&["--no-default-features"])?, example()?);
    let scratch = tempfile::Builder::new()
        .prefix("velum-bench-owners-")
        .tempdir()?;
    let place = scratch.path().join("group");
    std::fs::create_dir_all(&place)?;
    let wishes = mnist::wishes(given.samples);
    let group = Group {
        velum: &velum,
        step: &step,
        place: &place,
        wanted: Wanted {
            folder: &folder,
            owners: given.owners,
            threshold: given.threshold,
            samples: given.samples,
            max_memory: &given.max_memory,
            wishes: &wishes,
        },
    };
    let mut record = group.run()?;
    std::fs::remove_dir_all(&place)?;
    eprintln!("one owner with {} rows", given.samples);
    let place = scratch.path().join("one");
    let one = mnist::alone(&velum, &folder, given.samples, &given.max_memory, &place)?;
    let seconds = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let ratio = seconds(&record["train_seconds"]) / seconds(&one["train_seconds"]);
    record["accuracy_union"] = one["accuracy_encrypted"].clone();
    record["accuracy_union_clear"] = one["accuracy_clear"].clone();
    record["train_seconds_one_owner"] = one["train_seconds"].clone();
    record["train_ratio"] = ratio.into();
    record["one_owner"] = one;
    Ok(record)
}

/// A line for each figure of the issue, then for each step.
pub(super) fn table(results: &Value) -> String {
    let number = |name: &str| results[name].as_f64().unwrap_or(f64::NAN);
    let mb = |name: &str| format!("{:.1} MB", number(name) / 1e6);
    let seconds = |name: &str| format!("{:.1} s", number(name));
    let percent = |name: &str| format!("{:.2} %", 100.0 * number(name));
    let lines = [
        ("test accuracy", percent("accuracy")),
        ("  one owner with all rows", percent("accuracy_union")),
        (
            "server: verification and training",
            seconds("train_seconds"),
        ),
        ("  training alone", seconds("train_only_seconds")),
        (
            "  one owner with all rows",
            seconds("train_seconds_one_owner"),
        ),
        ("an owner, all steps", seconds("owner_seconds")),
        ("an owner's upload", mb("owner_upload_bytes")),
        (
            "  beyond its rows, with key shares",
            mb("owner_upload_extra_bytes"),
        ),
        ("switching key of an owner", mb("switching_key_bytes")),
        ("  its proof", mb("proof_bytes")),
        ("  made in", seconds("prove_seconds")),
        ("verification of an owner", seconds("verify_seconds")),
        ("security, bits", results["security_bits"].to_string()),
    ];
    let mut out = String::new();
    for (label, value) in lines {
        out += &format!("{label:<38}{value:>14}\n");
    }
    for (step, said) in results["steps"].as_object().into_iter().flatten() {
        let (seconds, bytes) = (said["seconds"].as_f64(), said["bytes"].as_f64());
        let bytes = bytes.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes / 1e6));
        let seconds = seconds.unwrap_or(f64::NAN);
        out += &format!("{step:<38}{seconds:>12.1} s{bytes:>14}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_step() {
        let steps =
            json!({"upload": {"seconds": 31.25, "bytes": 1.0e9}, "model": {"seconds": 0.5}});
        let table = table(&json!({"accuracy": 0.9781, "steps": steps}));
        assert!(
            table.contains("97.81 %") && table.contains("1000.0 MB"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 15);
    }
}
