//! Training for as long as it pays: 60,000 rows of MNIST with and without refreshes of the weights, end to end on ciphertexts.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use velum_record::client::{Encrypted, Evaluated, Keygen, Opened, RefreshedWeights};
use velum_record::plan::Planned;
use velum_record::server;

use super::group::{self, Group, Wanted};
use super::long_paper;
use super::paper::{build, run_until_refresh, said};

/// Options of `bench long`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Long {
    /// A directory with {train,test}_{features,labels}.npy.
    #[arg(long, value_name = "DIR")]
    features: PathBuf,
    /// Training rows, from the first.
    #[arg(long, value_name = "N", default_value = "60000")]
    samples: usize,
    /// Ways to refresh the weights.
    #[arg(
        long,
        value_name = "WAY,..",
        value_delimiter = ',',
        default_value = "none,client,bootstrap,owners"
    )]
    ways: Vec<String>,
    /// Iterations of a run that is refreshed.
    #[arg(long, value_name = "T", default_value = "10")]
    iterations: usize,
    /// Degree of the polynomials of a run that is refreshed.
    #[arg(long, value_name = "K", default_value = "13")]
    degree: u32,
    /// Largest memory of the server.
    #[arg(long, value_name = "SIZE", default_value = "5GB")]
    max_memory: String,
    /// Largest memory of a server that bootstraps: its levels make every ciphertext larger.
    #[arg(long, value_name = "SIZE", default_value = "6GB")]
    max_memory_bootstrap: String,
    /// Largest memory of a server whose owners refresh.
    #[arg(long, value_name = "SIZE", default_value = "8GB")]
    max_memory_owners: String,
    /// Labels and features of the paper's rows: also its own method, 30 iterations through bootstraps.
    #[arg(long, value_name = "FILE")]
    paper: Option<PathBuf>,
    /// Where a picture of accuracy against time goes.
    #[arg(long, value_name = "OUT")]
    pub(super) svg: Option<PathBuf>,
    /// Where the results go, besides the table.
    #[arg(long, value_name = "OUT")]
    pub(super) json: Option<PathBuf>,
}

/// Steps in units of 1/rows: the first one, and all later ones.
const STEPS: [&str; 2] = ["4", "16"];
/// The record of the paper's own method, which is no way to refresh.
const PAPER: &str = "paper";
/// The way that takes several owners.
const OWNERS: &str = "owners";
const COMMON: [&str; 4] = ["--keep", "511", "--lambda", "0.0001"];
/// Without refreshes: what `bench mnist` does with all rows.
const NONE: [&str; 6] = ["--iterations", "3", "--steps", "4,16,16", "--range", "7"];

/// By owners: nobody has rows to fit polynomials of single iterations to.
const OWNED: [&str; 6] = ["--range", "16", "--degree", "13", "--refresh", "owners"];
const OWNED_ITERATIONS: usize = 10;

/// Arguments that name files, one of each verb's.
const PLAN: [&str; 2] = ["--plan", "plan.json"];
const KEY: [&str; 2] = ["--key", "keys/secret.key"];
const PRIVATE: [&str; 2] = ["--private", "private"];

/// Runs every way; the results by way.
pub(super) fn run(given: &Long) -> Result<Value> {
    let folder = given
        .features
        .canonicalize()
        .with_context(|| format!("cannot find the features {}", given.features.display()))?;
    let velum = build(&[])?;
    let mut results = Map::new();
    for way in &given.ways {
        let place = tempfile::Builder::new()
            .prefix("velum-bench-long-")
            .tempdir()?;
        let bench = Bench {
            given,
            velum: &velum,
            folder: &folder,
            place: place.path(),
        };
        let record = match way.as_str() {
            OWNERS => bench.owners(),
            _ => bench.way(way),
        };
        let record = record.with_context(|| format!("refresh by {way}"))?;
        results.insert(way.clone(), record);
    }
    if let Some(features) = &given.paper {
        let record = long_paper::run(&velum, features, &given.max_memory_bootstrap)?;
        results.insert(PAPER.to_owned(), record);
    }
    Ok(Value::Object(results))
}

struct Bench<'a> {
    given: &'a Long,
    velum: &'a Path,
    folder: &'a Path,
    place: &'a Path,
}

/// What the training and its refreshes took.
#[derive(Default)]
struct Trained {
    /// What the last process printed.
    last: Option<server::Trained>,
    seconds: f64,
    refreshes: u64,
    refresh_seconds: f64,
    refresh_bytes: u64,
}

