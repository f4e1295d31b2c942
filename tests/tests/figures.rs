//! Figures that the documentation promises, on real data. Slow: `cargo test -p tests -- --ignored`, or `cargo xtask check --full`.

use std::path::PathBuf;

use serde_json::Value;

use crate::journey::figure;
use crate::program::{done, files};

/// The development data, if the environment names it.
fn shared() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("VELUM_SHARED") else {
        println!("skipped: VELUM_SHARED is not set");
        return None;
    };
    Some(PathBuf::from(folder))
}

#[test]
#[ignore = "half a minute"]
fn demo() {
    let folder = tempfile::tempdir().unwrap();
    let result = done(folder.path(), &["demo"]);
    let encrypted = figure(&result, "accuracy_encrypted");
    assert!(encrypted >= 0.96, "{result}");
    assert!(
        encrypted >= figure(&result, "accuracy_pixels") + 0.02,
        "{result}"
    );
    assert!((encrypted - figure(&result, "accuracy_clear")).abs() <= 0.006);
    for name in [
        "accuracy_client_only",
        "accuracy_best_clear",
        "train_seconds",
    ] {
        figure(&result, name);
    }
    assert_eq!(files(folder.path()), [PathBuf::from("velum-demo.html")]);
    assert_eq!(result["report"], "velum-demo.html");
    let page = std::fs::read_to_string(folder.path().join("velum-demo.html")).unwrap();
    assert!(page.contains("velum-compact") && !page.contains("No record was found"));
}

/// The paper's job by one way of planning: what `plan`, `encrypt`, `train`, `decrypt` and `evaluate` printed.
fn paper_job(wishes: &[&str]) -> Option<[Value; 5]> {
    let features = shared()?.join("data/regnet_x_400mf/mnist_first512.csv.gz");
    let features = features.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let train = ["--features", features, "--rows", "0..128"];
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    let verb = |parts: &[&[&str]]| done(at, &parts.concat());
    let plan = verb(&[
        &["plan", "--iterations", "2", "--out", "plan.json"],
        &train,
        wishes,
    ]);
    verb(&[&["keygen", "--eval-keys", "eval-keys"], &key]);
    let encrypt = verb(&[
        &["encrypt", "--private", "private", "--out", "dataset"],
        &key,
        &train,
    ]);
    std::fs::create_dir(at.join("server")).unwrap();
    std::fs::copy(at.join("plan.json"), at.join("server/plan.json")).unwrap();
    for name in ["eval-keys", "dataset"] {
        std::fs::rename(at.join(name), at.join("server").join(name)).unwrap();
    }
    let trained = done(&at.join("server"), &crate::journey::TRAIN_ARGUMENTS);
    let decrypt = verb(&[
        &["decrypt", "--private", "private", "--out", "model"],
        &["--model", "server/model.enc"],
        &key,
    ]);
    let evaluate = verb(&[
        &["evaluate", "--model", "model", "--private", "private"],
        &["--features", features, "--rows", "128.."],
    ]);
    Some([plan, encrypt, trained, decrypt, evaluate])
}

#[test]
#[ignore = "the paper's job, twice"]
fn whitened() {
    for first_gradient in ["client", "server"] {
        let Some([plan, encrypt, train, decrypt, evaluate]) =
            paper_job(&["--first-gradient", first_gradient])
        else {
            return;
        };
        let accuracy = figure(&evaluate, "accuracy");
        assert!(accuracy >= 0.775, "{first_gradient}: {evaluate}");
        assert!((accuracy - figure(&evaluate, "accuracy_clear")).abs() <= 0.006);
        assert!(figure(&decrypt, "max_weight_error") <= 1e-3);
        assert!(figure(&plan, "security_bits") >= 128.0);
        if let Some(megabytes) = train["peak_rss_mb"].as_f64() {
            assert!(megabytes <= 1000.0, "{first_gradient}: {train}");
        }
        if first_gradient == "client" {
            assert!(figure(&encrypt, "upload_bytes") <= 2e6, "{encrypt}");
        }
    }
}

#[test]
#[ignore = "the paper's job by the paper's method"]
fn paper() {
    let Some([plan, _, train, decrypt, evaluate]) = paper_job(&["--method", "paper"]) else {
        return;
    };
    let accuracy = figure(&evaluate, "accuracy");
    assert!((accuracy - 0.216).abs() <= 0.006, "{evaluate}");
    assert!(figure(&decrypt, "max_weight_error") <= 1e-2);
    assert!(figure(&plan, "security_bits") >= 128.0);
    if let Some(megabytes) = train["peak_rss_mb"].as_f64() {
        assert!(megabytes <= 2000.0, "{train}");
    }
}

/// 8,192 rows of MNIST as SqueezeNet features, three iterations on ciphertexts: the job of the large bench at a size for every run of the checks.
#[test]
#[ignore = "8,192 rows"]
fn mnist() {
    let Some(shared) = shared() else { return };
    let file = |name: &str| {
        let path = shared.join("data/features/squeezenet1_0_mnist").join(name);
        path.to_str().unwrap().to_owned()
    };
    let (features, labels) = (file("train_features.npy"), file("train_labels.npy"));
    let (test_features, test_labels) = (file("test_features.npy"), file("test_labels.npy"));
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let train = [
        "--features",
        &features,
        "--labels",
        &labels,
        "--rows",
        "0..8192",
    ];
    let key = ["--plan", "plan.json", "--key", "keys/secret.key"];
    let verb = |parts: &[&[&str]]| done(at, &parts.concat());
    let plan = verb(&[
        &[
            "plan",
            "--keep",
            "511",
            "--lambda",
            "0.001",
            "--iterations",
            "3",
        ],
        &["--steps", "4,12,12", "--range", "8", "--max-memory", "4GB"],
        &["--out", "plan.json"],
        &train,
    ]);
    verb(&[&["keygen", "--eval-keys", "eval-keys"], &key]);
    verb(&[
        &[
            "encrypt",
            "--lambda",
            "0.001",
            "--private",
            "private",
            "--out",
            "dataset",
        ],
        &key,
        &train,
    ]);
    let trained = verb(&[
        &["train", "--plan", "plan.json", "--eval-keys", "eval-keys"],
        &["--dataset", "dataset", "--out", "model.enc"],
    ]);
    let decrypt = verb(&[
        &["decrypt", "--private", "private", "--out", "model"],
        &["--model", "model.enc"],
        &key,
    ]);
    let evaluate = verb(&[
        &["evaluate", "--model", "model", "--private", "private"],
        &["--features", &test_features, "--labels", &test_labels],
    ]);
    let accuracy = figure(&evaluate, "accuracy");
    // Of 10,000 test rows: 20 may go the other way than the twin's.
    assert!(
        (accuracy - figure(&evaluate, "accuracy_clear")).abs() <= 0.002,
        "{evaluate}"
    );
    assert!(
        accuracy >= figure(&evaluate, "accuracy_client_only"),
        "{evaluate}"
    );
    assert!(accuracy >= 0.955, "{evaluate}");
    assert!(figure(&decrypt, "max_weight_error") <= 1e-3);
    assert!(figure(&plan, "security_bits") >= 128.0);
    let predicted = figure(&plan, "server_memory_bytes") / 1e6;
    if let Some(megabytes) = trained["peak_rss_mb"].as_f64() {
        assert!(
            (megabytes / predicted - 1.0).abs() <= 0.15,
            "{megabytes} MB, predicted {predicted}"
        );
    }
}
