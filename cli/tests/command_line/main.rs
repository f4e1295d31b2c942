//! Snapshots of what the command line says: exit code, stdout and stderr.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot run its program fails"
)]

mod errors;
mod files;
mod help;

use std::path::Path;
use std::process::Command;

/// Runs velum in `dir` and returns exit code and both streams as one text; paths below `dir` appear as they were given.
fn velum(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_velum"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    format!(
        "exit code {}\n----- stdout\n{}----- stderr\n{}",
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}
