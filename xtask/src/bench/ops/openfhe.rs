//! OpenFHE from its wheel, in a Python environment of its own under the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::worker::Worker;
use crate::cargo;

/// Interpreters, and the wheel that is built for each.
const WHEELS: [(&str, &str, &str); 2] = [
    ("python3.10", "3.10", "openfhe==1.5.1.0.22.4"),
    ("python3.12", "3.12", "openfhe==1.5.1.0.24.4"),
];
const SCRIPT: &str = include_str!("openfhe_peer.py");

/// A Python with OpenFHE.
pub(super) struct OpenFhe {
    python: PathBuf,
    wheel: &'static str,
}

impl OpenFhe {
    /// The environment under `folder`, made there if there is none; nothing without an interpreter that a wheel exists for.
    pub(super) fn find(folder: &Path) -> Result<Option<Self>> {
        let Some((program, version, wheel)) = WHEELS.into_iter().find(|w| available(w.0, w.1))
        else {
            return Ok(None);
        };
        let home = folder.join(format!("openfhe-{version}"));
        let python = home.join("bin").join("python");
        let imports = || {
            let mut command = Command::new(&python);
            let output = command.args(["-c", "import openfhe"]).output();
            output.is_ok_and(|out| out.status.success())
        };
        if !imports() {
            eprintln!("installing {wheel} into {}", home.display());
            let mut venv = interpreter(program, version);
            cargo::output_of(venv.args(["-m", "venv", "--clear"]).arg(&home))?;
            let mut install = Command::new(&python);
            install.args(["-m", "pip", "install", "--quiet"]);
            install.args(["--disable-pip-version-check", "--only-binary", ":all:"]);
            cargo::output_of(install.arg(wheel))?;
        }
        Ok(Some(Self { python, wheel }))
    }

    /// Starts it; also says what it is and how it was built.
    pub(super) fn start(&self) -> Result<(Worker, Value)> {
        let mut command = Command::new(&self.python);
        let mut worker = Worker::start("OpenFHE", command.args(["-c", SCRIPT]))?;
        let found = worker.ask(&json!({"build": null}))?;
        let library = found["library"].as_str().context("no library named")?;
        let build = json!({
            "package": self.wheel,
            "threads": found["threads"],
            "vector_registers": vector_registers(Path::new(library)),
        });
        Ok((worker, build))
    }
}

fn interpreter(program: &str, version: &str) -> Command {
    let mut command = Command::new(program);
    // Version managers that put stand-ins on the path choose by this variable; nobody else reads it.
    command.env("PYENV_VERSION", version);
    command
}

fn available(program: &str, version: &str) -> bool {
    let mut command = interpreter(program, version);
    let output = command.args(["-c", "import venv, ensurepip"]).output();
    output.is_ok_and(|out| out.status.success())
}

/// Instructions of the library that name vector registers of 128, 256 and 512 bits; null without a disassembler.
fn vector_registers(library: &Path) -> Value {
    let mut command = Command::new("objdump");
    command
        .args(["--disassemble", "--no-show-raw-insn"])
        .arg(library);
    match command.output() {
        Ok(out) if out.status.success() => count_registers(&String::from_utf8_lossy(&out.stdout)),
        _ => Value::Null,
    }
}

fn count_registers(text: &str) -> Value {
    let lines = |name: &str| text.lines().filter(|line| line.contains(name)).count();
    json!({"xmm": lines("%xmm"), "ymm": lines("%ymm"), "zmm": lines("%zmm")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_counted_by_the_registers_they_name() {
        let text = "  10: addsd %xmm1,%xmm0\n  14: vaddpd %ymm1,%ymm0,%ymm2\n  18: add %rax,%rbx\n";
        assert_eq!(count_registers(text), json!({"xmm": 1, "ymm": 1, "zmm": 0}));
    }
}
