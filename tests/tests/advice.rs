//! Hints of what a client, a server and a group's members are refused for, each followed by what it says.

use std::path::Path;

use crate::hints::{follow, restrict, set_mode};
use crate::journey::JOB;
use crate::program::{Outcome, velum};

fn call(at: &Path, text: &str) -> Outcome {
    velum(at, &text.split(' ').collect::<Vec<_>>())
}

/// A call that is done.
fn done(at: &Path, text: &str) {
    let outcome = call(at, text);
    assert_eq!(outcome.code, 0, "{text}: {outcome}");
}

#[test]
fn hints_of_keys_and_private_files_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    restrict(at);
    let decrypt = "decrypt --plan plan.json --private private --model model.enc --out m";
    std::fs::write(at.join("other.key"), b"\xff\xfe").unwrap();
    set_mode(&at.join("other.key"), 0o600);
    follow(
        at,
        &format!("{decrypt} --key other.key"),
        "keygen wrote with --key",
        &format!("{decrypt} --key keys/secret.key"),
    );
    let decrypt = "decrypt --plan plan.json --key keys/secret.key --model model.enc --out m2";
    follow(
        at,
        &format!("{decrypt} --private keys"),
        "encrypt wrote with --private",
        &format!("{decrypt} --private private"),
    );
    done(
        at,
        "plan --features rows.csv --rows 0..90 --iterations 3 --out other.json",
    );
    let encrypt = "encrypt --plan plan.json --key keys/secret.key --features rows.csv --rows 0..90";
    follow(
        at,
        &format!("{encrypt} --private p3 --out d3 --recipe other.recipe.json"),
        "the right one with --recipe",
        &format!("{encrypt} --private p3 --out d3 --recipe plan.recipe.json"),
    );
    let sizes = "plan --shape 90,12,3 --out joint.json";
    done(at, &format!("{sizes} --parties 2 --threshold 2"));
    let keygen = "keygen --plan joint.json --key k/secret --eval-keys e";
    let refused = call(at, keygen);
    assert!(
        refused.code == 1 && refused.stderr.contains("plan without --parties"),
        "{refused}"
    );
    done(at, sizes);
    done(at, keygen);
}

#[test]
fn hints_of_sizes_and_numbers_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    for (sizes, place) in [
        ("--shape 90,12,99999", "what is planned for"),
        ("--shape 99999999999,12,3", "what is planned for"),
        (
            "--shape 90,12,3 --parties 3 --threshold 4",
            "what is planned for",
        ),
    ] {
        let refused = call(at, &format!("plan {sizes} --out new.json"));
        assert!(
            refused.code == 1 && refused.stderr.contains(place),
            "{refused}"
        );
        assert!(refused.stderr.contains("velum plan --help"), "{refused}");
    }
    done(at, "plan --help");
    let plan = "plan --features rows.csv --rows 0..90 --out new.json";
    follow(
        at,
        &format!("{plan} --labels rows.csv"),
        "leave out --labels",
        plan,
    );
    let pooled = "stats --features rows.csv --rows";
    done(at, &format!("{pooled} 0..40 --out one"));
    done(at, &format!("{pooled} 40..90 --out two"));
    done(at, "stats --merge one two --out pooled");
    follow(
        at,
        &format!("{plan} --parties 2 --threshold 2"),
        "or give --stats or --shape",
        "plan --stats pooled --whitening map --parties 2 --threshold 2 --out joint.json",
    );
    // Two classes of values too large for a method that takes them as they are.
    let table = std::fs::read_to_string(at.join("rows.csv")).unwrap();
    let larger = |line: &str| {
        let (label, values) = line.split_once(',').unwrap();
        let values = values.split(',').map(|value| format!(",{value}e3"));
        format!("{label}{}\n", values.collect::<String>())
    };
    let larger: String = table.lines().map(larger).collect();
    std::fs::write(at.join("large.csv"), larger).unwrap();
    let large = "plan --features large.csv --rows 0..90 --out large.json";
    follow(
        at,
        &format!("{large} --method paper"),
        "--method whitened",
        &format!("{large} --method whitened"),
    );
    let owners = "plan --shape 90,12,3 --out new.json --iterations 4 --steps 4,4,4,4";
    follow(
        at,
        &format!("{owners} --refresh owners"),
        "leave out --refresh owners, or give --parties",
        owners,
    );
}

