//! `demo`: the whole way on embedded images of handwritten digits, as a client and a server would go it, with their files in two
//! directories. The client's network, velum-compact, has seen letters but no digit: this is transfer learning.

mod digits;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use mlr_train::artifacts::folder::JobFolder;
use mlr_train::artifacts::kinds;
use mlr_train::clear::whitened::Schedule;
use mlr_train::client::prepare::Recipe;
use mlr_train::files::Outputs;
use mlr_train::roles::client::plan::{DEFAULT_RANGE, DEFAULT_STEP};
use mlr_train::roles::client::report::{self, ReportInput};
use mlr_train::roles::client::{EvaluateInput, Evaluated, PlanInput, evaluate as judge};
use mlr_train::roles::rehearsal::{self, Listeners};
use mlr_train::roles::{Rows, Silent};
use mlr_train::sigmoid::{Degree, OddPolynomial};
use serde::Serialize;

use super::evaluate;
use crate::args::demo::DemoArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::{Exit, Failure};
use crate::face::reporter::Reported;

/// Every fifth row tests, the others train.
const TRAINING: &str = "not every 5 offset 4";
const TESTING: &str = "every 5 offset 4";

// As many axes as the 64 pixels can usefully give, the default steps, and the lambda of thousands of rows: nothing is tuned on the test rows.
const KEEP: usize = 61;
const LAMBDA: f64 = 0.001;
const STEPS: [f64; 2] = [DEFAULT_STEP; 2];
const RANGE: f64 = DEFAULT_RANGE;

/// The report's name in the folder where the demo is run.
const REPORT: &str = "velum-demo.html";

/// Accuracy that the encrypted run may lose against the clear twin, either way: two of 359 rows.
const LARGEST_DIFFERENCE: f64 = 0.006;

/// The five accuracies, and what the server took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Demo {
    accuracy_encrypted: f64,
    accuracy_clear: f64,
    accuracy_client_only: f64,
    accuracy_best_clear: f64,
    /// Of the same training in clear on the pixels, without the network.
    accuracy_pixels: f64,
    train_seconds: f64,
    seconds: f64,
    max_weight_error: Option<f64>,
    report: PathBuf,
    #[serde(skip)]
    evaluated: Evaluated,
    #[serde(skip)]
    training_rows: usize,
}

/// Runs the demonstration.
pub(crate) fn run(args: &DemoArgs, console: &Console) -> Result<Demo, Failure> {
    let out = report_place(args.out.as_deref())?;
    let place = temporary()?;
    let folder = JobFolder::new(place.path());
    for side in [folder.client(), folder.server()] {
        std::fs::create_dir(side)
            .map_err(|error| Failure::io("create a directory", side, &error))?;
    }
    console.note("client: turns its images into features by velum-compact, a network that has seen letters but no digit");
    let pixels = digits::pixels(folder.client())?;
    digits::extract(&pixels, &folder.features())?;
    let rows = |choice: &str| -> Result<Rows, Failure> {
        Ok(Rows {
            rows: Some(choice.parse().map_err(Failure::from)?),
            ..Rows::all(folder.features())
        })
    };
    let (training, testing) = (rows(TRAINING)?, rows(TESTING)?);
    let planning = planning(&folder, training.clone())?;
    let (steps, progress) = (console.hushed(), console.only_progress());
    let listeners = Listeners {
        sides: &Reported::quick(console),
        client: &Reported::new(&steps),
        server: &Reported::new(&progress),
    };
    let done = rehearsal::run(&folder, &planning, &training, listeners)?;
    let evaluated = compare(&folder, testing, training)?;
    let reporting = ReportInput {
        records: vec![folder.client().to_owned(), folder.server().to_owned()],
        out,
        pictures: None,
    };
    let written = report::run(&reporting, &Silent)?;
    let choice = |rows: &str| rows.parse().map_err(Failure::from);
    let (training_rows, testing_rows) = (choice(TRAINING)?, choice(TESTING)?);
    let accuracy_pixels = digits::clear_accuracy(
        &pixels,
        &training_rows,
        &testing_rows,
        &planning.recipe,
        KEEP,
        LAMBDA,
    )?;
    verified(Demo {
        accuracy_encrypted: evaluated.accuracy,
        accuracy_clear: evaluated.accuracy_clear.ok_or_else(missing)?,
        accuracy_client_only: evaluated.accuracy_client_only.ok_or_else(missing)?,
        accuracy_best_clear: evaluated.accuracy_best_clear.ok_or_else(missing)?,
        accuracy_pixels,
        train_seconds: done.trained.wall_seconds,
        seconds: console.seconds(),
        max_weight_error: done.opened.max_weight_error,
        report: written.path,
        training_rows: done.encrypted.data.rows,
        evaluated,
    })
}

