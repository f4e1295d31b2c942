//! Several owners of MNIST under a key that none of them holds, every step a process of its own, beside one owner with all rows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::mnist;
use super::paper::{build, call};
use crate::cargo;

/// Options of `bench owners`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Owners {
    /// A directory with {train,test}_{features,labels}.npy.
    #[arg(long, value_name = "DIR")]
    features: PathBuf,
    /// Owners of data, with equal shares of the rows.
    #[arg(long, value_name = "N", default_value = "3")]
    owners: u32,
    /// How many of them open the model.
    #[arg(long, value_name = "T", default_value = "2")]
    threshold: u32,
    /// Training rows in all, from the first.
    #[arg(long, value_name = "N", default_value = "60000")]
    samples: usize,
    /// Largest memory of the server.
    #[arg(long, value_name = "SIZE", default_value = "4GB")]
    max_memory: String,
    /// Where the results go, besides the table.
    #[arg(long, value_name = "OUT")]
    pub(super) json: Option<PathBuf>,
}

/// Runs both ways; one record.
pub(super) fn run(given: &Owners) -> Result<Value> {
    let folder = given
        .features
        .canonicalize()
        .with_context(|| format!("cannot find the features {}", given.features.display()))?;
    // Rows come as features: nothing here computes any.
    let (velum, step) = (build(&["--no-default-features"])?, example()?);
    let scratch = tempfile::Builder::new()
        .prefix("velum-bench-owners-")
        .tempdir()?;
    let place = scratch.path().join("group");
    std::fs::create_dir_all(&place)?;
    let bench = Bench {
        given,
        velum: &velum,
        step: &step,
        folder: &folder,
        place: &place,
    };
    let mut record = bench.group()?;
    std::fs::remove_dir_all(&place)?;
    eprintln!("one owner with {} rows", given.samples);
    let place = scratch.path().join("one");
    let one = mnist::alone(&velum, &folder, given.samples, &given.max_memory, &place)?;
    let seconds = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let ratio = seconds(&record["train_seconds"]) / seconds(&one["train_seconds"]);
    record["accuracy_union"] = one["accuracy_encrypted"].clone();
    record["accuracy_union_clear"] = one["accuracy_clear"].clone();
    record["train_seconds_one_owner"] = one["train_seconds"].clone();
    record["train_ratio"] = ratio.into();
    record["one_owner"] = one;
    Ok(record)
}

/// Builds the program of single steps and asks cargo where it is.
fn example() -> Result<PathBuf> {
    let messages = cargo::output_of(
        cargo::cargo()
            .args(["build", "--package", "mlr-train", "--example", "joint_step"])
            .args(["--message-format", "json-render-diagnostics"]),
    )?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "joint_step")
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("cargo built the example joint_step but named no executable")
}

struct Bench<'a> {
    given: &'a Owners,
    velum: &'a Path,
    step: &'a Path,
    folder: &'a Path,
    place: &'a Path,
}

/// A step of every party, one after the other: seconds from start to exit, and what it said.
struct Each(Vec<(f64, Value)>);

impl Each {
    fn seconds(&self) -> f64 {
        self.0.iter().map(|one| one.0).fold(0.0, f64::max)
    }

    fn sum(&self) -> f64 {
        self.0.iter().map(|one| one.0).sum()
    }

    /// The largest of a figure.
    fn most(&self, name: &str) -> f64 {
        let all = self.0.iter().map(|one| one.1[name].as_f64());
        all.map(|x| x.unwrap_or(f64::NAN)).fold(0.0, f64::max)
    }

    fn total(&self, name: &str) -> f64 {
        let all = self.0.iter().map(|one| one.1[name].as_f64());
        all.map(|x| x.unwrap_or(f64::NAN)).sum()
    }

    /// What one party does, at most.
    fn said(&self) -> Value {
        json!({ "rounds": 1, "seconds": self.seconds(), "bytes": self.most("bytes") })
    }
}

