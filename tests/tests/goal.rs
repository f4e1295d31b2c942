//! A plan for an accuracy, on the handwritten digits that the program carries: what is taken, what is refused, and the job that follows.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Outcome, done, velum};

/// Pixels of 1,797 digits, label first.
const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/data/digits.csv.gz");

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(DIGITS, folder.path().join("digits.csv.gz")).unwrap();
    folder
}

/// `plan` of the training rows, with wishes.
fn plan(at: &Path, wishes: &str) -> Outcome {
    let rows = "--json plan --features digits.csv.gz --rows training --accuracy-goal";
    let line = format!("{rows} {wishes}");
    velum(at, &line.split(' ').collect::<Vec<_>>())
}

fn planned(at: &Path, wishes: &str) -> Value {
    let outcome = plan(at, wishes);
    assert_eq!(outcome.code, 0, "{wishes}: {outcome}");
    outcome.json()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

/// What every figure of a goal must be, whatever the rows.
fn holds_together(plan: &Value, goal: f64) {
    let (rungs, check) = (plan["goal"]["rungs"].as_array().unwrap(), &plan["check"]);
    assert_eq!(rungs.len(), 8);
    let taken: Vec<&Value> = rungs.iter().filter(|r| r["outcome"] == "taken").collect();
    let [taken] = taken[..] else {
        panic!("{rungs:?}")
    };
    assert_eq!(taken["iterations"], plan["iterations"]);
    assert_eq!(taken["accuracy"], check["accuracy"]);
    let share = &check["accuracy"];
    assert!(100.0 * number(&share["share"]) >= goal, "{share}");
    assert!(number(&share["low"]) < number(&share["share"]));
    for rung in rungs {
        if rung["outcome"] == "below" {
            assert!(100.0 * number(&rung["accuracy"]["share"]) < goal, "{rung}");
        }
    }
    // All were judged on the same rows, a fifth of those that train.
    let judges = &check["held_out"];
    assert_eq!(&plan["goal"]["best_clear"]["rows"], judges);
    assert_eq!(&check["client_only"]["rows"], judges);
    assert!((280..=290).contains(&judges.as_u64().unwrap()), "{judges}");
}

#[test]
fn a_goal_is_planned_and_trained_on_ciphertexts() {
    let folder = folder();
    let at = folder.path();
    let planned = planned(at, "93");
    holds_together(&planned, 93.0);
    // Two iterations do, and nothing between them can be refreshed.
    assert_eq!(planned["iterations"], 2);
    let weighed = planned["weighed"].as_array().unwrap();
    assert_eq!(
        (&weighed[0]["way"], &weighed[0]["taken"]),
        (&"none".into(), &true.into())
    );
    assert!(
        weighed[1..]
            .iter()
            .all(|way| way["why"].as_str().unwrap().contains("no refresh"))
    );

    done(at, &["encrypt"]);
    done(at, &["train"]);
    done(at, &["decrypt"]);
    let found = done(at, &["evaluate"]);
    assert_eq!(found["accuracy"], found["accuracy_clear"]);
    // Rows that neither trained nor chose: within three deviations of what was expected of the plan.
    let (expected, rows) = (
        number(&planned["check"]["accuracy"]["share"]),
        number(&found["rows"]),
    );
    let deviation = (expected * (1.0 - expected) / rows).sqrt();
    let far = (number(&found["accuracy"]) - expected).abs();
    assert!(far <= 3.0 * 2f64.sqrt() * deviation, "{found}");
}

#[test]
fn a_small_ring_is_refreshed_and_a_goal_out_of_reach_says_what_is_not() {
    let folder = folder();
    let at = folder.path();
    // More than two iterations, in a ring without levels for all of them.
    let outcome = plan(at, "93.5 --log-n 14 --layout diagonal --row-length 8");
    assert_eq!(outcome.code, 0, "{outcome}");
    let small = outcome.json();
    holds_together(&small, 93.5);
    assert!(number(&small["refreshes"]) >= 1.0, "{small}");
    for way in small["weighed"].as_array().unwrap() {
        let taken = way["way"] == small["refresh_way"];
        assert_eq!(way["taken"], taken, "{way}");
        assert_eq!(way["why"].is_null(), taken, "{way}");
        assert_eq!(way["takes"].is_null(), way["way"] == "none", "{way}");
    }
    let table = outcome.stderr.split("who gives weights").nth(1).unwrap();
    assert!(
        table.lines().all(|line| line.chars().count() <= 60),
        "{table}"
    );
    assert!(
        table.contains("no plan") && table.contains("taken"),
        "{table}"
    );

    let refused = plan(at, "97 --refresh none");
    assert_eq!(refused.code, 1, "{refused}");
    let error = &refused.json()["error"];
    let text = error["message"].as_str().unwrap();
    assert!(
        text.contains("at best, by") && text.contains("best clear model"),
        "{text}"
    );
    let (_, goal) = error["hint"].as_str().unwrap().rsplit_once(' ').unwrap();
    let reached = planned(at, &format!("{goal} --refresh none"));
    holds_together(&reached, goal.parse().unwrap());
    assert!(reached["weighed"].is_null() && reached["refreshes"] == 0);
}
