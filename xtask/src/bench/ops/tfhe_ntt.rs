//! The forward transform beside that of `tfhe-ntt`, in a scratch package under the build folder: it is no dependency of ours.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;

const PROGRAM: &str = include_str!("tfhe_ntt_peer.txt");

/// Builds the package in `folder` and runs it.
pub(super) fn run(folder: &Path) -> Result<Value> {
    let package = folder.join("tfhe-ntt-peer");
    let source = package.join("src");
    std::fs::create_dir_all(&source)
        .with_context(|| format!("cannot make {}", source.display()))?;
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write(&source.join("main.rs"), PROGRAM)?;
    write(&package.join("Cargo.toml"), &manifest(&cargo::root()))?;
    // The versions of our own dependencies.
    let lock = std::fs::read_to_string(cargo::root().join("Cargo.lock")).unwrap_or_default();
    if !package.join("Cargo.lock").exists() {
        write(&package.join("Cargo.lock"), &lock)?;
    }
    let mut command = cargo::cargo();
    command.args(["run", "--quiet", "--release", "--manifest-path"]);
    command.arg(package.join("Cargo.toml"));
    let text = cargo::output_of(command.arg("--target-dir").arg(package.join("target")))?;
    serde_json::from_str(text.trim()).with_context(|| format!("expected JSON, found {text:?}"))
}

/// A workspace of its own, whatever folder it lies in.
fn manifest(root: &Path) -> String {
    let root = root.display().to_string();
    format!(
        "[package]\nname = \"tfhe-ntt-peer\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [dependencies]\nhe-core = {{ path = {:?} }}\ntfhe-ntt = \"0.7\"\n\n[profile.release]\nincremental = false\n\n[workspace]\n",
        format!("{root}/he-core")
    )
}
