//! The velum command line: reads arguments, calls the libraries, writes files and says what happened. It computes nothing itself.
//!
//! | module | what it holds |
//! |---|---|
//! | [`args`] | the arguments of every verb, with where it runs and what leaves the machine |
//! | [`console`] | stdout for data, stderr for the rest; JSON |
//! | [`failure`] | the error of every verb and its exit code |
//! | `artifacts` | directories of keys and ciphertexts, and what else is kept in files |
//! | `verbs` | one module a verb |

pub mod args;
mod artifacts;
mod budget;
mod calibrate;
pub mod console;
mod convert;
mod defaults;
pub mod exact;
pub mod extraction;
pub mod failure;
pub mod features;
mod interrupt;
mod plan_file;
pub mod prediction;
mod progress;
mod shape;
mod verbs;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use args::{Cli, VERBS, Verb};
use console::Console;
use failure::{Exit, Failure};

pub use progress::Stage;
pub use shape::Shape;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    interrupt::install();
    ExitCode::from(run(std::env::args_os().collect()))
}

/// Runs one command line, its first element being the program's name, and returns the exit code.
fn run(arguments: Vec<OsString>) -> u8 {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&arguments, &error),
    };
    let global = &cli.global;
    let console = Console::new(
        global.json,
        global.quiet,
        global.verbose,
        !global.no_progress,
    );
    let verb = cli.verb.name();
    let outcome = threads(global.threads).and_then(|()| dispatch(&cli.verb, &console));
    match outcome {
        Ok(()) => Exit::Done.code(),
        Err(failure) => console.fail(Some(verb), &failure),
    }
}

fn threads(wanted: Option<std::num::NonZeroUsize>) -> Result<(), Failure> {
    let Some(wanted) = wanted else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(wanted.get())
        .build_global()
        .map_err(|error| {
            Failure::new(
                Exit::Environment,
                format!("cannot start {wanted} threads: {error}"),
            )
            .at("--threads")
        })
}

fn dispatch(verb: &Verb, console: &Console) -> Result<(), Failure> {
    match verb {
        #[cfg(feature = "extract")]
        Verb::Extract(args) => console.finish("extract", &verbs::extract::run(args, console)?),
        Verb::Stats(args) => console.finish("stats", &verbs::stats::run(args, console)?),
        Verb::Plan(args) => console.finish("plan", &verbs::plan::run(args, console)?),
        Verb::Keygen(args) => console.finish("keygen", &verbs::keygen::run(args, console)?),
        Verb::Encrypt(args) => console.finish("encrypt", &verbs::encrypt::run(args, console)?),
        Verb::Train(args) => console.finish("train", &verbs::train::run(args, console)?),
        Verb::Decrypt(args) => console.finish("decrypt", &verbs::decrypt::run(args, console)?),
        Verb::Evaluate(args) => console.finish("evaluate", &verbs::evaluate::run(args, console)?),
        Verb::Predict(args) => console.finish("predict", &verbs::predict::run(args, console)?),
        Verb::PredictPlan(args) => {
            console.finish("predict-plan", &verbs::predict::plan::run(args, console)?)
        }
        Verb::PredictEncrypt(args) => console.finish(
            "predict-encrypt",
            &verbs::predict::encrypt::run(args, console)?,
        ),
        Verb::PredictServer(args) => console.finish(
            "predict-server",
            &verbs::predict::server::run(args, console)?,
        ),
        Verb::PredictDecrypt(args) => console.finish(
            "predict-decrypt",
            &verbs::predict::decrypt::run(args, console)?,
        ),
        #[cfg(feature = "sunscreen")]
        Verb::PredictExact(args) => {
            console.finish("predict-exact", &verbs::exact::run(args, console)?)
        }
        #[cfg(not(feature = "sunscreen"))]
        Verb::PredictExact(_) => Err(verbs::without_exact()),
        Verb::Inspect(args) => console.finish("inspect", &verbs::inspect::run(args)?),
        #[cfg(feature = "extract")]
        Verb::Demo(args) => console.finish("demo", &verbs::demo::run(args, console)?),
        #[cfg(not(feature = "extract"))]
        Verb::Extract(_) | Verb::Demo(_) => Err(verbs::without_networks(verb.name())),
    }
}

/// Help and version are pages on stdout; everything else that does not parse is the user's input.
fn refuse(arguments: &[OsString], error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return match console::page(&text) {
            Ok(()) => Exit::Done.code(),
            Err(failure) => console::report(false, None, &failure),
        };
    }
    let json = arguments.iter().any(|word| word == "--json");
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !json {
        console::aside(&text);
        return Exit::Input.code();
    }
    let verb = VERBS
        .into_iter()
        .find(|verb| arguments.iter().skip(1).any(|word| word == verb));
    console::report(json, verb, &usage(&text, verb))
}

/// What did not parse, from clap's text: its first paragraph is the message, a tip is the hint, and usage is left out.
fn usage(text: &str, verb: Option<&str>) -> Failure {
    let line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(line);
    let message = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find_map(|p| p.strip_prefix("tip: ").map(str::to_owned));
    let help = match verb {
        Some(verb) => format!("velum {verb} --help"),
        None => "velum --help".to_owned(),
    };
    Failure::input(message.trim_start_matches("error: "))
        .at("arguments")
        .hint(tip.unwrap_or(help))
}
