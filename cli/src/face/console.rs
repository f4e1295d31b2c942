//! What the user sees: data on stdout, everything else on stderr.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::time::Instant;

use he_core::error::printable;
use serde::Serialize;

use super::SCHEMA;
use super::colour;
use super::failure::{Exit, Failure};
use super::flags::{Global, Progress};
use super::progress::{Display, Stage, Style};

/// The result of a verb: fields for scripts, a text for people.
pub trait Summary: Serialize {
    /// Writes the text for people.
    ///
    /// # Errors
    /// Those of the writer.
    fn human(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// For whom stdout and stderr are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    /// stdout is for programs: one object at its end.
    pub(crate) json: bool,
    /// stderr is for programs: one object a line.
    pub(crate) objects: bool,
}

/// How much to say, and in which form.
#[derive(Clone, Debug)]
pub struct Console {
    form: Form,
    verb: String,
    quiet: bool,
    verbose: bool,
    progress: bool,
    started: Instant,
    display: Arc<Display>,
}

impl Console {
    /// A console of the verb `name` for the given flags; the clock of [`Console::seconds`] starts here.
    pub fn new(name: &str, flags: &Global) -> Self {
        let progress = !flags.no_progress && !flags.quiet;
        let objects = flags.progress == Progress::Json;
        let style = match (progress, objects, io::stderr().is_terminal()) {
            (false, ..) => Style::Silent,
            (true, true, _) => Style::Objects,
            (true, false, true) => Style::Bar,
            (true, false, false) => Style::Lines,
        };
        Self {
            form: Form {
                json: flags.json,
                objects,
            },
            verb: name.to_owned(),
            quiet: flags.quiet,
            verbose: flags.verbose && !flags.quiet,
            progress,
            started: Instant::now(),
            display: Arc::new(Display::new(name, style)),
        }
    }

    /// The same console without a word on stderr, for steps inside a longer verb.
    #[must_use]
    pub fn hushed(&self) -> Self {
        Self {
            quiet: true,
            verbose: false,
            progress: false,
            ..self.clone()
        }
    }

    /// The same console with no notes but progress, as far as that is wanted.
    #[must_use]
    pub fn only_progress(&self) -> Self {
        Self {
            quiet: true,
            verbose: false,
            ..self.clone()
        }
    }

    /// Seconds since the process began its work.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// A line on stderr, not with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say("note", text);
        }
    }

    /// A line on stderr, only with `-v`.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.say("detail", text);
        }
    }

    /// A warning on stderr, with `--quiet` too.
    pub fn warn(&self, text: &str) {
        self.say("warning", text);
    }

    fn say(&self, kind: &'static str, text: &str) {
        let line = if self.form.objects {
            said(&self.verb, kind, text)
        } else {
            let before = if kind == "warning" { "warning: " } else { "" };
            let line = format!("{before}{text}");
            let line = printable(&line);
            match colour::wanted(&io::stderr()) {
                true => colour::painted(&line),
                false => line,
            }
        };
        // Nobody can be told that stderr is gone.
        self.display.aside(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }

    /// A long step of `total` units: a bar on a terminal, else a line every 30 seconds.
    pub fn stage(&self, label: &str, total: u64) -> Stage {
        Stage::new(
            label,
            total,
            self.progress.then(|| Arc::clone(&self.display)),
        )
    }

    /// The result on stdout: one line of JSON with `--json`, else the text for people.
    ///
    /// # Errors
    /// A stdout that cannot be written to; a reader that has gone away is no error.
    pub fn finish<T: Summary>(&self, verb: &str, summary: &T) -> Result<(), Failure> {
        self.display.end();
        let mut out = io::stdout().lock();
        let written = if self.form.json {
            json_line(verb, summary).and_then(|line| writeln!(out, "{line}"))
        } else {
            summary.human(&mut out)
        };
        settle(written.and_then(|()| out.flush()))
    }

    /// The failure: human form on stderr, with `--json` the object on stdout too. Returns the exit code.
    pub fn fail(&self, verb: Option<&str>, failure: &Failure) -> u8 {
        self.display.end();
        report(self.form, verb, failure)
    }
}

/// Writes a failure where it belongs and returns its exit code.
pub(crate) fn report(form: Form, verb: Option<&str>, failure: &Failure) -> u8 {
    let human = failure.human();
    let text = match form.objects {
        true => failure.json(verb) + "\n",
        false if colour::wanted(&io::stderr()) => colour::painted(&printable(&human)),
        false => printable(&human),
    };
    // A stderr or stdout that is gone must not hide the exit code.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    if form.json {
        let _ = writeln!(io::stdout().lock(), "{}", failure.json(verb));
    }
    failure.exit.code()
}

/// Writes text for people to stdout, such as a help page.
///
/// # Errors
/// As [`Console::finish`].
pub(crate) fn page(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    settle(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The version as an object for scripts.
pub(crate) fn version() -> String {
    format!(
        "{{\"schema\":{SCHEMA},\"version\":\"{}\"}}\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// What is said, as an object for programs.
fn said(verb: &str, kind: &'static str, text: &str) -> String {
    #[derive(Serialize)]
    struct Said<'a> {
        schema: u32,
        verb: &'a str,
        kind: &'static str,
        text: &'a str,
    }
    let schema = SCHEMA;
    // Texts and numbers always serialise.
    serde_json::to_string(&Said {
        schema,
        verb,
        kind,
        text,
    })
    .unwrap_or_default()
}

fn settle(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Environment,
            format!("cannot write the result: {error}"),
        )
        .at("standard output")),
        _ => Ok(()),
    }
}

fn json_line<T: Summary>(verb: &str, summary: &T) -> io::Result<String> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        schema: u32,
        verb: &'a str,
        #[serde(flatten)]
        body: &'a T,
    }
    Ok(serde_json::to_string(&Line {
        schema: SCHEMA,
        verb,
        body: summary,
    })?)
}

/// Writes a text to stderr as it is.
pub(crate) fn aside(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sizes {
        rows: u32,
        accuracy: Option<f64>,
    }

    impl Summary for Sizes {
        fn human(&self, out: &mut dyn Write) -> io::Result<()> {
            writeln!(out, "{}", self.rows)
        }
    }

    #[test]
    fn one_object_with_schema_and_verb_first() {
        let sizes = Sizes {
            rows: 3,
            accuracy: None,
        };
        assert_eq!(
            json_line("evaluate", &sizes).unwrap(),
            r#"{"schema":1,"verb":"evaluate","rows":3,"accuracy":null}"#
        );
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(settle(Err(gone)).is_ok());
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(settle(Err(full)).unwrap_err().exit, Exit::Environment);
    }
}
