//! The ladder on rows of a formula: which rung is taken, and what is said of a goal that is not reached.

use std::path::Path;

use he_core::error::Explain;
use velum_record::plan::{Outcome, Planned};

use super::*;
use crate::artifacts::folder::JobFolder;
use crate::plan::cost::Rates;
use crate::roles::Rows;
use crate::roles::client::plan::run;

const CLASSES: usize = 5;
const FEATURES: usize = 8;

/// Overlapping classes: the more iterations, the more rows are right, and never all.
fn table(at: &Path) -> Rows {
    let mut state = 9_u64;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    let mut text = String::new();
    for row in 0..400 {
        let label = row % CLASSES;
        text += &label.to_string();
        for column in 0..FEATURES {
            let near = column % CLASSES == label;
            let spread = if label == 0 { 0.5 } else { 2.5 };
            let value = spread * uniform() + if near { 1.5 } else { 0.0 };
            text += &format!(",{value:.6}");
        }
        text.push('\n');
    }
    let file = at.join("rows.csv");
    std::fs::write(&file, text).unwrap();
    Rows::all(file)
}

fn input(at: &Path, goal: f64) -> PlanInput {
    let folder = JobFolder::new(at);
    PlanInput {
        goal: Some(goal),
        recipe_file: None,
        out: at.join("plan.json"),
        ..PlanInput::usual(table(at), &folder).unwrap()
    }
}

fn planned(at: &Path, goal: f64) -> Planned {
    run(&input(at, goal), &Silent).unwrap()
}

/// What every rung of the ladder reaches.
fn trials(at: &Path) -> Vec<Trial> {
    let input = input(at, 100.0);
    let PlanFor::Rows(rows) = &input.from else {
        unreachable!()
    };
    let set: TrainingSet = rows.load().unwrap().try_into().unwrap();
    let prepared = Prepared::new(set, input.recipe.clone(), FEATURES, DEFAULT_LAMBDA).unwrap();
    let mut ladder = Ladder::new(&input, prepared, Rates::default(), vec![None]);
    ladder.climb(100.0, &Silent).unwrap()
}

#[test]
fn the_cheapest_rung_that_reaches_a_goal_is_planned() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let easy = planned(at, 1.0);
    let rungs = easy.goal.unwrap().rungs;
    assert_eq!((easy.iterations, rungs[0].outcome), (2, Outcome::Taken));
    assert!(
        rungs[1..]
            .iter()
            .all(|rung| rung.outcome == Outcome::NotTried)
    );

    let trials = trials(at);
    let share = |trial: &Trial| trial.accuracy().unwrap().share;
    let below = share(&trials[0]);
    let (place, better) = trials[1..3]
        .iter()
        .enumerate()
        .find(|(_, trial)| share(trial) > below)
        .expect("more iterations get more rows right");
    let goal = 100.0 * share(better);
    let harder = planned(at, goal);
    let (rungs, check) = (harder.goal.unwrap().rungs, harder.check.unwrap());
    assert_eq!(harder.iterations, better.rung.iterations);
    assert_eq!(rungs[place + 1].outcome, Outcome::Taken);
    assert!(
        rungs[..=place]
            .iter()
            .all(|rung| rung.outcome == Outcome::Below)
    );
    // What is expected of the plan is what the rung reached, on the same rows.
    assert_eq!(rungs[place + 1].accuracy, Some(check.accuracy));
    assert!(100.0 * check.accuracy.share >= goal - 1e-9);
    assert_eq!(rungs[place + 1].steps.len(), harder.iterations);
    assert!(check.accuracy.low < check.accuracy.share);
    // A rung that would cost more was not tried.
    let more = |rung: &velum_record::plan::Rung| rung.iterations > harder.iterations;
    assert!(
        rungs
            .iter()
            .filter(|rung| more(rung))
            .all(|rung| rung.outcome == Outcome::NotTried)
    );
}

#[test]
fn a_goal_out_of_reach_names_one_that_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let error = run(&input(at, 100.0), &Silent).unwrap_err();
    let (text, hint) = (error.to_string(), Explain::hint(&error).unwrap());
    assert!(
        text.contains("at best, by") && text.contains("best clear"),
        "{text}"
    );
    assert!(!at.join("plan.json").exists());
    let reached: f64 = hint.rsplit(' ').next().unwrap().parse().unwrap();
    let planned = planned(at, reached);
    assert!(100.0 * planned.check.unwrap().accuracy.share >= reached);
}

#[test]
fn limits_exclude_rungs_that_reach_the_goal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut hurried = input(at, 1.0);
    hurried.limits.seconds = Some(1e-9);
    let error = run(&hurried, &Silent).unwrap_err();
    assert!(error.to_string().contains("limit is"), "{error}");
    // Sizes train no twin.
    hurried.from = PlanFor::Sizes {
        rows: 9,
        features: 3,
        classes: 2,
    };
    let error = run(&hurried, &Silent).unwrap_err();
    assert!(error.to_string().contains("rows to train"), "{error}");
}
