//! Climbing the ladder: a twin for every rung, and a plan for those that reach the goal.

use he_core::error::Report;
use velum_record::Share;
use velum_record::plan::Outcome;

use super::super::basis::of_prepared;
use super::super::{PlanInput, ask};
use super::PLACE;
use crate::client::CheckReport;
use crate::client::goal::{Chooser, LADDER, Rung, judged, reaches};
use crate::client::prepare::{Prepared, Recipe};
use crate::plan::cost::Rates;
use crate::plan::{PlanRequest, Refreshes, Weighing, weigh};
use crate::roles::{Reporter, RunError};

/// A rung that was looked at.
pub(super) struct Trial {
    /// Principal axes.
    pub(super) keep: usize,
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
    fn without(keep: usize, rung: Rung, outcome: Outcome, why: Option<String>) -> Self {
        Self {
            keep,
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
pub(super) fn name(rung: Rung) -> String {
    format!(
        "{} iterations of degree {}",
        rung.iterations,
        rung.degree.get()
    )
}

/// Rows, and what their plans are asked for.
pub(super) struct Ladder<'a> {
    input: &'a PlanInput,
    keep: usize,
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
            keep: prepared.shape().columns.saturating_sub(1),
            chooser: Chooser::of(&prepared),
            prepared,
            rates,
            refreshes,
        }
    }

    /// Principal axes.
    pub(super) fn keep(&self) -> usize {
        self.keep
    }

    /// Adds every rung to those of fewer axes, with a plan where it reaches the goal. One that costs no less than another with a plan is not tried.
    pub(super) fn climb(
        &mut self,
        percent: f64,
        trials: &mut Vec<Trial>,
        reporter: &dyn Reporter,
    ) -> Result<(), RunError> {
        for rung in LADDER {
            reporter.check()?;
            let planned = trials.iter().filter(|trial| trial.weighing.is_some());
            let mut planned = planned.filter(|trial| trial.keep <= self.keep);
            trials.push(
                if planned.any(|trial| rung.costs_no_less_than(&trial.rung)) {
                    Trial::without(self.keep, rung, Outcome::NotTried, None)
                } else {
                    self.attempt(rung, percent, reporter)?
                },
            );
        }
        Ok(())
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
                return Ok(Trial::without(self.keep, rung, Outcome::Refused, Some(why)));
            }
        };
        let share = judged(&report).ok_or_else(|| {
            RunError::input("expected rows to judge with, found no class of two rows or more")
                .at(PLACE)
                .hint(format!("use more rows, or leave out {PLACE}"))
        })?;
        reporter.note(&format!("client: twin of {}: {share}", name(rung)));
        let mut trial = Trial::without(self.keep, rung, Outcome::Below, None);
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

    /// Whether a trial of these axes has a plan.
    pub(super) fn has_plan(&mut self, trial: &Trial) -> bool {
        let Some((recipe, _)) = &trial.run else {
            return false;
        };
        self.prepared.retrain(recipe.clone()).is_ok() && self.weigh().is_ok()
    }
}
