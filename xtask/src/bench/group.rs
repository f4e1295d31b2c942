//! The steps of a group under a key that no owner holds, every step a process of its own, one after the other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use velum_record::client::Evaluated;
use velum_record::plan::Planned;
use velum_record::server;

use super::paper::{call, run_until_refresh, said};
use crate::cargo;

/// Builds the program of single steps and asks cargo where it is.
pub(super) fn example() -> Result<PathBuf> {
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

/// Whose rows, and what is planned for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// A directory with {train,test}_{features,labels}.npy.
    pub(super) folder: &'a Path,
    pub(super) owners: u32,
    /// How many of them open, and refresh.
    pub(super) threshold: u32,
    pub(super) samples: usize,
    pub(super) max_memory: &'a str,
    /// Arguments of the plan.
    pub(super) wishes: &'a [String],
}

/// Programs, a place for everybody's files, and what is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    pub(super) velum: &'a Path,
    pub(super) step: &'a Path,
    pub(super) place: &'a Path,
    pub(super) wanted: Wanted<'a>,
}

/// What the training and its refreshes took.
#[derive(Default)]
struct Trained {
    /// What the last process printed.
    last: Option<server::Trained>,
    /// Of the server, from start to exit.
    seconds: f64,
    refreshes: u64,
    /// The slowest owner's share of each, added up.
    owner_seconds: f64,
    /// The server's questions and answers.
    server_seconds: f64,
    /// What an owner was sent and sent back.
    owner_bytes: f64,
    /// What all owners were sent and sent back.
    bytes: f64,
}

/// A step of every party, one after the other: seconds from start to exit, and what it said.
struct Each(Vec<(f64, Value)>);

