//! Every verb that writes, on a disk that gets full: exit code 2, the file named, nothing half-written, and done again it succeeds.
//!
//! Two ways to run out: a limit on the size of a file, which every Unix has, and a small file system of its own, where the tests may mount one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::kills::{self, Target};
use crate::program::{Outcome, command, done, files, velum};

/// Shares of what is needed. None at all, and nearly enough; in between for the thorough test.
const FEW: [f64; 2] = [0.0, 0.97];
const MANY: [f64; 8] = [0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.995];
/// Progress that an interrupted run keeps on purpose; a recipe, which is written whole before its plan and replaced by the next plan's.
const KEPT: [&str; 3] = [".checkpoint", ".partial", ".recipe.json"];

/// What the verb makes, and the size of the largest file and of all.
struct Need {
    before: Vec<PathBuf>,
    after: Vec<PathBuf>,
    largest: u64,
    all: u64,
}

impl Need {
    fn of(target: &Target<'_>) -> Self {
        let folder = target.folder();
        let before = files(folder.path());
        done(folder.path(), &target.call);
        let after = files(folder.path());
        let new = after.iter().filter(|file| !before.contains(file));
        let sizes = new.map(|file| folder.path().join(file).metadata().unwrap().len());
        let sizes: Vec<u64> = sizes.collect();
        Self {
            largest: *sizes.iter().max().unwrap(),
            all: sizes.iter().sum(),
            before,
            after,
        }
    }

    /// What velum did with too little room, and what it left.
    fn judge(&self, outcome: &Outcome, left: &[PathBuf], what: &str) -> bool {
        if outcome.code == 0 {
            // A result that is whole stays; velum says so where the step's record found no room any more.
            let unrecorded = outcome.stderr.contains("its record is not");
            let is_record = |file: &PathBuf| file.to_str().unwrap().ends_with("record.json");
            let lost = |file: &PathBuf| unrecorded && is_record(file) && !left.contains(file);
            let expected = self.after.iter().filter(|file| !lost(file));
            assert!(left.iter().eq(expected), "{what}: {left:?}: {outcome}");
            return false;
        }
        assert_eq!(outcome.code, 2, "{what}: {outcome}");
        for part in ["error: ", "at: ", "hint: "] {
            assert!(outcome.stderr.contains(part), "{what}: {outcome}");
        }
        let before: BTreeSet<_> = self.before.iter().collect();
        for file in left.iter().filter(|file| !before.contains(file)) {
            let name = file.to_str().unwrap();
            let kept = KEPT.iter().any(|end| name.ends_with(end));
            assert!(kept, "{what}: {name} was left: {outcome}");
        }
        for file in &self.before {
            assert!(left.contains(file), "{what}: {} is gone", file.display());
        }
        true
    }
}

/// Files may have no more than a share of the largest one's size.
fn limited(target: &Target<'_>, shares: &[f64]) {
    let need = Need::of(target);
    let mut refused = 0;
    for share in shares {
        let folder = target.folder();
        let at = folder.path();
        let blocks = (need.largest as f64 * share / 512.0) as u64;
        let what = format!("{} with files of {blocks} blocks", target.call[0]);
        let outcome = with_limit(at, blocks, &target.call);
        refused += usize::from(need.judge(&outcome, &files(at), &what));
        if outcome.code == 2 {
            let again = velum(at, &target.again);
            assert_eq!(again.code, 0, "{what}, then again: {again}");
            assert_eq!(files(at), need.after, "{what}, then again: {again}");
        }
    }
    assert!(refused > 0, "{}: no limit was met", target.call[0]);
}

