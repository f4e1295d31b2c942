//! Every block of commands in README and docs runs as it is written.
//!
//! A block of shell commands has one comment before it that says what becomes of it: `<!-- run: FOLDER -->` (blocks of the same document with
//! the same folder run in it one after the other) or `<!-- not run: REASON -->`. A block of text behind `<!-- it says -->` is what the commands
//! before it print, but for figures. Blocks of Python are run like the others, where there is a Python with pip (slow: it fetches two packages).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{binary, done};
use crate::table;

/// What a reader of the repository is told to type.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let mut found: Vec<PathBuf> = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .chain(
            [
                "README.md",
                "CONTRIBUTING.md",
                "SECURITY.md",
                "ARCHITECTURE.md",
            ]
            .map(|name| root.join(name)),
        )
        .collect();
    found.sort();
    found
}

/// What a block is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Shell,
    Python,
}

/// A block of commands, and what its comment says.
#[derive(Debug)]
struct Block {
    line: usize,
    language: Language,
    folder: Option<String>,
    commands: String,
    /// What the document says that they print.
    says: Option<String>,
}

/// The blocks of a document.
fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let ends = |begin: usize| {
        (begin + 1..lines.len())
            .find(|&line| lines[line].trim() == "```")
            .unwrap_or_else(|| panic!("{}:{}: a block without an end", path.display(), begin + 1))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let language = match lines[at].trim() {
            "```sh" => Language::Shell,
            "```python" => Language::Python,
            _ => {
                at += 1;
                continue;
            }
        };
        let end = ends(at);
        let said = lines[..at]
            .iter()
            .rev()
            .find(|line| !line.trim().is_empty());
        let said = said.map_or("", |line| line.trim());
        let inner = |begin: &str| said.strip_prefix(begin)?.strip_suffix(" -->");
        let (run, not) = (inner("<!-- run: "), inner("<!-- not run: "));
        assert!(
            run.is_some() || not.is_some_and(|reason| !reason.is_empty()),
            "{}:{}: expected a comment that says where the block is run, found {said:?}",
            path.display(),
            at + 1
        );
        let says = lines[end + 1..]
            .iter()
            .position(|line| !line.trim().is_empty())
            .map(|empty| end + 1 + empty)
            .filter(|&line| lines[line].trim() == "<!-- it says -->")
            .map(|line| {
                assert_eq!(lines[line + 1], "```text", "{}", path.display());
                lines[line + 2..ends(line + 1)].join("\n")
            });
        found.push(Block {
            line: at + 1,
            language,
            folder: run.map(str::to_owned),
            commands: lines[at + 1..end].join("\n"),
            says,
        });
        at = end + 1;
    }
    found
}

/// A folder with what the reader has before the first block.
fn folder(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let csv = |name: &str, seed, rows, columns, classes| {
        let text = table::csv(&table::rows(seed, rows, columns, classes));
        std::fs::write(at.join(name), text).unwrap();
    };
    match name {
        "table" => {
            csv("features.csv", 3, 512, 40, 10);
            shell(at, "gzip features.csv", "what the reader has");
            for (name, seed) in [("seen.npy", 4), ("new.npy", 5)] {
                std::fs::write(at.join(name), npy(&table::rows(seed, 60, 40, 10))).unwrap();
            }
        }
        "owners" => {
            csv("mine.csv", 6, 900, 160, 10);
            csv("theirs.csv", 7, 700, 160, 10);
        }
        "pictures" => {
            for class in ["left", "middle", "right"] {
                photos(&at.join("photos").join(class), class, 30);
            }
            photos(&at.join("new"), "middle", 5);
        }
        other => panic!("no such folder of a reader: {other}"),
    }
    folder
}

/// The features of rows, without their labels, as numpy writes them.
fn npy(rows: &[Vec<f64>]) -> Vec<u8> {
    let shape = format!("({}, {})", rows.len(), rows[0].len() - 1);
    let head = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length take ten bytes; all of the head is a multiple of 64 and ends in a new line.
    let padded = format!("{head:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(padded.len()).unwrap().to_le_bytes());
    bytes.extend(padded.bytes());
    bytes.extend(
        rows.iter()
            .flat_map(|row| row[1..].iter().flat_map(|x| x.to_le_bytes())),
    );
    bytes
}

/// Pictures of a class, 8 x 8: a bright bar at a place of its own, and noise.
fn photos(at: &Path, class: &str, count: u32) {
    let place = ["left", "middle", "right"].iter().position(|c| *c == class);
    let mut state = count + place.map_or(0, |place| place as u32);
    std::fs::create_dir_all(at).unwrap();
    for k in 0..count {
        let pixels: Vec<u8> = (0..64)
            .map(|pixel| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let bright = Some(pixel % 8 / 2) == place;
                (state >> 26) as u8 + if bright { 160 } else { 0 }
            })
            .collect();
        let file = std::fs::File::create(at.join(format!("{k}.png"))).unwrap();
        let mut encoder = png::Encoder::new(file, 8, 8);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&pixels).unwrap();
        writer.finish().unwrap();
    }
}

