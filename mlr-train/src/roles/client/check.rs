//! `check`: what a job has, what it lacks and what does not belong together, before any work.

use std::path::Path;

use serde::Serialize;

use crate::artifacts::folder::JobFolder;
use crate::artifacts::manifest::{Manifest, short};
use crate::artifacts::plan::KeyPlan as _;
use crate::artifacts::private::PrivateDirectory;
use crate::artifacts::recipe::RecipeFile;
use crate::artifacts::{PlanFile, secret_key, secrets, weights};
use crate::data;
use crate::error::Report;
use crate::model::Model;
use crate::roles::RunError;

/// How a part of a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there and belongs to the others.
    Ready,
    /// It is not there yet.
    Missing,
    /// It is damaged, or belongs to another job.
    Wrong,
}

/// A part of a job.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// What it is.
    pub what: &'static str,
    /// Where it is, or would be.
    pub path: String,
    /// How it is.
    pub state: State,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// What can be done about it.
    pub hint: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Every part, in the order in which they are made.
    pub parts: Vec<Part>,
    /// The command that comes next; none where something is wrong, or nothing is left to do.
    pub next: Option<&'static str>,
}

/// What the parts of a job say of themselves, to compare the later ones with.
#[derive(Default)]
struct Known {
    plan: Option<PlanFile>,
    key: Option<String>,
    dataset: Option<String>,
}

type Look = fn(&JobFolder, &Path, &mut Known) -> Result<(), RunError>;

