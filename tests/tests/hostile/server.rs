//! What the server runs.

use std::path::PathBuf;

use super::{case, check, cut, flip, largest, nothing, replace, snapshot};
use crate::journey::JOB;
use crate::program::done;

const TRAIN: &str = "train --plan plan.json --eval-keys eval-keys --dataset dataset --out new.enc";

/// A secret key, as it might lie about.
fn secret_key(to: PathBuf) {
    std::fs::copy(JOB.client().join("keys/secret.key"), to).unwrap();
}

#[test]
fn train() {
    let cases = [
        case(
            "a secret key given as the plan",
            |at| secret_key(at.join("secret.key")),
            "train --plan secret.key --eval-keys eval-keys --dataset dataset --out new.enc",
        ),
        case(
            "a secret key given as the evaluation keys",
            |at| secret_key(at.join("secret.key")),
            "train --plan plan.json --eval-keys secret.key --dataset dataset --out new.enc",
        ),
        case(
            "a secret key among the evaluation keys",
            |at| secret_key(at.join("eval-keys/secret.key")),
            TRAIN,
        ),
        case(
            "a secret key in the dataset under another name",
            |at| secret_key(at.join("dataset/notes.txt")),
            TRAIN,
        ),
        case(
            "no plan",
            |at| std::fs::remove_file(at.join("plan.json")).unwrap(),
            TRAIN,
        ),
        case(
            "no dataset",
            |at| std::fs::remove_dir_all(at.join("dataset")).unwrap(),
            TRAIN,
        ),
        case(
            "evaluation keys for a dataset",
            nothing,
            "train --plan plan.json --eval-keys dataset --dataset eval-keys --out new.enc",
        ),
        case(
            "a truncated shard",
            |at| cut(&largest(&at.join("dataset"))),
            TRAIN,
        ),
        case(
            "a changed shard",
            |at| flip(&largest(&at.join("dataset"))),
            TRAIN,
        ),
        case(
            "a missing shard",
            |at| std::fs::remove_file(largest(&at.join("dataset"))).unwrap(),
            TRAIN,
        ),
        case(
            "a missing evaluation key",
            |at| std::fs::remove_file(largest(&at.join("eval-keys"))).unwrap(),
            TRAIN,
        ),
        case(
            "a truncated evaluation key",
            |at| cut(&largest(&at.join("eval-keys"))),
            TRAIN,
        ),
        case(
            "a changed evaluation key",
            |at| flip(&largest(&at.join("eval-keys"))),
            TRAIN,
        ),
        case(
            "no manifest",
            |at| std::fs::remove_file(at.join("dataset/manifest.json")).unwrap(),
            TRAIN,
        ),
        case(
            "a manifest of nonsense",
            |at| replace(&at.join("dataset/manifest.json"), b"{\"schema\":1}"),
            TRAIN,
        ),
        case(
            "the plan of another job",
            |at| {
                std::fs::remove_file(at.join("plan.json")).unwrap();
                done(at, &["plan", "--shape", "91,12,3", "--out", "plan.json"]);
            },
            TRAIN,
        ),
    ];
    snapshot("train", check(&JOB.server(), &cases));
}
