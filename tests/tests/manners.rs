//! How velum speaks while it works: progress for people and for programs, and what it knows of itself.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Outcome, binary, done, velum};
use crate::table;

fn job(at: &Path, rows: usize, classes: usize, more: &[&str]) {
    let rows = table::csv(&table::rows(3, rows, 12, classes));
    fs::write(at.join("rows.csv"), rows).unwrap();
    let plan = ["plan", "--features", "rows.csv", "--rows", "training"];
    done(at, &[&plan[..], more].concat());
    done(at, &["keygen"]);
    done(at, &["encrypt"]);
}

/// Velum with everything on stderr as objects.
fn with_objects(at: &Path, arguments: &[&str]) -> (Outcome, Vec<Value>) {
    let mut command = std::process::Command::new(binary());
    command.current_dir(at).args(["--progress", "json"]);
    let outcome = Outcome::of(&command.args(arguments).output().unwrap());
    let objects = outcome.stderr.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line} in {outcome}"))
    });
    let objects = objects.collect();
    (outcome, objects)
}

#[test]
fn every_line_of_stderr_is_an_object() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    job(at, 90, 3, &[]);
    let (trained, said) = with_objects(at, &["train"]);
    assert_eq!(trained.code, 0, "{trained}");
    let of = |kind: &str| said.iter().filter(|object| object["kind"] == kind).count();
    assert!(of("progress") >= 1 && of("note") >= 2, "{trained}");
    assert!(
        said.iter()
            .all(|object| object["schema"] == 1 && object["verb"] == "train")
    );
    let begun = said
        .iter()
        .find(|object| object["kind"] == "progress" && object["total"].is_u64())
        .unwrap();
    assert_eq!(
        (&begun["stage"], &begun["done"]),
        (&Value::from("train"), &Value::from(0))
    );
    assert!(begun["total"].as_u64().unwrap() > 0, "{begun}");
    // Failures too: of a verb, and of a line that does not parse.
    for arguments in [&["train"][..], &["train", "--frob"]] {
        fs::write(at.join("server/model.enc"), "mine").unwrap();
        let (refused, said) = with_objects(at, arguments);
        assert_eq!(refused.code, 1, "{refused}");
        let last = said.last().unwrap();
        assert_eq!(last["error"]["exit_code"], 1, "{refused}");
    }
}

#[test]
fn a_running_training_says_how_far_it_is() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    job(at, 400, 10, &["--iterations", "3"]);
    let status = || done(at, &["status"]);
    assert_eq!(status()["stage"], "not_begun");
    let mut child = std::process::Command::new(binary())
        .current_dir(at)
        .args(["--quiet", "train"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let checkpoint = at.join("server/model.enc.checkpoint");
    let (began, mut running) = (Instant::now(), 0);
    while !checkpoint.exists() && began.elapsed() < Duration::from_secs(60) {
        let now = status();
        assert_eq!(now["iterations"], 3);
        running += usize::from(now["stage"] == "running");
        if let Some(share) = now["share"].as_f64() {
            assert!((0.0..=1.0).contains(&share), "{now}");
        }
    }
    let _ended = child.kill();
    child.wait().unwrap();
    assert!(running > 0);
    let stopped = status();
    assert_eq!(
        (&stopped["stage"], &stopped["share"]),
        (&Value::from("stopped"), &Value::Null)
    );
    assert!(stopped["kept"].as_u64().unwrap() >= 1, "{stopped}");
    let text = velum(at, &["status"]).stdout;
    assert!(text.contains("velum train --resume"), "{text}");
    done(at, &["train", "--resume"]);
    let ended = status();
    assert_eq!(
        (&ended["stage"], &ended["kept"]),
        (&Value::from("done"), &Value::from(3))
    );
    assert!(ended["seconds"].as_f64().unwrap() > 0.0);
    // In the copy that a server has, too; and a plan is held against what was trained.
    done(&at.join("server"), &["status"]);
    done(
        at,
        &[
            "plan",
            "--features",
            "rows.csv",
            "--out",
            "other.json",
            "--recipe",
            "r",
        ],
    );
    let refused = velum(at, &["status", "--plan", "other.json"]);
    assert_eq!(refused.code, 1, "{refused}");
}

#[test]
fn thresholds_move_what_is_found() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    job(at, 120, 2, &[]);
    done(at, &["train"]);
    done(at, &["decrypt"]);
    let chosen = |threshold: &str| {
        done(at, &["evaluate", "--threshold", threshold])["thresholds"]["chosen"].clone()
    };
    let (low, high) = (chosen("0.05"), chosen("0.95"));
    assert!(
        low["hits"].as_u64() >= high["hits"].as_u64(),
        "{low} {high}"
    );
    assert!(low["false_alarms"].as_u64() >= high["false_alarms"].as_u64());
    let text = velum(at, &["evaluate", "--threshold", "0.05"]).stdout;
    assert!(text.contains("from probability 0.05 on"), "{text}");
    for (threshold, says) in [("1", "below 1"), ("inf", "finite")] {
        let refused = velum(at, &["evaluate", "--threshold", threshold]);
        assert!(
            refused.code == 1 && refused.stderr.contains(says),
            "{refused}"
        );
    }
}

#[test]
fn shells_and_manuals_know_every_verb() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = velum(at, &["completions", shell]);
        assert_eq!(script.code, 0, "{script}");
        for word in ["refresh", "encrypted-model", "threshold"] {
            assert!(script.stdout.contains(word), "{shell}: {word}");
        }
    }
    let made = done(at, &["man", "--out", "man"]);
    let page = fs::read_to_string(at.join("man/velum-predict-plan.1")).unwrap();
    assert!(
        page.contains(".TH velum-predict-plan 1") && page.contains("encrypted"),
        "{page}"
    );
    assert_eq!(made["pages"], fs::read_dir(at.join("man")).unwrap().count());
    let again = velum(at, &["man", "--out", "man"]);
    assert_eq!(again.code, 1, "{again}");
}

#[test]
fn nothing_is_coloured_off_a_terminal() {
    let place = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["plan", "--frob"], &["check"], &["train"]] {
        let outcome = velum(place.path(), arguments);
        assert!(!format!("{outcome}").contains('\u{1b}'), "{outcome}");
    }
}
