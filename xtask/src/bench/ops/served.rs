//! OpenFHE as a peer of single operations.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::openfhe::OpenFhe;
use super::worker::Worker;

const SCRIPT: &str = include_str!("openfhe_peer.py");

/// Starts it; also says what it is and how it was built.
pub(super) fn start(peer: &OpenFhe) -> Result<(Worker, Value)> {
    let mut worker = Worker::start("OpenFHE", peer.command().args(["-c", SCRIPT]))?;
    let found = worker.ask(&json!({"build": null}))?;
    let library = found["library"].as_str().context("no library named")?;
    let build = json!({
        "package": peer.wheel(),
        "threads": found["threads"],
        "vector_registers": vector_registers(Path::new(library)),
    });
    Ok((worker, build))
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
