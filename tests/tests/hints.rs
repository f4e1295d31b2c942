//! Hints that name a command or an option: what they name exists, and following them helps.

use std::collections::BTreeSet;
use std::path::Path;

use crate::journey::JOB;
use crate::program::{Outcome, velum};
use crate::promises::sources;

/// Every verb.
const VERBS: [&str; 27] = [
    "plan",
    "keygen",
    "encrypt",
    "train",
    "decrypt",
    "evaluate",
    "inspect",
    "stats",
    "extract",
    "predict",
    "predict plan",
    "predict encrypt",
    "predict score",
    "predict decrypt",
    "demo",
    "refresh",
    "status",
    "report",
    "check",
    "run",
    "completions",
    "man",
    "party",
    "group",
    "group create",
    "group run",
    "group status",
];
/// Options of other programs that hints name.
const OF_OTHERS: [&str; 2] = ["--features", "--no-default-features"];

/// What a word of a message names: `--keep` in `choose --keep, --lambda or`.
fn options(text: &str) -> impl Iterator<Item = String> {
    text.split("--").skip(1).filter_map(|rest| {
        let end = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let name = rest.split(end).next().unwrap().trim_end_matches('-');
        (name.len() > 1).then(|| format!("--{name}"))
    })
}

/// String literals of a source, comments left out.
fn literals(source: &str) -> Vec<&str> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

#[test]
fn what_messages_name_exists() {
    let place = tempfile::tempdir().unwrap();
    let mut known: BTreeSet<String> = OF_OTHERS.map(str::to_owned).into();
    for verb in VERBS {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let outcome = velum(place.path(), &words);
        assert_eq!(outcome.code, 0, "{verb}: {outcome}");
        known.extend(options(&outcome.stdout));
    }
    let all = sources(&[
        "he-core/src",
        "feature-extract/src",
        "mlr-train/src",
        "cli/src",
    ]);
    let mut seen = BTreeSet::new();
    // A message has several words; a single one is a name of something else.
    for literal in literals(&all)
        .into_iter()
        .filter(|literal| literal.contains(' '))
    {
        for option in options(literal) {
            assert!(
                known.contains(&option),
                "no verb has {option}, which is named in: {literal}"
            );
            seen.insert(option);
        }
        for rest in literal.split("velum ").skip(1) {
            let verb = rest.split(' ').next().unwrap();
            let is_word = verb.chars().all(|c| c.is_ascii_lowercase());
            let is_call = literal.contains(&format!("`velum {verb}"));
            assert!(
                !(is_word && is_call) || VERBS.contains(&verb),
                "there is no verb {verb}, which is named in: {literal}"
            );
        }
    }
    assert!(seen.len() > 20, "only {seen:?}");
}

/// A call that is refused with a hint, and the call that follows it.
pub(crate) fn follow(at: &Path, refused: &str, hint: &str, mended: &str) -> Outcome {
    let call = |text: &str| velum(at, &text.split(' ').collect::<Vec<_>>());
    let outcome = call(refused);
    assert_ne!(outcome.code, 0, "{refused}: {outcome}");
    let (_, said) = outcome
        .stderr
        .rsplit_once("hint: ")
        .unwrap_or_else(|| panic!("{refused}: {outcome}"));
    assert!(said.contains(hint), "{refused}: {outcome}");
    let after = call(mended);
    assert_eq!(after.code, 0, "{mended}, after the hint {said}: {after}");
    outcome
}

#[test]
fn hints_of_the_client_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    restrict(at);
    let encrypt =
        "encrypt --plan plan.json --key keys/secret.key --features rows.csv --private p --out d";
    follow(
        at,
        &format!("{encrypt} --rows 0..80"),
        "--rows",
        &format!("{encrypt} --rows 0..90"),
    );
    let decrypt = "decrypt --plan plan.json --key keys/secret.key --private private --model model.enc --out m";
    loosen(&at.join("keys/secret.key"));
    let outcome = velum(at, &decrypt.split(' ').collect::<Vec<_>>());
    assert!(outcome.stderr.contains("chmod 600"), "{outcome}");
    restrict(at);
    let outcome = velum(at, &decrypt.split(' ').collect::<Vec<_>>());
    assert_eq!(outcome.code, 0, "{outcome}");
}

#[test]
fn hints_of_predictions_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    restrict(at);
    let plan = "predict plan --model model --features rows.csv --rows 0..20 --out predict.json";
    for call in [
        plan,
        "keygen --plan predict.json --key predict-keys/key --eval-keys predict-eval",
    ] {
        let outcome = velum(at, &call.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, 0, "{call}: {outcome}");
    }
    let encrypt = "predict encrypt --plan predict.json --key predict-keys/key --features rows.csv --out query.enc";
    follow(
        at,
        &format!("{encrypt} --rows 0..60"),
        "--batch",
        &format!("{plan} --batch 60"),
    );
}

