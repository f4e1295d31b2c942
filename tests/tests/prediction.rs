//! Labels of new rows: in clear, and by a server that scores encrypted rows with a clear or an encrypted model.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::journey::{CLASSES, JOB, TRAIN, figure};
use crate::program::{copy, done, files, velum};

/// What the server has of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Clear,
    Encrypted,
}

/// A finished prediction and its files.
pub(crate) struct Prediction {
    folder: TempDir,
    plan: Value,
    encrypt: Value,
    server: Value,
    decrypt: Value,
}

impl Prediction {
    /// The client's folder.
    pub(crate) fn client(&self) -> PathBuf {
        self.folder.path().join("client")
    }

    /// The server's folder.
    pub(crate) fn server(&self) -> PathBuf {
        self.folder.path().join("server")
    }
}

pub(crate) static CLEAR: LazyLock<Prediction> = LazyLock::new(|| run(Form::Clear));
pub(crate) static ENCRYPTED: LazyLock<Prediction> = LazyLock::new(|| run(Form::Encrypted));

/// Arguments of `predict score` in the server's folder.
pub(crate) fn server_arguments(form: Form) -> [&'static str; 12] {
    let (flag, model) = match form {
        Form::Clear => ("--model", "model"),
        Form::Encrypted => ("--encrypted-model", "sealed.enc"),
    };
    [
        "predict",
        "score",
        "--plan",
        "plan.json",
        "--eval-keys",
        "eval-keys",
        "--query",
        "query.enc",
        flag,
        model,
        "--out",
        "scores.enc",
    ]
}

const DECRYPT: [&str; 10] = [
    "predict",
    "decrypt",
    "--plan",
    "plan.json",
    "--key",
    "keys/secret.key",
    "--query",
    "query.enc",
    "--scores",
    "scores.enc",
];

fn run(form: Form) -> Prediction {
    let folder = tempfile::tempdir().unwrap();
    let (client, server) = (folder.path().join("client"), folder.path().join("server"));
    std::fs::create_dir(&server).unwrap();
    for name in ["model", "rows.csv"] {
        let from = JOB.client().join(name);
        if from.is_dir() {
            copy(&from, &client.join(name));
        } else {
            std::fs::copy(from, client.join(name)).unwrap();
        }
    }
    let (train, test) = (format!("0..{TRAIN}"), format!("{TRAIN}.."));
    let like = ["--features", "rows.csv", "--rows", &train, "--batch", "100"];
    let flag: &[&str] = match form {
        Form::Clear => &[],
        Form::Encrypted => &["--encrypted-model"],
    };
    let plan = ["predict", "plan", "--model", "model", "--out", "plan.json"];
    let plan = done(&client, &[&plan[..], &like, flag].concat());
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    done(
        &client,
        &[&["keygen", "--eval-keys", "eval-keys"], &key[..]].concat(),
    );
    let seal = |what: &[&str]| done(&client, &[&["predict", "encrypt"], &key[..], what].concat());
    let rows = [
        "--features",
        "rows.csv",
        "--rows",
        &test,
        "--out",
        "query.enc",
    ];
    let encrypt = seal(&rows);
    std::fs::copy(client.join("plan.json"), server.join("plan.json")).unwrap();
    std::fs::copy(client.join("query.enc"), server.join("query.enc")).unwrap();
    std::fs::rename(client.join("eval-keys"), server.join("eval-keys")).unwrap();
    if form == Form::Encrypted {
        seal(&["--model", "model", "--out", "sealed.enc"]);
        std::fs::rename(client.join("sealed.enc"), server.join("sealed.enc")).unwrap();
    } else {
        copy(&client.join("model"), &server.join("model"));
    }
    let answer = done(&server, &server_arguments(form));
    std::fs::copy(server.join("scores.enc"), client.join("scores.enc")).unwrap();
    let decrypt = done(
        &client,
        &[&DECRYPT[..], &["--top", "3", "--model", "model"]].concat(),
    );
    Prediction {
        folder,
        plan,
        encrypt,
        server: answer,
        decrypt,
    }
}

/// Scores by row and class, from an object with `predictions`.
fn scores(object: &Value) -> Vec<[f64; CLASSES]> {
    let rows = object["predictions"].as_array().unwrap().iter();
    rows.map(|row| {
        let mut scores = [f64::NAN; CLASSES];
        for class in row["top"].as_array().unwrap() {
            scores[class["label"].as_u64().unwrap() as usize] = figure(class, "score");
        }
        scores
    })
    .collect()
}

fn in_clear(folder: &Path, extra: &[&str]) -> Value {
    let rows = format!("{TRAIN}..");
    let arguments = [
        "predict",
        "--model",
        "model",
        "--features",
        "rows.csv",
        "--rows",
        &rows,
    ];
    done(folder, &[&arguments, extra].concat())
}

