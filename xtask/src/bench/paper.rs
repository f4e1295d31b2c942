//! The paper's job, end to end, as a client and a server would run it: every verb a process of its own, and in the server's folder
//! nothing but plan, evaluation keys and dataset.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use velum_record::{Place, Record};

use super::summary::{Run, summarise};
use crate::cargo;

/// The paper trains on its first 128 images.
const TRAIN_ROWS: &str = "0..128";
const TEST_ROWS: &str = "128..";

/// One way to do the job.
pub(super) struct Job {
    /// Its name in the results.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) title: &'static str,
    plan: &'static [&'static str],
}

/// What the verbs of one run are given, beside the names of their own files.
pub(super) struct Work<'a> {
    /// For `plan`.
    pub(super) plan: Vec<&'a str>,
    /// The training rows, for `plan` and `encrypt`.
    pub(super) train: Vec<&'a str>,
    /// What both must know of the whitening.
    pub(super) whitening: Vec<&'a str>,
    /// Test and training rows, for `evaluate`.
    pub(super) test: Vec<&'a str>,
}

impl<'a> Work<'a> {
    /// The paper's rows, with these options of `plan`.
    pub(super) fn of_the_paper(features: &'a Path, plan: Vec<&'a str>) -> Result<Self> {
        let features = features
            .to_str()
            .with_context(|| format!("the path {} is not UTF-8", features.display()))?;
        Ok(Self {
            plan,
            train: vec!["--features", features, "--rows", TRAIN_ROWS],
            whitening: vec![],
            test: vec![
                "--features",
                features,
                "--rows",
                TEST_ROWS,
                "--train-features",
                features,
                "--train-rows",
                TRAIN_ROWS,
            ],
        })
    }
}

/// The three ways, in the order of the table.
pub(super) const JOBS: [Job; 3] = [
    Job {
        name: "whitened",
        title: "whitened",
        plan: &["--method", "whitened", "--first-gradient", "client"],
    },
    Job {
        name: "whitened_server_gradient",
        title: "whitened, server gradient",
        plan: &["--method", "whitened", "--first-gradient", "server"],
    },
    Job {
        name: "paper",
        title: "paper",
        plan: &["--method", "paper"],
    },
];

/// Runs every job `runs` times; the results by job.
pub(super) fn run(features: &Path, runs: usize) -> Result<Value> {
    let features = features.canonicalize().with_context(|| {
        format!(
            "cannot find the features {}; expected a .csv(.gz), .npy or .safetensors file of at least 129 rows",
            features.display()
        )
    })?;
    let velum = build(&[])?;
    let folder = tempfile::Builder::new()
        .prefix("velum-bench-")
        .tempdir()
        .context("cannot make a temporary directory")?;
    let mut results = Map::new();
    for job in &JOBS {
        let mut done = Vec::new();
        for k in 0..runs {
            eprintln!("{}: run {} of {runs}", job.title, k + 1);
            let place = folder.path().join(format!("{}-{k}", job.name));
            let work = Work::of_the_paper(&features, [job.plan, &["--iterations", "2"]].concat())?;
            let outcome = once(&velum, &work, &place)
                .with_context(|| format!("job {:?}, run {}", job.title, k + 1))?;
            done.push(outcome);
            // Evaluation keys are large: one run's files at a time.
            std::fs::remove_dir_all(&place)?;
        }
        results.insert(job.name.to_owned(), summarise(&done));
    }
    Ok(Value::Object(results))
}