impl Bench<'_> {
    fn path(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        let text = path.to_str().context("expected a path in UTF-8")?;
        Ok(text.to_owned())
    }

    fn rows(&self, owner: u32) -> String {
        let at = |owner: u32| self.given.samples * owner as usize / self.given.owners as usize;
        format!("{}..{}", at(owner), at(owner + 1))
    }

    /// One step of one party.
    fn step(&self, arguments: &[&str]) -> Result<(f64, Value)> {
        let start = Instant::now();
        let output = Command::new(self.step)
            .arg(self.place)
            .args(arguments)
            .output()?;
        let seconds = start.elapsed().as_secs_f64();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{arguments:?} ended with {}\n{said}", output.status);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
        eprintln!(
            "{} {seconds:.1} s",
            arguments[..2.min(arguments.len())].join(" ")
        );
        Ok((seconds, said))
    }

    fn each(&self, step: &str, parties: impl Iterator<Item = u32>) -> Result<Each> {
        let one = |party: u32| self.step(&[step, &party.to_string()]);
        Ok(Each(parties.map(one).collect::<Result<_>>()?))
    }

    /// Statistics of every owner, pooled, and the plan.
    fn plan(&self) -> Result<(f64, Value)> {
        let (features, labels) = (
            self.path("train_features.npy")?,
            self.path("train_labels.npy")?,
        );
        let (mut files, mut seconds) = (vec![], 0.0f64);
        for owner in 0..self.given.owners {
            let (rows, out) = (self.rows(owner), format!("stats-{owner}"));
            let start = Instant::now();
            let arguments = [
                "--features",
                &features,
                "--labels",
                &labels,
                "--rows",
                &rows,
                "--out",
                &out,
            ];
            call(self.velum, self.place, "stats", &arguments)?;
            seconds = seconds.max(start.elapsed().as_secs_f64());
            files.push(out);
        }
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let merge = [&["--merge"], &files[..], &["--out", "pooled"]].concat();
        call(self.velum, self.place, "stats", &merge)?;
        let (owners, threshold) = (
            self.given.owners.to_string(),
            self.given.threshold.to_string(),
        );
        let wishes = mnist::wishes(self.given.samples);
        let wishes: Vec<&str> = wishes.iter().map(String::as_str).collect();
        let joint = [
            "--stats",
            "pooled",
            "--whitening",
            "map",
            "--parties",
            &owners,
            "--threshold",
            &threshold,
            "--max-memory",
            &self.given.max_memory,
            "--out",
            "plan.json",
        ];
        let plan = call(
            self.velum,
            self.place,
            "plan",
            &[&wishes[..], &joint].concat(),
        )?;
        Ok((seconds, plan))
    }

    fn train(&self) -> Result<(f64, Value)> {
        let datasets = (0..self.given.owners).map(|owner| format!("server/verified-{owner}"));
        let datasets: Vec<String> = datasets.collect();
        let mut arguments = vec!["--plan", "plan.json", "--eval-keys", "server/eval-keys"];
        for dataset in &datasets {
            arguments.extend(["--dataset", dataset]);
        }
        arguments.extend(["--out", "server/model.enc"]);
        let start = Instant::now();
        let said = call(self.velum, self.place, "train", &arguments)?;
        Ok((start.elapsed().as_secs_f64(), said))
    }

    fn uploads(&self) -> Result<Each> {
        let (features, labels) = (
            self.path("train_features.npy")?,
            self.path("train_labels.npy")?,
        );
        let one = |owner: u32| {
            let (owner, rows) = (owner.to_string(), self.rows(owner));
            self.step(&["upload", &owner, &features, &labels, &rows])
        };
        Ok(Each(
            (0..self.given.owners).map(one).collect::<Result<_>>()?,
        ))
    }

    fn group(&self) -> Result<Value> {
        let (owners, threshold) = (self.given.owners, self.given.threshold);
        let (statistics, plan) = self.plan()?;
        let first = self.each("first", 0..owners)?;
        let second = self.each("second", 0..owners)?;
        let dealt = self.each("deal", 0..owners)?;
        let keys = self.step(&["keys"])?;
        let uploads = self.uploads()?;
        let verified = self.each("verify", 0..owners)?;
        let trained = self.train()?;
        let asked = self.step(&["ask"])?;
        let answered = self.each("answer", owners - threshold..owners)?;
        let opened = self.step(&["open"])?;
        let (test, truth) = (
            self.path("test_features.npy")?,
            self.path("test_labels.npy")?,
        );
        let evaluate = ["--model", "model", "--features", &test, "--labels", &truth];
        let evaluate = call(self.velum, self.place, "evaluate", &evaluate)?;
        let own = [&first, &second, &dealt, &uploads, &answered];
        let owner_seconds = statistics + own.iter().map(|each| each.seconds()).sum::<f64>();
        let shares = [&first, &second, &dealt, &answered];
        let shares: f64 = shares.iter().map(|each| each.most("bytes")).sum();
        // What an owner would upload without proofs is what the server has made of it.
        let extra = uploads.most("bytes") - verified.most("bytes") + shares;
        let train_seconds = verified.sum() + trained.0;
        let step = |seconds: f64, said: &Value| json!({ "rounds": 1, "seconds": seconds, "bytes": said["bytes"] });
        Ok(json!({
            "owners": owners,
            "threshold": threshold,
            "samples": self.given.samples,
            "accuracy": evaluate["accuracy"],
            "train_seconds": train_seconds,
            "train_only_seconds": trained.0,
            "peak_rss_mb": trained.1["peak_rss_mb"],
            "owner_seconds": owner_seconds,
            "owner_upload_bytes": uploads.most("bytes"),
            "owner_upload_extra_bytes": extra,
            "owner_key_share_bytes": first.most("bytes") + second.most("bytes"),
            "owner_peak_rss_mb": uploads.most("peak_rss_mb"),
            "proof_bytes": uploads.most("proof_bytes"),
            "prove_seconds": uploads.most("prove_seconds"),
            "verify_seconds": verified.most("verify_seconds"),
            "convert_seconds": verified.total("convert_seconds"),
            "keys_seconds": keys.0,
            "security_bits": plan["security_bits"],
            "log_n": plan["log_n"],
            "log_qp": plan["log_qp"],
            "predicted_train_seconds": plan["predicted_train_seconds"],
            "joint": plan["joint"],
            "expected_error": opened.1["expected_error"],
            "certified_bits": opened.1["certified_bits"],
            "steps": {
                "statistics": { "rounds": 1, "seconds": statistics },
                "key shares": first.said(),
                "second round": second.said(),
                "dealt shares": dealt.said(),
                "evaluation keys (server)": step(keys.0, &keys.1),
                "upload": uploads.said(),
                "verification (server, an owner)": verified.said(),
                "training (server)": step(trained.0, &trained.1),
                "question (server)": step(asked.0, &asked.1),
                "opening": answered.said(),
                "model": step(opened.0, &opened.1),
            },
        }))
    }
}

