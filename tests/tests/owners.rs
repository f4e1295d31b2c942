//! Several owners of data under one public key: the model is that of the union of their rows.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::journey::figure;
use crate::program::{done, velum};

/// Where each party's files are.
struct Parties {
    folder: TempDir,
}

impl Parties {
    fn at(&self, party: &str) -> PathBuf {
        self.folder.path().join(party)
    }

    fn hand(&self, file: &str, from: &str, to: &[&str]) {
        for party in to {
            std::fs::copy(self.at(from).join(file), self.at(party).join(file)).unwrap();
        }
    }
}

/// What is trained: a file of features, the rows of each owner, what `plan` is asked for.
struct Task<'a> {
    features: &'a str,
    rows: [&'a str; 2],
    wishes: &'a [&'a str],
}

const OWNERS: [&str; 2] = ["a", "b"];

/// The whole way up to the owners' datasets, which lie in `server`.
fn encrypted(task: &Task<'_>) -> (Parties, Value) {
    let folder = tempfile::tempdir().unwrap();
    let parties = Parties { folder };
    for party in ["a", "b", "holder", "server"] {
        std::fs::create_dir(parties.at(party)).unwrap();
    }
    for (owner, rows) in OWNERS.iter().zip(task.rows) {
        let name = format!("stats-{owner}");
        let own = ["--features", task.features, "--rows", rows];
        let at = parties.at(owner);
        done(&at, &[&["stats", "--out", &name], &own[..]].concat());
        parties.hand(&name, owner, &["holder"]);
    }
    let holder = parties.at("holder");
    let merge = ["stats", "--merge", "stats-a", "stats-b", "--out", "pooled"];
    done(&holder, &merge);
    let arguments = [
        "plan",
        "--stats",
        "pooled",
        "--whitening",
        "map.safetensors",
    ];
    let arguments = [&arguments[..], &["--out", "plan.json"], task.wishes].concat();
    let plan = done(&holder, &arguments);
    let keys = ["keygen", "--plan", "plan.json", "--key", "keys/secret.key"];
    let outputs = ["--eval-keys", "eval-keys", "--public-key", "public.key"];
    done(&holder, &[&keys[..], &outputs].concat());
    for file in ["plan.json", "public.key", "map.safetensors"] {
        parties.hand(file, "holder", &OWNERS);
    }
    parties.hand("plan.json", "holder", &["server"]);
    let server = parties.at("server");
    std::fs::rename(holder.join("eval-keys"), server.join("eval-keys")).unwrap();
    let mut bytes = 0.0;
    for (k, (owner, rows)) in ["1", "2"].iter().zip(OWNERS.iter().zip(task.rows)) {
        let own = ["--features", task.features, "--rows", rows, "--owner", k];
        let at = parties.at(owner);
        let encrypt = done(&at, &[ENCRYPT, &own, &["--out", "dataset"]].concat());
        assert_eq!(encrypt["owner"].as_u64().unwrap().to_string(), **k);
        bytes += figure(&encrypt, "upload_bytes");
        std::fs::rename(at.join("dataset"), server.join(format!("from-{owner}"))).unwrap();
    }
    // Predicted and real bytes: headers of some hundred bytes a file are not reckoned with.
    assert!((bytes / figure(&plan, "upload_bytes") - 1.0).abs() < 0.05);
    (parties, plan)
}

const ENCRYPT: &[&str] = &[
    "encrypt",
    "--plan",
    "plan.json",
    "--public-key",
    "public.key",
    "--whitening",
    "map.safetensors",
    "--trust-key-holder",
];

const TRAIN: &[&str] = &["train", "--plan", "plan.json", "--eval-keys", "eval-keys"];

/// Trains on both datasets and evaluates; the datasets may stand in any order.
fn evaluated(parties: &Parties, features: &str, test: &str) -> Value {
    let datasets = ["--dataset", "from-b", "--dataset", "from-a"];
    let server = parties.at("server");
    done(
        &server,
        &[TRAIN, &datasets, &["--out", "model.enc"]].concat(),
    );
    parties.hand("model.enc", "server", &["holder"]);
    let holder = parties.at("holder");
    let decrypt = ["decrypt", "--plan", "plan.json", "--key", "keys/secret.key"];
    let files = ["--whitening", "map.safetensors", "--model", "model.enc"];
    let opened = done(
        &holder,
        &[&decrypt[..], &files, &["--out", "model"]].concat(),
    );
    assert!(opened["max_weight_error"].is_null());
    assert_eq!(opened["warnings"].as_array().unwrap().len(), 0, "{opened}");
    evaluate(&holder, "model", features, test)
}

fn evaluate(at: &Path, model: &str, features: &str, test: &str) -> Value {
    let set = ["--features", features, "--rows", test];
    done(at, &[&["evaluate", "--model", model], &set[..]].concat())
}

