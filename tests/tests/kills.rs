//! Every verb that writes, killed at arbitrary moments and called again: the second call ends as an undisturbed one would, with the same
//! bits where nothing is drawn at random, and nothing that the first one left stays behind.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::extraction;
use crate::journey::{Job, TRAIN_ARGUMENTS, run};
use crate::program::{copy, done, files, spawn, velum};

/// Three iterations, several column groups: checkpoints are written twice.
static LONG: LazyLock<Job> = LazyLock::new(|| run(&["--iterations", "3", "--keep", "7"]));

/// Moments of the quick tests and of the thorough one.
const FEW: usize = 4;
const MANY: usize = 50;

/// One verb under fire.
pub(crate) struct Target<'a> {
    /// Everything that is there before the verb is called.
    pub(crate) start: &'a Path,
    /// The call, and the call after a kill.
    pub(crate) call: Vec<&'a str>,
    pub(crate) again: Vec<&'a str>,
    /// What the call makes, and whether its bytes are a function of its inputs.
    pub(crate) outputs: Vec<&'a str>,
    pub(crate) same_bits: bool,
}

impl Target<'_> {
    /// Kills the call at `moments` moments, each in a folder of its own.
    fn withstands(&self, moments: usize) {
        let undisturbed = self.folder();
        let begin = Instant::now();
        done(undisturbed.path(), &self.call);
        let length = begin.elapsed();
        let expected = results(undisturbed.path());
        for moment in 0..moments {
            // A golden-ratio sequence covers the run evenly, whatever the number of moments; the last goes a little beyond its end.
            let part = (0.5 + moment as f64 * 0.618_033_988_749_895).fract() * 1.05;
            let folder = self.folder();
            let at = folder.path();
            self.kill_after(at, length.mul_f64(part));
            self.end(at, &expected, &format!("at {part:.3} of its time"));
            if self.same_bits {
                self.compare(undisturbed.path(), at, part);
            }
        }
    }

    /// Kills the call at each change of names in its folder: the moments that a clock hardly meets, such as those between two renames. Whoever watches
    /// cannot see every state, so `rounds` go through them all.
    fn withstands_at_every_change(&self, rounds: usize) {
        let undisturbed = self.folder();
        done(undisturbed.path(), &self.call);
        let expected = results(undisturbed.path());
        for _ in 0..rounds {
            for change in 1.. {
                let folder = self.folder();
                let at = folder.path();
                let killed = self.kill_at_change(at, change);
                self.end(at, &expected, &format!("at change {change}"));
                if !killed {
                    break;
                }
            }
        }
    }

    /// Kills the call when names have changed `changes` times; false if it ends before.
    fn kill_at_change(&self, at: &Path, changes: usize) -> bool {
        let mut names = top_names(at);
        let mut child = spawn(at, &self.call);
        let mut seen = 0;
        while child.try_wait().unwrap().is_none() {
            let now = top_names(at);
            seen += usize::from(now != names);
            names = now;
            if seen == changes {
                let _ended = child.kill();
                child.wait().unwrap();
                return true;
            }
        }
        false
    }

    pub(crate) fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(self.start, folder.path());
        restrict(folder.path());
        folder
    }

    fn kill_after(&self, at: &Path, wait: Duration) {
        let mut child = spawn(at, &self.call);
        std::thread::sleep(wait);
        // It may have ended by itself: then there is nothing to kill.
        let _ended = child.kill();
        child.wait().unwrap();
    }

    /// Calls again: it ends, or refuses because the killed call had ended already; all files are there, and no other.
    fn end(&self, at: &Path, expected: &[PathBuf], moment: &str) {
        let outcome = velum(at, &self.again);
        let whole = || self.outputs.iter().all(|name| at.join(name).exists());
        assert!(
            outcome.code == 0 || (outcome.code == 1 && whole()),
            "killed {moment}: {outcome}"
        );
        assert_eq!(results(at), expected, "killed {moment}: {outcome}");
    }

    fn compare(&self, undisturbed: &Path, at: &Path, part: f64) {
        for name in &self.outputs {
            let below = results(undisturbed);
            for path in below.iter().filter(|path| path.starts_with(name)) {
                let read = |of: &Path| std::fs::read(of.join(path)).unwrap();
                assert!(
                    read(undisturbed) == read(at),
                    "{}: other bits after a kill at {part:.3}",
                    path.display()
                );
            }
        }
    }
}

/// All files but records: they have times in them, and a call that is killed when its result is there may leave none.
fn results(at: &Path) -> Vec<PathBuf> {
    let record = |file: &PathBuf| file.to_string_lossy().contains("record.json");
    files(at).into_iter().filter(|file| !record(file)).collect()
}

