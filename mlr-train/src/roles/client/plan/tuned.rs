//! Tuning: the ladder's best choice that passes the check on all rows.

use velum_record::plan::{Choice as Said, Tuned};

use crate::client::prepare::Prepared;
use crate::client::tune::{Choice, Tuning, tune};
use crate::data::TrainingSet;
use crate::roles::{Reporter, RunError};

/// Choices that may fail the check on all rows before the tuning gives up.
const MOST_TRIED: usize = 8;

fn said(tuning: &Tuning, choice: &Choice) -> Said {
    Said {
        keep: choice.keep,
        iterations: choice.steps.len(),
        lambda: choice.lambda,
        range: choice.range,
        steps: choice.steps.clone(),
        largest_score: choice.largest_score,
        accuracy: tuning.accuracy(choice),
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
        let (recipe, rows) = (choice.recipe()?, set.clone());
        let prepared = Prepared::new(rows, recipe, choice.keep, choice.lambda)?;
        if let Err(refused) = prepared.check(f64::INFINITY) {
            refusal = Some(refused.into());
        } else if let Err(refused) = plan(&prepared) {
            too_many = choice.steps.len();
            refusal = Some(refused);
        } else {
            return Ok((prepared, report(&tuning, choice)));
        }
    }
    Err(refusal.unwrap_or_else(nothing))
}

/// Tunes for a ladder that has iterations, steps and polynomials of its own: the choice's axes and lambda are used alone.
pub(super) fn axes(set: &TrainingSet, reporter: &dyn Reporter) -> Result<Tuned, RunError> {
    reporter.note("client: trying a ladder of axes on a split of the training rows");
    let tuning = tune(set)?;
    let best = tuning.ranked.first().ok_or_else(nothing)?;
    Ok(report(&tuning, best))
}

fn report(tuning: &Tuning, chosen: &Choice) -> Tuned {
    let table = tuning.table().into_iter().map(|c| said(tuning, c));
    Tuned {
        trained_rows: tuning.trained,
        choosing_rows: tuning.chose,
        choices: tuning.choices,
        chosen: said(tuning, chosen),
        table: table.collect(),
    }
}

fn nothing() -> RunError {
    RunError::input("expected a choice whose scores stay within the range, found none")
        .at("--tune")
        .hint("choose --keep, --lambda, --steps and --range by hand, or use more rows")
}
