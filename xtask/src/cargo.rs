//! Running cargo and git in the workspace root.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The packages, in the order of the layers.
pub(crate) const PACKAGES: [&str; 7] = [
    "he-core",
    "feature-extract",
    "velum-record",
    "mlr-train",
    "cli",
    "xtask",
    "tests",
];

/// The folder of a package, from the root.
pub(crate) fn folder(package: &str) -> &str {
    match package {
        "velum-record" => "mlr-train/record",
        other => other,
    }
}

/// The workspace root: the parent of this package.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let mut root = PathBuf::from(manifest);
    root.pop();
    root
}

/// The cargo that started us, or the one in the path.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs a command to its end and gives its standard output; its standard error passes through.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown} ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("output of {shown} is not UTF-8"))
}

/// The files of the repository, relative to the root, with `/` between folders: what git tracks or would track.
/// Outside a git checkout: every file but the build folder.
pub(crate) fn tracked_files(root: &Path) -> Result<Vec<String>> {
    let git = Command::new("git")
        .current_dir(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output();
    let mut files: Vec<String> = match git {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)
            .context("a file name is not UTF-8")?
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            // A file deleted but not yet committed is still listed.
            .filter(|name| root.join(name).exists())
            .collect(),
        _ => {
            let mut found = Vec::new();
            walk(root, "", &mut found)?;
            found
        }
    };
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path, below: &str, found: &mut Vec<String>) -> Result<()> {
    let folder = root.join(below);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if below.is_empty() && (name == "target" || name == ".git") {
            continue;
        }
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if entry.file_type()?.is_dir() {
            walk(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Builds an example of he-core and finds it.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    let text = output_of(cargo().args([
        "build",
        "--quiet",
        "--package",
        "he-core",
        "--example",
        name,
        "--message-format",
        "json-render-diagnostics",
    ]))?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["kind"][0] == "example")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo named no executable of the example")
}