/// One owner with all rows, for comparison: its clear twin, with `lambda`.
fn alone(
    (features, rows): (&str, &str),
    (tests, test): (&str, &str),
    wishes: &[&str],
    lambda: &str,
) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set = ["--features", features, "--rows", rows, "--lambda", lambda];
    done(
        at,
        &[&["plan", "--out", "plan.json"], &set[..], wishes].concat(),
    );
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    done(
        at,
        &[&["keygen", "--eval-keys", "eval-keys"], &key[..]].concat(),
    );
    let outputs = ["encrypt", "--private", "private", "--out", "dataset"];
    done(at, &[&outputs[..], &key, &set].concat());
    evaluate(at, "private/twin", tests, test)
}

#[test]
fn two_owners_train_the_model_of_all_rows() {
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/data/digits.csv.gz");
    let wishes = ["--keep", "40"];
    let task = Task {
        features: digits,
        rows: ["0..700", "700..1400"],
        wishes: &[&wishes[..], &["--lambda", "0.001"]].concat(),
    };
    let (parties, plan) = encrypted(&task);
    assert_eq!(plan["owners"], serde_json::json!([700, 700]));
    assert_eq!(plan["public_key"], true);
    let refused = |party: &str, arguments: &[&str], what: &str| {
        let outcome = velum(&parties.at(party), arguments);
        assert_eq!(outcome.code, 1, "{outcome}");
        assert!(outcome.stderr.contains(what), "{outcome}");
        assert!(outcome.stderr.contains("hint: "), "{outcome}");
    };
    let out = ["--out", "model.enc"];
    let one = [TRAIN, &["--dataset", "from-a"], &out].concat();
    refused("server", &one, "found none of owner 2");
    let twice = ["--dataset", "from-a", "--dataset", "from-a"];
    refused("server", &[TRAIN, &twice, &out].concat(), "found two");
    let own = ["--features", digits, "--rows", "0..700", "--out", "new"];
    refused("a", &[ENCRYPT, &own].concat(), "--owner");
    let unsaid: Vec<&str> = [ENCRYPT, &own, &["--owner", "1"]]
        .concat()
        .into_iter()
        .filter(|word| *word != "--trust-key-holder")
        .collect();
    refused("a", &unsaid, "--trust-key-holder goes on");
    assert!(!parties.at("a").join("new").exists());
    let third = [ENCRYPT, &own, &["--owner", "3"]].concat();
    refused("a", &third, "from 1 to 2");
    let fewer = ["--features", digits, "--rows", "0..600", "--out", "new"];
    let fewer = [ENCRYPT, &fewer, &["--owner", "1"]].concat();
    refused("a", &fewer, "the data have 600");
    let other = [
        "plan",
        "--stats",
        "pooled",
        "--whitening",
        "other.safetensors",
    ];
    let other = [&other[..], &["--keep", "40", "--out", "other.json"]].concat();
    done(&parties.at("holder"), &other);
    parties.hand("other.safetensors", "holder", &["a"]);
    let mut foreign = [ENCRYPT, &own, &["--owner", "1"]].concat();
    foreign[6] = "other.safetensors";
    refused("a", &foreign, "whitening map");

    let together = figure(&evaluated(&parties, digits, "1400.."), "accuracy");
    let alone = alone((digits, "0..1400"), (digits, "1400.."), &wishes, "0.001");
    // One of 397 rows may lie so near two classes that the noise decides.
    let union = figure(&alone, "accuracy");
    assert!(
        (together - union).abs() <= 1.01 / 397.0,
        "{together} {union}"
    );
    // Chance is one in ten; that both fail alike is no equality.
    assert!(together > 0.8, "{together}");
}

#[test]
#[ignore = "two owners with 4,096 network features each: minutes"]
fn two_owners_of_network_features() {
    let Some(shared) = std::env::var_os("VELUM_SHARED") else {
        println!("skipped: VELUM_SHARED is not set");
        return;
    };
    let folder = PathBuf::from(shared).join("data/features/squeezenet1_0_mnist");
    let (train, test) = (
        folder.join("train_features.npy"),
        folder.join("test_features.npy"),
    );
    let (train, test) = (train.to_str().unwrap(), test.to_str().unwrap());
    let wishes = ["--keep", "127", "--range", "10"];
    let task = Task {
        features: train,
        rows: ["0..4096", "4096..8192"],
        wishes: &[&wishes[..], &["--lambda", "0.0003"]].concat(),
    };
    let (parties, _) = encrypted(&task);
    let together = figure(&evaluated(&parties, test, "all"), "accuracy");
    let alone = alone((train, "0..8192"), (test, "all"), &wishes, "0.0003");
    let alone = figure(&alone, "accuracy");
    assert!((together - alone).abs() <= 0.001, "{together} {alone}");
}
