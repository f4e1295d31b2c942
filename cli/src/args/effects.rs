//! Options that would have no effect beside the others: refused, for every verb from one table.
//!
//! clap's `requires` does not see all of it: it asks for no option that conflicts with one that was given.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::face::failure::Failure;

/// An option and those of which one must be given for it to have an effect.
struct Need {
    verb: &'static str,
    option: &'static str,
    with: &'static [&'static str],
}

const fn need(verb: &'static str, option: &'static str, with: &'static [&'static str]) -> Need {
    Need { verb, option, with }
}

const FEATURES: &[&str] = &["features"];
const KEY: &[&str] = &["key"];
const IMAGES: &[&str] = &["images"];
const TRAINING: &[&str] = &["train_features"];
const STATS: &[&str] = &["stats"];
const SERVER: &[&str] = &["server"];

/// What has an effect beside certain others alone. Names are those of the fields.
const NEEDS: &[Need] = &[
    need("stats", "labels", FEATURES),
    need("stats", "rows", FEATURES),
    need("plan", "labels", FEATURES),
    need("plan", "rows", FEATURES),
    need("plan", "recipe", FEATURES),
    need("plan", "tune", FEATURES),
    need("plan", "accuracy_goal", FEATURES),
    need("plan", "lambda", &["features", "stats"]),
    need("plan", "whitening", STATS),
    need("plan", "data_bound", STATS),
    need("plan", "calibrate", &["rates"]),
    need("plan", "parties", &["stats", "shape"]),
    need("plan", "threshold", &["parties"]),
    need("plan", "hide", &["parties"]),
    need("encrypt", "eval_keys", KEY),
    need("evaluate", "train_labels", TRAINING),
    need("evaluate", "train_rows", TRAINING),
    need("group create", "receiver", SERVER),
    need("group create", "threshold", SERVER),
    need("group create", "keep", SERVER),
    need("group create", "lambda", SERVER),
    need("group create", "iterations", SERVER),
    need("group create", "steps", &["iterations"]),
    need("group create", "range", SERVER),
    need("group create", "degree", SERVER),
    need("group create", "refresh", SERVER),
    need("group create", "refresh_every", &["refresh"]),
    need("group run", "labels", FEATURES),
    need("group run", "rows", FEATURES),
    need("predict", "labels", FEATURES),
    need("predict", "rows", FEATURES),
    need("predict", "arch", IMAGES),
    need("predict", "weights", IMAGES),
    need("predict", "normalisation", IMAGES),
    need("predict", "skip_bad", IMAGES),
    need("run", "arch", IMAGES),
    need("run", "weights", IMAGES),
    need("predict encrypt", "labels", FEATURES),
    need("predict encrypt", "rows", FEATURES),
];