#[test]
fn hints_of_a_server_s_inputs_help() {
    let client = JOB.copy(&JOB.client());
    let at = client.path();
    restrict(at);
    let predict = "predict plan --model model --features rows.csv --rows 0..20 --out predict.json";
    done(at, predict);
    let keys = "keygen --plan predict.json --key predict-keys/key --eval-keys predict-eval";
    done(at, keys);
    let query = "predict encrypt --plan predict.json --key predict-keys/key";
    done(
        at,
        &format!("{query} --features rows.csv --rows 0..20 --out query.enc"),
    );
    let score = "predict score --plan predict.json --eval-keys predict-eval --query query.enc --out scores.enc";
    follow(
        at,
        score,
        "velum predict score --help",
        &format!("{score} --model model"),
    );
    let refused = call(at, &format!("{query} --model model --out sealed.enc"));
    assert!(
        refused.code == 1 && refused.stderr.contains("plan with --encrypted-model"),
        "{refused}"
    );
    let sealed = predict.replace("predict.json", "sealed.json");
    done(at, &format!("{sealed} --encrypted-model"));
    done(
        at,
        "keygen --plan sealed.json --key sealed-keys/key --eval-keys sealed-eval",
    );
    done(
        at,
        "predict encrypt --plan sealed.json --key sealed-keys/key --model model --out sealed.enc",
    );
    // Keys of another plan.
    done(
        at,
        "plan --features rows.csv --rows 0..90 --iterations 3 --out other.json",
    );
    done(
        at,
        "keygen --plan other.json --key other-keys/key --eval-keys other-eval",
    );
    done(
        at,
        "encrypt --plan other.json --key other-keys/key --features rows.csv --rows 0..90 --private other --out other-data",
    );
    let train = "train --plan other.json --dataset other-data --out other.enc --eval-keys";
    follow(
        at,
        &format!("{train} predict-eval"),
        "made together with these evaluation keys",
        &format!("{train} other-eval"),
    );
    follow(
        at,
        "status --plan plan.json --model other.enc",
        "with --plan",
        "status --plan other.json --model other.enc",
    );
}

#[test]
fn hints_of_groups_help() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    std::fs::create_dir(at.join("board")).unwrap();
    let rows = crate::table::csv(&crate::table::rows(3, 40, 6, 3));
    std::fs::write(at.join("rows.csv"), rows).unwrap();
    let key = |owner: &str| format!("--key {owner}/party.key");
    let name =
        |owner: &str, name: &str| format!("party {} --card {owner}.json --name {name}", key(owner));
    follow(
        at,
        &format!("party {} --card a.json", key("a")),
        "velum party --name NAME",
        &name("a", "A"),
    );
    follow(
        at,
        &name("a", "B"),
        "without --name its card is shown",
        &format!("party {} --card a.json", key("a")),
    );
    follow(at, &name("b", "x/y"), "with --name", &name("b", "B"));
    done(at, &name("c", "C"));
    let create =
        "group create --board board --classes 3 --width 6 --purpose test --owner a.json b.json";
    let refused = call(at, "group status --board board");
    assert!(refused.stderr.contains("velum group create"), "{refused}");
    done(at, create);
    follow(
        at,
        "group status --board elsewhere",
        "another with --board",
        "group status --board board",
    );
    let one = call(at, "--json group status --board board").json();
    let session = one["session"].as_str().unwrap().to_owned();
    done(at, create);
    let run = |owner: &str, more: &str| {
        let files = format!("--sessions {owner}-sessions --pooled {owner}-pooled --once");
        call(
            at,
            &format!("group run --board board {} {files}{more}", key(owner)),
        )
    };
    let rows = " --features rows.csv --rows 0..20";
    let (named, agreed) = (format!(" --session {session}"), " --yes");
    let says = |outcome: &Outcome, code: i32, hint: &str| {
        assert_eq!(outcome.code, code, "{outcome}");
        assert!(outcome.stderr.contains(hint), "{outcome}");
    };
    follow(
        at,
        "group status --board board",
        "name the session with --session",
        &format!("group status --board board{named}"),
    );
    says(
        &run("c", &format!("{rows}{named}{agreed}")),
        3,
        "with --key",
    );
    says(
        &run("a", &format!("{named}{agreed}")),
        1,
        "name them with --features",
    );
    says(
        &run("a", &format!("{rows}{named}")),
        1,
        "say --session with it and --yes",
    );
    // With all that was said: the first one agrees and waits, as does the second after its sums; then all is there.
    let all = format!("{rows}{named}{agreed}");
    says(&run("a", &all), 4, "run it again when they have acted");
    says(&run("b", &all), 4, "run it again when they have acted");
    says(&run("a", &all), 0, "");
    says(&run("b", &all), 0, "");
}
