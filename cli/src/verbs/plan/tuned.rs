//! `plan --tune`: the ladder's best choice that passes the check on all rows.

use std::io::{self, Write};

use mlr_train::client::prepare::Prepared;
use mlr_train::client::tune::{Choice, Tuning, tune};
use mlr_train::data::TrainingSet;
use serde::Serialize;

use crate::console::Console;
use crate::failure::Failure;

/// Choices that may fail the check on all rows before the tuning gives up.
const MOST_TRIED: usize = 8;

/// What was chosen, from what, and what to expect of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// Rows of the split that trained, and that were held out.
    trained_rows: usize,
    held_out_rows: usize,
    chosen: Row,
    /// Standard error of an accuracy on so many rows.
    standard_error: f64,
    /// The best of every number of axes and iterations.
    table: Vec<Row>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    keep: usize,
    iterations: usize,
    lambda: f64,
    range: f64,
    steps: Vec<f64>,
    largest_score: f64,
    /// On the held-out rows.
    accuracy: f64,
}

fn row(tuning: &Tuning, choice: &Choice) -> Row {
    Row {
        keep: choice.keep,
        iterations: choice.steps.len(),
        lambda: choice.lambda,
        range: choice.range,
        steps: choice.steps.clone(),
        largest_score: choice.largest_score,
        accuracy: tuning.accuracy(choice).0,
    }
}

/// Tunes, and prepares the best choice whose twin passes the check on all rows and for which `plan` finds parameters.
pub(super) fn prepare(
    set: TrainingSet,
    plan: impl Fn(&Prepared) -> Result<(), Failure>,
    console: &Console,
) -> Result<(Prepared, Report), Failure> {
    console.note("client: trying a ladder of choices on a split of the training rows");
    let tuning = tune(&set)?;
    let mut refusal: Option<Failure> = None;
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
            let report = report(&tuning, choice);
            return Ok((prepared, report));
        }
    }
    Err(refusal.unwrap_or_else(|| {
        Failure::input("expected a choice whose scores stay within the range, found none")
            .at("--tune")
            .hint("choose --keep, --lambda, --steps and --range by hand, or use more rows")
    }))
}

fn report(tuning: &Tuning, choice: &Choice) -> Report {
    Report {
        trained_rows: tuning.trained,
        held_out_rows: tuning.held_out,
        chosen: row(tuning, choice),
        standard_error: tuning.accuracy(choice).1,
        table: tuning.table().into_iter().map(|c| row(tuning, c)).collect(),
    }
}

impl Report {
    /// The table and the choice, for people.
    pub(super) fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "  tuned       on {} training rows, judged on {} others that were held out",
            self.trained_rows, self.held_out_rows
        )?;
        writeln!(
            out,
            "    axes  T  lambda  range  steps            largest score  held out"
        )?;
        for row in &self.table {
            row.line(out)?;
        }
        writeln!(out, "    chosen:")?;
        self.chosen.line(out)?;
        writeln!(
            out,
            "  expect      {:.2} % on new rows, give or take {:.2}; encrypt with --lambda {}",
            100.0 * self.chosen.accuracy,
            100.0 * self.standard_error,
            self.chosen.lambda
        )
    }
}

impl Row {
    fn line(&self, out: &mut dyn Write) -> io::Result<()> {
        let steps: Vec<String> = self.steps.iter().map(f64::to_string).collect();
        writeln!(
            out,
            "    {:>4}  {}  {:<6}  {:<5}  {:<15}  {:<13.2}  {:.2} %",
            self.keep,
            self.iterations,
            self.lambda,
            self.range,
            steps.join(","),
            self.largest_score,
            100.0 * self.accuracy
        )
    }
}