/// Runs velum where no file gets larger than so many blocks of 512 bytes.
fn with_limit(at: &Path, blocks: u64, arguments: &[&str]) -> Outcome {
    let velum = command(at);
    let mut shell = Command::new("sh");
    shell
        .current_dir(at)
        .args(["-c", r#"ulimit -f "$1" && shift && exec "$@""#, "sh"])
        .arg(blocks.to_string())
        .arg(velum.get_program())
        .args(velum.get_args())
        .args(arguments);
    Outcome::of(&shell.output().unwrap())
}

/// A file system with room for a share of what is needed. It lives as long as the shell, which therefore does everything.
const SCRIPT: &str = r#"
set -u
mount -t tmpfs -o size=1g tmpfs "$2" || exit 77
cp -a "$1"/. "$2" && cd "$2" || exit 78
used=$(df -k . | awk 'NR == 2 { print $3 }')
mount -o "remount,size=$((used + $3))k" "$2" || exit 79
"$4" --no-progress $5; echo "code $?"
find . -type f
mount -o remount,size=1g "$2"
echo "== again"
"$4" --no-progress $6; echo "code $?"
find . -type f
"#;

/// False where nothing can be mounted.
fn small_disk(target: &Target<'_>, shares: &[f64]) -> bool {
    let need = Need::of(target);
    let mut refused = 0;
    for share in shares {
        let (start, place) = (target.folder(), tempfile::tempdir().unwrap());
        let free = (need.all as f64 * share / 1024.0) as u64;
        let what = format!("{} with {free} KiB left", target.call[0]);
        let Some([first, again]) = on_disk(target, &start, &place, free) else {
            return false;
        };
        refused += usize::from(need.judge(&first.0, &first.1, &what));
        if first.0.code == 2 {
            assert_eq!(again.0.code, 0, "{what}, then again: {}", again.0);
            assert_eq!(again.1, need.after, "{what}, then again: {}", again.0);
        }
    }
    assert!(refused > 0, "{}: no disk was full", target.call[0]);
    true
}

type Ran = (Outcome, Vec<PathBuf>);

fn on_disk(target: &Target<'_>, start: &TempDir, place: &TempDir, free: u64) -> Option<[Ran; 2]> {
    let velum = command(start.path());
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
        .args([start.path(), place.path()])
        .arg(free.to_string())
        .arg(velum.get_program())
        .args([target.call.join(" "), target.again.join(" ")])
        .output();
    let output = output
        .ok()
        .filter(|output| !matches!(output.status.code(), Some(1 | 77)))?;
    let both = Outcome::of(&output);
    let (first, again) = both
        .stdout
        .split_once("== again\n")
        .unwrap_or_else(|| panic!("{both}"));
    let ran = |text: &str| {
        let (said, rest) = text.rsplit_once("code ").unwrap();
        let mut lines = rest.lines();
        let code = lines.next().unwrap().parse().unwrap();
        let mut left: Vec<PathBuf> = lines
            .map(|line| line.trim_start_matches("./").into())
            .collect();
        left.sort();
        let outcome = Outcome {
            code,
            stdout: said.to_owned(),
            stderr: both.stderr.clone(),
        };
        (outcome, left)
    };
    Some([ran(first), ran(again)])
}

/// The verbs whose results are single files.
fn small_verbs(fire: &dyn Fn(&Target<'_>)) {
    let start = kills::client_without(&["plan.json", "plan.recipe.json"]);
    let plan = "plan --features rows.csv --rows 0..90 --iterations 2 --out plan.json";
    let stats = "stats --features rows.csv --rows 0..90 --out rows.stats";
    let predict = "predict --model model --features rows.csv --rows 90.. --out scores.csv";
    let score_plan =
        "predict plan --model model --features rows.csv --rows 90.. --out predict.json";
    for (call, output) in [
        (plan, "plan.json"),
        (stats, "rows.stats"),
        (predict, "scores.csv"),
        (score_plan, "predict.json"),
    ] {
        let call: Vec<&str> = call.split(' ').collect();
        fire(&Target {
            start: start.path(),
            again: call.clone(),
            call,
            outputs: vec![output],
            same_bits: true,
        });
    }
}

fn all(fire: &dyn Fn(&Target<'_>)) {
    kills::keygen(fire);
    kills::encrypt(fire);
    kills::train(fire);
    kills::decrypt(fire);
    small_verbs(fire);
}

#[test]
fn a_limit_of_file_sizes_leaves_nothing_half_written() {
    all(&|target| limited(target, &FEW));
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    kills::keygen(|target| {
        if !small_disk(target, &FEW[1..]) {
            println!("skipped: no file system can be mounted here");
        }
    });
}

#[test]
#[ignore = "a minute: every verb at many fillings"]
fn every_filling_of_a_disk_leaves_nothing_half_written() {
    let both = |target: &Target<'_>| {
        limited(target, &MANY);
        if !small_disk(target, &MANY) {
            println!("skipped: no file system can be mounted here");
        }
    };
    all(&both);
    kills::extract(both);
}
