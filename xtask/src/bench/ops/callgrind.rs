//! Instructions of the kernels, counted by valgrind: the same whatever else the machine does. Valgrind knows no AVX-512, so the AVX2 path runs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const LOG_N: u32 = 15;
const KERNELS: [&str; 5] = [
    "forward NTT",
    "inverse NTT",
    "product",
    "key product, 3 digits",
    "base conversion, 4 sources",
];

/// Instructions of each kernel and of each residue of it; nothing without valgrind.
pub(super) fn run(example: &Path) -> Result<Option<Value>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let mut found = serde_json::Map::new();
    for kernel in KERNELS {
        // What goes before is the same for any number of runs.
        let (few, many) = (count(example, kernel, 1)?, count(example, kernel, 5)?);
        let each = (many - few) / 4;
        found.insert(
            kernel.to_owned(),
            json!({"instructions": each, "a_residue": each as f64 / f64::from(1 << LOG_N)}),
        );
    }
    Ok(Some(json!({"log_n": LOG_N, "kernels": found})))
}

fn count(example: &Path, kernel: &str, runs: u32) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(example).args(["--kernel", kernel]);
    let output = command
        .args([LOG_N.to_string(), runs.to_string()])
        .output()
        .context("cannot start valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind ended with {}: {text}", output.status);
    }
    collected(&text).with_context(|| format!("no count in what valgrind printed: {text}"))
}

fn collected(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_what_valgrind_prints() {
        let text = "==7== Events    : Ir\n==7== Collected : 123456\n==7==\n";
        assert_eq!(collected(text), Some(123_456));
        assert_eq!(collected("==7== nothing"), None);
    }
}