#[test]
fn labels_in_clear_are_those_that_evaluate_counts() {
    let all = in_clear(&JOB.client(), &["--top", "3"]);
    assert_eq!(all["rows"], TRAIN);
    assert_eq!(all["accuracy"], JOB.evaluate["accuracy"]);
    for row in all["predictions"].as_array().unwrap() {
        let top: Vec<f64> = row["top"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| figure(c, "score"))
            .collect();
        assert!(
            top.len() == CLASSES && top.is_sorted_by(|a, b| a >= b),
            "{row}"
        );
        assert_eq!(row["label"], row["top"][0]["label"]);
    }
    // To a file: the same as CSV or JSON, and no table on stdout.
    let place = tempfile::tempdir().unwrap();
    for name in ["labels.csv", "labels.json"] {
        let out = place.path().join(name);
        let said = in_clear(&JOB.client(), &["--out", out.to_str().unwrap()]);
        assert!(said.get("predictions").is_none(), "{said}");
        let text = std::fs::read_to_string(out).unwrap();
        let labels: Vec<String> = if name.ends_with("csv") {
            let lines = text.lines().skip(1);
            lines
                .map(|line| line.split(',').nth(1).unwrap().to_owned())
                .collect()
        } else {
            let object: Value = serde_json::from_str(&text).unwrap();
            let rows = object["predictions"].as_array().unwrap().iter();
            rows.map(|row| row["label"].to_string()).collect()
        };
        let expected = all["predictions"].as_array().unwrap().iter();
        let expected: Vec<String> = expected.map(|row| row["label"].to_string()).collect();
        assert_eq!(labels, expected, "{name}");
    }
}

/// What must hold for either form of the model.
fn check(found: &Prediction) {
    assert!(figure(&found.plan, "security_bits") >= 128.0);
    let clear = scores(&in_clear(&JOB.client(), &["--top", "3"]));
    let opened = scores(&found.decrypt);
    assert_eq!((clear.len(), opened.len()), (TRAIN, TRAIN));
    let all = clear.iter().flatten();
    let range = all.clone().fold(f64::MIN, |a, &b| a.max(b)) - all.fold(f64::MAX, |a, &b| a.min(b));
    let best = |row: &[f64; CLASSES]| {
        (0..CLASSES)
            .max_by(|&a, &b| row[a].total_cmp(&row[b]))
            .unwrap()
    };
    let expected = figure(&found.plan, "predicted_score_error");
    for (row, (clear, opened)) in clear.iter().zip(&opened).enumerate() {
        for (a, b) in clear.iter().zip(opened) {
            // Six standard errors of noise, and half a unit of rounding, which is at most twice 24 of them.
            assert!(
                (a - b).abs() <= 30.0 * expected,
                "row {row}: {clear:?} {opened:?}"
            );
        }
        let mut sorted = *clear;
        sorted.sort_by(f64::total_cmp);
        if sorted[CLASSES - 1] - sorted[CLASSES - 2] > 1e-3 * range {
            assert_eq!(best(clear), best(opened), "row {row}");
        }
    }
    assert_eq!(found.encrypt["rows"], TRAIN);
    // The figures are those of the largest batch, of 100 rows; 90 fill as many ciphertexts.
    assert_eq!(
        found.plan["upload_ciphertexts"],
        found.encrypt["upload_ciphertexts"]
    );
    assert_eq!(found.plan["key_switches"], found.server["key_switches"]);
    assert_eq!(found.plan["mod_downs"], found.server["mod_downs"]);
    for (said, measured) in [
        ("upload_bytes", &found.encrypt),
        ("download_bytes", &found.server),
    ] {
        let (said, measured) = (figure(&found.plan, said), figure(measured, said));
        assert!(
            (said - measured).abs() <= 0.05 * said + 4096.0,
            "{said} {measured}"
        );
    }
}

#[test]
fn a_clear_model_scores_encrypted_rows() {
    check(&CLEAR);
}

#[test]
fn an_encrypted_model_scores_encrypted_rows() {
    check(&ENCRYPTED);
}

#[test]
fn the_server_holds_no_secret_and_its_answer_does_not_depend_on_threads() {
    for (found, form, model) in [
        (&*CLEAR, Form::Clear, "model"),
        (&*ENCRYPTED, Form::Encrypted, "sealed.enc"),
    ] {
        let server = found.server();
        let mut names: Vec<String> = files(&server)
            .iter()
            .map(|file| file.iter().next().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.dedup();
        let record = "scores.enc.record.json";
        let mut expected = [
            "eval-keys",
            "plan.json",
            "query.enc",
            "scores.enc",
            record,
            model,
        ];
        expected.sort_unstable();
        assert_eq!(names, expected);
        let place = tempfile::tempdir().unwrap();
        copy(&server, place.path());
        let once = std::fs::read(place.path().join("scores.enc")).unwrap();
        std::fs::remove_file(place.path().join("scores.enc")).unwrap();
        done(
            place.path(),
            &[&server_arguments(form)[..], &["--threads", "1"]].concat(),
        );
        assert!(once == std::fs::read(place.path().join("scores.enc")).unwrap());
    }
}

#[test]
fn every_file_of_a_prediction_can_be_inspected() {
    for (found, names) in [
        (
            &*CLEAR,
            &["plan.json", "query.enc", "scores.enc", "eval-keys"][..],
        ),
        (&*ENCRYPTED, &["sealed.enc"][..]),
    ] {
        for name in names {
            let outcome = velum(&found.server(), &["inspect", name]);
            assert_eq!(outcome.code, 0, "{name}: {outcome}");
        }
    }
}

#[test]
fn a_batch_of_one_row_takes_one_ciphertext() {
    let place = tempfile::tempdir().unwrap();
    copy(&CLEAR.client(), place.path());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let key = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(place.path().join("keys/secret.key"), key).unwrap();
    }
    let said = done(
        place.path(),
        &[
            "predict",
            "encrypt",
            "--plan",
            "plan.json",
            "--key",
            "keys/secret.key",
            "--features",
            "rows.csv",
            "--rows",
            "0..1",
            "--out",
            "one.enc",
        ],
    );
    assert_eq!(
        (&said["rows"], &said["upload_ciphertexts"]),
        (&1.into(), &1.into())
    );
}

