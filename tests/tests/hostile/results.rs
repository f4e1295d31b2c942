//! What the client runs after training.

use super::{case, check, cut, flip, nothing, replace, snapshot};
use crate::journey::{FEATURES, JOB};
use crate::program::{copy, done, velum};
use crate::table;

const DECRYPT: &str = "decrypt --plan plan.json --key keys/secret.key --private private --model model.enc --out new-model";

#[test]
fn decrypt() {
    let cases = [
        case(
            "no model",
            |at| std::fs::remove_file(at.join("model.enc")).unwrap(),
            DECRYPT,
        ),
        case(
            "a truncated model",
            |at| cut(&at.join("model.enc")),
            DECRYPT,
        ),
        case("a changed model", |at| flip(&at.join("model.enc")), DECRYPT),
        case(
            "a file that is no model",
            nothing,
            "decrypt --plan plan.json --key keys/secret.key --private private --model rows.csv --out new-model",
        ),
        case(
            "no private directory",
            |at| std::fs::remove_dir_all(at.join("private")).unwrap(),
            DECRYPT,
        ),
        case(
            "a model that exists",
            nothing,
            "decrypt --plan plan.json --key keys/secret.key --private private --model model.enc --out model",
        ),
    ];
    snapshot("decrypt", check(&JOB.client(), &cases));
}

const EVALUATE: &str = "evaluate --model model --features rows.csv";

#[test]
fn evaluate() {
    let cases = [
        case(
            "no model",
            |at| std::fs::remove_dir_all(at.join("model")).unwrap(),
            EVALUATE,
        ),
        case(
            "changed weights",
            |at| cut(&at.join("model/model.safetensors")),
            EVALUATE,
        ),
        case(
            "a configuration of nonsense",
            |at| replace(&at.join("model/config.json"), b"[]"),
            EVALUATE,
        ),
        case(
            "other features than the model's",
            |at| {
                let rows = table::rows(7, 9, FEATURES + 1, 3);
                std::fs::write(at.join("bad.csv"), table::csv(&rows)).unwrap();
            },
            "evaluate --model model --features bad.csv",
        ),
        case(
            "a class that the model does not know",
            |at| {
                let rows = table::rows(7, 90, FEATURES, 5);
                std::fs::write(at.join("bad.csv"), table::csv(&rows)).unwrap();
            },
            "evaluate --model model --features bad.csv",
        ),
    ];
    snapshot("evaluate", check(&JOB.client(), &cases));
}

#[test]
fn inspect() {
    let cases = [
        case("no such file", nothing, "inspect none"),
        case(
            "an empty file",
            |at| std::fs::write(at.join("empty"), "").unwrap(),
            "inspect empty",
        ),
        case(
            "bytes of no kind",
            |at| std::fs::write(at.join("noise"), [0x5A; 999]).unwrap(),
            "inspect noise",
        ),
        case(
            "a truncated encrypted model",
            |at| cut(&at.join("model.enc")),
            "inspect model.enc",
        ),
    ];
    snapshot("inspect", check(&JOB.client(), &cases));
}

#[test]
fn a_key_of_another_owner_opens_nothing_unnoticed() {
    let place = tempfile::tempdir().unwrap();
    copy(&JOB.client(), place.path());
    done(
        place.path(),
        &[
            "keygen",
            "--plan",
            "plan.json",
            "--key",
            "other/secret.key",
            "--eval-keys",
            "other-keys",
        ],
    );
    let arguments: Vec<&str> = "decrypt --plan plan.json --key other/secret.key --private private --model model.enc --out new-model".split(' ').collect();
    let outcome = velum(place.path(), &arguments);
    // Either it is refused, or the user is told that the numbers mean nothing.
    if outcome.code == 0 {
        assert!(outcome.stderr.contains("warning: precision"), "{outcome}");
    } else {
        assert!(!place.path().join("new-model").exists(), "{outcome}");
    }
}
