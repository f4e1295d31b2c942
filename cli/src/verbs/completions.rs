//! `completions` and `man`: what shells and manuals know of the command line, from the arguments' own types.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Command, CommandFactory as _};
use mlr_train::files::{Access, NewDirectory};
use serde::Serialize;

use crate::args::Cli;
use crate::args::completions::{CompletionsArgs, ManArgs};
use crate::face::console::{self, Summary};
use crate::face::failure::Failure;

/// Prints the script for a shell.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "velum", &mut script);
    console::page(&String::from_utf8_lossy(&script))
}

/// The pages that were written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pages {
    out: PathBuf,
    pages: usize,
}

/// Writes a page for the program and one for every verb, `velum-predict-plan.1` say.
pub(crate) fn man(args: &ManArgs) -> Result<Pages, Failure> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    page(&command, "velum", &mut pages).map_err(|e| Failure::io("write", &args.out, &e))?;
    let directory = NewDirectory::begin(&args.out, Access::Shared, "manual pages")?;
    for (name, text) in &pages {
        std::fs::write(directory.path().join(name), text)
            .map_err(|error| Failure::io("write", &args.out.join(name), &error))?;
    }
    directory.commit()?;
    Ok(Pages {
        out: args.out.clone(),
        pages: pages.len(),
    })
}

fn page(command: &Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut text = Vec::new();
    // A command that is built names itself by its whole way: `velum-predict-plan`.
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    pages.push((format!("{name}.1"), text));
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    for verb in verbs.filter(|verb| verb.get_name() != "help") {
        page(verb, &format!("{name}-{}", verb.get_name()), pages)?;
    }
    Ok(())
}

impl Summary for Pages {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: {} manual pages", self.out.display(), self.pages)
    }
}