#[test]
fn hints_of_the_server_help() {
    let server = JOB.copy(&JOB.server());
    let at = server.path();
    let train = "train --plan plan.json --eval-keys eval-keys --dataset dataset";
    follow(
        at,
        &format!("{train} --out plan.json"),
        "choose another name",
        &format!("{train} --out new.enc"),
    );
    std::fs::create_dir(at.join("half")).unwrap();
    std::fs::copy(at.join("model.enc"), at.join("half/model.enc")).unwrap();
    follow(
        at,
        "inspect --verify plan.json",
        "verify what",
        "inspect --verify half/model.enc",
    );
}

#[test]
fn hints_of_plans_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    let plan = "plan --features rows.csv --rows 0..90 --out new.json";
    let sizes = "plan --shape 90,12,3 --out new.json";
    let too_many = format!("{sizes} --iterations 6");
    let outcome = velum(at, &too_many.split(' ').collect::<Vec<_>>());
    let fitting = outcome.stderr.split("--iterations ").nth(1);
    let fitting = fitting.unwrap_or_else(|| panic!("{outcome}")).trim();
    follow(
        at,
        &too_many,
        "at most",
        &format!("{sizes} --iterations {fitting}"),
    );
    follow(
        at,
        &format!("{plan} --method paper --sigmoid each"),
        "--method whitened",
        &format!("{plan} --method whitened --sigmoid each"),
    );
    follow(
        at,
        "plan --shape 90,12,3 --method paper --out new.json",
        "use --features",
        &format!("{plan} --method paper"),
    );
    let owners = "plan --shape 1398,64,10 --keep 64 --parties 3 --threshold 2 --refresh owners --refresh-every 1 --iterations 6 --steps 4,4,4,4,4,4 --out new.json";
    follow(
        at,
        &format!("{owners} --degree 13 --range 40"),
        "a smaller range of scores",
        &format!("{owners} --degree 13 --range 8"),
    );
    let alone = owners.replace("--refresh owners", "--refresh bootstrap");
    follow(at, &alone, "use --refresh owners", owners);
    let passes = format!("{plan} --refresh client --bootstrap-passes 2");
    follow(
        at,
        &passes,
        "leave out --bootstrap-passes",
        &passes.replace(" --bootstrap-passes 2", ""),
    );
    // One axis of twelve: not all rows can be right.
    let goal = format!("{plan} --keep 1 --refresh none --accuracy-goal");
    let outcome = velum(at, &format!("{goal} 100").split(' ').collect::<Vec<_>>());
    let reached = outcome.stderr.split("--accuracy-goal ").nth(1);
    let reached = reached.unwrap_or_else(|| panic!("{outcome}")).trim();
    follow(
        at,
        &format!("{goal} 100"),
        "that is reached",
        &format!("{goal} {reached}"),
    );
    follow(
        at,
        &format!("{plan} --method paper --accuracy-goal 50"),
        "--method whitened",
        &format!("{plan} --method whitened --accuracy-goal 50"),
    );
    follow(
        at,
        &format!("{sizes} --refresh-every 2"),
        "or auto",
        &format!("{sizes} --refresh auto --refresh-every 2"),
    );
    follow(
        at,
        &format!("{plan} --tune --sigmoid each"),
        "leave out",
        &format!("{plan} --sigmoid each"),
    );
}

#[test]
fn hints_of_encryption_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    restrict(at);
    let to = "--features rows.csv --rows 0..90 --private p --out d";
    follow(
        at,
        &format!("encrypt --plan plan.json --key keys/secret.key {to} --owner 1"),
        "leave them out",
        &format!("encrypt --plan plan.json --key keys/secret.key {to}"),
    );
    for call in [
        "plan --features rows.csv --rows 0..90 --public-key --out p.json",
        "keygen --plan p.json --key k/secret --eval-keys e --public-key public.key",
    ] {
        let outcome = velum(at, &call.split(' ').collect::<Vec<_>>());
        assert_eq!(outcome.code, 0, "{call}: {outcome}");
    }
    let to = "--features rows.csv --rows 0..90 --private p2 --out d2";
    follow(
        at,
        &format!("encrypt --plan plan.json --public-key public.key {to}"),
        "plan with --public-key",
        &format!("encrypt --plan p.json --public-key public.key {to}"),
    );
}

#[test]
fn hints_of_evaluation_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    let evaluate = "evaluate --model model --features rows.csv --rows 90..";
    follow(
        at,
        &format!("{evaluate} --threshold 0.5"),
        "--out FILE",
        &format!("{evaluate} --out rows.json"),
    );
}