/// The step as the usual walk takes it: rows are encrypted with keys that are made on the way, and the report judges the model.
fn in_the_walk(folder: &JobFolder, step: &'static str) -> &'static str {
    match step {
        "velum keygen" if !folder.dataset().exists() => "velum encrypt",
        "velum evaluate" => "velum report",
        other => other,
    }
}

/// Looks at a job. A server's side alone is looked at as such.
#[must_use]
pub fn run(folder: &JobFolder) -> Checked {
    let looks: [(&'static str, std::path::PathBuf, Look); 9] = [
        ("features", folder.features(), features),
        ("plan", folder.plan(), plan),
        ("secret key", folder.secret_key(), key),
        ("evaluation keys", folder.eval_keys(), eval_keys),
        ("encrypted dataset", folder.dataset(), dataset),
        ("private directory", folder.private(), private),
        ("encrypted model", folder.encrypted_model(), encrypted_model),
        ("model", folder.model(), model),
        ("evaluation", folder.evaluation(), evaluation),
    ];
    let at_server = !folder.client().is_dir() && folder.server().is_dir();
    let mut known = Known::default();
    let mut parts = vec![nothing_secret(folder)];
    let mut next = None;
    for (what, path, look) in looks {
        let missing = path.symlink_metadata().is_err();
        // A plan may have been made for features that lie elsewhere.
        let elsewhere = what == "features" && missing && folder.plan().exists();
        if elsewhere || at_server && path.starts_with(folder.client()) {
            continue;
        }
        let part = if missing {
            next = next.or_else(|| folder.made_by(&path));
            part(what, &path, State::Missing, None)
        } else {
            match look(folder, &path, &mut known) {
                Ok(()) => part(what, &path, State::Ready, None),
                Err(error) => part(what, &path, State::Wrong, Some(&error)),
            }
        };
        parts.push(part);
    }
    if parts.iter().any(|part| part.state == State::Wrong) {
        next = None;
    }
    let next = next.map(|step| in_the_walk(folder, step));
    Checked { parts, next }
}

fn part(what: &'static str, path: &Path, state: State, error: Option<&RunError>) -> Part {
    let report = error.map(|error| Report::of(error));
    Part {
        what,
        path: path.display().to_string(),
        state,
        problem: report.as_ref().map(|report| report.message.clone()),
        hint: report.and_then(|report| report.hint),
    }
}

fn nothing_secret(folder: &JobFolder) -> Part {
    let path = folder.server();
    match secrets::refuse(&[path]) {
        Ok(()) => part("nothing secret for the server", path, State::Ready, None),
        Err(error) => part(
            "nothing secret for the server",
            path,
            State::Wrong,
            Some(&error),
        ),
    }
}

/// Refuses what names another than what the parts before it name.
fn same(what: &str, expected: Option<&str>, found: Option<&str>) -> Result<(), RunError> {
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => Err(RunError::input(format!(
            "expected the {what} {} of this job, found {}",
            short(expected),
            short(found)
        ))
        .hint("it belongs to another job, or to an earlier try: remove it and do its step again")),
        _ => Ok(()),
    }
}

fn features(_: &JobFolder, path: &Path, _: &mut Known) -> Result<(), RunError> {
    data::describe(path)?;
    Ok(())
}

fn plan(folder: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let file = PlanFile::read(path)?;
    if folder.recipe().exists() {
        RecipeFile::read(&folder.recipe(), &file)?;
    }
    known.plan = Some(file);
    Ok(())
}

fn key(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    if let Some(plan) = &known.plan {
        let key = secret_key::read(path, &plan.context()?)?;
        known.key = Some(secret_key::fingerprint_hex(&key)?);
    }
    Ok(())
}

fn eval_keys(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let manifest = Manifest::read(path)?;
    let binding = known.plan.as_ref().map(|plan| plan.key_binding_hex());
    same("key set", binding.as_deref(), Some(manifest.binding()))?;
    same("key", known.key.as_deref(), manifest.key())?;
    known.key = known.key.take().or(manifest.key().map(str::to_owned));
    Ok(())
}

fn dataset(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let manifest = Manifest::read(path)?;
    let plan = known.plan.as_ref().map(PlanFile::hash_hex);
    same("plan", plan.as_deref(), Some(manifest.binding()))?;
    same("key", known.key.as_deref(), manifest.key())?;
    let hash = crate::artifacts::dataset::hash([&manifest]);
    known.dataset = Some(hash.to_hex().to_string());
    Ok(())
}

fn private(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let head = PrivateDirectory::read_head(path)?;
    let plan = known.plan.as_ref().map(PlanFile::hash_hex);
    same("plan", plan.as_deref(), Some(&head.plan))?;
    same("key", known.key.as_deref(), head.key.as_deref())?;
    same("dataset", known.dataset.as_deref(), head.dataset.as_deref())
}

fn encrypted_model(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let plan = known.plan.as_ref().map(PlanFile::hash_hex);
    let bound = weights::bound_to(path)?;
    same("plan", plan.as_deref(), Some(&bound))
}

fn model(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let model = Model::read(path)?;
    let plan = known.plan.as_ref().map(PlanFile::hash_hex);
    same(
        "plan",
        plan.as_deref(),
        model.provenance().plan_blake3.as_deref(),
    )
}

fn evaluation(_: &JobFolder, path: &Path, known: &mut Known) -> Result<(), RunError> {
    let record = crate::artifacts::record::read(path)?;
    let plan = known.plan.as_ref().map(PlanFile::hash_hex);
    same("plan", plan.as_deref(), record.subject.plan.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(checked: &Checked, what: &str) -> State {
        let part = checked.parts.iter().find(|part| part.what == what);
        part.expect("a part of this name").state
    }

    #[test]
    fn an_empty_job_begins_with_pictures() {
        let place = tempfile::tempdir().unwrap();
        let checked = run(&JobFolder::new(place.path()));
        assert_eq!(checked.next, Some("velum extract --images FOLDER"));
        assert_eq!(state(&checked, "plan"), State::Missing);
    }

    #[test]
    fn the_next_step_is_that_of_the_usual_walk() {
        let place = tempfile::tempdir().unwrap();
        let folder = JobFolder::new(place.path());
        assert_eq!(in_the_walk(&folder, "velum keygen"), "velum encrypt");
        assert_eq!(in_the_walk(&folder, "velum evaluate"), "velum report");
        assert_eq!(in_the_walk(&folder, "velum plan"), "velum plan");
        // Rows without their keys: making new ones over them would be a new job.
        std::fs::create_dir_all(folder.dataset()).unwrap();
        assert_eq!(in_the_walk(&folder, "velum keygen"), "velum keygen");
    }

    #[test]
    fn a_secret_in_the_server_s_folder_is_wrong() {
        let place = tempfile::tempdir().unwrap();
        let folder = JobFolder::new(place.path());
        std::fs::create_dir_all(folder.server()).unwrap();
        std::fs::write(folder.server().join("x"), b"velum secret key").unwrap();
        let checked = run(&folder);
        assert_eq!(
            state(&checked, "nothing secret for the server"),
            State::Wrong
        );
        assert_eq!(checked.next, None);
        // The client's parts are nobody's business at a server.
        assert!(checked.parts.iter().all(|part| part.what != "secret key"));
    }

    #[test]
    fn what_is_damaged_is_wrong_and_says_why() {
        let place = tempfile::tempdir().unwrap();
        let folder = JobFolder::new(place.path());
        std::fs::create_dir_all(folder.client()).unwrap();
        std::fs::create_dir_all(folder.server()).unwrap();
        std::fs::write(folder.plan(), "{}").unwrap();
        let checked = run(&folder);
        let plan = checked
            .parts
            .iter()
            .find(|part| part.what == "plan")
            .unwrap();
        assert_eq!(plan.state, State::Wrong);
        assert!(plan.problem.is_some() && plan.hint.is_some());
    }
}
