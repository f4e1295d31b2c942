//! OpenFHE from its wheel, in a Python environment of its own under the build folder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo;

/// Interpreters, and the wheel that is built for each.
const WHEELS: [(&str, &str, &str); 2] = [
    ("python3.10", "3.10", "openfhe==1.6.1.0.22.4"),
    ("python3.12", "3.12", "openfhe==1.6.1.0.24.4"),
];

/// A Python with OpenFHE.
pub(super) struct OpenFhe {
    python: PathBuf,
    wheel: &'static str,
}

impl OpenFhe {
    /// The environment under the build folder, made there if there is none.
    pub(super) fn find() -> Result<Self> {
        let found = WHEELS.into_iter().find(|w| available(w.0, w.1));
        let (program, version, wheel) = found
            .context("its wheels need Python 3.10 or 3.12 with venv and pip; neither was found")?;
        let folder = cargo::root().join("target/tmp");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let home = folder.join(wheel.replace("==", "-"));
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
        Ok(Self { python, wheel })
    }

    /// Its Python, held to one thread.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.env("OMP_NUM_THREADS", "1");
        command
    }

    /// Name and version of its package.
    pub(super) fn wheel(&self) -> &'static str {
        self.wheel
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
