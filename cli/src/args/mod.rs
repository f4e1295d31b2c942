//! The command line as types. Every verb says where it runs and what leaves that machine.

pub(crate) mod budget;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod decrypt;
pub(crate) mod demo;
pub(crate) mod effects;
pub(crate) mod encrypt;
pub(crate) mod evaluate;
pub(crate) mod extract;
pub(crate) mod features;
pub(crate) mod group;
pub(crate) mod inspect;
pub(crate) mod job;
pub(crate) mod keygen;
pub(crate) mod party;
pub(crate) mod plan;
pub(crate) mod predict;
pub(crate) mod refresh;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod shape;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod train;

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory as _, Parser, Subcommand};

use check::CheckArgs;
use completions::{CompletionsArgs, ManArgs};
use decrypt::DecryptArgs;
use demo::DemoArgs;
use encrypt::EncryptArgs;
use evaluate::EvaluateArgs;
use extract::ExtractArgs;
use group::GroupArgs;
use inspect::InspectArgs;
use keygen::KeygenArgs;
use party::PartyArgs;
use plan::PlanArgs;
use predict::PredictArgs;
use refresh::RefreshArgs;
use report::ReportArgs;
use run::RunArgs;
use stats::StatsArgs;
use status::StatusArgs;
use train::TrainArgs;

use crate::face::flags::Global;

/// Train a classifier on encrypted features: the server computes, only the client sees data and model.
#[derive(Debug, Parser)]
#[command(
    name = "velum",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Order of work: extract, plan, keygen, encrypt (client) -> train (server) -> decrypt, evaluate, report, predict (client).\n\
                  In a job's folder they need no paths: velum extract --images FOLDER, then the others as they are; server/ is what the server gets.\n\
                  There encrypt makes the keys and report evaluates, where that was not done yet.\n\
                  Predictions on encrypted rows: predict plan, keygen, predict encrypt (client) -> predict score (server) -> predict decrypt (client).\n\
                  Several owners who trust nobody, or one and its server, without carrying files: party, group create, then group run (every owner and the server), on a folder or in a bucket that all reach.\n\
                  Exit codes: 0 done, 1 wrong input or refused, 2 environment, 3 verification failed, 4 waits for somebody else (a refresh, members of a group), 130 interrupted."
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Client: turn images into features by a pretrained network.
    Extract(ExtractArgs),
    /// Client: sums of one owner's features, or of several owners', from which all whiten alike.
    Stats(StatsArgs),
    /// Client: choose and check everything about a training run before any work.
    Plan(PlanArgs),
    /// Client: make the secret key and exactly the evaluation keys that the plan needs.
    Keygen(KeygenArgs),
    /// Client: encrypt features (and labels) for the server.
    Encrypt(EncryptArgs),
    /// Server: train on the encrypted dataset.
    Train(TrainArgs),
    /// Server: how far a training is and how long it still takes, while it runs.
    Status(StatusArgs),
    /// Client: give the weights of a training levels again, where the plan says so.
    Refresh(RefreshArgs),
    /// Client: decrypt the trained model.
    Decrypt(DecryptArgs),
    /// Client: accuracy of a decrypted model, beside the models that need no encryption.
    Evaluate(EvaluateArgs),
    /// Client: labels of new rows or pictures, in clear, or by a server that sees neither rows nor labels.
    Predict(PredictArgs),
    /// Client: make the keys of a party of groups, and the card that the others need.
    Party(PartyArgs),
    /// Anyone: what owners who trust nobody, or one owner and its server, do on a board that all of them reach.
    Group(GroupArgs),
    /// Client: one page of HTML that tells what a job did, from the records of its steps.
    Report(ReportArgs),
    /// Anyone: what a job has, what comes next, and what does not belong together.
    Check(CheckArgs),
    /// Anyone: what a file or directory of velum is, without a key.
    Inspect(InspectArgs),
    /// Client and server in one process: a whole job as a rehearsal, from pictures to the report.
    Run(RunArgs),
    /// Anyone: completions of commands and options for a shell.
    Completions(CompletionsArgs),
    /// Anyone: manual pages, one a verb.
    #[command(hide = true)]
    Man(ManArgs),
    /// Client and server in one process: train on encrypted features of handwritten digits, embedded.
    Demo(DemoArgs),
}

/// The name of the verb that was parsed, as in every JSON object: its words, joined by spaces.
pub(crate) fn name(matches: &ArgMatches) -> String {
    let mut words = Vec::new();
    let mut inner = matches.subcommand();
    while let Some((word, matches)) = inner {
        words.push(word);
        inner = matches.subcommand();
    }
    words.join(" ")
}

