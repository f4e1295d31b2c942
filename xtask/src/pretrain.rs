//! `cargo xtask pretrain`: makes the weights of velum-compact anew. The training is an example
//! of feature-extract behind its feature `pretrain`, which nothing else builds.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::cargo;

#[derive(Debug, clap::Args)]
pub(crate) struct Pretrain {
    /// Folder with free fonts (.ttf, .otf), searched through its subfolders.
    #[arg(long, default_value = "/usr/share/fonts")]
    fonts: PathBuf,
    /// Folder for weights, test slice and record, from the workspace root.
    #[arg(long, default_value = "feature-extract/weights")]
    out: PathBuf,
    /// Optimiser steps in place of the recipe's.
    #[arg(long)]
    steps: Option<usize>,
}

pub(crate) fn run(arguments: &Pretrain) -> Result<()> {
    let mut command = cargo::cargo();
    command
        .args(["run", "--package", "feature-extract"])
        // Training is burn's own work, which other builds compile for a short build.
        .args(["--config", "profile.dev.package.burn-flex.opt-level=3"])
        .args(["--features", "pretrain", "--example", "pretrain", "--"])
        .arg(&arguments.fonts)
        .arg(&arguments.out)
        .args(arguments.steps.map(|steps| steps.to_string()));
    let status = command.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("the training ended with {status}");
    }
    Ok(())
}