#[test]
fn hints_of_a_job_s_folder_help() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let rows = crate::table::csv(&crate::table::rows(3, 90, 8, 3));
    std::fs::write(at.join("rows.csv"), rows).unwrap();
    // Each step says which one is to be done before it.
    for (verb, before) in [
        ("plan", "velum extract"),
        ("keygen", "velum plan"),
        ("encrypt", "velum plan"),
        ("train", "velum plan"),
        ("evaluate", "velum decrypt"),
    ] {
        let refused = velum(at, &[verb]);
        assert_eq!(refused.code, 1, "{verb}: {refused}");
        let says = refused.stderr.contains(before) && refused.stderr.contains("velum check");
        assert!(says, "{verb}: {refused}");
    }
    follow(
        at,
        "keygen",
        "velum plan",
        "plan --features rows.csv --rows training",
    );
    // `encrypt` would make the keys, too.
    let made = velum(at, &["keygen"]);
    assert_eq!(made.code, 0, "{made}");
    follow(at, "train", "velum encrypt", "encrypt");
    follow(at, "decrypt", "velum train", "train");
    follow(at, "evaluate", "velum decrypt", "decrypt");
    follow(at, "run", "--images", "check");
}

/// Hints that name a command or an option, by a part of their text, and the tests that follow them.
const FOLLOWED: &[(&str, &str)] = &[
    ("fit: --iterations", "hints_of_plans_help"),
    ("use --features", "hints_of_plans_help"),
    ("use --refresh owners", "hints_of_plans_help"),
    ("--method whitened", "hints_of_plans_help"),
    ("--sigmoid each", "hints_of_plans_help"),
    ("that is reached: --accuracy-goal", "hints_of_plans_help"),
    (
        "remove it or choose another name",
        "hints_of_the_server_help",
    ),
    (
        "--resume goes on from it",
        "a_killed_run_ends_with_the_same_bits",
    ),
    (
        "--resume to go on",
        "an_interrupted_run_leaves_a_checkpoint_that_only_its_own_inputs_resume",
    ),
    (
        "--refreshed goes with --resume",
        "a_refreshed_training_ends_at_its_twin",
    ),
    (
        "who runs velum refresh",
        "a_refreshed_training_ends_at_its_twin",
    ),
    ("made by: {step}", "hints_of_a_job_s_folder_help"),
    ("--images, or --job", "hints_of_a_job_s_folder_help"),
    ("plan with --stats, or", "hints_of_encryption_help"),
    ("plan with --public-key", "hints_of_encryption_help"),
    ("same --rows as for the plan", "hints_of_the_client_help"),
    ("leave out --threshold", "hints_of_evaluation_help"),
    ("one with --threshold", "thresholds_move_what_is_found"),
    ("larger --batch", "hints_of_predictions_help"),
    (
        "keygen wrote with --key",
        "hints_of_keys_and_private_files_help",
    ),
    (
        "encrypt wrote with --private",
        "hints_of_keys_and_private_files_help",
    ),
    (
        "the right one with --recipe",
        "hints_of_keys_and_private_files_help",
    ),
    (
        "plan without --parties",
        "hints_of_keys_and_private_files_help",
    ),
    ("velum plan --help names", "hints_of_sizes_and_numbers_help"),
    ("leave out --labels", "hints_of_sizes_and_numbers_help"),
    ("or --method whitened", "hints_of_sizes_and_numbers_help"),
    (
        "plan with --encrypted-model",
        "hints_of_a_server_s_inputs_help",
    ),
    ("trained by with --plan", "hints_of_a_server_s_inputs_help"),
    ("velum party --name NAME", "hints_of_groups_help"),
    ("without --name its card is shown", "hints_of_groups_help"),
    ("choose another with --name", "hints_of_groups_help"),
    ("name another with --board", "hints_of_groups_help"),
    ("makes it: velum group create", "hints_of_groups_help"),
    ("name the session with --session", "hints_of_groups_help"),
    ("in the charter, with --key", "hints_of_groups_help"),
    ("name them with --features", "hints_of_groups_help"),
    ("say --session with it and --yes", "hints_of_groups_help"),
    ("without --once it waits", "hints_of_groups_help"),
    (
        "in a folder of its own, with --job",
        "an_only_owner_takes_a_folder_of_its_own",
    ),
    (
        "--trust-key-holder goes on",
        "two_owners_train_the_model_of_all_rows",
    ),
    (
        "give --dataset once for each owner",
        "two_owners_train_the_model_of_all_rows",
    ),
    (
        "--open-again opens this one too",
        "a_key_is_spent_by_its_first_model",
    ),
    (
        "with --resume goes on from there",
        "an_extraction_killed_at_a_few_moments_ends_as_if_undisturbed",
    ),
];

#[test]
fn hints_that_name_options_are_followed() {
    let all = sources(&["feature-extract/src", "mlr-train/src", "cli/src", "tests"]);
    for (hint, test) in FOLLOWED {
        assert!(all.contains(hint), "no hint says {hint}");
        assert!(
            all.contains(&format!("fn {test}(")),
            "no test is called {test}"
        );
    }
}

#[cfg(unix)]
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
fn loosen(path: &Path) {
    set_mode(path, 0o644);
}

#[cfg(unix)]
pub(crate) fn restrict(folder: &Path) {
    set_mode(&folder.join("keys/secret.key"), 0o600);
}
