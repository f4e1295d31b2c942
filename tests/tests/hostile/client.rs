//! What the client runs before training.

use super::{case, check, cut, edit, nothing, snapshot, write_table};
use crate::journey::{FEATURES, JOB};
use crate::table;

const PLAN: &str = "plan --features bad.csv --out new.json";

#[test]
fn plan() {
    let cases = [
        case("no such file", nothing, PLAN),
        case(
            "an empty file",
            |at| std::fs::write(at.join("bad.csv"), "").unwrap(),
            PLAN,
        ),
        case(
            "not a number",
            |at| write_table(at, |rows| rows[3][2] = f64::NAN),
            PLAN,
        ),
        case(
            "a row too short",
            |at| {
                write_table(at, |rows| {
                    rows[5].pop();
                });
            },
            PLAN,
        ),
        case(
            "one class only",
            |at| write_table(at, |rows| rows.iter_mut().for_each(|row| row[0] = 0.0)),
            PLAN,
        ),
        case(
            "a gap in the labels",
            |at| {
                write_table(at, |rows| {
                    for row in rows.iter_mut().filter(|row| row[0] == 2.0) {
                        row[0] = 3.0;
                    }
                });
            },
            PLAN,
        ),
        case(
            "a negative label",
            |at| write_table(at, |rows| rows[0][0] = -1.0),
            PLAN,
        ),
        case(
            "a truncated .npy file",
            |at| std::fs::write(at.join("bad.npy"), b"\x93NUMPY\x01\x00v\x00{'descr'").unwrap(),
            "plan --features bad.npy --labels bad.npy --out new.json",
        ),
        case(
            "an unknown kind of file",
            |at| std::fs::write(at.join("bad.xyz"), "1,2,3").unwrap(),
            "plan --features bad.xyz --out new.json",
        ),
        case(
            "rows that are not there",
            nothing,
            "plan --features rows.csv --rows 0..100000 --out new.json",
        ),
        case(
            "more iterations than levels",
            nothing,
            "plan --shape 90,12,3 --iterations 60 --out new.json",
        ),
        case(
            "a ring too small for the iterations",
            nothing,
            "plan --features rows.csv --log-n 12 --out new.json",
        ),
        case(
            "a plan that fails the check on the clear twin",
            nothing,
            "plan --features rows.csv --range 0.5 --iterations 4 --steps 4,16,16,16 --out new.json",
        ),
        case(
            "steps beyond all measure",
            nothing,
            "plan --features rows.csv --iterations 4 --steps 4,1000000000,1000000000,1000000000 --out new.json",
        ),
        case(
            "more axes than features",
            nothing,
            "plan --features rows.csv --keep 500 --out new.json",
        ),
        case(
            "a folder that is not there",
            nothing,
            "plan --features rows.csv --out no/such/folder/new.json",
        ),
    ];
    snapshot("plan", check(&JOB.client(), &cases));
}

const KEYGEN: &str = "keygen --plan plan.json --key new/secret.key --eval-keys new-keys";

#[test]
fn keygen() {
    let cases = [
        case(
            "no such plan",
            nothing,
            "keygen --plan none.json --key new/secret.key --eval-keys new-keys",
        ),
        case("a truncated plan", |at| cut(&at.join("plan.json")), KEYGEN),
        case(
            "a file that is no plan",
            nothing,
            "keygen --plan rows.csv --key new/secret.key --eval-keys new-keys",
        ),
        case(
            "a key that exists",
            nothing,
            "keygen --plan plan.json --key keys/secret.key --eval-keys new-keys",
        ),
        case(
            "a directory of keys that exists",
            |at| {
                std::fs::create_dir(at.join("new-keys")).unwrap();
                std::fs::write(at.join("new-keys/file"), "").unwrap();
            },
            KEYGEN,
        ),
        case(
            "a folder that is not there, for the secret key",
            nothing,
            "keygen --plan plan.json --key no/such/folder/secret.key --eval-keys new-keys",
        ),
        case(
            "a folder that is not there, for the evaluation keys",
            nothing,
            "keygen --plan plan.json --key new/secret.key --eval-keys no/such/new-keys",
        ),
        case(
            "a plan of an insecure ring",
            |at| edit(&at.join("plan.json"), "\"log_n\":14", "\"log_n\":12"),
            KEYGEN,
        ),
    ];
    snapshot("keygen", check(&JOB.client(), &cases));
}

const ENCRYPT: &str = "encrypt --plan plan.json --key keys/secret.key --features bad.csv --private new-private --out new-dataset";
const ENCRYPT_GOOD: &str = "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..90 --private new-private --out new-dataset";

#[test]
fn encrypt() {
    let cases = [
        case("no such file", nothing, ENCRYPT),
        case(
            "not a number",
            |at| write_table(at, |rows| rows[3][2] = f64::INFINITY),
            ENCRYPT,
        ),
        case(
            "other rows than planned",
            nothing,
            "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..80 --private new-private --out new-dataset",
        ),
        case(
            "fewer features than planned",
            |at| {
                let rows = table::rows(7, 90, FEATURES - 1, 3);
                std::fs::write(at.join("bad.csv"), table::csv(&rows)).unwrap();
            },
            ENCRYPT,
        ),
        case(
            "no key",
            |at| std::fs::remove_file(at.join("keys/secret.key")).unwrap(),
            ENCRYPT_GOOD,
        ),
        case(
            "a truncated key",
            |at| cut(&at.join("keys/secret.key")),
            ENCRYPT_GOOD,
        ),
        case(
            "a private directory that exists",
            nothing,
            "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..90 --private private --out new-dataset",
        ),
        case(
            "a dataset that exists",
            |at| {
                std::fs::create_dir(at.join("new-dataset")).unwrap();
                std::fs::write(at.join("new-dataset/file"), "").unwrap();
            },
            ENCRYPT_GOOD,
        ),
        case(
            "folders that are not there",
            nothing,
            "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..90 --private no/such/private --out new-dataset",
        ),
        #[cfg(unix)]
        case(
            "a key that others may read",
            |at| {
                use std::os::unix::fs::PermissionsExt;
                let all = std::fs::Permissions::from_mode(0o644);
                std::fs::set_permissions(at.join("keys/secret.key"), all).unwrap();
            },
            ENCRYPT_GOOD,
        ),
    ];
    snapshot("encrypt", check(&JOB.client(), &cases));
}
