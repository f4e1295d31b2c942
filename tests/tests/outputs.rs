//! What no output replaces.

use std::fs;

use crate::journey::JOB;
use crate::program::velum;

#[test]
fn no_output_replaces_a_key_an_input_or_anything_of_another_kind() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    for (command, target) in [
        (
            "plan --features rows.csv --out keys/secret.key",
            "keys/secret.key",
        ),
        ("plan --features rows.csv --out rows.csv", "rows.csv"),
        (
            "plan --features rows.csv --out private/private.json",
            "private/private.json",
        ),
        (
            "plan --features rows.csv --rates keys/secret.key --calibrate --out new.json",
            "keys/secret.key",
        ),
        (
            "predict --model private/twin --features rows.csv --out keys/secret.key",
            "keys/secret.key",
        ),
        (
            "predict --model private/twin --features rows.csv --out rows.csv",
            "rows.csv",
        ),
        (
            "predict plan --model private/twin --features rows.csv --out plan.json",
            "plan.json",
        ),
        (
            "predict plan --model private/twin --features rows.csv --out private/twin/config.json",
            "private/twin/config.json",
        ),
        (
            "keygen --plan plan.json --key new/secret.key --eval-keys new",
            "plan.json",
        ),
        (
            "keygen --plan plan.json --key plan.json --eval-keys new",
            "plan.json",
        ),
        (
            "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..90 --private new --out new",
            "rows.csv",
        ),
        ("stats --features rows.csv --out rows.csv", "rows.csv"),
    ] {
        let before = fs::read(at.join(target)).unwrap();
        let outcome = velum(at, &command.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, 1, "{command}: {outcome}");
        assert!(outcome.stderr.contains("hint:"), "{command}: {outcome}");
        assert!(fs::read(at.join(target)).unwrap() == before, "{command}");
        assert!(
            !at.join("new").exists() && !at.join("new.json").exists(),
            "{command}"
        );
    }
}

#[cfg(unix)]
#[test]
fn results_of_a_decryption_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let model = JOB.client().join("model");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&model), 0o700);
    for entry in fs::read_dir(&model).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}
