//! The state of a run on disk: the rows so far, and where to go on.
//!
//! The state is written before the files that it counts rows of, and never counts more than what
//! is on the disk. At the end it is marked as finished first; then the files get their names, one
//! by one, which another run can repeat from any point. A lock on the folder, which ends with the
//! process, keeps a second run out.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::rows::{Content, Rows, remove, sync_directory, write_whole};
use super::{Options, Paths, identity};
use crate::Error;
use crate::cnn::Extractor;
use crate::npy::Element;
use crate::read::Source;

const FEATURES: &str = "features.npy";
const LABELS: &str = "labels.npy";
const NAMES: &str = "names.json";
const DESCRIPTION: &str = "features.json";
const STATE: &str = "extract.json";

/// Rows in the partial files, and what they belong to.
pub(super) struct Partial {
    out: PathBuf,
    features: Rows,
    labels: Option<Rows>,
    names: Option<Rows>,
    state: State,
    /// Held while the run lasts; none where the file system has no locks.
    _lock: Option<File>,
}

/// What another run needs to go on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    schema: u32,
    /// Hash of everything that decides the rows: [`identity::job`].
    job: String,
    /// Pictures done, bad ones included.
    position: usize,
    rows: usize,
    skipped: usize,
    /// Bytes of the names' file.
    names: u64,
    /// All rows are written; only names are missing.
    finished: bool,
}

impl Partial {
    /// Makes the folder and the partial files, or opens those of an earlier run. Returns the rows
    /// of a run that had only lacked its names, whose set is now complete.
    pub(super) fn open(
        extractor: &Extractor,
        source: &Source,
        paths: Paths<'_>,
        options: &Options,
    ) -> Result<Opened, Error> {
        let out = paths.out;
        fs::create_dir_all(out).map_err(Error::io(out, "create"))?;
        let lock = lock(out)?;
        let mut state = State {
            schema: 2,
            job: identity::job(extractor, source, paths, options)?,
            position: 0,
            rows: 0,
            skipped: 0,
            names: 0,
            finished: false,
        };
        let earlier = State::load(out)?;
        refuse_others(out, earlier.as_ref())?;
        match earlier {
            Some(earlier) if options.resume => state = earlier.checked(out, &state.job)?,
            Some(earlier) if earlier.position > 0 => {
                let hint = "go on with resuming, or remove the folder to start anew";
                let found = format!("{} rows of an unfinished run", earlier.rows);
                return Err(Error::input(out, "a new or empty folder", found, hint));
            }
            _ => {}
        }
        if state.finished {
            let (rows, skipped) = (state.rows, state.skipped);
            give_names(out, &description(extractor, source, rows))?;
            return Ok(Opened::Complete { rows, skipped });
        }
        write_whole(&partial(out, STATE), &state)?;
        let open = |name: &str, content| match (state.position, content) {
            (0, _) => Rows::create(&partial(out, name), content),
            (_, Content::Text) => Rows::open(&partial(out, name), content, state.names),
            (_, Content::Array(element, width)) => {
                let bytes = state.rows * width.unwrap_or(1) * element.bytes();
                let end = (crate::npy::WRITTEN_HEADER + bytes) as u64;
                Rows::open(&partial(out, name), content, end)
            }
        };
        let width = Some(extractor.features());
        let features = open(FEATURES, Content::Array(Element::F32, width))?;
        let labels = || open(LABELS, Content::Array(Element::I64, None));
        let labels = source.has_labels().then(labels).transpose()?;
        let names = || open(NAMES, Content::Text);
        let names = source.has_names().then(names).transpose()?;
        Ok(Opened::Begun(Box::new(Self {
            out: out.to_owned(),
            features,
            labels,
            names,
            state,
            _lock: lock,
        })))
    }

    pub(super) fn position(&self) -> usize {
        self.state.position
    }

    pub(super) fn rows(&self) -> usize {
        self.state.rows
    }

    pub(super) fn skipped(&self) -> usize {
        self.state.skipped
    }

    pub(super) fn write_features(&mut self, features: &[f32]) -> Result<(), Error> {
        let bytes: Vec<u8> = features.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.features.write(&bytes)
    }

    /// Ends a round: its labels and names, and how many pictures it covered.
    pub(super) fn advance(
        &mut self,
        labels: &[i64],
        names: &[String],
        pictures: usize,
        skipped: usize,
    ) -> Result<(), Error> {
        if let Some(file) = &mut self.labels {
            let bytes: Vec<u8> = labels.iter().flat_map(|v| v.to_le_bytes()).collect();
            file.write(&bytes)?;
        }
        if let Some(file) = &mut self.names {
            for name in names {
                let before = if file.end() == 0 { "[" } else { ",\n" };
                file.write(format!("{before}{}", serde_json::json!(name)).as_bytes())?;
            }
            self.state.names = file.end();
        }
        self.state.position += pictures;
        self.state.rows += pictures - skipped;
        self.state.skipped += skipped;
        Ok(())
    }

