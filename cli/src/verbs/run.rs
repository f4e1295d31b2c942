//! `run`: a whole job on one machine, as a rehearsal, with its report.

use std::io::{self, Write};
use std::path::PathBuf;

use mlr_train::artifacts::folder::JobFolder;
use mlr_train::data::RowSelection;
use mlr_train::roles::client::report::{self, ReportInput};
use mlr_train::roles::client::{EvaluateInput, Evaluated, PlanInput, evaluate};
use mlr_train::roles::rehearsal::{self, Listeners};
use mlr_train::roles::{Rows, Silent};
use serde::Serialize;

use super::evaluate::comparison;
use crate::args::run::RunArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// What the job gave.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ran {
    seconds: f64,
    train_seconds: f64,
    certified_bits: i32,
    report: PathBuf,
    #[serde(flatten)]
    evaluated: Evaluated,
}

/// Does the whole job.
pub(crate) fn run(args: &RunArgs, folder: &JobFolder, console: &Console) -> Result<Ran, Failure> {
    if args.images.is_some() {
        extract(args, folder, console)?;
    } else if !folder.features().exists() {
        return Err(Failure::input(
            "expected pictures, or the features that extract makes of them, found none",
        )
        .at(folder.features().display().to_string())
        .hint("name them with --images, or --job DIR if the job is elsewhere"));
    }
    let rows = |held| Rows {
        rows: Some(RowSelection::Stratified { held }),
        ..Rows::all(folder.features())
    };
    let planning = PlanInput::usual(rows(false), folder)?;
    let steps = Reported::new(console);
    let listeners = Listeners {
        sides: &Silent,
        client: &steps,
        server: &steps,
    };
    let done = rehearsal::run(folder, &planning, &rows(false), listeners)?;
    let judging = EvaluateInput {
        model: folder.model(),
        rows: rows(true),
        private: Some(folder.private()),
        training: Some(rows(false)),
        out: None,
        record: Some(folder.evaluation()),
        threshold: None,
    };
    let evaluated = evaluate::run(&judging, &steps)?;
    let reporting = ReportInput {
        records: vec![folder.client().to_owned(), folder.server().to_owned()],
        out: folder.report(),
        pictures: args.images.clone().filter(|images| images.is_dir()),
    };
    let written = report::run(&reporting, &steps)?;
    Ok(Ran {
        seconds: console.seconds(),
        train_seconds: done.trained.wall_seconds,
        certified_bits: done.opened.certified_bits,
        report: written.path,
        evaluated,
    })
}

#[cfg(feature = "extract")]
fn extract(args: &RunArgs, folder: &JobFolder, console: &Console) -> Result<(), Failure> {
    let extraction = crate::args::extract::ExtractArgs {
        list: false,
        images: args.images.clone(),
        labels: None,
        arch: Some(args.arch.clone()),
        weights: args.weights.clone(),
        normalisation: "none".to_owned(),
        limit: None,
        classes: Vec::new(),
        skip_bad: false,
        resume: false,
        out: Some(folder.features()),
    };
    super::extract::run(&extraction, console).map(drop)
}

#[cfg(not(feature = "extract"))]
fn extract(_: &RunArgs, _: &JobFolder, _: &Console) -> Result<(), Failure> {
    Err(super::without_networks("run --images"))
}

impl Summary for Ran {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "accuracy on {} rows that were held out",
            self.evaluated.rows
        )?;
        comparison(&self.evaluated, out)?;
        writeln!(
            out,
            "the server trained for {:.1} s on ciphertexts; everything together took {:.1} s",
            self.train_seconds, self.seconds
        )?;
        writeln!(out, "report: {}", self.report.display())
    }
}