/// Names in a folder and in the folder of keys, which is all that a verb makes at its end.
fn top_names(at: &Path) -> Vec<OsString> {
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten();
    let all = entries(at.to_owned()).chain(entries(at.join("keys")));
    let mut names: Vec<_> = all.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// Copies have the mask's mode; keys and what is private want theirs back.
fn restrict(folder: &Path) {
    #[cfg(unix)]
    for file in files(folder) {
        use std::os::unix::fs::PermissionsExt as _;
        let set = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let first = file.iter().next().unwrap();
        if first == "keys" || first == "private" {
            set(&folder.join(&file), 0o600);
            set(&folder.join(first), 0o700);
        }
    }
}

/// Where the rows for encryption are, beside plan and key.
const ROWS: [&str; 4] = ["--features", "rows.csv", "--rows", "0..90"];

/// The server's folder before the training.
fn before_training() -> TempDir {
    let folder = LONG.copy(&LONG.server());
    std::fs::remove_file(folder.path().join("model.enc")).unwrap();
    folder
}

/// The client's folder without what `gone` names.
pub(crate) fn client_without(gone: &[&str]) -> TempDir {
    let folder = LONG.copy(&LONG.client());
    for name in gone {
        let path = folder.path().join(name);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
    }
    folder
}

pub(crate) fn train(fire: impl FnOnce(&Target<'_>)) {
    let start = before_training();
    fire(&Target {
        start: start.path(),
        call: TRAIN_ARGUMENTS.to_vec(),
        again: [&TRAIN_ARGUMENTS[..], &["--resume"]].concat(),
        outputs: vec!["model.enc"],
        same_bits: true,
    });
}

pub(crate) fn keygen(fire: impl FnOnce(&Target<'_>)) {
    let start = client_without(&["keys"]);
    let secret = ["--plan", "plan.json", "--key", "keys/secret.key"];
    let rest = ["--eval-keys", "eval-keys", "--public-key", "public.key"];
    let call = [&["keygen"], &secret[..], &rest[..]].concat();
    fire(&Target {
        start: start.path(),
        again: call.clone(),
        call,
        outputs: vec!["keys/secret.key", "eval-keys/manifest.json", "public.key"],
        same_bits: false,
    });
}

pub(crate) fn encrypt(fire: impl FnOnce(&Target<'_>)) {
    let start = client_without(&["private"]);
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    let out = ["--private", "private", "--out", "dataset"];
    let call = [&["encrypt"], &key[..], &ROWS[..], &out[..]].concat();
    fire(&Target {
        start: start.path(),
        again: call.clone(),
        call,
        outputs: vec!["private/private.json", "dataset/manifest.json"],
        same_bits: false,
    });
}

pub(crate) fn decrypt(fire: impl FnOnce(&Target<'_>)) {
    let start = client_without(&["model"]);
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    let files = ["--private", "private", "--model", "model.enc", "--out"];
    let call = [&["decrypt"], &key[..], &files[..], &["model"]].concat();
    fire(&Target {
        start: start.path(),
        again: call.clone(),
        call,
        outputs: vec!["model"],
        same_bits: true,
    });
}

pub(crate) fn extract(fire: impl FnOnce(&Target<'_>)) {
    let start = tempfile::tempdir().unwrap();
    extraction::write_idx(start.path(), 2_000);
    let call = extraction::arguments("some-images-idx3-ubyte", "features").to_vec();
    fire(&Target {
        start: start.path(),
        again: [&call[..], &["--resume"]].concat(),
        call,
        outputs: vec!["features"],
        same_bits: true,
    });
}

/// Fires at random moments.
fn at_moments(moments: usize) -> impl Fn(&Target<'_>) {
    move |target| target.withstands(moments)
}

/// Fires at every change of names.
fn at_changes(rounds: usize) -> impl Fn(&Target<'_>) {
    move |target| target.withstands_at_every_change(rounds)
}

#[test]
fn verbs_killed_at_a_few_moments_end_as_if_undisturbed() {
    train(at_moments(FEW));
    decrypt(at_moments(FEW));
    keygen(at_moments(FEW));
    encrypt(at_moments(FEW));
}

#[test]
fn verbs_killed_between_two_renames_end_as_if_undisturbed() {
    keygen(at_changes(1));
    encrypt(at_changes(1));
}

#[test]
fn an_extraction_killed_at_a_few_moments_ends_as_if_undisturbed() {
    extract(at_moments(FEW));
}

#[test]
#[ignore = "some minutes: fifty moments of each verb"]
fn verbs_killed_at_many_moments_end_as_if_undisturbed() {
    train(at_moments(MANY));
    decrypt(at_moments(MANY));
    keygen(at_moments(MANY));
    encrypt(at_moments(MANY));
    extract(at_moments(MANY));
    let rounds = 3;
    train(at_changes(rounds));
    decrypt(at_changes(rounds));
    keygen(at_changes(rounds));
    encrypt(at_changes(rounds));
    extract(at_changes(rounds));
}