/// A line for each figure of the issue, then for each step.
pub(super) fn table(results: &Value) -> String {
    let number = |name: &str| results[name].as_f64().unwrap_or(f64::NAN);
    let mb = |name: &str| format!("{:.1} MB", number(name) / 1e6);
    let seconds = |name: &str| format!("{:.1} s", number(name));
    let percent = |name: &str| format!("{:.2} %", 100.0 * number(name));
    let lines = [
        ("test accuracy", percent("accuracy")),
        ("  one owner with all rows", percent("accuracy_union")),
        (
            "server: verification and training",
            seconds("train_seconds"),
        ),
        ("  training alone", seconds("train_only_seconds")),
        (
            "  one owner with all rows",
            seconds("train_seconds_one_owner"),
        ),
        ("an owner, all steps", seconds("owner_seconds")),
        ("an owner's upload", mb("owner_upload_bytes")),
        (
            "  beyond its rows, with key shares",
            mb("owner_upload_extra_bytes"),
        ),
        ("proofs of an owner", mb("proof_bytes")),
        ("  made in", seconds("prove_seconds")),
        ("  verified in", seconds("verify_seconds")),
        ("security, bits", results["security_bits"].to_string()),
    ];
    let mut out = String::new();
    for (label, value) in lines {
        out += &format!("{label:<38}{value:>14}\n");
    }
    for (step, said) in results["steps"].as_object().into_iter().flatten() {
        let (seconds, bytes) = (said["seconds"].as_f64(), said["bytes"].as_f64());
        let bytes = bytes.map_or_else(String::new, |bytes| format!("{:.1} MB", bytes / 1e6));
        let seconds = seconds.unwrap_or(f64::NAN);
        out += &format!("{step:<38}{seconds:>12.1} s{bytes:>14}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_step() {
        let steps =
            json!({"upload": {"seconds": 31.25, "bytes": 1.0e9}, "model": {"seconds": 0.5}});
        let table = table(&json!({"accuracy": 0.9781, "steps": steps}));
        assert!(
            table.contains("97.81 %") && table.contains("1000.0 MB"),
            "{table}"
        );
        assert_eq!(table.lines().count(), 14);
    }
}
