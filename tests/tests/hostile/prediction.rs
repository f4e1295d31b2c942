//! Bad input to the verbs that predict.

use std::path::Path;

use super::{case, check, cut, edit, flip, nothing, replace, snapshot, write_table};
use crate::journey::JOB;
use crate::prediction::{CLEAR, ENCRYPTED};
use crate::program::{copy, done};

const SERVER: &str = "predict score --plan plan.json --eval-keys eval-keys --query query.enc --model model --out new.enc";
const SEALED: &str = "predict score --plan plan.json --eval-keys eval-keys --query query.enc --encrypted-model sealed.enc --out new.enc";
const DECRYPT: &str = "predict decrypt --plan plan.json --key keys/secret.key --query query.enc --scores scores.enc --out new.csv";

/// Replaces one file by another.
fn instead(at: &Path, name: &str, by: &Path) {
    replace(&at.join(name), &std::fs::read(by).unwrap());
}

/// Another pair of keys for the same plan: evaluation keys and secret key in `other`.
fn other_keys(at: &Path) {
    let made = "keygen --plan plan.json --key other/secret.key --eval-keys other-keys";
    done(at, &made.split(' ').collect::<Vec<_>>());
}

#[test]
fn predict_in_clear() {
    let cases = [
        case(
            "rows of another width",
            |at| write_table(at, |rows| rows.iter_mut().for_each(|row| row.truncate(9))),
            "predict --model model --features bad.csv",
        ),
        case(
            "no model",
            nothing,
            "predict --model none --features rows.csv",
        ),
        case(
            "a place that is not there",
            nothing,
            "predict --model model --features rows.csv --out none/labels.csv",
        ),
        case(
            "rows that are not there",
            nothing,
            "predict --model model --features rows.csv --rows 0..9999",
        ),
    ];
    snapshot("predict", check(&JOB.client(), &cases));
}

#[test]
fn at_the_client() {
    let key = "--plan plan.json --key keys/secret.key";
    let encrypt: &'static str =
        format!("predict encrypt {key} --features bad.csv --out new.enc").leak();
    let model: &'static str = format!("predict encrypt {key} --model model --out new.enc").leak();
    let cases = [
        case(
            "a plan for rows of another width",
            |at| write_table(at, |rows| rows.iter_mut().for_each(|row| row.truncate(9))),
            "predict plan --model model --features bad.csv --out new.json",
        ),
        case(
            "rows of another width",
            |at| write_table(at, |rows| rows.iter_mut().for_each(|row| row.truncate(9))),
            encrypt,
        ),
        case(
            "rows beyond the plan's bounds",
            |at| write_table(at, |rows| rows[3][2] = 1e6),
            encrypt,
        ),
        case(
            "more rows than a batch",
            nothing,
            "predict encrypt --plan plan.json --key keys/secret.key --features rows.csv --out new.enc",
        ),
        case("a model where the plan has it in clear", nothing, model),
        case(
            "a plan for training",
            |at| instead(at, "plan.json", &JOB.client().join("plan.json")),
            "predict encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..9 --out new.enc",
        ),
        case(
            "the secret key of a training",
            |at| instead(at, "keys/secret.key", &JOB.client().join("keys/secret.key")),
            "predict encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..9 --out new.enc",
        ),
        case(
            "a plan with insecure parameters",
            |at| edit(&at.join("plan.json"), "\"log_n\":12", "\"log_n\":11"),
            "keygen --plan plan.json --key new/secret.key --eval-keys new-keys",
        ),
        case(
            "scores of other rows",
            |at| {
                let again = "predict encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..9 --out query.enc";
                std::fs::remove_file(at.join("query.enc")).unwrap();
                done(at, &again.split(' ').collect::<Vec<_>>());
            },
            DECRYPT,
        ),
        case(
            "another secret key",
            |at| {
                other_keys(at);
                instead(at, "keys/secret.key", &at.join("other/secret.key"));
            },
            DECRYPT,
        ),
        case(
            "scores of another plan",
            |at| instead(at, "scores.enc", &ENCRYPTED.client().join("scores.enc")),
            DECRYPT,
        ),
        case(
            "an encrypted model from training",
            |at| instead(at, "scores.enc", &JOB.client().join("model.enc")),
            DECRYPT,
        ),
        case(
            "truncated scores",
            |at| cut(&at.join("scores.enc")),
            DECRYPT,
        ),
        case("changed scores", |at| flip(&at.join("scores.enc")), DECRYPT),
    ];
    snapshot("predict_client", check(&CLEAR.client(), &cases));
}

