//! Files and directories in the making, beside the place that they will take.
//!
//! Their names are `.NAME.HEX.part`. A lock on each says that somebody is at work on it, and the system drops the lock with the process: what a killed
//! process left has no lock, and the next write of the same name removes it ([`Pending::sweep`]).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::hex;

/// Bytes of a name that every file system takes.
const LONGEST_NAME: usize = 255;
/// Hexadecimal digits of the random part.
const DIGITS: usize = 16;
const END: &str = ".part";

/// A file or directory in the making. Dropped before it got its name, it is removed.
#[derive(Debug)]
pub struct Pending {
    path: PathBuf,
    /// Held open for its lock.
    _held: Option<File>,
}

impl Pending {
    /// Begins a new file for `target`; `private`: readable by the owner alone, from the first byte on (Unix).
    ///
    /// # Errors
    /// The system's.
    pub fn file(target: &Path, private: bool) -> io::Result<(Self, File)> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        #[cfg(not(unix))]
        let _ = private;
        loop {
            let path = name(target)?;
            let file = options.open(&path)?;
            if let Some(pending) = Self::hold(path, file.try_clone()?) {
                return Ok((pending, file));
            }
        }
    }

    /// Begins a new directory for `target`; `private`: for its owner alone (Unix).
    ///
    /// # Errors
    /// The system's.
    pub fn directory(target: &Path, private: bool) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        if private {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        }
        #[cfg(not(unix))]
        let _ = private;
        loop {
            let path = name(target)?;
            builder.create(&path)?;
            // Where a directory cannot be opened there are no locks on one, and nobody sweeps it.
            let Ok(held) = File::open(&path) else {
                return Ok(Self { path, _held: None });
            };
            if let Some(pending) = Self::hold(path, held) {
                return Ok(pending);
            }
        }
    }

    /// Locks a new entry. None if somebody who sweeps came between its making and its lock.
    fn hold(path: PathBuf, held: File) -> Option<Self> {
        let taken = matches!(held.try_lock(), Err(TryLockError::WouldBlock));
        // A file system without locks is one on which nobody sweeps.
        (!taken && path.symlink_metadata().is_ok()).then_some(Self {
            path,
            _held: Some(held),
        })
    }

    /// Where it is meanwhile.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it where it is: it has got its name, or is to be kept for the user.
    pub fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.path)
    }

    /// Takes a name back from something that has it already: it is never half there, even if the process is killed meanwhile.
    ///
    /// # Errors
    /// The system's.
    pub fn retract(target: &Path) -> io::Result<()> {
        let path = name(target)?;
        fs::rename(target, &path)?;
        remove(&path);
        Ok(())
    }

    /// Removes what killed processes left of `target`: entries of this module's names that nobody holds.
    pub fn sweep(target: &Path) {
        let Ok(begins) = begins(target) else { return };
        let entries = fs::read_dir(parent(target)).into_iter().flatten();
        for entry in entries.filter_map(Result::ok) {
            if is_pending(&entry.file_name(), &begins) {
                sweep_one(&entry.path());
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            remove(&self.path);
        }
    }
}

/// The directory that `path` is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What names of entries for `target` begin with.
fn begins(target: &Path) -> io::Result<OsString> {
    hidden(target, "")
}

/// `.NAME.end`, the name of a file that stands beside `target` for a while; a hash stands for a name that would get too long.
///
/// # Errors
/// A target without a name.
pub fn hidden(target: &Path, end: &str) -> io::Result<OsString> {
    let own = target
        .file_name()
        .ok_or(io::Error::from(io::ErrorKind::InvalidFilename))?;
    let mut begins = OsString::from(".");
    if own.len() + 2 + DIGITS + END.len() <= LONGEST_NAME {
        begins.push(own);
    } else {
        let hash = blake3::hash(own.as_encoded_bytes());
        begins.push(&hash.to_hex()[..DIGITS]);
    }
    begins.push(".");
    begins.push(end);
    Ok(begins)
}

fn name(target: &Path) -> io::Result<PathBuf> {
    let mut random = [0; DIGITS / 2];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let mut name = begins(target)?;
    name.push(hex(&random));
    name.push(END);
    Ok(target.with_file_name(name))
}

fn is_pending(name: &OsStr, begins: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.strip_prefix(begins.as_encoded_bytes())
        .and_then(|rest| rest.strip_suffix(END.as_bytes()))
        .is_some_and(|random| random.len() == DIGITS && random.iter().all(u8::is_ascii_hexdigit))
}

/// Removes an entry if nobody holds it. Whatever cannot be removed harms nothing but the space it takes.
fn sweep_one(path: &Path) {
    let Ok(metadata) = path.symlink_metadata() else {
        return;
    };
    // A pipe would keep whoever opens it waiting, a link could lead anywhere: neither is ours.
    if metadata.is_file() || metadata.is_dir() {
        let held = File::open(path).map(|file| file.try_lock().is_ok().then_some(file));
        if let Ok(Some(_held)) = held {
            remove(path);
        }
    }
}

fn remove(path: &Path) {
    if fs::remove_file(path).is_err() && path.is_dir() {
        let _ = fs::remove_dir_all(path);
    }
}