impl Bench<'_> {
    fn path(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        let text = path.to_str().context("expected a path in UTF-8")?;
        Ok(text.to_owned())
    }

    fn way(&self, way: &str) -> Result<Value> {
        let (client, server) = (self.place.join("client"), self.place.join("server"));
        std::fs::create_dir_all(&client)?;
        std::fs::create_dir_all(&server)?;
        let (features, labels) = (
            self.path("train_features.npy")?,
            self.path("train_labels.npy")?,
        );
        let rows = format!("0..{}", self.given.samples);
        let rows = [
            "--features",
            &features,
            "--labels",
            &labels,
            "--rows",
            &rows,
        ];
        let steps = steps(self.given.iterations);
        let (iterations, degree) = (
            self.given.iterations.to_string(),
            self.given.degree.to_string(),
        );
        let refreshed = [
            "--iterations",
            &iterations,
            "--steps",
            &steps,
            "--sigmoid",
            "each",
            "--degree",
            &degree,
            "--refresh",
            way,
        ];
        let wishes: &[&str] = if way == "none" { &NONE } else { &refreshed };
        let memory = if way == "bootstrap" {
            &self.given.max_memory_bootstrap
        } else {
            &self.given.max_memory
        };
        let limit = ["--max-memory", memory, "--out", "plan.json"];
        let all = [&rows[..], &COMMON, wishes, &limit].concat();
        let plan: Planned = said(self.velum, &client, "plan", &all)?;
        let all = [&PLAN[..], &KEY, &["--eval-keys", "eval-keys"]].concat();
        let keygen: Keygen = said(self.velum, &client, "keygen", &all)?;
        let all = [&PLAN[..], &KEY, &PRIVATE, &["--out", "dataset"], &rows].concat();
        let encrypt: Encrypted = said(self.velum, &client, "encrypt", &all)?;
        std::fs::copy(client.join("plan.json"), server.join("plan.json"))?;
        for name in ["eval-keys", "dataset"] {
            std::fs::rename(client.join(name), server.join(name))?;
        }
        let trained = self.train(&client, &server)?;
        std::fs::rename(server.join("model.enc"), client.join("model.enc"))?;
        let model = ["--model", "model.enc", "--out", "model"];
        let all = [&PLAN[..], &KEY, &PRIVATE, &model].concat();
        let decrypt: Opened = said(self.velum, &client, "decrypt", &all)?;
        let (test, truth) = (
            self.path("test_features.npy")?,
            self.path("test_labels.npy")?,
        );
        let evaluate = [
            "--model",
            "model",
            "--private",
            "private",
            "--features",
            &test,
            "--labels",
            &truth,
            "--train-features",
            &features,
            "--train-labels",
            &labels,
            "--train-rows",
            rows[5],
        ];
        let evaluate: Evaluated = said(self.velum, &client, "evaluate", &evaluate)?;
        let failure = plan.bootstrap.as_ref().map(|way| way.failure_log2);
        Ok(json!({
            "accuracy_encrypted": evaluate.accuracy,
            "accuracy_clear": evaluate.accuracy_clear,
            "accuracy_client_only": evaluate.accuracy_client_only,
            "accuracy_best_clear": evaluate.accuracy_best_clear,
            "max_weight_error": decrypt.max_weight_error,
            "iterations": plan.iterations,
            "log_n": plan.log_n,
            "log_qp": plan.log_qp,
            "security_bits": plan.security_bits,
            "levels": plan.levels,
            "refresh_every": plan.refresh_every,
            "failure_log2": failure,
            "predicted_weight_error": plan.predicted_weight_error,
            "predicted_train_seconds": plan.predicted_train_seconds,
            "predicted_peak_rss_bytes": plan.server_memory_bytes,
            "upload_bytes": encrypt.upload_bytes,
            "eval_key_bytes": keygen.eval_key_bytes,
            "encrypt_seconds": encrypt.seconds,
            "clear_train_seconds": encrypt.clear_train_seconds,
            "train_seconds": trained.seconds,
            "peak_rss_mb": trained.last.map(|last| last.peak_rss_mb),
            // The server does those of a bootstrapping by itself, within its time.
            "refreshes": plan.refreshes,
            "answered": trained.refreshes,
            "refresh_seconds": trained.refresh_seconds,
            "refresh_bytes": trained.refresh_bytes,
        }))
    }

    /// Trains, process by process, and answers every request.
    fn train(&self, client: &Path, server: &Path) -> Result<Trained> {
        let mut done = Trained::default();
        let answer = client.join("answer");
        let answer = answer.to_str().context("expected a path in UTF-8")?;
        let mut arguments = PLAN.to_vec();
        arguments.extend(["--eval-keys", "eval-keys", "--dataset", "dataset"]);
        arguments.extend(["--out", "model.enc"]);
        loop {
            let start = Instant::now();
            let trained = run_until_refresh(self.velum, server, "train", &arguments)?;
            done.seconds += start.elapsed().as_secs_f64();
            if let Some(last) = trained {
                done.last = Some(serde_json::from_value(last)?);
                return Ok(done);
            }
            std::fs::copy(server.join("model.enc.refresh"), client.join("request"))?;
            let files = ["--request", "request", "--out", "answer"];
            let start = Instant::now();
            let refresh = [&PLAN[..], &KEY, &PRIVATE, &files].concat();
            let refreshed: RefreshedWeights = said(self.velum, client, "refresh", &refresh)?;
            done.refresh_seconds += start.elapsed().as_secs_f64();
            done.refreshes += 1;
            done.refresh_bytes += refreshed.request_bytes + refreshed.answer_bytes;
            eprintln!("refreshed before iteration {}", refreshed.before);
            if done.refreshes == 1 {
                arguments.extend(["--resume", "--refreshed", answer]);
            }
        }
    }

    /// Three owners with equal shares of the rows, two of whom refresh and open, under a key that none of them holds.
    fn owners(&self) -> Result<Value> {
        let step = group::example()?;
        let iterations = OWNED_ITERATIONS.to_string();
        let steps = steps(OWNED_ITERATIONS);
        let wishes = [
            &COMMON[..],
            &OWNED,
            &["--iterations", &iterations, "--steps", &steps],
        ];
        let wishes: Vec<String> = wishes.concat().into_iter().map(str::to_owned).collect();
        let group = Group {
            velum: self.velum,
            step: &step,
            place: self.place,
            wanted: Wanted {
                folder: self.folder,
                owners: 3,
                threshold: 2,
                samples: self.given.samples,
                max_memory: &self.given.max_memory_owners,
                wishes: &wishes,
            },
        };
        let mut record = group.run()?;
        record["accuracy_encrypted"] = record["accuracy"].clone();
        Ok(record)
    }
}

