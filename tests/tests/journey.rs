//! A whole job on a small table, each verb a process, in a client's and a server's folder.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{copy, done, files, velum};
use crate::table;

/// Rows that are trained on; as many again are evaluated on.
pub(crate) const TRAIN: usize = 90;
/// Features of a row.
pub(crate) const FEATURES: usize = 12;
/// Classes.
pub(crate) const CLASSES: usize = 3;
/// Wishes of four iterations, three of which multiply data with weights: refreshes before the third and the fourth.
pub(crate) const LONG: [&str; 10] = [
    "--iterations",
    "4",
    "--keep",
    "7",
    "--sigmoid",
    "each",
    "--degree",
    "9",
    "--refresh-every",
    "1",
];

/// A finished job, what its verbs printed, and its files.
pub(crate) struct Job {
    folder: TempDir,
    pub(crate) plan: Value,
    pub(crate) encrypt: Value,
    pub(crate) train: Value,
    pub(crate) decrypt: Value,
    pub(crate) evaluate: Value,
}

impl Job {
    /// The client's folder.
    pub(crate) fn client(&self) -> PathBuf {
        self.folder.path().join("client")
    }

    /// The server's folder.
    pub(crate) fn server(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// A copy of one of the folders, for a test that spoils it.
    pub(crate) fn copy(&self, of: &Path) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(of, folder.path());
        folder
    }
}

/// The job that most tests look at: whitened, the first gradient from the client.
pub(crate) static JOB: LazyLock<Job> = LazyLock::new(|| run(&[]));

/// Arguments of `train` in the server's folder.
pub(crate) const TRAIN_ARGUMENTS: [&str; 9] = [
    "train",
    "--plan",
    "plan.json",
    "--eval-keys",
    "eval-keys",
    "--dataset",
    "dataset",
    "--out",
    "model.enc",
];

/// Runs a whole job; `wishes` go to `plan`.
pub(crate) fn run(wishes: &[&str]) -> Job {
    run_with(wishes, Sealing::SecretKey)
}

/// Trains, and lets the client refresh the weights as often as the training asks for it. Requests and answers stay in the client's folder,
/// numbered from 0.
fn train(client: &Path, server: &Path) -> Value {
    let mut outcome = velum(server, &[&["--json"], &TRAIN_ARGUMENTS[..]].concat());
    for round in 0.. {
        if outcome.code != WAITS {
            break;
        }
        let [request, answer] = ["request", "answer"].map(|name| format!("{name}-{round}"));
        std::fs::copy(server.join("model.enc.refresh"), client.join(&request)).unwrap();
        done(client, &refresh_arguments(&request, &answer));
        let answer = client.join(&answer);
        let answer = answer.to_str().unwrap();
        let go_on = ["--resume", "--refreshed", answer];
        outcome = velum(
            server,
            &[&["--json"], &TRAIN_ARGUMENTS[..], &go_on].concat(),
        );
    }
    assert_eq!(outcome.code, 0, "{outcome}");
    outcome.json()
}

/// The exit code of a training that waits for a refresh.
pub(crate) const WAITS: i32 = 4;

/// Arguments of `refresh` in the client's folder.
pub(crate) fn refresh_arguments<'a>(request: &'a str, answer: &'a str) -> [&'a str; 11] {
    [
        "refresh",
        "--plan",
        "plan.json",
        "--key",
        "keys/secret.key",
        "--private",
        "private",
        "--request",
        request,
        "--out",
        answer,
    ]
}

/// A job whose rows are encrypted under the public key.
pub(crate) fn run_with_public_key() -> Job {
    run_with(&["--keep", "7", "--public-key"], Sealing::PublicKey)
}

/// What the client encrypts with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sealing {
    SecretKey,
    PublicKey,
}