/// The verb as it was built: with exact prediction, or with a word on how to get it.
#[test]
fn exact_scores_go_through_files_and_mix_ups_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    copy(&JOB.client().join("model"), &at.join("model"));
    std::fs::copy(JOB.client().join("rows.csv"), at.join("rows.csv")).unwrap();
    let words = |line: &str| -> Vec<String> {
        format!("predict exact {line}")
            .split(' ')
            .map(str::to_owned)
            .collect()
    };
    let say = |line: &str| {
        let words = words(line);
        velum(at, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let plan = "plan --model model --features rows.csv --rows 0..90 --out plan.json";
    let outcome = say(plan);
    if outcome.stderr.contains("needs the cargo feature") {
        assert_eq!(outcome.code, 1, "{outcome}");
        println!(
            "exact prediction is not part of this build: cargo build -p cli --features sunscreen"
        );
        return;
    }
    let ok = |line: &str| {
        let words = words(line);
        done(at, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    ok(plan);
    ok("keygen --plan plan.json --key keys/secret.key --public-key public.key");
    ok(
        "encrypt --plan plan.json --public-key public.key --features rows.csv --rows 90.. --out query.enc",
    );
    ok(
        "score --plan plan.json --public-key public.key --query query.enc --model model --out scores.enc",
    );
    let found = ok(
        "decrypt --plan plan.json --key keys/secret.key --query query.enc --scores scores.enc --top 3",
    );
    assert!(figure(&found, "security_bits") >= 128.0);
    let unit = figure(&found, "score_unit");
    let (exact, clear) = (scores(&found), scores(&in_clear(at, &["--top", "3"])));
    for (exact, clear) in exact.iter().zip(&clear) {
        for (a, b) in exact.iter().zip(clear) {
            assert_eq!(a.fract(), 0.0);
            // Integers of ten bits: a score is right to less than one in a hundred of the largest.
            assert!((a * unit - b).abs() < 0.05, "{a} {unit} {b}");
        }
    }
    // Another pair of keys, another plan, a damaged file, a secret key at the server.
    ok("keygen --plan plan.json --key other/secret.key --public-key other.key");
    ok(
        "encrypt --plan plan.json --public-key other.key --features rows.csv --rows 90.. --out other.enc",
    );
    ok("plan --model model --features rows.csv --rows 0..80 --out other.json");
    let bytes = std::fs::read(at.join("scores.enc")).unwrap();
    std::fs::write(at.join("cut.enc"), &bytes[..bytes.len() / 2]).unwrap();
    let before = files(at);
    for (line, part) in [
        (
            "encrypt --plan other.json --public-key public.key --features rows.csv --rows 0..9 --out new",
            "another plan",
        ),
        (
            "encrypt --plan plan.json --public-key public.key --features rows.csv --out new",
            "1 to 90 rows, found 180",
        ),
        (
            "score --plan plan.json --public-key other.key --query query.enc --model model --out new",
            "under key",
        ),
        (
            "score --plan plan.json --public-key keys/secret.key --query query.enc --model model --out new",
            "nothing secret",
        ),
        (
            "score --plan plan.json --public-key public.key --query scores.enc --model model --out new",
            "kind",
        ),
        (
            "decrypt --plan plan.json --key other/secret.key --query query.enc --scores scores.enc --out new",
            "under key",
        ),
        (
            "decrypt --plan other.json --key keys/secret.key --query query.enc --scores scores.enc --out new",
            "of plan",
        ),
        (
            "decrypt --plan plan.json --key keys/secret.key --query query.enc --scores cut.enc --out new",
            "bytes of the file",
        ),
        (
            "decrypt --plan plan.json --key other/secret.key --query other.enc --scores scores.enc --out new",
            "under key",
        ),
        (
            "keygen --plan plan.json --key keys/secret.key --public-key new",
            "taken",
        ),
    ] {
        let outcome = say(line);
        assert_eq!(outcome.code, 1, "{line}: {outcome}");
        assert!(
            outcome.stderr.contains(part) && outcome.stderr.contains("hint: "),
            "{line}: {outcome}"
        );
        assert_eq!(files(at), before, "{line}");
    }
}
