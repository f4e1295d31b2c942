//! The job folder's paths, where a verb is not given others: they are put into the command line before it is read, so that a verb knows nothing
//! of jobs and an explicit argument means what it always means.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as _, Command, FromArgMatches as _};
use mlr_train::artifacts::folder::JobFolder;
use mlr_train::artifacts::record;
use mlr_train::data::RowSelection;
use velum_record::Step;
use velum_record::plan::PlannedRows;

use super::evaluate::EvaluateArgs;

/// Rows that train where nobody says which: the others judge.
const TRAINING: RowSelection = RowSelection::Stratified { held: false };

/// The command line with the job's paths in the places of those that are not given.
pub(crate) fn complete(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let asks = |word: &OsString| word == "--help" || word == "-h" || word == "--version";
    let verb = super::named(&arguments);
    let Some(verb) = verb.filter(|_| !arguments.iter().any(asks)) else {
        return arguments;
    };
    let added = Line {
        folder: JobFolder::new(
            &value_of(&arguments, "--job").unwrap_or_else(|| PathBuf::from(".")),
        ),
        given: &arguments,
        added: Vec::new(),
    }
    .of(&verb);
    arguments.extend(added);
    arguments
}

/// The arguments of `evaluate` in this job: none where no rows were held out.
pub(crate) fn evaluation(folder: &JobFolder) -> Option<EvaluateArgs> {
    let line = Line {
        folder: folder.clone(),
        given: &[],
        added: Vec::new(),
    };
    let words = [OsString::from("evaluate")].into_iter();
    let words = words.chain(line.of("evaluate"));
    let command = EvaluateArgs::augment_args(Command::new("evaluate"));
    let matches = command.try_get_matches_from(words).ok()?;
    EvaluateArgs::from_arg_matches(&matches).ok()
}

/// Whether an option is there, as `--name value` or `--name=value`.
fn has(arguments: &[OsString], option: &str) -> bool {
    let with_value = format!("{option}=");
    arguments
        .iter()
        .any(|word| word == option || word.to_string_lossy().starts_with(&with_value))
}

fn value_of(arguments: &[OsString], option: &str) -> Option<PathBuf> {
    let with_value = format!("{option}=");
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == option {
            return words.next().map(PathBuf::from);
        }
        if let Some(value) = word.to_str().and_then(|w| w.strip_prefix(&with_value)) {
            return Some(PathBuf::from(value));
        }
    }
    None
}

struct Line<'a> {
    folder: JobFolder,
    given: &'a [OsString],
    added: Vec<OsString>,
}

impl Line<'_> {
    /// What a verb lacks.
    fn of(mut self, verb: &str) -> Vec<OsString> {
        let folder = self.folder.clone();
        match verb {
            "extract" => {
                self.add(
                    "--arch",
                    Path::new("velum-compact"),
                    &["--list", "--weights"],
                );
                self.add("--out", &folder.features(), &["--list"]);
            }
            "plan" => self.plan(&folder),
            "keygen" => {
                self.add("--plan", &folder.plan(), &[]);
                self.add("--key", &folder.secret_key(), &[]);
                self.add("--eval-keys", &folder.eval_keys(), &[]);
            }
            "encrypt" => self.encrypt(&folder),
            "train" => {
                self.add("--plan", &folder.plan(), &[]);
                self.add("--eval-keys", &folder.eval_keys(), &[]);
                self.add("--dataset", &folder.dataset(), &[]);
                self.add("--out", &folder.encrypted_model(), &[]);
            }
            "status" => {
                self.add("--plan", &folder.plan(), &[]);
                self.add("--model", &folder.encrypted_model(), &[]);
            }
            "party" => {
                self.add("--key", &folder.party_key(), &[]);
                self.add("--card", &folder.party_card(), &[]);
            }
            "group run" => {
                self.add("--key", &folder.party_key(), &[]);
                self.add("--sessions", &folder.sessions(), &[]);
                self.add("--pooled", &folder.pooled(), &[]);
                self.add("--model", &folder.model(), &[]);
                if folder.features().exists() {
                    self.add("--features", &folder.features(), &[]);
                }
            }
            "refresh" => {
                self.add("--plan", &folder.plan(), &[]);
                self.add("--key", &folder.secret_key(), &[]);
                self.add("--private", &folder.private(), &[]);
            }
            "decrypt" => {
                self.add("--plan", &folder.plan(), &[]);
                self.add("--key", &folder.secret_key(), &[]);
                self.add("--private", &folder.private(), &["--whitening"]);
                self.add("--model", &folder.encrypted_model(), &[]);
                self.add("--out", &folder.model(), &[]);
            }
            "evaluate" => self.evaluate(&folder),
            "predict" if !self.lacks(&["--images", "--features"]) => {
                self.add("--model", &folder.model(), &[]);
            }
            "report" => {
                if self.lacks(&["--records"]) {
                    self.push("--records", folder.client());
                    self.push("--records", folder.server());
                }
                self.add("--out", &folder.report(), &[]);
            }
            _ => {}
        }
        self.added
    }

    fn plan(&mut self, folder: &JobFolder) {
        let elsewhere = ["--features", "--shape", "--stats"];
        self.add_rows(&TRAINING, &[&elsewhere[..], &["--rows"]].concat());
        self.add("--features", &folder.features(), &elsewhere);
        let public = self.lacks(&["--out", "--shape", "--stats"]);
        if public && value_of(self.given, "--method").is_none_or(|name| name != Path::new("paper"))
        {
            self.add("--recipe", &folder.recipe(), &[]);
        }
        self.add("--out", &folder.plan(), &[]);
    }

    fn encrypt(&mut self, folder: &JobFolder) {
        if self.lacks(&["--plan", "--lambda"]) && folder.recipe().exists() {
            self.add("--recipe", &folder.recipe(), &[]);
        }
        if self.lacks(&["--features"]) {
            let rows = planned_rows(folder);
            self.add_rows(&rows.selection, &["--rows"]);
            self.add_labels("--labels", &rows);
            self.add("--features", &rows.features, &[]);
        }
        // A job that has no key gets one.
        if !folder.secret_key().exists() {
            let others = ["--plan", "--key", "--public-key"];
            self.add("--eval-keys", &folder.eval_keys(), &others);
        }
        self.add("--plan", &folder.plan(), &[]);
        self.add("--key", &folder.secret_key(), &["--public-key"]);
        self.add("--private", &folder.private(), &["--whitening"]);
        self.add("--out", &folder.dataset(), &[]);
    }

    /// A model that is named is judged by nothing but what is named.
    fn evaluate(&mut self, folder: &JobFolder) {
        let rows = planned_rows(folder);
        if self.lacks(&["--features"])
            && let Some(others) = rows.selection.complement()
        {
            self.add_rows(&others, &["--rows"]);
            self.add_labels("--labels", &rows);
            self.add("--features", &rows.features, &[]);
        }
        if self.lacks(&["--model"]) {
            if self.lacks(&["--train-features", "--train-labels", "--train-rows"]) {
                self.push("--train-rows", rows.selection.to_string());
                self.add_labels("--train-labels", &rows);
                self.add("--train-features", &rows.features, &[]);
            }
            self.add("--private", &folder.private(), &[]);
            self.add("--record", &folder.evaluation(), &[]);
            self.add("--model", &folder.model(), &[]);
        }
    }

    /// Whether none of these is given.
    fn lacks(&self, options: &[&str]) -> bool {
        !options.iter().any(|option| has(self.given, option))
    }

    /// Adds an option with a path, unless it is given, or another that takes its place.
    fn add(&mut self, option: &str, path: &Path, unless: &[&str]) {
        if self.lacks(&[option]) && self.lacks(unless) {
            self.push(option, path);
        }
    }

    fn add_rows(&mut self, rows: &RowSelection, unless: &[&str]) {
        if self.lacks(unless) {
            self.push("--rows", rows.to_string());
        }
    }

    fn add_labels(&mut self, option: &str, rows: &Chosen) {
        if let Some(labels) = &rows.labels {
            self.add(option, labels, &[]);
        }
    }

    fn push(&mut self, option: &str, value: impl Into<OsString>) {
        self.added.extend([OsString::from(option), value.into()]);
    }
}