/// The same with either kind of encryption.
fn run_with(wishes: &[&str], sealing: Sealing) -> Job {
    let folder = tempfile::tempdir().unwrap();
    let (client, server) = (folder.path().join("client"), folder.path().join("server"));
    std::fs::create_dir(&client).unwrap();
    std::fs::create_dir(&server).unwrap();
    let rows = table::rows(7, 2 * TRAIN, FEATURES, CLASSES);
    std::fs::write(client.join("rows.csv"), table::csv(&rows)).unwrap();
    let train_rows = format!("0..{TRAIN}");
    let test_rows = format!("{TRAIN}..");
    let train_set = ["--features", "rows.csv", "--rows", &train_rows];

    let arguments = [&["plan", "--out", "plan.json"], &train_set[..], wishes].concat();
    let plan = done(&client, &arguments);
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    let public = ["--public-key", "public.key"];
    let (extra, seal): (&[&str], _) = match sealing {
        Sealing::SecretKey => (&[], key.to_vec()),
        Sealing::PublicKey => (&public, [&["--plan", "plan.json"], &public[..]].concat()),
    };
    done(
        &client,
        &[&["keygen", "--eval-keys", "eval-keys"], &key[..], extra].concat(),
    );
    let encrypt = done(
        &client,
        &[
            &["encrypt", "--private", "private", "--out", "dataset"],
            &seal[..],
            &train_set[..],
        ]
        .concat(),
    );
    std::fs::copy(client.join("plan.json"), server.join("plan.json")).unwrap();
    for name in ["eval-keys", "dataset"] {
        std::fs::rename(client.join(name), server.join(name)).unwrap();
    }

    let train = train(&client, &server);
    std::fs::copy(server.join("model.enc"), client.join("model.enc")).unwrap();

    let decrypt = done(
        &client,
        &[
            &["decrypt", "--private", "private"],
            &key[..],
            &["--model", "model.enc", "--out", "model"],
        ]
        .concat(),
    );
    let evaluate = done(
        &client,
        &[
            "evaluate",
            "--model",
            "model",
            "--features",
            "rows.csv",
            "--rows",
            &test_rows,
            "--private",
            "private",
            "--train-features",
            "rows.csv",
            "--train-rows",
            &train_rows,
        ],
    );
    Job {
        folder,
        plan,
        encrypt,
        train,
        decrypt,
        evaluate,
    }
}

