//! What a class is called, what a picture is called, what computed the features: kept and compared from extraction to prediction.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::journey::figure;
use crate::program::{Outcome, done, velum};
use crate::table;

const FEATURES: usize = 12;
const NAMES: [&str; 3] = ["bars", "cols", "dots"];

/// An array of numpy, version 1.0.
fn npy(kind: &str, shape: &str, values: impl IntoIterator<Item = [u8; 8]>) -> Vec<u8> {
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    head.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(head.len()).unwrap().to_le_bytes());
    out.extend(head.as_bytes());
    out.extend(values.into_iter().flatten());
    out
}

/// Rows of the classes that are named (labels are places in `NAMES`), written with the labels of `names`, by the network `model`.
fn write(folder: &Path, rows: &[Vec<f64>], names: &[&str], model: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let label = |row: &Vec<f64>| {
        let name = NAMES[row[0] as usize];
        names
            .iter()
            .position(|other| other.eq_ignore_ascii_case(name))
            .unwrap_or(0) as i64
    };
    let features = rows
        .iter()
        .flat_map(|row| &row[1..])
        .map(|x| x.to_le_bytes());
    let shape = format!("{}, {FEATURES}", rows.len());
    std::fs::write(folder.join("features.npy"), npy("<f8", &shape, features)).unwrap();
    let labels = rows.iter().map(|row| label(row).to_le_bytes());
    let shape = format!("{},", rows.len());
    std::fs::write(folder.join("labels.npy"), npy("<i8", &shape, labels)).unwrap();
    let pictures: Vec<String> = (0..rows.len()).map(|row| format!("{row}.png")).collect();
    std::fs::write(folder.join("names.json"), json!(pictures).to_string()).unwrap();
    let described = json!({
        "schema": 2, "model": model, "weights_blake3": "ab".repeat(32),
        "preprocessing": {"mean": [0.0]}, "class_names": names,
        "rows": rows.len(), "features": FEATURES,
    });
    std::fs::write(folder.join("features.json"), described.to_string()).unwrap();
}

/// Rows of some classes.
fn of(classes: &[usize], seed: u64) -> Vec<Vec<f64>> {
    let mut rows = table::rows(seed, 120, FEATURES, NAMES.len());
    rows.retain(|row| classes.contains(&(row[0] as usize)));
    rows
}

/// A client's folder up to the encryption: its twin, `private/twin`, is a model over raw features.
static CLIENT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(&at.join("train"), &of(&[0, 1, 2], 5), &NAMES, "net-a");
    let set = ["--features", "train"];
    done(at, &[&["plan", "--out", "plan.json"], &set[..]].concat());
    let key = ["--plan", "plan.json", "--key", "secret.key"];
    done(at, &[&["keygen", "--eval-keys", "keys"], &key[..]].concat());
    let out = ["encrypt", "--private", "private", "--out", "dataset"];
    done(at, &[&out[..], &key, &set].concat());
    folder
});

fn judged(verb: &str, features: &Path) -> Outcome {
    let features = features.to_str().unwrap();
    let arguments = [
        "--json",
        verb,
        "--model",
        "private/twin",
        "--features",
        features,
    ];
    velum(CLIENT.path(), &arguments)
}

fn accuracy(verb: &str, features: &Path) -> f64 {
    let found = judged(verb, features);
    assert_eq!(found.code, 0, "{found}");
    figure(&found.json(), "accuracy")
}

#[test]
fn classes_of_a_test_set_are_matched_by_name() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let rows = of(&[1, 2], 6);
    write(&at("whole"), &rows, &NAMES, "net-a");
    // A folder that lacks a class; and one in another order.
    write(&at("lacking"), &rows, &["cols", "dots"], "net-a");
    write(&at("turned"), &rows, &["dots", "cols", "bars"], "net-a");
    let whole = accuracy("evaluate", &at("whole"));
    // Good rows of these clusters err one in a hundred; labels by position would be wrong nearly all.
    assert!(whole > 0.9, "{whole}");
    for set in ["lacking", "turned"] {
        for verb in ["evaluate", "predict"] {
            assert_eq!(accuracy(verb, &at(set)), whole, "{verb} {set}");
        }
    }
    // A class of another name is no class of the model: refused by name, or predicted as unlabelled.
    write(&at("renamed"), &rows, &["COLS", "dots"], "net-a");
    let json = at("renamed/features.json");
    let text = std::fs::read_to_string(&json).unwrap();
    assert!(text.contains("COLS"));
    let refused = judged("evaluate", &at("renamed"));
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("`COLS`") || refused.stdout.contains("`COLS`"));
    let predicted = judged("predict", &at("renamed"));
    assert_eq!(predicted.code, 0, "{predicted}");
    assert_eq!(predicted.json()["accuracy"], Value::Null);
    assert!(predicted.stderr.contains("`COLS`"), "{predicted}");
}