/// The verb that arguments name which do not parse, as far as they name one.
pub(crate) fn named(arguments: &[OsString]) -> Option<String> {
    let mut command = Cli::command();
    let mut words: Vec<String> = Vec::new();
    for word in words_of(arguments) {
        let Some(verb) = command.find_subcommand(&word).cloned() else {
            break;
        };
        words.push(word);
        command = verb;
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// Verbs of earlier versions, and what they are called now.
const RENAMED: [(&str, &str); 5] = [
    ("predict-plan", "predict plan"),
    ("predict-encrypt", "predict encrypt"),
    ("predict-server", "predict score"),
    ("predict-decrypt", "predict decrypt"),
    ("predict-exact", "predict exact"),
];

/// A verb that is called otherwise now: its old name and its new one.
pub(crate) fn renamed(arguments: &[OsString]) -> Option<(&'static str, &'static str)> {
    let first = words_of(arguments).next()?;
    RENAMED.into_iter().find(|(old, _)| *old == first)
}

/// The words before the first argument of a verb; flags of every verb are left out.
fn words_of(arguments: &[OsString]) -> impl Iterator<Item = String> {
    const FLAGS: [&str; 6] = [
        "--json",
        "--quiet",
        "--verbose",
        "--no-progress",
        "-q",
        "-v",
    ];
    const WITH_VALUE: [&str; 3] = ["--threads", "--job", "--progress"];
    let mut rest = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    std::iter::from_fn(move || {
        loop {
            let word = rest.next()?;
            let named = |option: &str| {
                word.strip_prefix(option)
                    .is_some_and(|rest| rest.starts_with('='))
            };
            if WITH_VALUE.contains(&&*word) {
                rest.next();
            } else if !word.starts_with('-') {
                return Some(word.into_owned());
            } else if !FLAGS.contains(&&*word) && !WITH_VALUE.into_iter().any(named) {
                return None;
            }
        }
    })
}

/// A number that is finite.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err("expected a finite number".to_owned()),
    }
}

/// A number above zero and finite.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a finite number above 0".to_owned()),
    }
}

/// A percentage above 0.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value <= 100.0 => Ok(value),
        _ => Err("expected per cent, above 0 and at most 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_says_where_it_runs_and_what_leaves_the_machine() {
        let command = Cli::command();
        command.clone().debug_assert();
        assert!(
            command
                .get_version()
                .is_some_and(|version| !version.is_empty())
        );
        says(&command);
    }

    fn says(command: &clap::Command) {
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            let about = verb.get_about().unwrap().to_string();
            let place = ["Client: ", "Server: ", "Anyone: ", "Client and server "];
            assert!(place.iter().any(|place| about.starts_with(place)), "{name}");
            let help = verb.clone().render_long_help().to_string();
            assert!(help.contains("Runs at: "), "{name}");
            assert!(help.contains("Leaves the machine: "), "{name}");
            for argument in verb.get_arguments() {
                assert!(argument.get_help().is_some(), "{name} {argument}");
            }
            says(verb);
        }
    }

    #[test]
    fn verbs_are_named_by_their_words_and_old_names_lead_to_the_new() {
        let line = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (text, name) in [
            ("velum plan --out x", Some("plan")),
            ("velum --threads 2 -q plan", Some("plan")),
            ("velum --progress json --job=plan train", Some("train")),
            (
                "velum predict exact plan --model m",
                Some("predict exact plan"),
            ),
            ("velum predict --model plan", Some("predict")),
            ("velum frob plan", None),
        ] {
            assert_eq!(named(&line(text)).as_deref(), name, "{text}");
        }
        for (old, new) in RENAMED {
            let given = line(&format!("velum --json {old} --out x"));
            assert_eq!(renamed(&given), Some((old, new)));
            let words: Vec<OsString> = line(&format!("velum {new}"));
            assert_eq!(named(&words).as_deref(), Some(new));
        }
    }

    #[test]
    fn defaults_are_shown() {
        use mlr_train::roles::client::plan;
        let mut command = Cli::command();
        let verb = command.find_subcommand_mut("plan").unwrap();
        let help = verb.render_long_help().to_string();
        for default in [
            "whitened".to_owned(),
            "2".to_owned(),
            format!("{}", mlr_train::roles::client::DEFAULT_LAMBDA),
            format!("{}", plan::DEFAULT_RANGE),
            format!("{} each", plan::DEFAULT_STEP),
            format!("all, at most {}", plan::DEFAULT_KEEP),
        ] {
            assert!(help.contains(&format!("[default: {default}]")), "{default}");
        }
    }
}