fn temporary() -> Result<tempfile::TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("velum-demo-").tempdir();
    made.map_err(|error| Failure::io("create a directory", Path::new("temporary"), &error))
}

/// Where the report goes: found out before anything else is done.
fn report_place(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = named.unwrap_or(Path::new(REPORT));
    let taken = Outputs::default().file_in_new_directory(path, kinds::REPORT);
    match (taken, named) {
        (Ok(_), _) => Ok(path.to_owned()),
        (Err(error), Some(_)) => Err(error.into()),
        // It stays after this process, as the temporary files of others do.
        (Err(_), None) => Ok(temporary()?.keep().join(REPORT)),
    }
}

fn missing() -> Failure {
    let message = "expected every model to be compared with";
    Failure::new(Exit::Verification, message).at("demo")
}

/// Refuses a run whose accuracy is not that of the twin.
fn verified(demo: Demo) -> Result<Demo, Failure> {
    if (demo.accuracy_encrypted - demo.accuracy_clear).abs() <= LARGEST_DIFFERENCE {
        return Ok(demo);
    }
    Err(Failure::new(
        Exit::Verification,
        format!(
            "expected the accuracy of the clear twin, {:.4}, found {:.4} on ciphertexts",
            demo.accuracy_clear, demo.accuracy_encrypted
        ),
    )
    .at("demo"))
}

fn recipe() -> Result<Recipe, Failure> {
    Ok(Recipe::Whitened {
        schedule: Schedule::new(STEPS.to_vec())?,
        polynomials: OddPolynomial::fit(Degree::Three, RANGE)?.into(),
        rounding: None,
    })
}

fn planning(folder: &JobFolder, rows: Rows) -> Result<PlanInput, Failure> {
    Ok(PlanInput {
        recipe: recipe()?,
        keep: Some(KEEP),
        lambda: Some(LAMBDA),
        ..PlanInput::usual(rows, folder)?
    })
}

/// The decrypted model beside its twin, the client's own and the best clear one, on the test rows.
fn compare(folder: &JobFolder, testing: Rows, training: Rows) -> Result<Evaluated, Failure> {
    let judging = EvaluateInput {
        model: folder.model(),
        rows: testing,
        private: Some(folder.private()),
        training: Some(training),
        out: None,
        record: Some(folder.evaluation()),
        threshold: None,
    };
    Ok(judge::run(&judging, &Silent)?)
}

impl Summary for Demo {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "accuracy on {} handwritten digits that were not trained on",
            self.evaluated.rows
        )?;
        evaluate::comparison(&self.evaluated, out)?;
        writeln!(
            out,
            "{:<44}{:>7.2} %",
            "  the same in clear on pixels, no network",
            100.0 * self.accuracy_pixels
        )?;
        writeln!(
            out,
            "the server trained for {:.1} s on ciphertexts; everything together took {:.1} s",
            self.train_seconds, self.seconds
        )?;
        writeln!(out, "report: {}", self.report.display())?;
        if io::stdout().is_terminal() {
            writeln!(
                out,
                "What you saw: a server trained on {} pictures that it could not see, and the model that its owner decrypted is as good as one trained in the open.",
                self.training_rows
            )?;
        }
        Ok(())
    }
}
