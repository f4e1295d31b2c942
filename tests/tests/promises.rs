//! `docs/testing.md` names tests: each must be there.

use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Every Rust file of these folders.
pub(crate) fn sources(folders: &[&str]) -> String {
    let folders = folders.iter().map(|folder| Path::new(ROOT).join(folder));
    let mut left: Vec<PathBuf> = folders.collect();
    let mut all = String::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    all
}

#[test]
fn promises_name_tests_that_exist() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/testing.md")).unwrap();
    let sources = sources(&["he-core", "feature-extract", "mlr-train", "cli", "tests"]);
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    for row in rows.filter_map(|line| line.rsplit_once(" | ")) {
        let tests = row.1.split('`').skip(1).step_by(2);
        for name in tests.filter(|name| !name.contains(' ')) {
            let is_there = sources.contains(&format!("fn {name}("));
            assert!(is_there, "docs/testing.md: no test is called {name}");
            named += 1;
        }
    }
    assert!(named > 40, "only {named} tests are named");
}

/// `docs/messages.md` quotes messages: their words must be somewhere in the program.
#[test]
fn explained_messages_are_messages_of_the_program() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/messages.md")).unwrap();
    let sources = sources(&["he-core", "feature-extract", "mlr-train", "cli"]);
    let quoted = |line: &str| {
        line.strip_prefix("| `")?
            .split_once('`')
            .map(|(m, _)| m.to_owned())
    };
    let messages: Vec<String> = text.lines().filter_map(quoted).collect();
    assert!(messages.len() > 10, "only {} are quoted", messages.len());
    for message in messages {
        for part in message
            .split("...")
            .map(|part| part.trim_matches([' ', ',']))
        {
            assert!(sources.contains(part), "no message has the words {part:?}");
        }
    }
}
