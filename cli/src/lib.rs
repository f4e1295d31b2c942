//! The velum command line: reads arguments, calls the libraries, writes files and says what happened. It computes nothing itself.
//!
//! | module | what it holds |
//! |---|---|
//! | [`args`] | the arguments of every verb, one file a verb, with where it runs and what leaves the machine |
//! | [`face`] | stdout for data, stderr for the rest; failures and exit codes; progress; Ctrl-C |
//! | `verbs` | one module a verb |

pub mod args;
pub mod face;
mod threads;
mod verbs;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use mlr_train::artifacts::folder::JobFolder;

use args::{Cli, Verb};
use face::console::{self, Console, Form};
use face::failure::{Exit, Failure};
use face::interrupt;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    interrupt::install();
    ExitCode::from(run(std::env::args_os().collect()))
}

/// Runs one command line, its first element being the program's name, and returns the exit code.
fn run(arguments: Vec<OsString>) -> u8 {
    let arguments = args::job::complete(arguments);
    let parsed = Cli::command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| {
            let name = args::name(&matches);
            let effects = args::effects::require(&name, &matches);
            Ok((name, effects, Cli::from_arg_matches(&matches)?))
        });
    let (name, effects, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return refuse(&arguments, &error),
    };
    let global = &cli.global;
    let console = Console::new(&name, global);
    let folder = JobFolder::new(global.job.as_deref().unwrap_or(Path::new(".")));
    let outcome = effects
        .and_then(|()| threads::start(global.threads, &console))
        .and_then(|()| dispatch(&name, &cli, &folder, &console));
    match outcome {
        Ok(()) => Exit::Done.code(),
        Err(failure) => console.fail(Some(&name), &of_job(failure, &folder)),
    }
}

/// The failure, which names the step that makes what the job lacks, if that is why.
fn of_job(failure: Failure, folder: &JobFolder) -> Failure {
    let place = failure.at.as_deref().map(Path::new);
    let missing = place.filter(|path| failure.exit == Exit::Input && !path.exists());
    match missing.and_then(|path| folder.made_by(path)) {
        Some(step) => Failure {
            hint: Some(format!(
                "velum check says what the job has; this part is made by: {step}"
            )),
            ..failure
        },
        None => failure,
    }
}

fn dispatch(name: &str, cli: &Cli, folder: &JobFolder, console: &Console) -> Result<(), Failure> {
    match &cli.verb {
        Verb::Report(args) => console.finish(name, &verbs::report::run(args, folder, console)?),
        Verb::Completions(args) => verbs::completions::run(args),
        Verb::Man(args) => console.finish(name, &verbs::completions::man(args)?),
        Verb::Check(_) => verbs::check::run(folder, name, console),
        Verb::Run(args) => console.finish(name, &verbs::run::run(args, folder, console)?),
        #[cfg(feature = "extract")]
        Verb::Extract(args) => console.finish(name, &verbs::extract::run(args, console)?),
        Verb::Stats(args) => console.finish(name, &verbs::stats::run(args, console)?),
        Verb::Plan(args) => {
            console.finish(name, &verbs::plan::run(args, cli.global.threads, console)?)
        }
        Verb::Keygen(args) => console.finish(name, &verbs::keygen::run(args, console)?),
        Verb::Encrypt(args) => console.finish(name, &verbs::encrypt::run(args, console)?),
        Verb::Train(args) => console.finish(name, &verbs::train::run(args, console)?),
        Verb::Status(args) => console.finish(name, &verbs::status::run(args)?),
        Verb::Refresh(args) => console.finish(name, &verbs::refresh::run(args, console)?),
        Verb::Decrypt(args) => console.finish(name, &verbs::decrypt::run(args, console)?),
        Verb::Evaluate(args) => console.finish(name, &verbs::evaluate::run(args, console)?),
        Verb::Party(args) => console.finish(name, &verbs::party::run(args)?),
        Verb::Group(args) => verbs::group::run(name, args, folder, console),
        Verb::Predict(args) => verbs::predict::run(name, args, console),
        Verb::Inspect(args) => console.finish(name, &verbs::inspect::run(args)?),
        #[cfg(feature = "extract")]
        Verb::Demo(args) => console.finish(name, &verbs::demo::run(args, console)?),
        #[cfg(not(feature = "extract"))]
        Verb::Extract(_) | Verb::Demo(_) => Err(verbs::without_networks(name)),
    }
}

/// Help and version are pages on stdout; everything else that does not parse is the user's input.
fn refuse(arguments: &[OsString], error: &clap::Error) -> u8 {
    let text = error.render().to_string();
    let form = form(arguments);
    let json = form.json;
    let shown = match face::colour::wanted(&std::io::stdout()) {
        true => error.render().ansi().to_string(),
        false => text.clone(),
    };
    let page = match error.kind() {
        ErrorKind::DisplayVersion if json => Some(console::version()),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Some(shown),
        _ => None,
    };
    if let Some(page) = page {
        return match console::page(&page) {
            Ok(()) => Exit::Done.code(),
            Err(failure) => console::report(form, None, &failure),
        };
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !json {
        console::aside(&text);
        return Exit::Input.code();
    }
    let verb = args::named(arguments);
    let failure = match args::renamed(arguments) {
        Some((old, new)) => Failure::input(format!("velum {old} is now velum {new}"))
            .at("arguments")
            .hint(format!("velum {new}, with the same arguments")),
        None => usage(&text, verb.as_deref()),
    };
    console::report(form, verb.as_deref(), &failure)
}

/// For whom the output of a command line is that does not parse.
fn form(arguments: &[OsString]) -> Form {
    let is = |word: &OsString, text: &str| word == text;
    let pair = |pair: &[OsString]| is(&pair[0], "--progress") && is(&pair[1], "json");
    Form {
        json: arguments.iter().any(|word| is(word, "--json")),
        objects: arguments.windows(2).any(pair)
            || arguments.iter().any(|word| is(word, "--progress=json")),
    }
}

/// What did not parse, from clap's text: its first paragraph is the message, a tip is the hint, and usage is left out.
fn usage(text: &str, verb: Option<&str>) -> Failure {
    let line = |paragraph: &str| paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n");
    let message = message(paragraphs.next().unwrap_or_default());
    let tip = paragraphs.find_map(|p| line(p).strip_prefix("tip: ").map(str::to_owned));
    let help = match verb {
        Some(verb) => format!("velum {verb} --help"),
        None => "velum --help".to_owned(),
    };
    Failure::input(message)
        .at("arguments")
        .hint(tip.unwrap_or(help))
}

/// One line of clap's first paragraph. After a colon follows a list, in which `<--a <A>|--b <B>>` is a choice.
fn message(paragraph: &str) -> String {
    let mut lines = paragraph.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let first = first.trim_start_matches("error: ");
    let items: Vec<String> = lines
        .map(|item| match item.strip_prefix("<--") {
            Some(choice) => {
                let choice = choice.strip_suffix('>').unwrap_or(choice);
                format!("--{}", choice.replace('|', " or "))
            }
            None => item.to_owned(),
        })
        .collect();
    let between = if first.ends_with(':') { ", " } else { " " };
    format!("{first} {}", items.join(between))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_list_of_arguments_reads_well() {
        let clap = "error: not provided:\n  --out <FILE>\n  <--key <FILE>|--merge <FILE>...>";
        let text = "not provided: --out <FILE>, --key <FILE> or --merge <FILE>...";
        assert_eq!(message(clap), text);
        assert_eq!(
            message("error: no verb\n  [of: a, b]"),
            "no verb [of: a, b]"
        );
    }
}
