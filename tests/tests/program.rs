//! Running `velum`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// Where the binary is. Cargo tells a test only about binaries of its own package, so this asks cargo to build the other package's, in
/// the profile of this test; where the workspace was built before, that only finds it. What cargo says about it goes to stderr.
/// `VELUM_BINARY` names another one to test, such as one that is installed.
static VELUM: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(path) = std::env::var_os("VELUM_BINARY") {
        return PathBuf::from(path);
    }
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--package", "cli", "--bin", "velum"])
        .args(["--profile", &profile()])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success(), "cannot build velum");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .unwrap()
});

/// The profile of this test: the folder above `deps` is named after it.
fn profile() -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap();
    match folder.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev".to_owned(),
        name => name.to_owned(),
    }
}

/// What one run of velum did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Of a process that ended by itself.
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The object on the last line of stdout.
    pub(crate) fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {self}"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exit code {}\n----- stdout\n{}----- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Where velum is.
pub(crate) fn binary() -> &'static Path {
    &VELUM
}

/// Velum to be run in `folder`, without progress bars.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(&*VELUM);
    command.current_dir(folder).arg("--no-progress");
    command
}

/// Runs velum in `folder`.
pub(crate) fn velum(folder: &Path, arguments: &[&str]) -> Outcome {
    Outcome::of(&command(folder).args(arguments).output().unwrap())
}

/// Starts velum in `folder`, without a word, and does not wait for it.
pub(crate) fn spawn(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(&*VELUM)
        .current_dir(folder)
        .args(["--no-progress", "--quiet"])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs velum with `--json`, which must succeed, and gives its object.
pub(crate) fn done(folder: &Path, arguments: &[&str]) -> Value {
    let outcome = velum(folder, &[&["--json"], arguments].concat());
    assert_eq!(outcome.code, 0, "velum {arguments:?}: {outcome}");
    let object = outcome.json();
    assert_eq!(object["schema"], 1, "velum {arguments:?}: {outcome}");
    let verb: Vec<&str> = object["verb"].as_str().unwrap().split(' ').collect();
    assert!(
        arguments.starts_with(&verb),
        "velum {arguments:?}: {outcome}"
    );
    object
}

/// Every file below `folder`, relative to it, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// Copies a folder and everything below it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(&file), target).unwrap();
    }
}
