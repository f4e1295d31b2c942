//! What was measured, and on what: commit, processor, memory, system, compiler.

use std::process::Command;

use serde_json::{Value, json};

use crate::cargo;

/// The commit, with `-dirty` when the working tree differs from it; "unknown" outside a git checkout.
pub(super) fn commit() -> String {
    let Some(hash) = first_line(git().args(["rev-parse", "HEAD"])) else {
        return "unknown".to_owned();
    };
    match first_line(git().args(["status", "--porcelain"])) {
        None => hash,
        Some(_) => format!("{hash}-dirty"),
    }
}

fn git() -> Command {
    let mut command = Command::new("git");
    command.current_dir(cargo::root());
    command
}

/// Processor, cores, memory, system and compiler; what cannot be found out is null.
pub(super) fn describe() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = entry(&read("/proc/cpuinfo"), "model name", ':')
        .or_else(|| first_line(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])));
    let memory_gb = entry(&read("/proc/meminfo"), "MemTotal", ':')
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        // Kibibytes to gibibytes, one decimal.
        .map(|kib| (kib / f64::from(1 << 20) * 10.0).round() / 10.0);
    let system = entry(&read("/etc/os-release"), "PRETTY_NAME", '=').map_or_else(
        || std::env::consts::OS.to_owned(),
        |name| name.replace('"', ""),
    );
    json!({
        "cpu": cpu,
        "cores": std::thread::available_parallelism().ok().map(std::num::NonZeroUsize::get),
        "memory_gb": memory_gb,
        "os": system,
        "arch": std::env::consts::ARCH,
        "rustc": first_line(Command::new("rustc").arg("--version")),
    })
}

/// The value of the first line `key <separator> value`.
fn entry(text: &str, key: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().to_owned())
}

/// The first line that a command prints, if it succeeds and prints one.
fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.lines().next().map(str::to_owned))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_their_whole_key() {
        let text = "model\t: 1\nmodel name\t: Some CPU: fast\nMemTotal:  16000000 kB\n";
        assert_eq!(entry(text, "model name", ':').unwrap(), "Some CPU: fast");
        assert_eq!(entry(text, "MemTotal", ':').unwrap(), "16000000 kB");
        assert_eq!(entry(text, "name", ':'), None);
    }
}