#[test]
fn predictions_are_by_file_name_and_need_no_labels() {
    let place = tempfile::tempdir().unwrap();
    let set = place.path().join("new");
    write(&set, &of(&[0, 2], 8), &NAMES, "net-a");
    std::fs::remove_file(set.join("labels.npy")).unwrap();
    let found = judged("predict", &set).json();
    assert_eq!(found["accuracy"], Value::Null);
    assert_eq!(found["predictions"][3]["file"], "3.png");
    let chosen = ["--rows", "every 2 offset 1", "--features"];
    let arguments = [&["predict", "--model", "private/twin"], &chosen[..]].concat();
    let arguments = [&arguments[..], &[set.to_str().unwrap()]].concat();
    let found = done(CLIENT.path(), &arguments);
    assert_eq!(found["predictions"][1]["file"], "3.png");
    // A table without labels: as many columns as the model has features.
    let rows: Vec<Vec<f64>> = of(&[0], 8)
        .into_iter()
        .map(|row| row[1..].to_vec())
        .collect();
    std::fs::write(place.path().join("bare.csv"), table::csv(&rows)).unwrap();
    let found = judged("predict", &place.path().join("bare.csv"));
    assert_eq!(found.code, 0, "{found}");
    assert_eq!(found.json()["accuracy"], Value::Null);
}

#[test]
fn features_of_another_network_are_refused_and_both_are_named() {
    let place = tempfile::tempdir().unwrap();
    let set = place.path().join("other");
    write(&set, &of(&[0, 1, 2], 6), &NAMES, "net-b");
    for verb in ["evaluate", "predict"] {
        let refused = judged(verb, &set);
        assert_eq!(refused.code, 1, "{refused}");
        let said = refused.stderr + &refused.stdout;
        assert!(said.contains("net-a") && said.contains("net-b"), "{said}");
    }
    let train = [
        "--train-features",
        set.to_str().unwrap(),
        "--features",
        "train",
    ];
    let refused = velum(
        CLIENT.path(),
        &[&["evaluate", "--model", "private/twin"], &train[..]].concat(),
    );
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("net-b"), "{refused}");
}

#[test]
fn an_evaluation_names_every_row_and_what_a_prediction_is_worth() {
    let place = tempfile::tempdir().unwrap();
    let (set, out) = (
        place.path().join("test"),
        place.path().join("predictions.csv"),
    );
    write(&set, &of(&[0, 1, 2], 6), &["dots", "cols", "bars"], "net-a");
    let paths = [set.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let arguments = [&["evaluate", "--model", "model", "--features"], &paths[..]].concat();
    // Decryption hands on the temperature that the twin's held-out rows gave.
    let at = CLIENT.path();
    let train = [
        "train",
        "--plan",
        "plan.json",
        "--eval-keys",
        "keys",
        "--out",
        "model.enc",
    ];
    done(at, &[&train[..], &["--dataset", "dataset"]].concat());
    let decrypt = [
        "decrypt",
        "--plan",
        "plan.json",
        "--key",
        "secret.key",
        "--private",
        "private",
    ];
    done(
        at,
        &[&decrypt[..], &["--model", "model.enc", "--out", "model"]].concat(),
    );
    let found = done(at, &arguments);
    let interval = &found["accuracy_interval"];
    let [low, high] = ["low", "high"].map(|end| figure(interval, end));
    assert!(low < figure(&found, "accuracy") && high > figure(&found, "accuracy") - 1e-12);
    assert!(figure(&found, "balanced_accuracy") > 0.9 && figure(&found, "macro_f1") > 0.9);
    let text = std::fs::read_to_string(&out).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("row,file,actual,actual_name,label,score,name,probability")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len() as u64, found["rows"].as_u64().unwrap());
    let right = rows.iter().filter(|row| row[3] == row[6]).count();
    let share = right as f64 / rows.len() as f64;
    assert!((share - figure(&found, "accuracy")).abs() < 1e-12);
    assert_eq!(rows[5][1], "5.png");
    // Probabilities say about as many right ones as there are. They were fitted on 24 rows: Laplace's rule lets those say 25/27 at most, 0.07
    // less than all, and the standard deviation of a share of 24 rows near 0.93 is 0.05, of 120 rows 0.01.
    let said: f64 = rows.iter().map(|row| row[7].parse::<f64>().unwrap()).sum();
    let said = said / rows.len() as f64;
    assert!(said <= 1.0 && (said - share).abs() < 0.13, "{said} {share}");
}

