//! Where results may go: checked, for all outputs of a call together, before any work is done for them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use he_core::wire::{self, Pending};

use super::{At, FileError, Location, Problem};

/// A kind of file that velum writes, and how one is recognised.
#[derive(Clone, Copy, Debug)]
pub struct FileKind {
    /// For messages, such as `plan`.
    pub name: &'static str,
    /// Whether a file that begins so (4 KiB at most) is one.
    pub is: fn(&[u8]) -> bool,
}

/// Bytes of an existing file that say what it is.
const BEGIN: u64 = 4096;

/// What a file output will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A regular file, replaced whole.
    File,
    /// A device or a pipe, written through.
    Stream,
}

/// The places of one call: its inputs, and the outputs that were accepted so far.
///
/// An output never replaces an input, another output, a link, or a file that velum did not write as one of the same kind.
#[derive(Debug, Default)]
pub struct Outputs {
    inputs: Vec<PathBuf>,
    outputs: Vec<PathBuf>,
}

impl Outputs {
    /// For a call that reads `inputs`, files or directories; what is not there counts for nothing.
    pub fn new<'a>(inputs: impl IntoIterator<Item = &'a Path>) -> Self {
        Self {
            inputs: inputs.into_iter().map(Path::to_owned).collect(),
            outputs: Vec::new(),
        }
    }

    /// Accepts a file that may replace one of the same kind.
    ///
    /// # Errors
    /// [`Problem::Place`] for a place that is taken or can be none; the system's, if it cannot be written to.
    pub fn file(&mut self, path: &Path, kind: FileKind) -> Result<Place, FileError> {
        require_parent(path)?;
        self.file_in_new_directory(path, kind)
    }

    /// [`file`](Self::file), the directory of which is made later if need be, but no more than that: [`make_parent`].
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn file_in_new_directory(
        &mut self,
        path: &Path,
        kind: FileKind,
    ) -> Result<Place, FileError> {
        self.claim(path)?;
        require_file_name(path)?;
        if !parent(path).is_dir() {
            return probe_place(path, false).map(|()| Place::File);
        }
        let Some(there) = metadata(path)? else {
            return probe(path, false).map(|()| Place::File);
        };
        if let Some(stream) = stream(path) {
            return Ok(stream);
        }
        if there.is_symlink() {
            return refuse(
                path,
                "a file, or a new name",
                "a symbolic link",
                "name what it leads to",
            );
        }
        if there.is_dir() {
            return refuse(
                path,
                "a file, or a new name",
                "a directory",
                "name a file in it",
            );
        }
        if there.permissions().readonly() {
            return refuse(
                path,
                "a file that may be replaced",
                "a read-only one",
                TAKEN,
            );
        }
        let begin = begin(path).map_err(FileError::io("read", path))?;
        if !begin.is_empty() && !(kind.is)(&begin) {
            let expected = format!("a new name, or a {} to replace", kind.name);
            return refuse(path, expected, "another file", TAKEN);
        }
        probe(path, false).map(|()| Place::File)
    }

    /// Accepts a file that must be new; `what` names it in errors.
    ///
    /// # Errors
    /// As [`file`](Self::file), also for anything that is there.
    pub fn new_file(&mut self, path: &Path, what: &str) -> Result<(), FileError> {
        self.new_name(path, what)?;
        require_file_name(path)?;
        require_parent(path)?;
        probe(path, false)
    }

    /// Accepts a new file for its owner's eyes. Its directory is made later if need be, but no more than that.
    ///
    /// # Errors
    /// As [`new_file`](Self::new_file); [`Problem::Place`] on a file system that does not keep permissions.
    pub fn secret_file(&mut self, path: &Path, what: &str) -> Result<(), FileError> {
        self.new_name(path, what)?;
        require_file_name(path)?;
        probe_place(path, true)
    }

    /// Accepts a directory that must be new or empty; `what` names it in errors. The directory that it is in is made later if need be, but no more
    /// than that.
    ///
    /// # Errors
    /// As [`file`](Self::file), also for a directory that holds anything or that something is mounted on.
    pub fn new_directory(&mut self, path: &Path, what: &str) -> Result<(), FileError> {
        self.claim(path)?;
        if path.file_name().is_none() {
            return refuse(path, "a name", "none", "name a new directory");
        }
        refuse_taken_directory(path, what)?;
        if is_mounted(path) {
            return refuse(
                path,
                format!("a new directory for the {what}"),
                "one that something is mounted on",
                "name a new directory inside it",
            );
        }
        probe_place(path, false)
    }

    fn new_name(&mut self, path: &Path, what: &str) -> Result<(), FileError> {
        self.claim(path)?;
        match metadata(path)? {
            None => Ok(()),
            Some(_) => refuse(
                path,
                format!("a new name for the {what}"),
                "one that is taken",
                TAKEN,
            ),
        }
    }

    /// Refuses an input, another output, and what lies in another output or around one.
    fn claim(&mut self, path: &Path) -> Result<(), FileError> {
        if path.as_os_str().is_empty() {
            return refuse(path, "a path", "an empty one", "name a new file");
        }
        let whole = resolved(path);
        if self.inputs.iter().any(|input| is_same(input, path)) {
            return refuse(
                path,
                "a place of its own for the result",
                "an input of the same command",
                "choose another name: inputs are never replaced",
            );
        }
        let meets = |other: &PathBuf| other.starts_with(&whole) || whole.starts_with(other);
        // Streams may be shared.
        if stream(path).is_none() {
            if self.outputs.iter().any(meets) {
                return refuse(
                    path,
                    "outputs that lie apart",
                    "one that is, or lies in, another output of the same command",
                    "choose another name",
                );
            }
            self.outputs.push(whole);
        }
        Ok(())
    }
}