/// The figure `name` of an object.
pub(crate) fn figure(object: &Value, name: &str) -> f64 {
    object[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no figure {name:?} in {object}"))
}

/// What must hold for every job on the small table, whatever it was encrypted with.
fn check_result(job: &Job) {
    assert!(figure(&job.plan, "security_bits") >= 128.0);
    assert_eq!(job.evaluate["rows"], TRAIN);
    let accuracy = figure(&job.evaluate, "accuracy");
    // One row of the ninety is 1.1 points; the noise may move one that lies between two classes.
    let row = 1.0 / TRAIN as f64;
    assert!((accuracy - figure(&job.evaluate, "accuracy_clear")).abs() <= 1.01 * row);
    assert!(figure(&job.decrypt, "max_weight_error") <= 1e-3);
    assert_eq!(job.plan["key_switches"], job.train["key_switches"]);
    assert_eq!(job.plan["mod_downs"], job.train["mod_downs"]);
    assert_eq!(
        job.plan["upload_ciphertexts"],
        job.encrypt["upload_ciphertexts"]
    );
}

/// The same, and the bytes that the plan reckons with.
fn check(job: &Job) {
    check_result(job);
    // The uploaded bytes are those of the dataset's files, and not many more than the plan foretold.
    let dataset = job.server().join("dataset");
    let bytes: u64 = files(&dataset)
        .iter()
        .map(|file| dataset.join(file).metadata().unwrap().len())
        .sum();
    let said = figure(&job.encrypt, "upload_bytes");
    assert!((bytes as f64 - said).abs() <= 0.05 * said + 4096.0);
    let foretold = figure(&job.plan, "upload_bytes");
    assert!((foretold - said).abs() <= 0.05 * said + 4096.0);
}

#[test]
fn whitened_with_the_clients_first_gradient() {
    check(&JOB);
    // A good classifier errs on one row in a hundred (see `table`); five times as much is not bad luck.
    assert!(figure(&JOB.evaluate, "accuracy") >= 0.95);
    assert!(figure(&JOB.evaluate, "accuracy_best_clear") >= 0.95);
    assert!(figure(&JOB.evaluate, "accuracy_client_only") >= 0.9);
}

#[test]
fn whitened_with_the_servers_first_gradient() {
    let job = run(&["--first-gradient", "server"]);
    check(&job);
    assert!(figure(&job.evaluate, "accuracy") >= 0.95);
}

#[test]
fn whitened_with_a_public_key() {
    // The first gradient and one more iteration: the smallest job that computes on what was uploaded.
    let job = run_with_public_key();
    check(&job);
    assert!(figure(&job.evaluate, "accuracy") >= 0.9);
    // Both halves of a ciphertext go up, where a secret key needs one and a seed.
    let secret = ["plan", "--features", "rows.csv", "--rows", "0..90"];
    let secret = [&secret[..], &["--keep", "7", "--out", "secret.json"]].concat();
    let secret = done(&job.client(), &secret);
    let ratio = figure(&job.plan, "upload_bytes") / figure(&secret, "upload_bytes");
    assert!((1.6..=2.4).contains(&ratio), "{ratio}");
    let outcome = velum(&job.client(), &["inspect", "public.key"]);
    assert_eq!(outcome.code, 0, "{outcome}");
}

#[test]
fn the_server_needs_nothing_but_plan_keys_and_dataset() {
    let mut found: Vec<String> = files(&JOB.server())
        .iter()
        .map(|file| file.iter().next().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.dedup();
    let record = "model.enc.record.json";
    assert_eq!(
        found,
        ["dataset", "eval-keys", "model.enc", record, "plan.json"]
    );
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let folder = JOB.copy(&JOB.server());
    let path = folder.path();
    let once = std::fs::read(path.join("model.enc")).unwrap();
    std::fs::remove_file(path.join("model.enc")).unwrap();
    done(path, &[&TRAIN_ARGUMENTS[..], &["--threads", "1"]].concat());
    assert!(once == std::fs::read(path.join("model.enc")).unwrap());
}

#[test]
fn every_artifact_can_be_inspected() {
    for (folder, names) in [
        (
            JOB.client(),
            &[
                "plan.json",
                "keys/secret.key",
                "private",
                "model.enc",
                "model",
            ][..],
        ),
        (JOB.server(), &["dataset", "eval-keys"][..]),
    ] {
        for name in names {
            let outcome = velum(&folder, &["inspect", name]);
            assert_eq!(outcome.code, 0, "{name}: {outcome}");
            assert!(!outcome.stdout.is_empty(), "{name}: {outcome}");
            if *name != "plan.json" {
                let whole = done(&folder, &["inspect", "--verify", name]);
                assert!(
                    whole["verified_bytes"].as_u64() > Some(0),
                    "{name}: {whole}"
                );
            }
        }
    }
}

/// Missing shards, damaged keys, a model with a flipped byte, another seed: what a transfer does, and what nothing noticed before the training.
#[test]
fn a_transfer_is_verified_whole() {
    let server = JOB.copy(&JOB.server());
    let client = JOB.copy(&JOB.client());
    let flip = |path: PathBuf| {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    std::fs::remove_file(server.path().join("dataset/data-0-0.ct")).unwrap();
    std::fs::write(server.path().join("dataset/notes.txt"), "x").unwrap();
    flip(server.path().join("eval-keys/relinearisation.key"));
    flip(server.path().join("model.enc"));
    flip(client.path().join("model/model.safetensors"));
    let key = client.path().join("keys/secret.key");
    let text = std::fs::read_to_string(&key).unwrap();
    let digit = |digit: char| if digit == '0' { '1' } else { '0' };
    let (head, seed) = text.split_once("seed ").unwrap();
    let other = format!(
        "{head}seed {}{}",
        digit(seed.chars().next().unwrap()),
        &seed[1..]
    );
    std::fs::write(&key, other).unwrap();
    for (folder, name, found) in [
        (
            server.path(),
            "dataset",
            "missing: data-0-0.ct; additional: notes.txt",
        ),
        (server.path(), "eval-keys", "altered: relinearisation.key"),
        (server.path(), "model.enc", "hash"),
        (client.path(), "model", "blake3"),
        (client.path(), "keys/secret.key", "hash"),
    ] {
        let outcome = velum(folder, &["inspect", "--verify", name]);
        assert_eq!(outcome.code, 3, "{name}: {outcome}");
        assert!(outcome.stderr.contains(found), "{name}: {outcome}");
    }
    let plan = velum(client.path(), &["inspect", "--verify", "plan.json"]);
    assert_eq!(plan.code, 1, "{plan}");
}

#[cfg(unix)]
#[test]
fn the_secret_key_is_its_owners_alone_and_is_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(JOB.client().join("keys/secret.key")), 0o600);
    assert_eq!(mode(JOB.client().join("keys")), 0o700);
    assert_eq!(mode(JOB.client().join("private")), 0o700);

    let folder = JOB.copy(&JOB.client());
    let key = folder.path().join("keys/secret.key");
    let before = std::fs::read(&key).unwrap();
    let outcome = velum(
        folder.path(),
        &[
            "keygen",
            "--plan",
            "plan.json",
            "--key",
            "keys/secret.key",
            "--eval-keys",
            "other",
        ],
    );
    assert_eq!(outcome.code, 1, "{outcome}");
    assert_eq!(before, std::fs::read(&key).unwrap());
    assert!(!folder.path().join("other").exists());
}
