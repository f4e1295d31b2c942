//! Climbing the ladder: a twin for every rung, and a plan for those that reach the goal.

use he_core::error::Report;
use velum_record::Share;
use velum_record::plan::Outcome;

use super::super::basis::of_prepared;
use super::super::{PlanInput, ask};
use super::PLACE;
use crate::client::CheckReport;
use crate::client::goal::{Chooser, LADDER, Rung, judged, reached_percent, reaches};
use crate::client::prepare::{Prepared, Recipe};
use crate::data::TrainingSet;
use crate::plan::cost::Rates;
use crate::plan::{PlanRequest, Refreshes, Weighing, weigh};
use crate::roles::{Reporter, RunError};

/// A rung that was looked at.
pub(super) struct Trial {
    pub(super) rung: Rung,
    /// The run and what its twin reached; none where it was not tried, or there is none.
    pub(super) run: Option<(Recipe, CheckReport)>,
    /// Its plans, where it reaches the goal.
    pub(super) weighing: Option<Weighing>,
    /// What became of it, as far as it is known while others are tried.
    pub(super) outcome: Outcome,
    /// Why it has no run or no plan.
    pub(super) why: Option<String>,
}

impl Trial {
    fn without(rung: Rung, outcome: Outcome, why: Option<String>) -> Self {
        Self {
            rung,
            run: None,
            weighing: None,
            outcome,
            why,
        }
    }

    /// Of the rows that judge.
    pub(super) fn accuracy(&self) -> Option<Share> {
        judged(&self.run.as_ref()?.1)
    }
}

/// `3 iterations of degree 9`.
fn name(rung: Rung) -> String {
    format!(
        "{} iterations of degree {}",
        rung.iterations,
        rung.degree.get()
    )
}

/// Rows, and what their plans are asked for.
pub(super) struct Ladder<'a> {
    input: &'a PlanInput,
    prepared: Prepared,
    chooser: Chooser,
    rates: Rates,
    refreshes: Vec<Option<Refreshes>>,
}

impl<'a> Ladder<'a> {
    pub(super) fn new(
        input: &'a PlanInput,
        prepared: Prepared,
        rates: Rates,
        refreshes: Vec<Option<Refreshes>>,
    ) -> Self {
        Self {
            input,
            chooser: Chooser::of(&prepared),
            prepared,
            rates,
            refreshes,
        }
    }

    /// The training rows.
    pub(super) fn rows(&self) -> &TrainingSet {
        &self.prepared.set
    }

    /// Every rung, with a plan where it reaches the goal. One that costs no less than another with a plan is not tried.
    pub(super) fn climb(
        &mut self,
        percent: f64,
        reporter: &dyn Reporter,
    ) -> Result<Vec<Trial>, RunError> {
        let mut trials: Vec<Trial> = Vec::new();
        for rung in LADDER {
            reporter.check()?;
            let planned = trials.iter().filter(|trial| trial.weighing.is_some());
            let cheaper = planned
                .map(|trial| &trial.rung)
                .any(|other| rung.costs_no_less_than(other));
            trials.push(if cheaper {
                Trial::without(rung, Outcome::NotTried, None)
            } else {
                self.attempt(rung, percent, reporter)?
            });
        }
        Ok(trials)
    }

    fn attempt(
        &mut self,
        rung: Rung,
        percent: f64,
        reporter: &dyn Reporter,
    ) -> Result<Trial, RunError> {
        let (recipe, report) = match self.twin(rung) {
            Ok(run) => run,
            Err(error) => {
                let why = Report::of(&error).to_string();
                return Ok(Trial::without(rung, Outcome::Refused, Some(why)));
            }
        };
        let share = judged(&report).ok_or_else(|| {
            RunError::input("expected rows to judge with, found no class of two rows or more")
                .at(PLACE)
                .hint(format!("use more rows, or leave out {PLACE}"))
        })?;
        reporter.note(&format!("client: twin of {}: {share}", name(rung)));
        let mut trial = Trial::without(rung, Outcome::Below, None);
        trial.run = Some((recipe, report));
        if reaches(share, percent) {
            match self.weigh() {
                Ok(weighing) => {
                    trial.outcome = Outcome::Costlier;
                    trial.weighing = Some(weighing);
                }
                Err(error) => {
                    trial.outcome = Outcome::NoPlan;
                    trial.why = Some(Report::of(&error).to_string());
                }
            }
        }
        Ok(trial)
    }

    /// The run of a rung, and what the check says of it; the rows are left prepared for it.
    fn twin(&mut self, rung: Rung) -> Result<(Recipe, CheckReport), RunError> {
        let recipe = self.chooser.recipe(&self.prepared, rung)?;
        let recipe = recipe.ok_or_else(|| RunError::input("scores leave every range"))?;
        self.prepared.retrain(recipe.clone())?;
        let report = self.prepared.check(f64::INFINITY)?;
        let report = report.ok_or_else(|| RunError::input("the run has no check"))?;
        Ok((recipe, report))
    }

    /// Plans for what the rows are prepared for.
    fn weigh(&self) -> Result<Weighing, RunError> {
        Ok(weigh(&self.request()?, &self.refreshes)?)
    }

    fn request(&self) -> Result<PlanRequest, RunError> {
        let mut request = of_prepared(self.input, &self.prepared)?;
        ask(&mut request, self.input);
        request.rates = self.rates.clone();
        Ok(request)
    }

    /// The rows prepared for the recipe that was taken, and what its plan was asked for.
    pub(super) fn finish(mut self, recipe: Recipe) -> Result<(PlanRequest, Prepared), RunError> {
        self.prepared.retrain(recipe)?;
        Ok((self.request()?, self.prepared))
    }

    /// The refusal of a goal that no rung with a plan reaches. It names the best rung that has one.
    pub(super) fn unreached(
        &mut self,
        percent: f64,
        trials: &[Trial],
        best_clear: Share,
    ) -> RunError {
        let are = |outcome| trials.iter().filter(move |trial| trial.outcome == outcome);
        let mut ranked: Vec<&Trial> = are(Outcome::Below).collect();
        // Stable: of equally good ones the cheapest stays in front.
        ranked.sort_by_key(|trial| trial.accuracy().map(|share| std::cmp::Reverse(share.hits)));
        let planned = ranked.into_iter().find(|trial| self.has_plan(trial));
        let refused = are(Outcome::NoPlan).next().map(|trial| {
            let why = trial.why.as_deref().unwrap_or_default();
            format!("; {} reach it and have no plan: {why}", name(trial.rung))
        });
        let refused = refused.unwrap_or_default();
        let expected = format!("expected {percent} % of the held-out rows to be right");
        let best = planned.and_then(|trial| Some((trial, trial.accuracy()?)));
        let best = best.filter(|(_, share)| share.hits > 0);
        match best {
            Some((trial, share)) => RunError::input(format!(
                "{expected}, found {share} at best, by {}; the best clear model: {best_clear}{refused}",
                name(trial.rung)
            ))
            .at(PLACE)
            .hint(format!(
                "a goal that is reached: --accuracy-goal {}",
                reached_percent(share)
            )),
            None => RunError::input(format!("{expected}, found no plan for any run{refused}"))
                .at(PLACE)
                .hint("larger limits, fewer axes or fewer rows"),
        }
    }

    fn has_plan(&mut self, trial: &Trial) -> bool {
        let Some((recipe, _)) = &trial.run else {
            return false;
        };
        self.prepared.retrain(recipe.clone()).is_ok() && self.weigh().is_ok()
    }
}