impl Each {
    fn seconds(&self) -> f64 {
        self.0.iter().map(|one| one.0).fold(0.0, f64::max)
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

impl Group<'_> {
    fn path(&self, name: &str) -> Result<String> {
        let path = self.wanted.folder.join(name);
        let text = path.to_str().context("expected a path in UTF-8")?;
        Ok(text.to_owned())
    }

    fn rows(&self, owner: u32) -> String {
        let at = |owner: u32| self.wanted.samples * owner as usize / self.wanted.owners as usize;
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
    fn plan(&self) -> Result<(f64, Planned)> {
        let (features, labels) = (
            self.path("train_features.npy")?,
            self.path("train_labels.npy")?,
        );
        let (mut files, mut seconds) = (vec![], 0.0f64);
        for owner in 0..self.wanted.owners {
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
            self.wanted.owners.to_string(),
            self.wanted.threshold.to_string(),
        );
        let wishes: Vec<&str> = self.wanted.wishes.iter().map(String::as_str).collect();
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
            self.wanted.max_memory,
            "--out",
            "plan.json",
        ];
        let plan = said(
            self.velum,
            self.place,
            "plan",
            &[&wishes[..], &joint].concat(),
        )?;
        Ok((seconds, plan))
    }

    /// Trains, process by process, and has the first owners answer every question.
    fn train(&self) -> Result<Trained> {
        let datasets = (0..self.wanted.owners).map(|owner| format!("server/verified-{owner}"));
        let datasets: Vec<String> = datasets.collect();
        let mut arguments = vec!["--plan", "plan.json", "--eval-keys", "server/eval-keys"];
        for dataset in &datasets {
            arguments.extend(["--dataset", dataset]);
        }
        arguments.extend(["--out", "server/model.enc"]);
        let mut done = Trained::default();
        loop {
            let start = Instant::now();
            let said = run_until_refresh(self.velum, self.place, "train", &arguments)?;
            done.seconds += start.elapsed().as_secs_f64();
            match said {
                Some(last) => {
                    done.last = Some(serde_json::from_value(last)?);
                    return Ok(done);
                }
                None => self.refresh(&mut done)?,
            }
            if done.refreshes == 1 {
                arguments.extend(["--resume", "--refreshed", "server/refreshed"]);
            }
        }
    }

    fn refresh(&self, done: &mut Trained) -> Result<()> {
        let asked = self.step(&["refresh-ask"])?;
        let answered = self.each("refresh", 0..self.wanted.threshold)?;
        let put = self.step(&["refreshed"])?;
        let sent = asked.1["bytes"].as_f64().unwrap_or(f64::NAN);
        done.refreshes += 1;
        done.owner_seconds += answered.seconds();
        done.server_seconds += asked.0 + put.0;
        done.owner_bytes += sent + answered.most("bytes");
        done.bytes += f64::from(self.wanted.threshold) * sent + answered.total("bytes");
        Ok(())
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
            (0..self.wanted.owners).map(one).collect::<Result<_>>()?,
        ))
    }

    /// All owners' uploads, by one process of the server.
    fn verified(&self) -> Result<(f64, Value)> {
        let parties: Vec<String> = (0..self.wanted.owners).map(|p| p.to_string()).collect();
        let parties = parties.iter().map(String::as_str);
        self.step(&std::iter::once("verify").chain(parties).collect::<Vec<_>>())
    }

    /// Every step of everybody, one after the other; one record.
    pub(super) fn run(&self) -> Result<Value> {
        let (owners, threshold) = (self.wanted.owners, self.wanted.threshold);
        let (statistics, plan) = self.plan()?;
        let first = self.each("first", 0..owners)?;
        let second = self.each("second", 0..owners)?;
        let dealt = self.each("deal", 0..owners)?;
        let keys = self.step(&["keys"])?;
        let uploads = self.uploads()?;
        let verified = self.verified()?;
        let trained = self.train()?;
        let asked = self.step(&["ask"])?;
        let answered = self.each("answer", owners - threshold..owners)?;
        let opened = self.step(&["open"])?;
        let (test, truth) = (
            self.path("test_features.npy")?,
            self.path("test_labels.npy")?,
        );
        let evaluate = ["--model", "model", "--features", &test, "--labels", &truth];
        let evaluate: Evaluated = said(self.velum, self.place, "evaluate", &evaluate)?;
        let own = [&first, &second, &dealt, &uploads, &answered];
        let owner_seconds =
            statistics + trained.owner_seconds + own.iter().map(|each| each.seconds()).sum::<f64>();
        let shares = [&first, &second, &dealt, &answered];
        let shares: f64 = shares.iter().map(|each| each.most("bytes")).sum();
        let extra = uploads.most("switching_key_bytes") + uploads.most("proof_bytes") + shares;
        let train_seconds = verified.0 + trained.server_seconds + trained.seconds;
        let each = trained.refreshes.max(1) as f64;
        let step = |seconds: f64, said: &Value| json!({ "rounds": 1, "seconds": seconds, "bytes": said["bytes"] });
        let mut record = json!({
            "owners": owners,
            "threshold": threshold,
            "samples": self.wanted.samples,
            "accuracy": evaluate.accuracy,
            "train_seconds": train_seconds,
            "train_only_seconds": trained.seconds,
            "peak_rss_mb": trained.last.as_ref().map(|last| last.peak_rss_mb),
            "owner_seconds": owner_seconds,
            "owner_upload_bytes": uploads.most("bytes"),
            "owner_upload_extra_bytes": extra,
            "owner_key_share_bytes": first.most("bytes") + second.most("bytes"),
            "owner_peak_rss_mb": uploads.most("peak_rss_mb"),
            "proof_bytes": uploads.most("proof_bytes"),
            "switching_key_bytes": uploads.most("switching_key_bytes"),
            "prove_seconds": uploads.most("prove_seconds"),
            "verify_seconds": verified.1["verify_seconds"],
            "keys_seconds": keys.0,
            "security_bits": plan.security_bits,
            "log_n": plan.log_n,
            "log_qp": plan.log_qp,
            "predicted_train_seconds": plan.predicted_train_seconds,
            "joint": plan.joint,
            "iterations": plan.iterations,
            "levels": plan.levels,
            "refresh_every": plan.refresh_every,
            "predicted_peak_rss_bytes": plan.server_memory_bytes,
            "expected_error": opened.1["expected_error"],
            "certified_bits": opened.1["certified_bits"],
            "steps": {
                "statistics": { "rounds": 1, "seconds": statistics },
                "key shares": first.said(),
                "second round": second.said(),
                "dealt shares": dealt.said(),
                "evaluation keys (server)": step(keys.0, &keys.1),
                "upload": uploads.said(),
                "verification (server, all owners)": step(verified.0, &verified.1),
                "training (server)": step(trained.seconds, &Value::Null),
                "question (server)": step(asked.0, &asked.1),
                "opening": answered.said(),
                "model": step(opened.0, &opened.1),
            },
        });
        let refreshes = json!({
            "refreshes": trained.refreshes,
            "refresh_seconds": trained.owner_seconds + trained.server_seconds,
            "refresh_bytes": trained.bytes,
            "refresh_owner_seconds": trained.owner_seconds / each,
            "refresh_owner_bytes": trained.owner_bytes / each,
        });
        if let (Value::Object(record), Value::Object(refreshes)) = (&mut record, refreshes) {
            record.extend(refreshes);
        }
        Ok(record)
    }
}
