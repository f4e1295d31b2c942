//! Reading with a limit, writing without halves, and the error that every reader returns.

mod ahead;
mod directory;
mod output;
mod together;

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use he_core::error::{Class, Explain, SYSTEM_HINT};
use he_core::wire::{Existing, WireError, write_file};

pub(crate) use ahead::Ahead;
pub use directory::NewDirectory;
pub use output::{FileKind, Outputs, Place, make_parent, parent, sync_parent};
pub use together::Together;

/// What is wrong with the content of a file or of a set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// The file does not exist.
    Missing,
    /// The file ends before its own header says, or carries more than that.
    Length,
    /// Not a file of this kind, or of a version that is not known.
    Kind,
    /// An array has the wrong number of dimensions, or dimensions that do not fit each other.
    Shape,
    /// A row is longer or shorter than the first one.
    RaggedRow,
    /// A value is not a number, or is not finite.
    NotFinite,
    /// A label is negative, not an integer or beyond the named classes.
    Label,
    /// The number of labels differs from the number of rows.
    LabelCount,
    /// A class between 0 and the largest label has no row.
    LabelGap,
    /// All rows belong to one class.
    OneClass,
    /// The content does not match the hash it was written with.
    Hash,
    /// A result cannot go where it is to go.
    Place,
}

/// Where in a file the problem lies. Rows and columns count from 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Location {
    /// The file as a whole.
    Whole,
    /// One row.
    Row(usize),
    /// One value.
    Cell {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
    },
    /// A named field or tensor.
    Field(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Row(row) => write!(f, ", row {row}"),
            Self::Cell { row, column } => write!(f, ", row {row}, column {column}"),
            Self::Field(name) => write!(f, ", {name}"),
        }
    }
}

/// Content that is refused: where, what was expected, what was found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The class of the problem.
    pub problem: Problem,
    /// The file, or the name of the data when there is no file.
    pub file: PathBuf,
    /// The place in the file.
    pub location: Location,
    /// What a correct file has there.
    pub expected: String,
    /// What this file has there.
    pub found: String,
    /// What the user can do.
    pub hint: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// Error of every reader and writer of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action}")]
    Io {
        /// What was being done, such as `read` or `write`.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The content is wrong.
    #[error("{0}")]
    Content(Box<Fault>),
}

impl Explain for FileError {
    fn place(&self) -> Option<String> {
        Some(match self {
            Self::Io { file, .. } => file.display().to_string(),
            Self::Content(fault) => format!("{}{}", fault.file.display(), fault.location),
        })
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { .. } => SYSTEM_HINT.to_owned(),
            Self::Content(fault) => fault.hint.clone(),
        })
    }

    fn class(&self) -> Class {
        match self {
            Self::Io { source, .. } => Class::of_io(source),
            Self::Content(_) => Class::Input,
        }
    }
}

impl FileError {
    /// The content's fault, when it is one.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Content(fault) => Some(fault),
            Self::Io { .. } => None,
        }
    }

    /// Wraps an error of the operating system.
    pub(crate) fn io(
        action: &'static str,
        file: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io {
            action,
            file,
            source,
        }
    }
}

/// Builder of faults for one file, so that readers stay short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a>(pub(crate) &'a Path);

impl At<'_> {
    pub(crate) fn fault(
        self,
        problem: Problem,
        location: Location,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> FileError {
        FileError::Content(Box::new(Fault {
            problem,
            file: self.0.to_path_buf(),
            location,
            expected: expected.into(),
            found: found.into(),
            hint: hint.into(),
        }))
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`Problem::Missing`] when there is none, [`Problem::Length`] when it is larger, else the system's error.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let length = size(path)?;
    if length > limit {
        return Err(At(path).fault(
            Problem::Length,
            Location::Whole,
            format!("at most {limit} bytes"),
            format!("{length} bytes"),
            "is this the right file?",
        ));
    }
    fs::read(path).map_err(FileError::io("read", path))
}