/// Steps in units of 1/rows.
fn steps(iterations: usize) -> String {
    let later = vec![STEPS[1]; iterations.saturating_sub(1)];
    [&STEPS[..1], &later].concat().join(",")
}

/// A line for each way.
pub(super) fn table(results: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let mut out = format!(
        "{:<10}{:>5}{:>12}{:>12}{:>12}{:>11}{:>12}{:>12}{:>12}\n",
        "refresh",
        "T",
        "encrypted",
        "clear twin",
        "best clear",
        "server",
        "memory",
        "refreshes",
        "bytes"
    );
    for (way, record) in results.as_object().into_iter().flatten() {
        if way == PAPER {
            continue;
        }
        // Nobody has the twin, or the best model, of several owners' rows.
        let percent = |name: &str| match record[name].as_f64() {
            Some(part) => format!("{:.2} %", 100.0 * part),
            None => "-".to_owned(),
        };
        out += &format!(
            "{way:<10}{:>5}{:>12}{:>12}{:>12}{:>11}{:>12}{:>12}{:>12}\n",
            record["iterations"].to_string(),
            percent("accuracy_encrypted"),
            percent("accuracy_clear"),
            percent("accuracy_best_clear"),
            format!("{:.1} s", number(&record["train_seconds"])),
            format!("{:.0} MB", number(&record["peak_rss_mb"])),
            record["refreshes"].to_string(),
            format!("{:.1} MB", number(&record["refresh_bytes"]) / 1e6),
        );
    }
    if let Some(record) = results.get(PAPER) {
        out += &long_paper::line(record);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_way() {
        let record = json!({"iterations": 10, "accuracy_encrypted": 0.9825, "refreshes": 9});
        let paper = json!({"iterations": 30, "training_accuracy_encrypted": 0.945});
        let table = table(&json!({"none": record, "client": record, "paper": paper}));
        assert_eq!(table.lines().count(), 4);
        assert!(table.contains("30 iterations"), "{table}");
        assert!(table.contains("94.5 %"), "{table}");
        assert!(table.contains("98.25 %"), "{table}");
    }
}