#[test]
fn rows_that_were_trained_on_are_no_test() {
    let arguments = ["evaluate", "--model", "private/twin", "--features", "train"];
    let found = velum(
        CLIENT.path(),
        &[&arguments[..], &["--private", "private"]].concat(),
    );
    assert_eq!(found.code, 0, "{found}");
    assert!(found.stderr.contains("trained on"), "{found}");
}

/// The files of two owners, one of whom lacks a class and has the others in another order.
struct Owners(TempDir);

impl Owners {
    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Value {
        done(self.0.path(), arguments)
    }

    fn encrypt<'a>(&self, owner: &'a str, features: &'a str) -> [&'a str; 14] {
        let [key, map] = ["public.key", "map"];
        let out = if owner == "1" { "from-1" } else { "from-2" };
        [
            "encrypt",
            "--plan",
            "plan.json",
            "--public-key",
            key,
            "--whitening",
            map,
            "--trust-key-holder",
            "--owner",
            owner,
            "--features",
            features,
            "--out",
            out,
        ]
    }
}

#[test]
fn an_owner_may_lack_a_class_and_have_the_others_in_another_order() {
    let owners = Owners(tempfile::tempdir().unwrap());
    let at = owners.0.path();
    let (a, b) = (of(&[0, 1, 2], 5), of(&[0, 2], 7));
    write(&owners.at("a"), &a, &NAMES, "net-a");
    write(&owners.at("b"), &b, &["dots", "bars"], "net-a");
    write(&owners.at("typed"), &b, &["dots", "Bars"], "net-a");
    write(&owners.at("foreign"), &b, &["dots", "bars"], "net-b");
    for set in ["a", "b", "typed", "foreign"] {
        owners.run(&["stats", "--features", set, "--out", &format!("s-{set}")]);
    }
    let refused = |arguments: &[&str], what: [&str; 2]| {
        let outcome = velum(at, arguments);
        assert_eq!(outcome.code, 1, "{outcome}");
        assert!(
            what.iter().all(|text| outcome.stderr.contains(text)),
            "{outcome}"
        );
    };
    let merge = |other| ["stats", "--merge", "s-a", other, "--out", "none"];
    refused(&merge("s-typed"), ["`Bars`", "`bars`"]);
    refused(&merge("s-foreign"), ["net-a", "net-b"]);
    let pooled = owners.run(&["stats", "--merge", "s-a", "s-b", "--out", "pooled"]);
    let count = |class: f64| a.iter().chain(&b).filter(|row| row[0] == class).count();
    assert_eq!(
        pooled["class_counts"],
        json!([count(0.0), count(1.0), count(2.0)])
    );
    owners.run(&[
        "plan",
        "--stats",
        "pooled",
        "--whitening",
        "map",
        "--out",
        "plan.json",
    ]);
    let keys = ["keygen", "--plan", "plan.json", "--key", "secret.key"];
    let outputs = ["--eval-keys", "keys", "--public-key", "public.key"];
    owners.run(&[&keys[..], &outputs].concat());
    refused(&owners.encrypt("2", "typed"), ["`Bars`", "`bars`"]);
    refused(&owners.encrypt("2", "foreign"), ["net-a", "net-b"]);
    owners.run(&owners.encrypt("1", "a"));
    owners.run(&owners.encrypt("2", "b"));
    let train = [
        "train",
        "--plan",
        "plan.json",
        "--eval-keys",
        "keys",
        "--out",
        "model.enc",
    ];
    owners.run(&[&train[..], &["--dataset", "from-1", "--dataset", "from-2"]].concat());
    let decrypt = ["decrypt", "--plan", "plan.json", "--key", "secret.key"];
    let files = [
        "--whitening",
        "map",
        "--model",
        "model.enc",
        "--out",
        "model",
    ];
    owners.run(&[&decrypt[..], &files].concat());
    write(
        &owners.at("test"),
        &of(&[0, 1, 2], 9),
        &["dots", "cols", "bars"],
        "net-a",
    );
    let found = owners.run(&["evaluate", "--model", "model", "--features", "test"]);
    // Labels by position would have taught that dots are bars.
    assert!(figure(&found, "accuracy") > 0.9, "{found}");
}
