//! The refusal of a goal that no rung with a plan reaches.

use velum_record::Share;
use velum_record::plan::Outcome;

use super::PLACE;
use super::ladder::{Trial, name};
use crate::client::goal::reached_percent;
use crate::roles::RunError;

/// Names the best rung that has a plan, what others that reach the goal were refused for, and, where none has a plan, what the twin reached at best.
pub(super) fn unreached(
    percent: f64,
    trials: &[Trial],
    best_clear: Share,
    mut has_plan: impl FnMut(&Trial) -> bool,
) -> RunError {
    let are = |outcome| trials.iter().filter(move |trial| trial.outcome == outcome);
    let ranked = ranked(are(Outcome::Below));
    let planned = ranked.into_iter().find(|(trial, _)| has_plan(trial));
    let refused = are(Outcome::NoPlan).next().map(|trial| {
        let why = trial.why.as_deref().unwrap_or_default();
        format!("; {} reach it and have no plan: {why}", name(trial.rung))
    });
    let refused = refused.unwrap_or_default();
    let expected = format!("expected {percent} % of the held-out rows to be right");
    if let Some((trial, share)) = planned.filter(|(_, share)| share.hits > 0) {
        return RunError::input(format!(
            "{expected}, found {share} at best, by {}; the best clear model: {best_clear}{refused}",
            name(trial.rung)
        ))
        .at(PLACE)
        .hint(format!(
            "a goal that is reached: --accuracy-goal {}",
            reached_percent(share)
        ));
    }
    let best = self::ranked(trials.iter()).into_iter().next();
    let best = best.map(|(trial, share)| {
        let by = name(trial.rung);
        format!(": the twin gets {share} at best, by {by}; the best clear model: {best_clear}")
    });
    let best = best.unwrap_or_default();
    RunError::input(format!(
        "{expected}, found no plan for any run{best}{refused}"
    ))
    .at(PLACE)
    .hint("larger limits, fewer axes or fewer rows")
}

/// The trials that were judged, the most accurate first: of equally good ones the cheapest stays in front.
fn ranked<'a>(trials: impl Iterator<Item = &'a Trial>) -> Vec<(&'a Trial, Share)> {
    let judged = trials.filter_map(|trial| Some((trial, trial.accuracy()?)));
    let mut all: Vec<_> = judged.collect();
    all.sort_by_key(|(_, share)| std::cmp::Reverse(share.hits));
    all
}
