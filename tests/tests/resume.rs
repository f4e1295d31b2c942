//! A training run that is killed goes on from its checkpoint, and ends with the same bits.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::journey::{Job, TRAIN_ARGUMENTS, run};
use crate::program::{done, files, spawn, velum};

/// Three iterations: after the first there is a checkpoint, and two of them are still to come.
static LONG: LazyLock<Job> = LazyLock::new(|| run(&["--iterations", "3", "--keep", "7"]));

const CHECKPOINT: &str = "model.enc.checkpoint";

/// A copy of the server's folder without the result, and the result.
fn unfinished() -> (TempDir, Vec<u8>) {
    let folder = LONG.copy(&LONG.server());
    let result = folder.path().join("model.enc");
    let bytes = std::fs::read(&result).unwrap();
    std::fs::remove_file(result).unwrap();
    (folder, bytes)
}

/// Starts a training and waits until it has written a checkpoint.
fn begun(folder: &Path) -> Child {
    let mut child = spawn(folder, &TRAIN_ARGUMENTS);
    let begin = Instant::now();
    while !folder.join(CHECKPOINT).exists() {
        assert!(child.try_wait().unwrap().is_none(), "ended too early");
        assert!(begin.elapsed() < Duration::from_secs(300), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn resume(folder: &Path) -> serde_json::Value {
    done(folder, &[&TRAIN_ARGUMENTS[..], &["--resume"]].concat())
}

/// Plan, keys, dataset, result and its record, and nothing besides.
fn nothing_else(folder: &Path) {
    let mut names: Vec<_> = files(folder)
        .iter()
        .map(|file| file.iter().next().unwrap().to_owned())
        .collect();
    names.dedup();
    let record = "model.enc.record.json";
    assert_eq!(
        names,
        ["dataset", "eval-keys", "model.enc", record, "plan.json"]
    );
}

#[test]
fn a_killed_run_ends_with_the_same_bits() {
    let (folder, expected) = unfinished();
    let at = folder.path();
    let mut child = begun(at);
    // SIGKILL: nothing in the process can clean up.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!at.join("model.enc").exists(), "it was not killed in time");
    // As a kill in the middle of writing a checkpoint leaves it.
    std::fs::write(at.join(format!(".{CHECKPOINT}.0123456789abcdef.part")), "x").unwrap();
    let trained = resume(at);
    assert!((1..=2).contains(&trained["resumed_iterations"].as_u64().unwrap()));
    assert!(trained["key_switches"].as_u64() < LONG.plan["key_switches"].as_u64());
    assert!(expected == std::fs::read(at.join("model.enc")).unwrap());
    nothing_else(at);
}

#[test]
fn resuming_without_a_checkpoint_is_training() {
    let (folder, expected) = unfinished();
    let trained = resume(folder.path());
    assert_eq!(trained["resumed_iterations"], 0);
    assert!(expected == std::fs::read(folder.path().join("model.enc")).unwrap());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_a_checkpoint_that_only_its_own_inputs_resume() {
    let (folder, expected) = unfinished();
    let at = folder.path();
    let mut child = begun(at);
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(at.join(CHECKPOINT).exists() && !at.join("model.enc").exists());
    let refused = |arguments: &[&str], what: &str| {
        let outcome = velum(at, arguments);
        assert_eq!(outcome.code, 1, "{outcome}");
        assert!(outcome.stderr.contains(what), "{outcome}");
        assert!(outcome.stderr.contains("hint: "), "{outcome}");
        assert!(at.join(CHECKPOINT).exists(), "{outcome}");
    };
    refused(&TRAIN_ARGUMENTS, "found the checkpoint of one");
    let resuming = [&TRAIN_ARGUMENTS[..], &["--resume"]].concat();
    // The same rows encrypted again are another dataset.
    let other = at.join("dataset/manifest.json");
    let text = std::fs::read_to_string(&other).unwrap();
    let entry = text.find("blake3").unwrap();
    let digit = text[entry..].find(": \"").unwrap() + entry + 3;
    let mut changed = text.clone().into_bytes();
    changed[digit] = if changed[digit] == b'0' { b'1' } else { b'0' };
    std::fs::write(&other, changed).unwrap();
    refused(&resuming, "found one of others");
    std::fs::write(&other, text).unwrap();
    let whole = std::fs::read(at.join(CHECKPOINT)).unwrap();
    std::fs::write(at.join(CHECKPOINT), &whole[..whole.len() / 2]).unwrap();
    refused(&resuming, CHECKPOINT);
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(at.join(CHECKPOINT), flipped).unwrap();
    refused(&resuming, CHECKPOINT);
    std::fs::write(at.join(CHECKPOINT), whole).unwrap();
    let inspected = velum(at, &["inspect", CHECKPOINT]);
    assert_eq!(inspected.code, 0, "{inspected}");
    resume(at);
    assert!(expected == std::fs::read(at.join("model.enc")).unwrap());
    nothing_else(at);
}