/// Builds the binary with `features` and asks cargo where it is.
pub(crate) fn build(features: &[&str]) -> Result<PathBuf> {
    let messages = cargo::output_of(
        cargo::cargo()
            .args(["build", "--package", "cli", "--bin", "velum"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(features),
    )?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("cargo built the package cli but named no executable")
}

/// One whole run in `place`, which must not exist.
pub(super) fn once(velum: &Path, work: &Work<'_>, place: &Path) -> Result<Run> {
    let (client, server) = (place.join("client"), place.join("server"));
    std::fs::create_dir_all(&client)?;
    std::fs::create_dir_all(&server)?;
    let plan = [
        &work.plan[..],
        &work.train,
        &work.whitening,
        &["--out", "plan.json"],
    ]
    .concat();
    let plan = said(velum, &client, "plan", &plan)?;
    let keygen = [
        "--plan",
        "plan.json",
        "--key",
        "keys/secret.key",
        "--eval-keys",
        "eval-keys",
    ];
    let keygen = said(velum, &client, "keygen", &keygen)?;
    let encrypt = [
        "--plan",
        "plan.json",
        "--key",
        "keys/secret.key",
        "--private",
        "private",
        "--out",
        "dataset",
    ];
    let encrypt = [&encrypt[..], &work.train, &work.whitening].concat();
    let encrypt = said(velum, &client, "encrypt", &encrypt)?;

    std::fs::copy(client.join("plan.json"), server.join("plan.json"))?;
    for name in ["eval-keys", "dataset"] {
        std::fs::rename(client.join(name), server.join(name))?;
    }
    only(&server, &["dataset", "eval-keys", "plan.json"])?;
    let train = [
        "--plan",
        "plan.json",
        "--eval-keys",
        "eval-keys",
        "--dataset",
        "dataset",
        "--out",
        "model.enc",
    ];
    let start = Instant::now();
    let train = said(velum, &server, "train", &train)?;
    let train_seconds = start.elapsed().as_secs_f64();
    std::fs::rename(server.join("model.enc"), client.join("model.enc"))?;

    let decrypt = [
        "--plan",
        "plan.json",
        "--key",
        "keys/secret.key",
        "--private",
        "private",
        "--model",
        "model.enc",
        "--out",
        "model",
    ];
    let decrypt = said(velum, &client, "decrypt", &decrypt)?;
    let evaluate = ["--model", "model", "--private", "private"];
    let evaluate = [&evaluate[..], &work.test].concat();
    let evaluate = said(velum, &client, "evaluate", &evaluate)?;
    Ok(Run {
        plan,
        keygen,
        encrypt,
        train,
        train_seconds,
        decrypt,
        evaluate,
    })
}

/// Refuses a folder that holds anything but `expected` (sorted), and records that a server may have.
pub(super) fn only(folder: &Path, expected: &[&str]) -> Result<()> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !(name.ends_with(".record.json") && is_public(&entry.path())) {
            found.push(name);
        }
    }
    found.sort();
    if found != expected {
        bail!("the server's folder holds {found:?}, expected {expected:?}");
    }
    Ok(())
}

fn is_public(record: &Path) -> bool {
    let read = std::fs::read(record).ok();
    let read = read.and_then(|text| Record::parse(&text).ok());
    read.is_some_and(|record| record.did.place() == Place::Server)
}

/// Runs one verb in `folder` and reads what it said.
pub(super) fn said<T: serde::de::DeserializeOwned>(
    velum: &Path,
    folder: &Path,
    verb: &str,
    arguments: &[&str],
) -> Result<T> {
    let value = call(velum, folder, verb, arguments)?;
    serde_json::from_value(value).with_context(|| {
        format!("velum {verb} --json printed another record than this build knows")
    })
}

/// The exit code of a training that waits for a refresh.
const WAITS: i32 = 4;

/// Runs one verb in `folder` and reads the object on its last line.
pub(super) fn call(velum: &Path, folder: &Path, verb: &str, arguments: &[&str]) -> Result<Value> {
    run_until_refresh(velum, folder, verb, arguments)?
        .with_context(|| format!("velum {verb} waits for a refresh that was not planned"))
}

/// The same of a training; nothing where it waits for a refresh.
pub(super) fn run_until_refresh(
    velum: &Path,
    folder: &Path,
    verb: &str,
    arguments: &[&str],
) -> Result<Option<Value>> {
    let output = Command::new(velum)
        .current_dir(folder)
        .args(["--json", "--quiet", "--no-progress"])
        .args(verb.split(' '))
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {}", velum.display()))?;
    if output.status.code() == Some(WAITS) {
        return Ok(None);
    }
    if !output.status.success() {
        bail!(
            "velum {verb} ended with {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(line)
        .with_context(|| format!("velum {verb} --json printed no object but {line:?}"))?;
    if value["verb"] != verb {
        bail!(
            "velum {verb} --json printed the object of verb {}",
            value["verb"]
        );
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = run(Path::new("no/such/features.csv"), 1).unwrap_err();
        assert!(
            error.to_string().contains("no/such/features.csv"),
            "{error}"
        );
    }

    #[test]
    fn a_stranger_in_the_server_s_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.json"), "").unwrap();
        assert!(only(folder.path(), &["plan.json"]).is_ok());
        std::fs::write(folder.path().join("secret.key"), "").unwrap();
        assert!(only(folder.path(), &["plan.json"]).is_err());
    }
}