#[test]
fn at_the_server_with_a_clear_model() {
    let cases = [
        case(
            "a secret key among the evaluation keys",
            |at| {
                std::fs::copy(
                    CLEAR.client().join("keys/secret.key"),
                    at.join("eval-keys/notes.txt"),
                )
                .unwrap();
            },
            SERVER,
        ),
        case(
            "a secret key given as the rows",
            |at| instead(at, "query.enc", &CLEAR.client().join("keys/secret.key")),
            SERVER,
        ),
        case(
            "evaluation keys of another key",
            |at| {
                other_keys(at);
                std::fs::remove_dir_all(at.join("eval-keys")).unwrap();
                std::fs::rename(at.join("other-keys"), at.join("eval-keys")).unwrap();
                std::fs::remove_dir_all(at.join("other")).unwrap();
            },
            SERVER,
        ),
        case(
            "evaluation keys of another plan",
            |at| {
                std::fs::remove_dir_all(at.join("eval-keys")).unwrap();
                copy(&JOB.server().join("eval-keys"), &at.join("eval-keys"));
            },
            SERVER,
        ),
        case(
            "the model of another training",
            |at| {
                std::fs::remove_dir_all(at.join("model")).unwrap();
                copy(&JOB.client().join("private/client-only"), &at.join("model"));
            },
            SERVER,
        ),
        case(
            "rows of another plan",
            |at| instead(at, "query.enc", &ENCRYPTED.server().join("query.enc")),
            SERVER,
        ),
        case(
            "an encrypted model for a plan with one in clear",
            nothing,
            SEALED,
        ),
        case("truncated rows", |at| cut(&at.join("query.enc")), SERVER),
        case("changed rows", |at| flip(&at.join("query.enc")), SERVER),
        case(
            "no rows",
            |at| std::fs::remove_file(at.join("query.enc")).unwrap(),
            SERVER,
        ),
        case(
            "a shard of a dataset for rows",
            |at| instead(at, "query.enc", &JOB.server().join("model.enc")),
            SERVER,
        ),
        case(
            "a plan that was edited",
            |at| edit(&at.join("plan.json"), "\"radix\":4", "\"radix\":8"),
            SERVER,
        ),
    ];
    snapshot("predict_server", check(&CLEAR.server(), &cases));
}

#[test]
fn at_the_server_with_an_encrypted_model() {
    let cases = [
        case(
            "a clear model for a plan with one encrypted",
            nothing,
            SERVER,
        ),
        case(
            "the rows given as the model",
            |at| instead(at, "sealed.enc", &at.join("query.enc")),
            SEALED,
        ),
        case(
            "a model under another key",
            |at| {
                other_keys(at);
                copy(&JOB.client().join("model"), &at.join("model"));
                let seal = "predict encrypt --plan plan.json --key other/secret.key --model model --out other.enc";
                done(at, &seal.split(' ').collect::<Vec<_>>());
                instead(at, "sealed.enc", &at.join("other.enc"));
                for folder in ["other", "other-keys", "model"] {
                    std::fs::remove_dir_all(at.join(folder)).unwrap();
                }
            },
            SEALED,
        ),
        case(
            "a truncated model",
            |at| cut(&at.join("sealed.enc")),
            SEALED,
        ),
        case("a changed model", |at| flip(&at.join("sealed.enc")), SEALED),
    ];
    snapshot("predict_sealed", check(&ENCRYPTED.server(), &cases));
}
