//! The peer of `bench extract`: torch on the CPU, in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Job;
use crate::cargo;

const SCRIPT: &str = include_str!("torch_features.py");
/// From PyPI; torch is large.
const PACKAGES: [&str; 3] = ["torch", "torchvision", "numpy"];

/// A Python with torch.
pub(super) struct Torch {
    python: PathBuf,
}

impl Torch {
    /// The environment in `folder`, made there if there is none.
    pub(super) fn find(folder: &Path) -> Result<Self> {
        let python = folder.join("bin/python");
        let imports = || {
            let mut check = Command::new(&python);
            let check = check.args(["-c", "import torch, torchvision, numpy"]);
            check.output().is_ok_and(|out| out.status.success())
        };
        if !imports() {
            eprintln!("installing torch into {}; it is large", folder.display());
            cargo::output_of(
                Command::new("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(folder),
            )?;
            let mut install = Command::new(&python);
            install.args(["-m", "pip", "install", "--quiet"]);
            cargo::output_of(install.args(PACKAGES))?;
        }
        Ok(Self { python })
    }

    /// Random weights of a network, written to `to`: speed does not depend on what they are.
    pub(super) fn draw(&self, arch: &str, to: &Path) -> Result<()> {
        let mut command = Command::new(&self.python);
        command.args(["-c", SCRIPT, "--arch", arch, "--draw", "--weights"]);
        cargo::output_of(command.arg(to)).map(drop)
    }

    /// Runs the job; features go to `out` as little-endian f32. Returns the object that the script prints.
    pub(super) fn run(
        &self,
        job: &Job,
        images: &Path,
        threads: usize,
        out: &Path,
    ) -> Result<Value> {
        let mut command = Command::new(&self.python);
        command.args(["-c", SCRIPT, "--arch", job.arch]);
        command.arg("--weights").args(&job.weights);
        command.arg("--images").arg(images);
        command.args(["--count", &job.images.to_string()]);
        command.args(["--threads", &threads.to_string()]);
        let text = cargo::output_of(command.arg("--out").arg(out))?;
        let line = text.lines().last().unwrap_or_default();
        serde_json::from_str(line).with_context(|| format!("torch printed no object but {line:?}"))
    }
}
