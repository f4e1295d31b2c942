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
    let mut trials = Vec::new();
    ladder.climb(100.0, &mut trials, &Silent).unwrap();
    trials
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
    let text = error.to_string();
    assert!(text.contains("limit is"), "{text}");
    // What the twin reaches is said all the same, and by which rung.
    let best = trials(at).into_iter().filter_map(|trial| trial.accuracy());
    let best = best.max_by_key(|share| share.hits).unwrap();
    assert!(
        text.contains(&format!("the twin gets {best} at best, by ")),
        "{text}"
    );
    assert!(text.contains("iterations of degree"), "{text}");
    // Sizes train no twin.
    hurried.from = PlanFor::Sizes {
        rows: 9,
        features: 3,
        classes: 2,
    };
    let error = run(&hurried, &Silent).unwrap_err();
    assert!(error.to_string().contains("rows to train"), "{error}");
}

/// Bootstrapping is searched in other tests: here the client refreshes where levels end.
fn tuned(at: &Path, refresh: Option<crate::plan::Way>) -> PlanInput {
    PlanInput {
        goal: None,
        tune: true,
        refresh: refresh.map(|way| Refreshes {
            way,
            every: 0,
            bits: 0,
            level: 0,
        }),
        ..input(at, 1.0)
    }
}

#[test]
fn tuning_with_refreshes_takes_the_cheapest_of_equally_good_choices() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let planned = run(&tuned(at, Some(crate::plan::Way::Client)), &Silent).unwrap();
    let tuning = planned.tuning.unwrap();
    let good = tuning.equally_good.unwrap();
    assert!(!tuning.planned.is_empty() && tuning.planned.len() <= good.min(4));
    let seconds = |choice: &velum_record::plan::Choice| choice.predicted_train_seconds.unwrap();
    // The cheapest as its way counts: where nobody refreshes, in seconds.
    assert!(tuning.planned.iter().any(|choice| choice == &tuning.chosen));
    if tuning
        .planned
        .iter()
        .all(|choice| choice.refresh.as_deref() == Some("none"))
    {
        let least = tuning
            .planned
            .iter()
            .map(seconds)
            .fold(f64::INFINITY, f64::min);
        assert_eq!(seconds(&tuning.chosen), least);
    }
    let (chosen, best) = (&tuning.chosen, tuning.table.iter());
    let best = best.map(|choice| choice.accuracy).fold(0.0, f64::max);
    let rows = tuning.choosing_rows as f64;
    assert!(chosen.accuracy >= best - (best * (1.0 - best) / rows).sqrt() - 1e-12);
    assert_eq!(planned.iterations, chosen.iterations);
    assert_eq!(planned.columns, chosen.keep + 1);
    assert!(
        tuning
            .table
            .iter()
            .any(|choice| choice.iterations == 20 && choice.degree == 15)
    );
    // What is expected is judged on rows that had no part, as without refreshes.
    let check = planned.check.unwrap();
    assert!(check.accuracy.low < check.accuracy.share);
    // Without refreshes the tuning is what it was.
    let short = run(&tuned(at, None), &Silent).unwrap().tuning.unwrap();
    assert!(short.planned.is_empty() && short.equally_good.is_none());
    assert!(
        short
            .table
            .iter()
            .all(|choice| choice.degree == 3 && choice.iterations <= 4)
    );
}

#[test]
fn a_goal_with_tuning_climbs_with_several_numbers_of_axes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set: TrainingSet = table(at).load().unwrap().try_into().unwrap();
    let tuning = refreshed::search(&set, &Silent).unwrap();
    let near = tuned::axes(&tuning, 1.0);
    assert!(near.windows(2).all(|pair| pair[0].keep < pair[1].keep) && near.len() <= 3);
    // What nobody comes near to is sought with the axes of the most accurate choice.
    let most = tuning.ranked.iter().map(|choice| choice.correct).max();
    let far = tuned::axes(&tuning, 100.0);
    assert_eq!((far.len(), Some(far[0].correct)), (1, most));
    let with = PlanInput {
        tune: true,
        ..input(at, 1.0)
    };
    let planned = run(&with, &Silent).unwrap();
    let goal = planned.goal.unwrap();
    let taken = goal
        .rungs
        .iter()
        .find(|rung| rung.outcome == Outcome::Taken)
        .unwrap();
    assert_eq!(taken.keep, Some(near[0].keep));
    assert_eq!(planned.columns, near[0].keep + 1);
    assert_eq!(planned.tuning.unwrap().chosen.keep, near[0].keep);
    assert_eq!(goal.rungs.len(), 8 * near.len());
}

#[test]
fn of_two_plans_the_cheaper_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut trials = trials(at);
    assert!(cheapest(&mut trials).is_none());
    let input = input(at, 1.0);
    let PlanFor::Rows(rows) = &input.from else {
        unreachable!()
    };
    let set: TrainingSet = rows.load().unwrap().try_into().unwrap();
    let prepared = Prepared::new(set, input.recipe.clone(), FEATURES, DEFAULT_LAMBDA).unwrap();
    let mut ladder = Ladder::new(&input, prepared, Rates::default(), vec![None]);
    let mut others = Vec::new();
    ladder.climb(1.0, &mut others, &Silent).unwrap();
    let (place, weighing) = cheapest(&mut others).unwrap();
    assert_eq!(place, 0);
    let dear = crate::plan::Cost {
        seconds: 2.0 * weighing.cost.seconds,
        ..weighing.cost
    };
    // A later one that costs less; then an earlier one that does.
    let again = |cost| {
        let mut again = Vec::new();
        let input = self::input(at, 1.0);
        let set: TrainingSet = table(at).load().unwrap().try_into().unwrap();
        let prepared = Prepared::new(set, input.recipe.clone(), FEATURES, DEFAULT_LAMBDA).unwrap();
        let mut ladder = Ladder::new(&input, prepared, Rates::default(), vec![None]);
        ladder.climb(1.0, &mut again, &Silent).unwrap();
        Weighing {
            cost,
            ..cheapest(&mut again).unwrap().1
        }
    };
    let cheap = weighing.cost;
    trials[1].weighing = Some(again(dear));
    trials[4].weighing = Some(again(cheap));
    let (place, taken) = cheapest(&mut trials).unwrap();
    assert_eq!((place, taken.cost), (4, cheap));
    trials[4].weighing = Some(again(dear));
    trials[1].weighing = Some(again(cheap));
    assert_eq!(cheapest(&mut trials).unwrap().0, 1);
}