/// The rows that the job's plan was made for.
struct Chosen {
    features: PathBuf,
    labels: Option<PathBuf>,
    selection: RowSelection,
}

/// As the plan's record says; the usual rows of the job where it says nothing.
fn planned_rows(folder: &JobFolder) -> Chosen {
    let record = record::read(&folder.plan_record()).ok();
    let rows = record.and_then(|record| match record.did {
        Step::Plan(planned) => planned.trained_on,
        _ => None,
    });
    let usual = Chosen {
        features: folder.features(),
        labels: None,
        selection: TRAINING,
    };
    let Some(PlannedRows {
        features,
        labels,
        rows,
    }) = rows
    else {
        return usual;
    };
    match rows.parse() {
        // Paths are as they were given then, from the directory of then.
        Ok(selection) => Chosen {
            features: Some(PathBuf::from(features))
                .filter(|path| path.exists())
                .unwrap_or(usual.features),
            labels: labels.map(PathBuf::from).filter(|path| path.exists()),
            selection,
        },
        Err(_) => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<String> {
        let words = text.split(' ').map(OsString::from).collect();
        let words = complete(words).into_iter();
        words.map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_not_given_is_the_job_s() {
        for (given, added) in [
            (
                "velum keygen --job j",
                "--plan j/server/plan.json --key j/client/keys/secret.key --eval-keys j/server/eval-keys",
            ),
            (
                "velum train --job=j --out m",
                "--plan j/server/plan.json --eval-keys j/server/eval-keys --dataset j/server/dataset",
            ),
            (
                "velum plan --job j --tune",
                "--rows training --features j/client/features --recipe j/client/plan.recipe.json --out j/server/plan.json",
            ),
            ("velum plan --shape 9,9,2 --out p", ""),
            ("velum plan --features f --out p", ""),
            ("velum evaluate --model m --features f", ""),
            ("velum extract --list", ""),
            ("velum --quiet inspect x", ""),
            (
                "velum party --job j --name a",
                "--key j/client/keys/party.key --card j/client/party.card.json",
            ),
            (
                "velum group run --job j --board b",
                "--key j/client/keys/party.key --sessions j/client/sessions --pooled j/client/pooled-statistics --model j/client/model",
            ),
            ("velum group status --job j --board b", ""),
        ] {
            let before = given.split(' ').count();
            let found = line(given)[before..].join(" ");
            assert_eq!(found, added, "{given}");
        }
    }

    #[test]
    fn the_usual_rows_train_and_the_others_judge() {
        let words = line("velum evaluate --job j").join(" ");
        assert!(words.contains("--rows held-out"), "{words}");
        assert!(words.contains("--train-rows training"), "{words}");
        let words = line("velum encrypt --job j").join(" ");
        assert!(words.contains("--rows training"), "{words}");
    }
}
