//! `check`: what a job has, what it lacks, what does not belong together.

use std::io::{self, Write};

use mlr_train::artifacts::folder::JobFolder;
use mlr_train::roles::client::check::{self, Checked, State};

use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;

/// Looks at the job. What does not belong together is a failure, after everything was told.
pub(crate) fn run(folder: &JobFolder, name: &str, console: &Console) -> Result<(), Failure> {
    let checked = check::run(folder);
    let wrong = checked.parts.iter().find(|part| part.state == State::Wrong);
    let Some(wrong) = wrong else {
        return console.finish(name, &checked);
    };
    for part in &checked.parts {
        console.note(&line(part));
    }
    let problem = wrong.problem.as_deref().unwrap_or_default();
    let failure = Failure::input(format!("{}: {problem}", wrong.what)).at(&wrong.path);
    Err(match &wrong.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

fn line(part: &check::Part) -> String {
    let state = match part.state {
        State::Ready => "ready",
        State::Missing => "missing",
        State::Wrong => "WRONG",
    };
    format!("{state:<8} {:<30} {}", part.what, part.path)
}

impl Summary for Checked {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for part in &self.parts {
            writeln!(out, "{}", line(part))?;
        }
        match self.next {
            Some(next) => writeln!(out, "next: {next}"),
            None => writeln!(out, "nothing is left to do but: velum report"),
        }
    }
}