const TAKEN: &str = "velum overwrites no keys and no data: remove it or choose another name";

fn refuse<T>(
    path: &Path,
    expected: impl Into<String>,
    found: &str,
    hint: &str,
) -> Result<T, FileError> {
    Err(At(path).fault(Problem::Place, Location::Whole, expected, found, hint))
}

fn metadata(path: &Path) -> Result<Option<fs::Metadata>, FileError> {
    match path.symlink_metadata() {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io("write", path)(error)),
    }
}

fn stream(path: &Path) -> Option<Place> {
    let there = fs::metadata(path).ok()?;
    (!there.is_file() && !there.is_dir()).then_some(Place::Stream)
}

fn begin(path: &Path) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    File::open(path)?.take(BEGIN).read_to_end(&mut begin)?;
    Ok(begin)
}

/// The directory that `path` is or will be in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn require_file_name(path: &Path) -> Result<(), FileError> {
    let text = path.as_os_str().as_encoded_bytes();
    if path.file_name().is_none() || text.ends_with(b"/") || text.ends_with(b"/.") {
        return refuse(
            path,
            "the name of a file",
            "that of a directory",
            "name a file",
        );
    }
    Ok(())
}

/// Refuses an output whose directory does not exist.
///
/// # Errors
/// [`Problem::Place`], which names the directory.
fn require_parent(path: &Path) -> Result<(), FileError> {
    let parent = parent(path);
    if parent.is_dir() {
        return Ok(());
    }
    refuse(
        parent,
        "a directory to write to",
        "none",
        "create it, or check the path",
    )
}

/// [`probe`] where `path` will be, or where its directory will be made.
fn probe_place(path: &Path, private: bool) -> Result<(), FileError> {
    let home = parent(path);
    if home.is_dir() {
        return probe(path, private);
    }
    if home.symlink_metadata().is_ok() || !parent(home).is_dir() {
        return require_parent(path);
    }
    probe(home, private)
}

/// Makes the directory that `path` will be in, if it is missing, but no more than that.
///
/// # Errors
/// [`Problem::Place`], which names the directory; the system's.
pub fn make_parent(path: &Path) -> Result<(), FileError> {
    let home = parent(path);
    if home.is_dir() {
        return Ok(());
    }
    if home.symlink_metadata().is_ok() || !parent(home).is_dir() {
        return require_parent(path);
    }
    fs::create_dir(home).map_err(FileError::io("create a directory", home))
}

/// Refuses a directory output that is taken; an empty directory is not.
///
/// # Errors
/// [`Problem::Place`].
fn refuse_taken_directory(path: &Path, what: &str) -> Result<(), FileError> {
    let taken = match metadata(path)? {
        None => false,
        Some(there) if there.is_dir() => fs::read_dir(path)
            .map_err(FileError::io("read", path))?
            .next()
            .is_some(),
        Some(_) => true,
    };
    if taken {
        let expected = format!("a new name for the {what}");
        return refuse(path, expected, "one that is taken", TAKEN);
    }
    Ok(())
}

/// Makes and removes an entry beside `path`, as writing it will: a directory that cannot be written to is found now.
fn probe(path: &Path, private: bool) -> Result<(), FileError> {
    // The kind alone: the whole text has the temporary name in it, which means nothing to a user.
    let failed = |error: io::Error| FileError::io("write", path)(error.kind().into());
    Pending::sweep(path);
    let (_pending, file) = Pending::file(path, private).map_err(failed)?;
    if private && !is_private(&file).map_err(failed)? {
        return refuse(
            path,
            "a file system on which a key can be its owner's alone",
            "one that does not keep permissions: others could read the key",
            "name a place on another file system, or mount this one with umask=077",
        );
    }
    Ok(())
}

#[cfg(unix)]
fn is_private(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn is_mounted(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| fs::metadata(path).map(|there| there.dev());
    path.is_dir() && device(path).ok() != device(parent(path)).ok()
}

#[cfg(not(unix))]
fn is_mounted(_: &Path) -> bool {
    false
}

#[cfg(unix)]
fn is_same(input: &Path, output: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |path: &Path| {
        let there = fs::metadata(path).ok();
        // Many may read from and write to one device.
        let there = there.filter(|there| there.is_file() || there.is_dir());
        there.map(|there| (there.dev(), there.ino()))
    };
    identity(input).is_some_and(|input| Some(input) == identity(output))
}

#[cfg(not(unix))]
fn is_same(input: &Path, output: &Path) -> bool {
    input.exists() && resolved(input) == resolved(output)
}

/// The path without links and dots, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(whole) = fs::canonicalize(path) {
        return whole;
    }
    match (path.file_name(), parent(path)) {
        (Some(name), parent) if parent != path => resolved(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Syncs the directory that `path` is in, where that can be done.
///
/// # Errors
/// The system's.
pub fn sync_parent(path: &Path) -> Result<(), FileError> {
    wire::sync_names(parent(path)).map_err(FileError::io("sync the directory of", path))
}

#[cfg(test)]
mod tests;
