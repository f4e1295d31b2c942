//! Several outputs of one call that appear together: all of them, or none.
//!
//! Every one is whole and on disk before the first gets its name, and a note beside the first says which they are until the last has it. A process that is
//! killed in between leaves the note: the next call takes back what got its name ([`Together::recover`]), or, if all have theirs, only the note. What
//! somebody put in the place of one since then is recognised by the system's number of the file and the time of its last change, and stays.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use he_core::wire::{Existing, Pending, Unnamed, WireError, hidden};

use super::output::sync_parent;
use super::{FileError, NewDirectory, from_wire};

const BEGIN: &str = "velum: outputs that are getting their names, format 1\n";
/// Larger files are no notes: the longest paths of some outputs are far less.
const LARGEST: u64 = 1 << 16;

/// Outputs in the order in which they get their names. The last is the one without which the others are nothing.
#[derive(Debug, Default)]
pub struct Together(Vec<Part>);

#[derive(Debug)]
enum Part {
    Directory(NewDirectory),
    File(Unnamed),
}

impl Together {
    /// Adds a directory that has been filled.
    #[must_use]
    pub fn directory(mut self, directory: NewDirectory) -> Self {
        self.0.push(Part::Directory(directory));
        self
    }

    /// Adds a file that has been written; its name must be free.
    #[must_use]
    pub fn file(mut self, file: Unnamed) -> Self {
        self.0.push(Part::File(file));
        self
    }

    /// Gives all their names.
    ///
    /// # Errors
    /// The system's; what had its name by then is removed, as all the others are.
    pub fn commit(self) -> Result<(), FileError> {
        let Some(first) = self.0.first().map(|part| part.target().to_owned()) else {
            return Ok(());
        };
        for part in &self.0 {
            if let Part::Directory(directory) = part {
                directory.sync()?;
            }
        }
        let note = Note::write(&first, &self.0)?;
        let mut named: Vec<PathBuf> = Vec::new();
        for part in self.0 {
            let target = part.target().to_owned();
            if let Err(error) = part.name() {
                for target in named.iter().rev() {
                    // Nothing more can be done about what stays: the error that led here is told.
                    let _ = Pending::retract(target);
                }
                return Err(error);
            }
            named.push(target);
        }
        drop(note);
        sync_parent(&first)
    }

    /// Removes what a killed call left of outputs of which `first` was the first. Before the outputs' places are looked at: what it left would be in the way.
    pub fn recover(first: &Path) {
        // Whatever cannot be read or removed stays in the way, and the call refuses it as it refuses everything that is there.
        let _ = recover(first);
    }
}

impl Part {
    fn target(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory.target(),
            Self::File(file) => file.target(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Directory(directory) => directory.path(),
            Self::File(file) => file.path(),
        }
    }

    fn name(self) -> Result<(), FileError> {
        match self {
            Self::Directory(directory) => directory.name(),
            Self::File(file) => {
                let target = file.target().to_owned();
                let named = file.name(Existing::Keep);
                named.map_err(|error| from_wire(&target, error))
            }
        }
    }
}

/// The note of a process that is at it; dropped, it is removed.
#[derive(Debug)]
struct Note {
    path: PathBuf,
    /// Held open for its lock.
    _held: File,
}

impl Note {
    fn write(first: &Path, parts: &[Part]) -> Result<Self, FileError> {
        let path = place(first).map_err(FileError::io("write", first))?;
        let mut text = BEGIN.as_bytes().to_vec();
        for part in parts {
            let line = line(part).map_err(FileError::io("read", part.target()))?;
            text.extend(line);
        }
        let written = Unnamed::write(&path, false, |sink| {
            let io = |source| WireError::Io {
                file: first.display().to_string(),
                op: "write",
                source,
            };
            sink.write_all(&text).map_err(io)?;
            // The lock that comes with it is on the file, whatever its name.
            sink.get_ref().try_clone().map_err(io)
        });
        let named = written.and_then(|(held, file)| file.name(Existing::Keep).map(|()| held));
        let _held = named.map_err(|error| from_wire(first, error))?;
        Ok(Self { path, _held })
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        // While it is held: nobody else's is removed.
        let _ = fs::remove_file(&self.path);
    }
}

fn place(first: &Path) -> io::Result<PathBuf> {
    Ok(first.with_file_name(hidden(first, "unfinished")?))
}

/// What recognises an output, and its path: a record of the note.
fn line(part: &Part) -> io::Result<Vec<u8>> {
    let mut line = identity(&part.path().symlink_metadata()?)?.into_bytes();
    line.push(b' ');
    let path = std::path::absolute(part.target())?;
    line.extend(path.as_os_str().as_encoded_bytes());
    line.push(0);
    Ok(line)
}

/// The system's number of a file or directory and the time of its last change: both stay when it gets another name.
fn identity(there: &Metadata) -> io::Result<String> {
    #[cfg(unix)]
    let number = {
        use std::os::unix::fs::MetadataExt as _;
        (there.dev(), there.ino())
    };
    #[cfg(not(unix))]
    let number = (u64::from(there.is_dir()), there.len());
    let changed = there.modified()?.duration_since(UNIX_EPOCH);
    let changed = changed.unwrap_or_default().as_nanos();
    Ok(format!("{}-{}-{changed}", number.0, number.1))
}

fn recover(first: &Path) -> io::Result<()> {
    let note = place(first)?;
    Pending::sweep(&note);
    // A pipe would keep whoever opens it waiting, a link could lead anywhere: neither is ours.
    if !note.symlink_metadata()?.is_file() {
        return Ok(());
    }
    let held = File::open(&note)?;
    if let Err(TryLockError::WouldBlock | TryLockError::Error(_)) = held.try_lock() {
        return Ok(());
    }
    let mut text = Vec::new();
    (&held).take(LARGEST).read_to_end(&mut text)?;
    let Some(records) = text.strip_prefix(BEGIN.as_bytes()) else {
        // Empty, it is one that got its name on a file system without links and nothing more; otherwise it is not ours.
        return if text.is_empty() {
            fs::remove_file(&note)
        } else {
            Ok(())
        };
    };
    let outputs: Vec<(&[u8], PathBuf)> = records
        .split(|byte| *byte == 0)
        .filter_map(record)
        .collect();
    for (_, path) in &outputs {
        Pending::sweep(path);
    }
    let is_there = |(known, path): &(&[u8], PathBuf)| {
        let there = path.symlink_metadata().and_then(|there| identity(&there));
        there.is_ok_and(|there| there.as_bytes() == *known)
    };
    if !outputs.last().is_some_and(is_there) {
        for (_, path) in outputs.iter().filter(|output| is_there(output)) {
            Pending::retract(path)?;
        }
    }
    fs::remove_file(&note)
}

fn record(record: &[u8]) -> Option<(&[u8], PathBuf)> {
    let space = record.iter().position(|byte| *byte == b' ')?;
    let (known, path) = (&record[..space], &record[space + 1..]);
    #[cfg(unix)]
    let path = {
        use std::os::unix::ffi::OsStrExt as _;
        PathBuf::from(std::ffi::OsStr::from_bytes(path))
    };
    #[cfg(not(unix))]
    let path = PathBuf::from(std::str::from_utf8(path).ok()?);
    Some((known, path))
}

#[cfg(test)]
mod tests;
