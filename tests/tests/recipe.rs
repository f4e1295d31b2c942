//! Does what is private of a recipe come from `plan` to `encrypt`, and nowhere else?

use std::fs;
use std::path::Path;

use crate::journey::JOB;
use crate::program::velum;

/// A lambda that nothing else has.
const LAMBDA: &str = "0.0517";

fn say(at: &Path, command: &str) -> crate::program::Outcome {
    velum(at, &command.split(' ').collect::<Vec<_>>())
}

const ENCRYPT: &str =
    "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..90";

/// Whether a private directory was made with it: its whitening map says so.
fn has_lambda(private: &Path) -> bool {
    let map = fs::read(private.join("whitening.safetensors")).unwrap();
    let lambda = b"5.17e-2";
    map.windows(lambda.len()).any(|it| it == lambda)
}

#[test]
fn encrypt_takes_lambda_from_the_plans_recipe_and_no_other() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    let plan = format!("plan --features rows.csv --rows 0..90 --lambda {LAMBDA} --out plan.json");
    let planned = say(at, &plan);
    assert_eq!(planned.code, 0, "{planned}");
    let public = fs::read_to_string(at.join("plan.json")).unwrap();
    assert!(!public.contains("lambda") && !public.contains(LAMBDA));

    let other = say(at, &format!("{ENCRYPT} --lambda 0.01 --private p --out d"));
    assert_eq!(other.code, 1, "{other}");
    assert!(other.stderr.contains(LAMBDA), "{other}");
    assert!(!at.join("p").exists() && !at.join("d").exists());

    let found = say(at, &format!("{ENCRYPT} --private p --out d"));
    assert_eq!(found.code, 0, "{found}");
    assert!(has_lambda(&at.join("p")));

    // At another place it is named.
    fs::rename(at.join("plan.recipe.json"), at.join("r")).unwrap();
    let named = say(at, &format!("{ENCRYPT} --recipe r --private p2 --out d2"));
    assert_eq!(named.code, 0, "{named}");
    assert!(has_lambda(&at.join("p2")));

    // Without it nobody knows.
    let missing = say(at, &format!("{ENCRYPT} --private p3 --out d3"));
    let warns = missing.stderr.contains("warning") && missing.stderr.contains("lambda 0.01");
    assert!(missing.code == 0 && warns, "{missing}");
    assert!(!has_lambda(&at.join("p3")));
}

#[test]
fn a_recipe_of_another_plan_is_refused() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    let planned = say(
        at,
        "plan --features rows.csv --iterations 3 --out other.json",
    );
    assert_eq!(planned.code, 0, "{planned}");
    let other = format!("{ENCRYPT} --recipe other.recipe.json --private p --out d");
    let refused = say(at, &other);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("other.recipe.json"), "{refused}");
    // It takes the place of no other file.
    let kept = fs::read(at.join("keys/secret.key")).unwrap();
    let key = say(
        at,
        "plan --features rows.csv --recipe keys/secret.key --out new.json",
    );
    assert!(key.code == 1 && !at.join("new.json").exists(), "{key}");
    assert_eq!(fs::read(at.join("keys/secret.key")).unwrap(), kept);
}
