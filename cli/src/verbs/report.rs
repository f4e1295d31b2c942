//! `report`: a job's records as one page of HTML.

use std::io::{self, Write};

use mlr_train::artifacts::folder::JobFolder;
use mlr_train::artifacts::record;
use mlr_train::roles::client::Evaluated;
use mlr_train::roles::client::report::{self, ReportInput, Written};
use serde::Serialize;

use super::{evaluate, human_bytes};
use crate::args::job;
use crate::args::report::ReportArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// The page, and what was found for it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    written: Written,
    /// Absent where the model was judged before.
    evaluated: Option<Evaluated>,
}

/// Reports as the arguments say; the model of a job that nobody judged yet is judged first, on the rows that were held out.
pub(crate) fn run(
    args: &ReportArgs,
    folder: &JobFolder,
    console: &Console,
) -> Result<Told, Failure> {
    let of_job = args.records == [folder.client(), folder.server()];
    let evaluation = match of_job && wants_evaluation(folder) {
        true => job::evaluation(folder),
        false => None,
    };
    let evaluated = evaluation.map(|args| evaluate::run(&args, console));
    let evaluated = evaluated.transpose()?;
    let input = ReportInput {
        records: args.records.clone(),
        out: args.out.clone(),
        pictures: args.pictures.clone(),
    };
    let written = report::run(&input, &Reported::quick(console))?;
    Ok(Told { written, evaluated })
}

/// Whether the job has a model, and no evaluation of it.
fn wants_evaluation(folder: &JobFolder) -> bool {
    let of = |path| record::read(path).ok().map(|record| record.subject);
    let (model, found) = (
        of(&record::beside(&folder.model())),
        of(&folder.evaluation()),
    );
    match (model, found) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(model), Some(found)) => {
            (model.plan, model.key, model.dataset) != (found.plan, found.key, found.dataset)
        }
    }
}

impl Summary for Told {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(evaluated) = &self.evaluated {
            writeln!(
                out,
                "accuracy on {} rows that were held out",
                evaluated.rows
            )?;
            evaluate::comparison(evaluated, out)?;
        }
        let Written {
            path,
            bytes,
            records,
            ..
        } = &self.written;
        writeln!(
            out,
            "{}: {} from {records} records",
            path.display(),
            human_bytes(*bytes as u64),
        )
    }
}
