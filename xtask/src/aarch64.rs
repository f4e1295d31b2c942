//! he-core's lints for aarch64, and its unit tests under emulation: the NEON path is held against the portable one, and frozen hashes against those of
//! other machines.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo;

pub(crate) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Names a compiler for the target, for where the ordinary one has not its standard library.
const COMPILER: &str = "VELUM_AARCH64_RUSTC";

pub(crate) const LINKER: &str = "aarch64-linux-gnu-gcc";

/// The emulator, under the names that systems give it.
const EMULATORS: [&str; 2] = ["qemu-aarch64-static", "qemu-aarch64"];

/// The oldest compiler that takes the workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Lints, builds and runs the tests, or says in one line why not. A compiler that was named must do.
pub(crate) fn run() -> Result<()> {
    if cfg!(target_arch = "aarch64") {
        eprintln!("aarch64: nothing to do, this machine is one and the other tests ran on it");
        return Ok(());
    }
    if let Some(named) = std::env::var_os(COMPILER)
        && !has_target(&named, TARGET)
    {
        bail!(
            "{COMPILER} names {}, which has no standard library for {TARGET}",
            named.display()
        );
    }
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(missing) => {
            eprintln!("aarch64: skipped, {missing}");
            return Ok(());
        }
    };
    let package = ["--package", "he-core", "--target", TARGET];
    let lints = ["--all-targets", "--", "-D", "warnings"];
    // Clippy goes with the ordinary compiler alone.
    if tools.compiler.is_none() {
        tools.cargo(&[&["clippy"][..], &package, &lints].concat())?;
    }
    tools.cargo(&[&["test"][..], &package, &["--lib"]].concat())
}

fn ordinary() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"))
}

/// The compiler for a target, if it is not the ordinary one; or what is missing.
pub(crate) fn compiler_for(target: &str) -> std::result::Result<Option<OsString>, String> {
    if has_target(&ordinary(), target) {
        return Ok(None);
    }
    let named = std::env::var_os(COMPILER).filter(|_| target == TARGET);
    named.map(Some).ok_or_else(|| {
        let or = match target == TARGET {
            true => format!(", or name another compiler in {COMPILER}"),
            false => String::new(),
        };
        format!(
            "the compiler has no standard library for {target}: `rustup target add {target}`{or}"
        )
    })
}

/// What builds and runs programs of the target, beside the linker.
struct Tools {
    /// The compiler, if it is not the ordinary one.
    compiler: Option<OsString>,
    emulator: &'static str,
}

impl Tools {
    /// Looks for everything, or says what is missing.
    fn find() -> std::result::Result<Self, String> {
        let compiler = compiler_for(TARGET)?;
        let ordinary = ordinary();
        let asked = compiler.as_ref().unwrap_or(&ordinary);
        let version = said_by(Command::new(asked).arg("--version")).unwrap_or_default();
        if release(&version) < release(OLDEST) {
            return Err(format!(
                "the compiler that has {TARGET} is {version}, older than {OLDEST}"
            ));
        }
        // The bare name comes back where there is no such file.
        let library = said_by(Command::new(LINKER).arg("-print-file-name=libc.a"));
        if !library.is_some_and(|path| Path::new(&path).is_absolute()) {
            return Err(format!("there is no {LINKER} with a static C library"));
        }
        let there = |name: &&str| said_by(Command::new(name).arg("--version")).is_some();
        let emulator = EMULATORS.into_iter().find(there);
        let emulator =
            emulator.ok_or_else(|| format!("there is no {}", EMULATORS.join(" nor ")))?;
        Ok(Self { compiler, emulator })
    }

    /// Runs cargo for the target.
    fn cargo(&self, words: &[&str]) -> Result<()> {
        let mut command = cargo::cargo();
        if let Some(compiler) = &self.compiler {
            command.env("RUSTC", compiler);
        }
        let status = command
            .args(words)
            .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
            .env(
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER",
                self.emulator,
            )
            // Flags from outside are meant for this machine's processor. A static program needs no libraries where the emulator would look for
            // them. Without clippy nothing else shows warnings in code of this target.
            .env("RUSTFLAGS", "-C target-feature=+crt-static -D warnings")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .status()
            .context("cannot start cargo")?;
        match status.success() {
            true => Ok(()),
            false => bail!("cargo {} ended with {status}", words.join(" ")),
        }
    }
}

/// Whether a compiler has the target's standard library.
fn has_target(compiler: &OsString, target: &str) -> bool {
    let mut command = Command::new(compiler);
    command.args(["--print", "target-libdir", "--target", target]);
    said_by(&mut command).is_some_and(|folder| holds_library(Path::new(&folder)))
}

/// Whether a folder holds what every program is linked with. Compilers name the folder of a target also where they have it not.
fn holds_library(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    ["libcore-", "libstd-"].into_iter().all(|library| {
        let is = |name: &String| name.starts_with(library) && name.ends_with(".rlib");
        names.iter().any(is)
    })
}

/// What a program says on standard output, if it is there and succeeds.
fn said_by(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The first two numbers of a release that a text names: `(1, 95)` of `1.95` and of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn release(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split(['.', '-']);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered() {
        assert_eq!(release("1.95"), Some((1, 95)));
        assert_eq!(release("1.96.0\n"), Some((1, 96)));
        assert_eq!(
            release("rustc 1.100.0-nightly (59807616e 2026-04-14) (built from a source tarball)"),
            Some((1, 100))
        );
        assert_eq!(release("rustc"), None);
        assert_eq!(release(""), None);
        // What does not say its release is older than everything that does.
        assert!(release("") < release("1.9") && release("1.9") < release("1.95"));
        assert!(release(OLDEST).is_some());
    }

    #[test]
    fn a_target_is_there_with_both_its_libraries() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(!holds_library(&path.join("absent")));
        for (name, whole) in [
            ("libstd-0123.so", false),
            ("libstd-0123.rlib", false),
            ("libcore-4567.rmeta", false),
            ("libcore-4567.rlib", true),
        ] {
            std::fs::write(path.join(name), "").unwrap();
            assert_eq!(holds_library(path), whole, "{name}");
        }
    }

    #[test]
    fn programs_that_fail_or_are_not_there_say_nothing() {
        assert_eq!(said_by(&mut Command::new("velum-no-such-program")), None);
        let rustc = || Command::new("rustc");
        assert!(said_by(rustc().arg("--version")).is_some());
        assert_eq!(said_by(rustc().arg("--no-such-option")), None);
        assert!(!has_target(
            &OsString::from("velum-no-such-program"),
            TARGET
        ));
    }
}
