//! `cargo xtask dist`: one file that runs on any Linux of its processor, whatever C library is there.
//!
//! It is linked with glibc's static half: its allocator is several times as fast as musl's under many threads, and the program uses nothing of glibc
//! that wants files at run time (names of hosts or users).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::{aarch64, cargo};

/// Targets that the program is built for, their machine in an ELF header, and the linker where this machine is another.
const TARGETS: [(&str, u16, &str); 2] = [
    ("x86_64-unknown-linux-gnu", 62, "x86_64-linux-gnu-gcc"),
    (aarch64::TARGET, 183, aarch64::LINKER),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Dist {
    /// The processor to build for [default: this machine's].
    #[arg(long, value_parser = TARGETS.map(|(target, ..)| target))]
    target: Option<String>,
    /// Without the networks that turn pictures into features: a server's.
    #[arg(long)]
    server: bool,
}

pub(crate) fn run(arguments: &Dist) -> Result<()> {
    let own = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let wanted = arguments.target.as_deref().unwrap_or(&own);
    let known = TARGETS.into_iter().find(|(target, ..)| *target == wanted);
    let (target, machine, linker) =
        known.with_context(|| format!("there is no static build for {wanted}"))?;
    let mut command = cargo::cargo();
    if target != own {
        if let Some(compiler) = aarch64::compiler_for(target).map_err(anyhow::Error::msg)? {
            command.env("RUSTC", compiler);
        }
        let linked = Command::new(linker).arg("--version").output();
        ensure!(
            linked.is_ok_and(|out| out.status.success()),
            "there is no {linker}, which links for {target}"
        );
        let name = target.to_uppercase().replace('-', "_");
        command.env(format!("CARGO_TARGET_{name}_LINKER"), linker);
    }
    command
        .args(["build", "--locked", "--package", "cli", "--profile", "dist"])
        .args(["--target", target])
        .args(["--message-format", "json-render-diagnostics"])
        // Flags from outside are meant for this machine's processor.
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if arguments.server {
        command.arg("--no-default-features");
    }
    let built = cargo::output_of(&mut command)?;
    let built = built
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo named no executable")?;
    is_static(&built, machine)?;
    let kind = if arguments.server { "-server" } else { "" };
    let name = format!("velum{kind}-{}-{target}", env!("CARGO_PKG_VERSION"));
    // TARGET/dist/velum below cargo's folder of builds.
    let builds = built.ancestors().nth(3).unwrap_or(&built);
    let place = builds.join(name);
    let bytes = std::fs::copy(&built, &place)
        .with_context(|| format!("cannot write {}", place.display()))?;
    if target == own {
        cargo::output_of(Command::new(&place).arg("--version"))?;
    }
    println!(
        "{}: {:.1} MB, for any Linux on this processor",
        place.display(),
        bytes as f64 / 1e6
    );
    Ok(())
}

/// Whether a program is for this machine and asks for no loader, from its ELF header and the table behind it.
fn is_static(program: &Path, machine: u16) -> Result<()> {
    let bytes =
        std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let found = needs_loader(&bytes, machine)
        .with_context(|| format!("{} is no program for this target", program.display()))?;
    match found {
        false => Ok(()),
        true => bail!("{} asks for a loader: it is not static", program.display()),
    }
}

/// None for what is no 64-bit program of this machine. A segment of type 3 names a loader.
fn needs_loader(bytes: &[u8], machine: u16) -> Option<bool> {
    let two = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let four = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let table = usize::try_from(u64::from_le_bytes(bytes.get(32..40)?.try_into().ok()?)).ok()?;
    let (size, count) = (usize::from(two(54)?), usize::from(two(56)?));
    if !bytes.starts_with(b"\x7fELF\x02") || two(18)? != machine {
        return None;
    }
    let mut kinds = (0..count).map(|index| four(table.checked_add(index * size)?));
    kinds.try_fold(false, |found, kind| Some(found || kind? == 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header and a table of two segments.
    fn program(machine: u16, kinds: [u32; 2]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 2 * 56];
        bytes[..5].copy_from_slice(b"\x7fELF\x02");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 2;
        for (index, kind) in kinds.into_iter().enumerate() {
            bytes[64 + 56 * index..][..4].copy_from_slice(&kind.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_loader_is_found() {
        assert_eq!(needs_loader(&program(62, [1, 1]), 62), Some(false));
        assert_eq!(needs_loader(&program(62, [1, 3]), 62), Some(true));
        assert_eq!(needs_loader(&program(183, [1, 1]), 62), None);
        assert_eq!(needs_loader(&program(62, [1, 1])[..100], 62), None);
        assert_eq!(needs_loader(b"#!/bin/sh", 62), None);
        // Every test runs in a program of this machine.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let machine = if cfg!(target_arch = "aarch64") {
            183
        } else {
            62
        };
        assert!(needs_loader(&own, machine).is_some());
    }
}