/// Refuses the first option of the verb that has no effect.
///
/// # Errors
/// Names the option, and those that it would have an effect with.
pub(crate) fn require(verb: &str, matches: &ArgMatches) -> Result<(), Failure> {
    let mut inner = matches;
    while let Some((_, deeper)) = inner.subcommand() {
        inner = deeper;
    }
    let given = |option: &&str| {
        let source = inner.try_contains_id(option).is_ok();
        source && inner.value_source(option) == Some(ValueSource::CommandLine)
    };
    let wrong = NEEDS
        .iter()
        .find(|need| need.verb == verb && given(&need.option) && !need.with.iter().any(given));
    let Some(Need { option, with, .. }) = wrong else {
        return Ok(());
    };
    let flag = |name: &str| format!("--{}", name.replace('_', "-"));
    let others: Vec<String> = with.iter().map(|name| flag(name)).collect();
    let (option, others) = (flag(option), others.join(" or "));
    Err(Failure::input(format!(
        "expected {option} with {others} only: it has no effect here"
    ))
    .at("arguments")
    .hint(format!("leave out {option}, or give {others}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{self, Cli};
    use clap::{Arg, ArgAction, Command, CommandFactory as _};

    /// A line of every verb with options that others would need.
    const LINES: [(&str, &str); 11] = [
        ("run", ""),
        ("stats", "--merge a b --out c"),
        ("plan", "--shape 128,400,10 --out p"),
        ("evaluate", "--model m --features f"),
        (
            "group create",
            "--board b --owner o --classes 2 --width 3 --purpose p",
        ),
        (
            "group run",
            "--board b --key k --sessions s --pooled p --model m",
        ),
        ("predict", "--model m --images i"),
        ("predict", "--model m --features f"),
        ("predict encrypt", "--plan p --key k --model m --out o"),
        ("plan", "--features f --out p"),
        ("plan", "--stats s --whitening w --out p"),
    ];

    /// Options that always have an effect, or whose files say whether they have one: the verb refuses them then.
    const FREE: [(&str, &str); 18] = [
        (
            "extract",
            "list images labels arch weights normalisation limit classes skip_bad resume out",
        ),
        ("stats", "features merge"),
        (
            "plan",
            "features shape stats public_key method iterations first_gradient keep steps range degree sigmoid refresh refresh_every bootstrap_passes fit max_memory max_upload max_time min_security layout row_length rates explain log_n",
        ),
        ("keygen", "public_key"),
        (
            "encrypt",
            "key public_key trust_key_holder expect_key labels rows recipe lambda owner whitening private",
        ),
        ("train", "resume refreshed"),
        ("decrypt", "private whitening open_again"),
        (
            "evaluate",
            "labels rows private train_features threshold out record",
        ),
        ("party", "name"),
        ("group create", "server largest_sum"),
        ("group run", "session features yes once poll"),
        ("group status", "session"),
        ("predict", "features images top out model"),
        ("predict encrypt", "features model"),
        ("report", "pictures"),
        ("demo", "out"),
        ("inspect", "verify"),
        ("run", "images"),
    ];

    fn line(verb: &str, rest: &str, more: &[&str]) -> Vec<String> {
        let words = ["velum"].into_iter().chain(verb.split(' '));
        let words = words.chain(rest.split_whitespace());
        words
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    fn value(arg: &Arg) -> Option<&'static str> {
        let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        takes.then(|| match arg.get_id().as_str() {
            "rows" | "train_rows" => "0..3",
            "parties" | "threshold" | "keep" | "iterations" | "degree" | "refresh_every" => "3",
            "refresh" => "owners",
            _ => "0.5",
        })
    }

    fn verbs(command: &Command, before: &str, found: &mut Vec<(String, Command)>) {
        for verb in command.get_subcommands() {
            let name = format!("{before}{}", verb.get_name());
            verbs(verb, &format!("{name} "), found);
            found.push((name, verb.clone()));
        }
    }

    fn all_verbs() -> Vec<(String, Command)> {
        let mut found = Vec::new();
        verbs(&Cli::command(), "", &mut found);
        found
    }

    fn judge(words: &[String]) -> Result<(), Failure> {
        let matches = Cli::command().try_get_matches_from(words);
        let matches = matches.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        require(&args::name(&matches), &matches)
    }

    #[test]
    fn every_option_that_needs_another_is_refused_without_it() {
        let commands = all_verbs();
        for (verb, rest) in LINES {
            judge(&line(verb, rest, &[])).unwrap();
            let given: Vec<String> = rest
                .split_whitespace()
                .map(|w| w.trim_start_matches("--").replace('-', "_"))
                .collect();
            let is = |name: &&str| given.iter().any(|word| word == name);
            let (_, command) = commands.iter().find(|(name, _)| name == verb).unwrap();
            for need in NEEDS
                .iter()
                .filter(|need| need.verb == verb && !is(&need.option))
            {
                let arg = command
                    .get_arguments()
                    .find(|arg| arg.get_id() == need.option)
                    .unwrap();
                let flag = format!("--{}", need.option.replace('_', "-"));
                let more: Vec<&str> = [Some(&*flag), value(arg)].into_iter().flatten().collect();
                let words = line(verb, rest, &more);
                let matches = Cli::command().try_get_matches_from(&words);
                let fits = need.with.iter().any(is);
                // What clap refuses itself is refused, too.
                let refused = match matches {
                    Err(error) => error.to_string(),
                    Ok(_) => judge(&words)
                        .err()
                        .map(|failure| failure.message)
                        .unwrap_or_default(),
                };
                assert_eq!(refused.is_empty(), fits, "{words:?}: {refused}");
                assert!(
                    fits || refused.contains(&flag)
                        || refused.contains(&need.with[0].replace('_', "-")),
                    "{words:?}: {refused}"
                );
            }
        }
    }

    /// A new option is put into one of the tables by who adds it.
    #[test]
    fn every_option_of_every_verb_is_in_one_of_the_tables() {
        for (verb, command) in all_verbs() {
            let free = FREE.iter().find(|(name, _)| *name == verb);
            for arg in command.get_arguments() {
                let id = arg.get_id().as_str();
                if arg.is_required_set() || ["help", "version"].contains(&id) || arg.is_global_set()
                {
                    continue;
                }
                let needs = NEEDS
                    .iter()
                    .any(|need| need.verb == verb && need.option == id);
                let is_free =
                    free.is_some_and(|(_, names)| names.split(' ').any(|name| name == id));
                // Steps of predictions besides `encrypt`: all they take is read.
                let step = verb.starts_with("predict ") && verb != "predict encrypt";
                assert!(needs || is_free || step, "{verb} --{id}");
                assert!(!(needs && is_free), "{verb} --{id} is in both");
            }
        }
    }

    #[test]
    fn what_would_be_overruled_is_refused_by_clap() {
        for words in [
            "velum plan --features f --out p --tune --degree 5",
            "velum plan --features f --out p --tune --fit minimax",
            "velum plan --features f --out p --tune --lambda 0.1",
            "velum plan --features f --out p --accuracy-goal 97 --iterations 3",
            "velum plan --features f --out p --accuracy-goal 97 --steps 4,4",
            "velum plan --features f --out p --accuracy-goal 97 --degree 5",
            "velum plan --features f --out p --accuracy-goal 97 --sigmoid each",
            "velum plan --features f --out p --accuracy-goal 101",
            "velum -q -v plan --features f --out p",
            "velum extract --list --images i",
        ] {
            let refused = Cli::command().try_get_matches_from(words.split(' '));
            assert!(refused.is_err(), "{words}");
        }
    }
}
