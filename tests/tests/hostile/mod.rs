//! Bad input of every kind to every verb. Each time: the right exit code, an error that says where and what to do, and not one file more
//! or less than before. The texts are snapshots.

mod client;
mod prediction;
mod results;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::journey::FEATURES;
use crate::program::{Outcome, files, velum};
use crate::table;

/// One bad input: what it is, how a good folder is spoilt, what is run, the exit code.
struct Case {
    what: &'static str,
    spoil: fn(&Path),
    arguments: &'static str,
    code: i32,
}

const fn case(what: &'static str, spoil: fn(&Path), arguments: &'static str) -> Case {
    Case {
        what,
        spoil,
        arguments,
        code: 1,
    }
}

/// Runs the cases, each in a copy of `folder`, and gives what velum said.
fn check(folder: &Path, cases: &[Case]) -> String {
    cases
        .iter()
        .map(|case| {
            let place = mirror(folder);
            (case.spoil)(place.path());
            let before = state(place.path());
            let arguments: Vec<&str> = case.arguments.split(' ').collect();
            let outcome = velum(place.path(), &arguments);
            let what = case.what;
            assert_eq!(outcome.code, case.code, "{what}: {outcome}");
            assert!(outcome.stderr.contains("error: "), "{what}: {outcome}");
            assert!(outcome.stderr.contains("hint: "), "{what}: {outcome}");
            assert!(!outcome.stderr.contains("panicked"), "{what}: {outcome}");
            assert_eq!(
                state(place.path()),
                before,
                "{what}: files changed: {outcome}"
            );
            as_script(case, place.path(), &arguments, &outcome);
            format!("## {what}\n$ velum {}\n{outcome}\n", case.arguments)
        })
        .collect()
}

/// The same with `--json`: one object with the same message.
fn as_script(case: &Case, place: &Path, arguments: &[&str], human: &Outcome) {
    let outcome = velum(place, &[&["--json"], arguments].concat());
    let what = case.what;
    assert_eq!(outcome.code, case.code, "{what}: {outcome}");
    let error = &outcome.json()["error"];
    assert_eq!(error["exit_code"], case.code, "{what}: {outcome}");
    let message = error["message"].as_str().unwrap();
    assert!(human.stderr.contains(message), "{what}: {outcome}");
    assert!(error["hint"].is_string(), "{what}: {outcome}");
}

/// A copy of a folder; large files are linked, and spoilt by writing a new file in their place.
fn mirror(folder: &Path) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for file in files(folder) {
        let target = place.path().join(&file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let large = folder.join(&file).metadata().unwrap().len() > 100_000;
        if !large || std::fs::hard_link(folder.join(&file), &target).is_err() {
            std::fs::copy(folder.join(&file), target).unwrap();
        }
    }
    #[cfg(unix)]
    if place.path().join("keys").exists() {
        use std::os::unix::fs::PermissionsExt;
        let only_owner = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(place.path().join("keys"), only_owner).unwrap();
    }
    place
}

/// Every file with its length.
fn state(folder: &Path) -> BTreeMap<PathBuf, u64> {
    files(folder)
        .into_iter()
        .map(|file| {
            let length = folder.join(&file).metadata().unwrap().len();
            (file, length)
        })
        .collect()
}

/// Puts other content in the place of a file, without touching what is linked to it.
fn replace(path: &Path, content: &[u8]) {
    let permissions = path.metadata().unwrap().permissions();
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, permissions).unwrap();
}

/// Cuts a file to a part of its length.
fn cut(path: &Path) {
    let content = std::fs::read(path).unwrap();
    replace(path, &content[..content.len() * 2 / 3]);
}

/// Flips one bit in the middle of a file.
fn flip(path: &Path) {
    let mut content = std::fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    replace(path, &content);
}

/// The largest file of a folder: a shard, a key, the tensors of a model.
fn largest(folder: &Path) -> PathBuf {
    files(folder)
        .into_iter()
        .map(|file| folder.join(file))
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap()
}

/// Replaces a text in a file, where it must stand.
fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {}", path.display());
    replace(path, text.replace(from, to).as_bytes());
}

fn write_table(place: &Path, change: impl Fn(&mut Vec<Vec<f64>>)) {
    let mut rows = table::rows(7, 40, FEATURES, 3);
    change(&mut rows);
    std::fs::write(place.join("bad.csv"), table::csv(&rows)).unwrap();
}

/// Snapshots without what changes from run to run or with the sizes that a plan chooses.
fn snapshot(name: &str, text: String) {
    insta::with_settings!({
        filters => [
            (r"\b[0-9a-f]{16,}(\.\.|…)?", "[hash]"),
            (r"\b\d+(\.\d+)? ?(ms|s)\b", "[time]"),
            (r"\b\d+\.\d+\b", "[number]"),
            (r"\b\d{4,}\b", "[count]"),
            (r"line \d+, column \d+", "line [count], column [count]"),
        ],
        prepend_module_to_snapshot => false,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

fn nothing(_: &Path) {}
