//! A plan for an accuracy: the cheapest rung of the ladder whose twin reaches it.

mod ladder;
mod said;
mod unreached;

use velum_record::plan::{Goal, Tuned};

use self::ladder::{Ladder, Trial};
use self::unreached::unreached;
use super::basis::{Basis, keep, warn_of_nothing};
use super::{Chosen, PlanFor, PlanInput, rates, refreshed, tuned, weighed};
use crate::client::CheckReport;
use crate::client::goal::{best_clear, reaches};
use crate::client::prepare::{Prepared, Recipe};
use crate::client::tune::Tuning;
use crate::data::TrainingSet;
use crate::plan::cost::Rates;
use crate::plan::{PlanRequest, Refreshes, Weighing, ways};
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
    let mut climber = Climber::new(input, set, reporter)?;
    let mut trials = climber.climb(percent)?;
    reporter.detail("training the best clear model");
    let best_clear = best_clear(&climber.set)?;
    let Some((taken, weighing)) = cheapest(&mut trials) else {
        return Err(unreached(percent, &trials, best_clear, |trial| {
            let ladder = climber.ladder(trial.keep);
            ladder.is_ok_and(|ladder| ladder.has_plan(trial))
        }));
    };
    let tuned = climber.tuning.is_some();
    let rungs = trials.iter().enumerate().map(|(place, trial)| {
        let taken = (place == taken).then_some(&weighing);
        said::rung(trial, taken, tuned)
    });
    let goal = Goal {
        accuracy: percent / 100.0,
        best_clear,
        rungs: rungs.collect(),
    };
    let taken = trials.swap_remove(taken);
    let Some((recipe, check)) = taken.run else {
        return Err(misplaced("a rung that was tried", "--iterations"));
    };
    warn_of_nothing(&check, reporter);
    tell(&check, percent, reporter);
    let said = climber.said(taken.keep);
    let (request, prepared) = climber.finish(taken.keep, recipe)?;
    Ok(Chosen {
        basis: Basis::of_rows_prepared(request, prepared, said),
        check: Some(check),
        weighed: input.weigh.map(|_| weighed::said(&weighing)),
        ranked: weighing.plans,
        goal: Some(goal),
    })
}

/// The ladder, with one number of axes at a time: whitened rows of all of them would take several times the memory.
struct Climber<'a> {
    input: &'a PlanInput,
    set: TrainingSet,
    rates: Rates,
    refreshes: Vec<Option<Refreshes>>,
    tuning: Option<Tuning>,
    /// Axes, ascending, and lambda.
    places: Vec<(usize, f64)>,
    current: Option<Ladder<'a>>,
    reporter: &'a dyn Reporter,
}

impl<'a> Climber<'a> {
    fn new(
        input: &'a PlanInput,
        set: TrainingSet,
        reporter: &'a dyn Reporter,
    ) -> Result<Self, RunError> {
        let lambda = input.lambda.unwrap_or(DEFAULT_LAMBDA);
        // Labels are refused before any work; the columns are spoken of with the lambda that is used.
        columns::look(&set, lambda, &Silent)?;
        let tuning = match input.tune {
            true => Some(refreshed::search(&set, reporter)?),
            false => None,
        };
        let refreshes = input
            .weigh
            .map_or_else(|| vec![input.refresh], |every| ways(every, false));
        Ok(Self {
            input,
            rates: rates(&input.rates, reporter)?,
            refreshes,
            tuning,
            places: vec![(keep(input, set.rows(), set.width()), lambda)],
            set,
            current: None,
            reporter,
        })
    }

    /// Every rung with every number of axes: those that come near the goal on the rows that tune, where there was a tuning.
    fn climb(&mut self, percent: f64) -> Result<Vec<Trial>, RunError> {
        if let Some(tuning) = &self.tuning {
            let near = tuned::axes(tuning, percent).into_iter();
            self.places = near.map(|choice| (choice.keep, choice.lambda)).collect();
        }
        let (mut trials, reporter) = (Vec::new(), self.reporter);
        for (axes, lambda) in self.places.clone() {
            if self.tuning.is_some() {
                reporter.note(&format!("client: the ladder with {axes} axes"));
            } else {
                columns::look(&self.set, lambda, reporter)?;
            }
            self.ladder(axes)?.climb(percent, &mut trials, reporter)?;
        }
        Ok(trials)
    }

    /// The rows with so many axes.
    fn ladder(&mut self, axes: usize) -> Result<&mut Ladder<'a>, RunError> {
        if self
            .current
            .as_ref()
            .is_none_or(|ladder| ladder.keep() != axes)
        {
            self.current = None;
            let lambda = self.lambda(axes);
            let recipe = self.input.recipe.clone();
            let prepared = Prepared::new(self.set.clone(), recipe, axes, lambda)?;
            let (rates, refreshes) = (self.rates.clone(), self.refreshes.clone());
            self.current = Some(Ladder::new(self.input, prepared, rates, refreshes));
        }
        let none = || RunError::input("expected a ladder, found none").at(PLACE);
        self.current.as_mut().ok_or_else(none)
    }

    fn lambda(&self, axes: usize) -> f64 {
        let place = self.places.iter().find(|(keep, _)| *keep == axes);
        place.map_or(DEFAULT_LAMBDA, |(_, lambda)| *lambda)
    }

    /// What is said of the tuning: its best choice with the axes that were taken.
    fn said(&self, axes: usize) -> Option<Tuned> {
        let tuning = self.tuning.as_ref()?;
        let own = tuning.ranked.iter().filter(|choice| choice.keep == axes);
        // Of equally good ones the first.
        let best = own.rev().max_by_key(|choice| choice.correct)?;
        Some(tuned::report(tuning, best, tuning.by_degree()))
    }

    /// The rows prepared for the recipe that was taken, and what its plan was asked for.
    fn finish(mut self, axes: usize, recipe: Recipe) -> Result<(PlanRequest, Prepared), RunError> {
        if self.tuning.is_some() {
            columns::look(&self.set, self.lambda(axes), self.reporter)?;
        }
        self.ladder(axes)?;
        let none = || RunError::input("expected a ladder, found none").at(PLACE);
        self.current.take().ok_or_else(none)?.finish(recipe)
    }
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
