//! Records of steps as files: what was done, with what, and what it took. [`velum_record`] has their types.
//!
//! | step | its record | who may have it |
//! |---|---|---|
//! | `plan` | beside its recipe, else beside the plan: `plan.record.json` | the client; anyone, where no rows were seen |
//! | `keygen` | beside the secret key: `secret.key.record.json` | the client |
//! | `encrypt` | `record.json` in the private directory | the client |
//! | the same of several owners | beside the whitening map, by the dataset's name: `dataset.record.json` | the owner |
//! | `train`, `predict score` | beside the result: `model.enc.record.json` | client and server |
//! | `refresh` | beside the private directory, by its iteration: `private.refresh-4.record.json` | the client |
//! | `decrypt` | beside the model's directory, which may be handed on: `model.record.json` | the client |
//! | `stats`, `predict decrypt` | beside the result | the client, the owner |
//! | `predict plan`, `predict encrypt` | beside the result | client and server |
//!
//! Records of one job know each other by plan, key and dataset: [`gather`] collects them wherever they lie.

use std::fs;
use std::path::{Path, PathBuf};

use velum_record::{Place, Record, SCHEMA};

use super::RunError;
use crate::files::{self, Access};

/// Name of a record inside a directory.
pub const FILE: &str = "record.json";
const END: &str = ".record.json";
/// Larger files are no records: a confusion matrix of 1,000 classes takes 8 MB.
const LARGEST: u64 = 16 << 20;
/// How deep records are looked for, and among how many entries.
const DEEPEST: usize = 4;
const MOST_ENTRIES: usize = 1 << 16;

/// Where the record of a result lies: `NAME.record.json` beside it, in place of an end `.json`.
#[must_use]
pub fn beside(result: &Path) -> PathBuf {
    let name = result.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".json").unwrap_or(&name);
    result.with_file_name(format!("{name}{END}"))
}

/// Writes a record, a client's for its owner's eyes alone.
///
/// # Errors
/// The system's.
pub fn write(path: &Path, record: &Record) -> Result<(), RunError> {
    let access = match record.did.place() {
        Place::Client => Access::Private,
        Place::Server => Access::Shared,
    };
    files::make_parent(path)?;
    Ok(files::write_atomic(path, &record.to_json(), access)?)
}

/// Reads a record.
///
/// # Errors
/// No such file, or something else than a record of this version.
pub fn read(path: &Path) -> Result<Record, RunError> {
    let text = files::read_limited(path, LARGEST)?;
    Record::parse(&text).map_err(|found| {
        RunError::input(format!("expected a record, schema {SCHEMA}, found {found}"))
            .at(path.display().to_string())
            .hint("records are written by every step of a job, beside its result")
    })
}

/// Whether a file has a record's name.
#[must_use]
pub fn is_named(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == FILE || name.ends_with(END)
}

/// All records at these places, files or directories, in the order in which they were finished. Links are not followed.
///
/// # Errors
/// A place that is not there; a file with a record's name that is none.
pub fn gather(places: &[&Path]) -> Result<Vec<Record>, RunError> {
    let mut found = Vec::new();
    let mut left = MOST_ENTRIES;
    for place in places {
        if place.is_dir() {
            collect(place, DEEPEST, &mut left, &mut found)?;
        } else {
            found.push(read(place)?);
        }
    }
    found.sort_by_key(|record| record.finished);
    Ok(found)
}

fn collect(
    directory: &Path,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<Record>,
) -> Result<(), RunError> {
    let entries = fs::read_dir(directory).map_err(|e| RunError::io("read", directory, &e))?;
    let mut entries: Vec<_> = entries.filter_map(Result::ok).take(*left).collect();
    *left -= entries.len();
    // By name, so that two records of one second come in the same order everywhere.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => collect(&path, depth - 1, left, found)?,
            Ok(kind) if kind.is_file() && is_named(&path) => found.push(read(&path)?),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::{kinds, secrets};
    use velum_record::{Step, Subject, client, server};

    fn keygen() -> Step {
        Step::Keygen(client::Keygen {
            seconds: 1.0,
            keys: 3,
            eval_key_bytes: 9,
            key_binding: String::new(),
            key: String::new(),
        })
    }

    fn train() -> Step {
        Step::Train(server::Trained {
            wall_seconds: 1.0,
            load_seconds: 0.5,
            compute_seconds: 0.5,
            resumed_iterations: 0,
            predicted_seconds: None,
            key_switches: 1,
            mod_downs: 1,
            peak_rss_mb: None,
        })
    }

    #[test]
    fn every_result_has_a_record_of_its_own() {
        for (result, record) in [
            ("a/plan.json", "a/plan.record.json"),
            ("model.enc", "model.enc.record.json"),
            ("model", "model.record.json"),
            ("keys/secret.key", "keys/secret.key.record.json"),
        ] {
            assert_eq!(beside(Path::new(result)), Path::new(record));
            assert!(is_named(Path::new(record)));
        }
    }

    #[test]
    fn a_client_s_record_is_private_and_a_server_refuses_it() {
        let place = tempfile::tempdir().unwrap();
        for (step, private) in [(keygen(), true), (train(), false)] {
            let folder = place.path().join(step.name());
            let path = folder.join("a.record.json");
            let record = Record::new(step, Subject::default(), 1);
            write(&path, &record).unwrap();
            assert_eq!(read(&path).unwrap(), record);
            assert_eq!(secrets::refuse(&[&folder]).is_err(), private);
            assert!((kinds::RECORD.is)(&fs::read(&path).unwrap()));
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o077 == 0, private, "{mode:o}");
            }
        }
    }

    #[test]
    fn records_are_gathered_wherever_they_lie() {
        let place = tempfile::tempdir().unwrap();
        let (client, server) = (place.path().join("client"), place.path().join("server"));
        let record = |step| Record::new(step, Subject::default(), 1);
        fs::create_dir(&client).unwrap();
        write(
            &client.join("keys/secret.key.record.json"),
            &record(keygen()),
        )
        .unwrap();
        write(&server.join("model.enc.record.json"), &record(train())).unwrap();
        fs::write(server.join("model.enc"), "not a record").unwrap();
        let names: Vec<_> = gather(&[place.path()]).unwrap();
        let mut names: Vec<_> = names.iter().map(|record| record.did.name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["keygen", "train"]);
        assert_eq!(gather(&[&server]).unwrap().len(), 1);
        fs::write(client.join("record.json"), "{}").unwrap();
        assert!(gather(&[place.path()]).is_err());
        assert!(gather(&[&place.path().join("nowhere")]).is_err());
    }
}
