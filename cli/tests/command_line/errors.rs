//! Arguments that do not parse: exit code 1, and an object for scripts.

use std::path::Path;

use crate::velum;

#[test]
fn arguments() {
    let lines: &[&[&str]] = &[
        &["frob", "--json"],
        &["--json"],
        &["train", "--jsn"],
        &["train", "--plan", "p", "--json"],
        &["plan", "--shape", "1,2", "--out", "x", "--json"],
        &["plan", "--shape", "9,2,2", "--features", "f", "--out", "x"],
        &[
            "plan", "--shape", "9,2,2", "--method", "magic", "--out", "x",
        ],
        &["plan", "--rows", "1..2", "--shape", "9,2,2", "--out", "x"],
        &[
            "plan",
            "--stats",
            "s",
            "--whitening",
            "w",
            "--tune",
            "--out",
            "x",
        ],
        &["plan", "--features", "f", "--whitening", "w", "--out", "x"],
        &["plan", "--features", "f", "--data-bound", "9", "--out", "x"],
        &["plan", "--shape", "9,2,2", "--lambda", "1", "--out", "x"],
        &["plan", "--shape", "9,2,2", "--recipe", "r", "--out", "x"],
        &[
            "plan",
            "--shape",
            "9,2,2",
            "--accuracy-goal",
            "97",
            "--out",
            "x",
        ],
        &[
            "plan",
            "--features",
            "f",
            "--accuracy-goal",
            "97",
            "--iterations",
            "3",
            "--out",
            "x",
        ],
        &[
            "plan",
            "--features",
            "f",
            "--refresh",
            "none",
            "--refresh-every",
            "2",
            "--out",
            "x",
        ],
        &["evaluate", "--model", "m", "--features", "f", "--rows", "1"],
        &["encrypt", "--plan", "p", "--key", "k", "--public-key", "q"],
        &["demo", "--threads", "0"],
        &["predict-server", "--plan", "p", "--json"],
        &[
            "predict",
            "--model",
            "m",
            "plan",
            "--model",
            "m",
            "--features",
            "f",
            "--out",
            "o",
            "--json",
        ],
        &["predict"],
        &["encrypt", "--plan", "p", "--owner", "1", "--out", "o"],
        &["stats", "--out", "o"],
        &["plan"],
        &["predict", "exact", "plan", "--json"],
    ];
    let said: Vec<String> = lines
        .iter()
        .map(|line| {
            let text = velum(Path::new("."), line);
            assert!(text.starts_with("exit code 1\n"), "{line:?}: {text}");
            format!("$ velum {}\n{text}", line.join(" "))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}
