//! Tuning: the ladder's best choice that passes the check on all rows.

use velum_record::plan::{Choice as Said, Tuned};

use crate::client::goal::reaches_nearly;
use crate::client::prepare::Prepared;
use crate::client::tune::{Choice, Tuning, tune};
use crate::data::TrainingSet;
use crate::roles::{Reporter, RunError};

/// Choices that may fail the check on all rows before the tuning gives up.
pub(super) const MOST_TRIED: usize = 8;

pub(super) fn said(tuning: &Tuning, choice: &Choice) -> Said {
    Said {
        keep: choice.keep,
        iterations: choice.steps.len(),
        lambda: choice.lambda,
        degree: choice.degree.get(),
        range: choice.range,
        steps: choice.steps.clone(),
        largest_score: choice.largest_score,
        accuracy: tuning.accuracy(choice),
        refresh: None,
        predicted_train_seconds: None,
    }
}

/// Tunes, and prepares the best choice whose twin passes the check on all rows and for which `plan` finds parameters.
pub(super) fn prepare(
    set: &TrainingSet,
    plan: impl Fn(&Prepared) -> Result<(), RunError>,
    reporter: &dyn Reporter,
) -> Result<(Prepared, Tuned), RunError> {
    reporter.note("client: trying a ladder of choices on a split of the training rows");
    let tuning = tune(set)?;
    let mut refusal: Option<RunError> = None;
    // Where so many iterations found no parameters, as many with other numbers seldom do.
    let mut too_many = usize::MAX;
    let mut tried = 0;
    for choice in &tuning.ranked {
        if choice.steps.len() >= too_many || tried == MOST_TRIED {
            continue;
        }
        tried += 1;
        let prepared = choice.prepare(set.clone())?;
        if let Err(refused) = prepared.check(f64::INFINITY) {
            refusal = Some(refused.into());
        } else if let Err(refused) = plan(&prepared) {
            too_many = choice.steps.len();
            refusal = Some(refused);
        } else {
            return Ok((prepared, report(&tuning, choice, tuning.table())));
        }
    }
    Err(refusal.unwrap_or_else(nothing))
}

/// Numbers of axes that the ladder of a goal is climbed with at most.
const MOST_AXES: usize = 3;

/// Axes for the ladder of a goal, which has iterations, steps and polynomials of its own: in ascending order, and with the lambda that is best for each, those with
/// a choice that comes within a standard error of the goal; where there is none, those of the most accurate choice.
pub(super) fn axes(tuning: &Tuning, percent: f64) -> Vec<&Choice> {
    let mut best: Vec<&Choice> = Vec::new();
    for choice in &tuning.ranked {
        match best.iter_mut().find(|other| other.keep == choice.keep) {
            Some(other) if choice.correct > other.correct => *other = choice,
            Some(_) => {}
            None => best.push(choice),
        }
    }
    best.sort_by_key(|choice| choice.keep);
    let near = |choice: &&&Choice| reaches_nearly(choice.correct, tuning.chose, percent);
    let reach: Vec<&Choice> = best.iter().filter(near).take(MOST_AXES).copied().collect();
    if !reach.is_empty() {
        return reach;
    }
    // Of equally good ones the fewest axes.
    let most = best.iter().rev().max_by_key(|choice| choice.correct);
    most.into_iter().copied().collect()
}

/// What tuning says of the choice that was taken.
pub(super) fn report(tuning: &Tuning, chosen: &Choice, table: Vec<&Choice>) -> Tuned {
    let table = table.into_iter().map(|c| said(tuning, c));
    Tuned {
        trained_rows: tuning.trained,
        choosing_rows: tuning.chose,
        choices: tuning.choices,
        chosen: said(tuning, chosen),
        table: table.collect(),
        planned: vec![],
        equally_good: None,
    }
}

pub(super) fn nothing() -> RunError {
    RunError::input("expected a choice whose scores stay within the range, found none")
        .at("--tune")
        .hint("choose --keep, --lambda, --steps and --range by hand, or use more rows")
}