    /// Saves what another run needs: first the rows, then the state that counts them.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        self.features.sync()?;
        for file in [&mut self.labels, &mut self.names].into_iter().flatten() {
            file.sync()?;
        }
        write_whole(&partial(&self.out, STATE), &self.state)
    }

    /// After an error: saves the rows so far. Where that fails, too, the state saved before stays,
    /// with its rows; without any row nothing stays.
    pub(super) fn give_up(mut self) {
        // The error that led here is the one to report.
        if self.state.rows == 0 {
            let _ = self.remove();
        } else {
            let _ = self.save();
        }
    }

    fn remove(&self) -> io::Result<()> {
        // The state goes last: without it the others would be taken for somebody else's.
        for name in [FEATURES, LABELS, NAMES, STATE] {
            remove(&partial(&self.out, name))?;
        }
        Ok(())
    }

    /// Writes the headers, marks the state as finished and gives the files their names.
    pub(super) fn finish(&mut self, extractor: &Extractor, source: &Source) -> Result<(), Error> {
        if self.state.rows == 0 {
            self.remove().map_err(Error::io(&self.out, "remove"))?;
            let hint = "give a source with at least one good picture";
            let found = format!("none, and {} bad ones", self.state.skipped);
            return Err(Error::input(&self.out, "at least one picture", found, hint));
        }
        let rows = self.state.rows;
        if let Some(file) = &mut self.names {
            file.write(b"]\n")?;
        }
        self.features.set_header(rows)?;
        for file in [&mut self.labels, &mut self.names].into_iter().flatten() {
            file.set_header(rows)?;
        }
        self.state.finished = true;
        self.save()?;
        give_names(&self.out, &description(extractor, source, rows))
    }
}

/// What a run finds.
pub(super) enum Opened {
    /// There are pictures to do.
    Begun(Box<Partial>),
    /// Everything had been done, and the set is complete now.
    Complete {
        /// Rows of the set.
        rows: usize,
        /// Bad pictures passed over.
        skipped: usize,
    },
}

fn description(extractor: &Extractor, source: &Source, rows: usize) -> serde_json::Value {
    serde_json::json!({
        "schema": 2,
        "model": extractor.architecture().name(),
        "weights_blake3": extractor.weights_blake3(),
        "preprocessing": extractor.preprocessing().to_json(),
        "class_names": source.class_names(),
        "rows": rows,
        "features": extractor.features(),
    })
}

/// Gives the files of a finished run their names, the description last; can be repeated.
fn give_names(out: &Path, description: &serde_json::Value) -> Result<(), Error> {
    for name in [FEATURES, LABELS, NAMES] {
        let (from, to) = (partial(out, name), out.join(name));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(&to, "write")(error));
            }
            _ => {}
        }
    }
    sync_directory(out)?;
    write_whole(&out.join(DESCRIPTION), description)?;
    sync_directory(out)?;
    let state = partial(out, STATE);
    remove(&state).map_err(Error::io(&state, "remove"))
}

/// Locks the folder itself, so that nothing is left of the lock.
fn lock(out: &Path) -> Result<Option<File>, Error> {
    let Ok(folder) = File::open(out) else {
        return Ok(None);
    };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => {
            let hint = "wait for its end, or choose another folder";
            let found = "another extraction that runs";
            Err(Error::input(out, "a folder of its own", found, hint))
        }
        // A file system without locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Refuses a folder that holds anything but a run's own files; hidden files do not count.
fn refuse_others(out: &Path, state: Option<&State>) -> Result<(), Error> {
    let temporary = format!("{STATE}.partial.new");
    if state.is_none() && out.join(DESCRIPTION).exists() {
        let hint = "choose another folder, or remove the feature set";
        return Err(Error::input(out, "no feature set yet", DESCRIPTION, hint));
    }
    let states = [partial(out, STATE), out.join(temporary)];
    let new_description = format!("{DESCRIPTION}.new");
    let finished = [FEATURES, LABELS, NAMES, DESCRIPTION, &new_description];
    let finished = finished.map(|name| out.join(name));
    let parts = [FEATURES, LABELS, NAMES].map(|name| partial(out, name));
    for entry in fs::read_dir(out).map_err(Error::io(out, "list"))? {
        let path = entry.map_err(Error::io(out, "list"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let own = states.contains(&path)
            || state.is_some() && parts.contains(&path)
            || state.is_some_and(|state| state.finished) && finished.contains(&path);
        if own || name.starts_with('.') {
            continue;
        }
        let hint = "choose another folder: files of others are not replaced";
        let expected = "a new or empty folder";
        return Err(Error::input(out, expected, name.into_owned(), hint));
    }
    Ok(())
}

impl State {
    /// The state of an earlier run; the largest is some hundred bytes.
    fn load(out: &Path) -> Result<Option<Self>, Error> {
        let path = partial(out, STATE);
        let is_file = |m: &fs::Metadata| m.is_file() && m.len() < 1 << 16;
        if !fs::symlink_metadata(&path).is_ok_and(|m| is_file(&m)) {
            return Ok(None);
        }
        let hint = "remove the folder of the unfinished set to start anew";
        let bytes = fs::read(&path).map_err(Error::io(&path, "read"))?;
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::input(&path, "the state of a run", e.to_string(), hint))
    }

    fn checked(self, out: &Path, job: &str) -> Result<Self, Error> {
        if self.job == job && self.schema == 2 {
            return Ok(self);
        }
        let hint = "resume with the same input, or remove the folder to start anew";
        let found = "one with other images, labels, weights, preprocessing or limit";
        let path = partial(out, STATE);
        Err(Error::input(&path, "the state of this run", found, hint))
    }
}

fn partial(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.partial"))
}