/// Runs commands in `at`, with velum among the programs, and returns what they print; ends at the first that fails.
fn shell(at: &Path, commands: &str, what: &str) -> String {
    let programs = binary().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)));
    let mut command = Command::new("sh");
    // One stream, so that lines stand in the order in which they were written.
    command
        .args(["-euc", &format!("exec 2>&1\n{commands}")])
        .current_dir(at)
        .env("PATH", path.unwrap());
    printed(&mut command, &format!("{what}\n{commands}"))
}

fn printed(command: &mut Command, what: &str) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{what}: {}\n-----\n{text}\n{errors}",
        output.status
    );
    text
}

/// The words of a text, with every figure alike.
fn words(text: &str) -> Vec<&str> {
    let is_figure = |word: &str| word.contains(|c: char| c.is_ascii_digit());
    let word = |word| if is_figure(word) { "#" } else { word };
    text.split_whitespace().map(word).collect()
}

/// Runs all blocks of a document, those of Python too if there is one; returns how many were run.
fn run(document: &Path, python: Option<&Path>) -> usize {
    let mut folders: BTreeMap<String, TempDir> = BTreeMap::new();
    let mut run = 0;
    for block in blocks(document) {
        let Some(name) = &block.folder else { continue };
        let at = folders
            .entry(name.clone())
            .or_insert_with(|| folder(name.split(' ').next().unwrap_or_default()))
            .path();
        let what = format!("{}:{}", document.display(), block.line);
        let printed = match (block.language, python) {
            (Language::Shell, _) => shell(at, &block.commands, &what),
            (Language::Python, Some(python)) => {
                let mut command = Command::new(python);
                command.args(["-c", &block.commands]).current_dir(at);
                let found = printed(&mut command, &what);
                check_labels(at, &found);
                found
            }
            (Language::Python, None) => continue,
        };
        if let Some(says) = &block.says {
            // Said where a machine is slow.
            let is_told = |line: &&str| !line.ends_with(": at work");
            let printed: Vec<&str> = printed.lines().filter(is_told).collect();
            let printed = printed.join("\n");
            assert_eq!(words(&printed), words(says), "{what} prints\n{printed}");
        }
        run += 1;
    }
    run
}

/// The labels that Python found for the job's features are those of `velum predict`.
fn check_labels(at: &Path, found: &str) {
    let features = ["--features", "client/features", "--out", "labels.csv"];
    let model = ["predict", "--model", "client/model"];
    done(at, &[&model[..], &features].concat());
    let table = std::fs::read_to_string(at.join("labels.csv")).unwrap();
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = head.iter().position(|name| *name == "name");
    let column = column.unwrap_or_else(|| panic!("no names in {head:?}"));
    let wanted: Vec<&str> = lines
        .map(|line| line.split(',').nth(column).unwrap())
        .collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn every_block_of_commands_runs_as_written() {
    let run: usize = documents().iter().map(|path| run(path, None)).sum();
    assert!(run > 10, "only {run} blocks of all documents are run");
}

/// Python with numpy and safetensors, in an environment of its own under the build directory; none where there is no Python with pip.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents-python");
    let inside = folder.join("bin").join("python");
    let works = |command: &mut Command| command.output().is_ok_and(|out| out.status.success());
    let imports = || works(Command::new(&inside).args(["-c", "import numpy, safetensors.numpy"]));
    let install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
    let made = imports()
        || works(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        ) && works(
            Command::new(&inside)
                .args(install)
                .args(["numpy", "safetensors"]),
        ) && imports();
    made.then_some(inside)
}

#[test]
#[ignore = "fetches two packages of Python"]
fn every_block_of_python_runs_as_written() {
    let Some(python) = python() else {
        println!("skipped: no python3 with venv and pip, or no numpy and safetensors to be had");
        return;
    };
    let with_python = |path: &PathBuf| blocks(path).iter().any(|b| b.language == Language::Python);
    let found: Vec<PathBuf> = documents().into_iter().filter(with_python).collect();
    assert!(!found.is_empty(), "no document has a block of Python");
    for document in found {
        run(&document, Some(&python));
    }
}