/// Length in bytes of a regular file.
///
/// # Errors
/// [`Problem::Missing`], [`Problem::Kind`] for a directory, else the system's error.
pub(crate) fn size(path: &Path) -> Result<u64, FileError> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(meta.len()),
        Ok(_) => Err(At(path).fault(
            Problem::Kind,
            Location::Whole,
            "a file",
            "something else, such as a directory",
            "name the file itself",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(At(path).fault(
            Problem::Missing,
            Location::Whole,
            "a file",
            "none",
            "check the path",
        )),
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}

/// What was found where JSON of some form was expected, in the words of the file rather than of the types that read it.
#[must_use]
pub fn describe_json(text: &[u8], error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    if text.trim_ascii().is_empty() {
        return "an empty file".to_owned();
    }
    // Reading into a type ends at the first value that does not fit it, before all of the text has been seen to be JSON.
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(text).err();
    let error = whole.as_ref().unwrap_or(error);
    let place = format!("line {}, column {}", error.line(), error.column());
    match (error.classify(), text.trim_ascii_start().first()) {
        (Category::Eof, Some(b'{' | b'[')) => format!("JSON that is cut off at {place}"),
        (Category::Eof | Category::Syntax | Category::Io, _) => format!("no JSON ({place})"),
        (Category::Data, Some(b'{')) => {
            let text = error.to_string();
            let what = text.split([',', ':']).next().unwrap_or_default();
            match what.split_once(" at line ") {
                Some((what, _)) => format!("JSON with a {what} ({place})"),
                None if what.contains('`') => format!("JSON with an {what} ({place})"),
                None => format!("JSON with a value of another kind ({place})"),
            }
        }
        (Category::Data, Some(b'[')) => "a list in JSON".to_owned(),
        (Category::Data, _) => "a single value in JSON".to_owned(),
    }
}

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// As the process's file mask says.
    Shared,
    /// Its owner alone: mode 0600 on Unix.
    Private,
}

/// Writes `bytes` under `path` so that a reader sees the old content or the new one, never a part:
/// see [`write_file`].
///
/// # Errors
/// The system's error; nothing is then left under `path` that was not there before.
pub fn write_atomic(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let written = write_file(path, Existing::Replace, access == Access::Private, |sink| {
        sink.write_all(bytes).map_err(|source| WireError::Io {
            file: path.display().to_string(),
            op: "write",
            source,
        })
    });
    written.map_err(|error| from_wire(path, error))
}

/// The error of a file that was written, without the temporary name.
fn from_wire(path: &Path, error: WireError) -> FileError {
    match error {
        WireError::Io { op, source, .. } => FileError::io(op, path)(source),
        other => FileError::io("write", path)(io::Error::other(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_expected_json_is_named_in_words() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read")]
        struct Inner {
            schema: u32,
        }
        for (text, found) in [
            ("", "an empty file"),
            (" \n", "an empty file"),
            ("{\"schema\":", "JSON that is cut off at line 1, column 10"),
            ("1,2,3", "no JSON (line 1, column 2)"),
            ("[]", "a list in JSON"),
            ("7", "a single value in JSON"),
            (
                "{}",
                "JSON with a missing field `schema` (line 1, column 2)",
            ),
            (
                "{\"a\":1}",
                "JSON with an unknown field `a` (line 1, column 4)",
            ),
            (
                "{\"schema\":\"x\"}",
                "JSON with a value of another kind (line 1, column 13)",
            ),
        ] {
            let error = serde_json::from_str::<Inner>(text).unwrap_err();
            assert_eq!(describe_json(text.as_bytes(), &error), found);
        }
    }

    #[test]
    fn a_write_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write_atomic(&path, b"first", Access::Shared).unwrap();
        write_atomic(&path, b"second", Access::Private).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        // A directory cannot be replaced by a file.
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write_atomic(&path, b"x", Access::Shared).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(path.is_dir());
    }

    #[test]
    fn limits_and_missing_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let missing = read_limited(&path, 10).unwrap_err();
        assert_eq!(missing.fault().unwrap().problem, Problem::Missing);
        fs::write(&path, [0; 11]).unwrap();
        let long = read_limited(&path, 10).unwrap_err();
        assert_eq!(long.fault().unwrap().problem, Problem::Length);
        assert_eq!(
            long.to_string(),
            "expected at most 10 bytes, found 11 bytes"
        );
        assert_eq!(long.place(), Some(path.display().to_string()));
    }
}
