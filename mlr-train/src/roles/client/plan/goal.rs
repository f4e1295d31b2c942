//! A plan for an accuracy: the cheapest rung of the ladder whose twin reaches it.

mod ladder;
mod said;

use velum_record::plan::Goal;

use self::ladder::{Ladder, Trial};
use super::basis::{Basis, keep, warn_of_nothing};
use super::{Chosen, PlanFor, PlanInput, rates, tuned, weighed};
use crate::client::CheckReport;
use crate::client::goal::{best_clear, reaches};
use crate::client::prepare::{Prepared, Recipe};
use crate::data::TrainingSet;
use crate::plan::{Weighing, ways};
use crate::roles::client::DEFAULT_LAMBDA;
use crate::roles::{Reporter, RunError, Silent, columns};

/// How errors name the goal.
const PLACE: &str = "--accuracy-goal";

/// Climbs the ladder, and takes the cheapest plan of a rung that gets `percent` of the held-out rows right.
pub(super) fn choose(
    input: &PlanInput,
    percent: f64,
    reporter: &dyn Reporter,
) -> Result<Chosen, RunError> {
    let PlanFor::Rows(rows) = &input.from else {
        return Err(misplaced("rows to train the twin on", "--features"));
    };
    if matches!(input.recipe, Recipe::Paper { .. }) {
        return Err(misplaced("the whitened method", "--method whitened"));
    }
    let set: TrainingSet = rows.load()?.try_into()?;
    let lambda = input.lambda.unwrap_or(DEFAULT_LAMBDA);
    // Labels are refused before any work; the columns are spoken of with the lambda that is used.
    columns::look(&set, lambda, &Silent)?;
    let tuning = match input.tune {
        true => Some(tuned::axes(&set, reporter)?),
        false => None,
    };
    let (axes, lambda) = match &tuning {
        Some(tuned) => (tuned.chosen.keep, tuned.chosen.lambda),
        None => (keep(input, set.rows(), set.width()), lambda),
    };
    columns::look(&set, lambda, reporter)?;
    let prepared = Prepared::new(set, input.recipe.clone(), axes, lambda)?;
    let rates = rates(&input.rates, reporter)?;
    let refreshes = input
        .weigh
        .map_or_else(|| vec![input.refresh], |every| ways(every, false));
    let mut ladder = Ladder::new(input, prepared, rates, refreshes);
    let mut trials = ladder.climb(percent, reporter)?;
    reporter.detail("training the best clear model");
    let best_clear = best_clear(ladder.rows())?;
    let Some((taken, weighing)) = cheapest(&mut trials) else {
        return Err(ladder.unreached(percent, &trials, best_clear));
    };
    let rungs = trials.iter().enumerate().map(|(place, trial)| {
        let taken = (place == taken).then_some(&weighing);
        said::rung(trial, taken)
    });
    let goal = Goal {
        accuracy: percent / 100.0,
        best_clear,
        rungs: rungs.collect(),
    };
    let Some((recipe, check)) = trials.swap_remove(taken).run else {
        return Err(misplaced("a rung that was tried", "--iterations"));
    };
    warn_of_nothing(&check, reporter);
    tell(&check, percent, reporter);
    let (request, prepared) = ladder.finish(recipe)?;
    Ok(Chosen {
        basis: Basis::of_rows_prepared(request, prepared, tuning),
        check: Some(check),
        weighed: input.weigh.map(|_| weighed::said(&weighing)),
        ranked: weighing.plans,
        goal: Some(goal),
    })
}

/// The trial with the cheapest plan, and that plan; none where no trial has one.
fn cheapest(trials: &mut [Trial]) -> Option<(usize, Weighing)> {
    let cost = |trial: &Trial| Some(trial.weighing.as_ref()?.cost.counted());
    let costs = trials.iter().enumerate();
    let costs = costs.filter_map(|(place, trial)| Some((place, cost(trial)?)));
    let (place, _) = costs.min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some((place, trials[place].weighing.take()?))
}

/// Says so where nothing need be uploaded.
fn tell(check: &CheckReport, percent: f64, reporter: &dyn Reporter) {
    let alone = check.client_only();
    if reaches(alone, percent) {
        reporter.note(&format!(
            "client: what you have without any upload reaches the goal already: {alone}"
        ));
    }
}

fn misplaced(expected: &str, option: &str) -> RunError {
    RunError::input(format!("expected {expected} for an accuracy, found none"))
        .at(PLACE)
        .hint(format!("leave out {PLACE}, or give {option}"))
}

#[cfg(test)]
mod tests;
