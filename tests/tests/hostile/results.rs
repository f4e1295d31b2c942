//! What the client runs after training.

use super::{case, check, cut, flip, nothing, replace, snapshot};
use crate::journey::{FEATURES, JOB};
use crate::program::{copy, done, files, velum};
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
        case(
            "a folder that is not there",
            nothing,
            "decrypt --plan plan.json --key keys/secret.key --private private --model model.enc --out no/such/model",
        ),
        case(
            "a private directory of nonsense",
            |at| replace(&at.join("private/private.json"), b"7"),
            DECRYPT,
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
            |at| std::fs::write(at.join("noise"), [0xE5; 999]).unwrap(),
            "inspect noise",
        ),
        case(
            "text of no kind",
            |at| std::fs::write(at.join("notes"), "a note\n").unwrap(),
            "inspect notes",
        ),
        case(
            "an empty encrypted model",
            |at| replace(&at.join("model.enc"), b""),
            "inspect model.enc",
        ),
        case(
            "an encrypted model of which only the beginning is there",
            |at| replace(&at.join("model.enc"), b"\x89VLM\r\n\x1a\n\x01\x01"),
            "inspect model.enc",
        ),
        case(
            "JSON that is no plan",
            |at| std::fs::write(at.join("other.json"), "{}").unwrap(),
            "inspect other.json",
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
    let before = files(place.path());
    let outcome = velum(place.path(), &arguments);
    // Refused by its name, before anything is opened with it.
    assert_eq!(outcome.code, 1, "{outcome}");
    let said = "that the private directory names, found the key";
    assert!(outcome.stderr.contains(said), "{outcome}");
    assert!(outcome.stderr.contains("at: other/secret.key"), "{outcome}");
    assert!(outcome.stderr.contains("hint: "), "{outcome}");
    let script = velum(place.path(), &[&["--json"], &arguments[..]].concat());
    let error = &script.json()["error"];
    assert_eq!((script.code, &error["exit_code"]), (1, &1.into()));
    assert!(
        error["message"].as_str().unwrap().contains(said),
        "{script}"
    );
    assert_eq!(files(place.path()), before, "{outcome}");
}
