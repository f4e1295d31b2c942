//! Files on disk: opened with their size, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::WireError;
use super::pending::{Pending, parent};

/// What to do with a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Replace it, in one step.
    Replace,
    /// Keep it and fail.
    Keep,
}

fn failed(path: &Path, op: &'static str) -> impl FnOnce(io::Error) -> WireError {
    let file = path.display().to_string();
    move |source| WireError::Io { file, op, source }
}

/// Opens a regular file: its name for errors, its contents, its size.
///
/// # Errors
/// [`WireError::Io`]; [`WireError::Field`] for a directory, pipe or device.
pub fn open_file(path: &Path) -> Result<(String, BufReader<File>, u64), WireError> {
    let name = path.display().to_string();
    // Whoever opens a pipe waits for its writer: look first.
    let metadata = fs::metadata(path).map_err(failed(path, "open"))?;
    if !metadata.is_file() {
        return Err(WireError::Field {
            file: name,
            what: "kind of directory entry",
            expected: "a regular file".into(),
            found: "another".into(),
        });
    }
    let file = File::open(path).map_err(failed(path, "open"))?;
    let metadata = file.metadata().map_err(failed(path, "read"))?;
    Ok((
        name,
        BufReader::with_capacity(1 << 16, file),
        metadata.len(),
    ))
}

/// The steps that file systems differ in.
pub(super) trait Disk {
    /// Gives a finished file another's name, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Gives a finished file a new name, which must be free.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    /// Writes names to disk.
    fn sync(&self, directory: &Path) -> io::Result<()> {
        #[cfg(unix)]
        File::open(directory)?.sync_all()?;
        #[cfg(not(unix))]
        let _ = directory;
        Ok(())
    }
}

/// The machine's.
struct System;

impl Disk for System {}

/// What is at a path.
enum Found {
    /// Nothing, or a file that can be replaced; whether that is its owner's alone.
    Place { private: bool },
    /// A device, a pipe or a socket: written through, never replaced.
    Stream,
    /// Something that is no place for a file.
    Other(&'static str),
}

fn look(path: &Path) -> io::Result<Found> {
    let here = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Found::Place { private: false });
        }
        here => here?,
    };
    // A link to a device, such as /dev/stdout, is one.
    let there = fs::metadata(path);
    Ok(match there {
        Ok(there) if !there.is_file() && !there.is_dir() => Found::Stream,
        _ if here.is_symlink() => Found::Other("it is a symbolic link: name what it leads to"),
        _ if here.is_dir() => Found::Other("it is a directory"),
        _ => Found::Place {
            private: is_private(&here),
        },
    })
}

#[cfg(unix)]
fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    false
}

/// Writes a file under a temporary name in the same directory, syncs it to disk and renames it: under its own name there is never half a file, not after
/// a crash either. `private`: readable by the owner alone, from the first byte on (Unix); so is what replaces a file that was.
///
/// Devices and pipes are written through; a symbolic link is refused. What killed processes left of the same name is removed. File systems without hard links,
/// without syncing of directories, and files that another is mounted on are served as well as they can be.
///
/// # Errors
/// What `write` fails with; [`WireError::Io`], among them an existing file that is to be kept.
pub fn write_file<T, E: From<WireError>>(
    path: &Path,
    existing: Existing,
    private: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, E> {
    write_on(&System, path, existing, private, write)
}

pub(super) fn write_on<T, E: From<WireError>>(
    disk: &dyn Disk,
    path: &Path,
    existing: Existing,
    private: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, E> {
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        return Err(failed(path, "create")(ErrorKind::AlreadyExists.into()).into());
    }
    let private = match look(path).map_err(failed(path, "create"))? {
        Found::Place { private: before } => private || before,
        Found::Stream => {
            let opened = OpenOptions::new().write(true).open(path);
            let mut sink = BufWriter::new(opened.map_err(failed(path, "open"))?);
            let value = write(&mut sink)?;
            sink.flush().map_err(failed(path, "write"))?;
            return Ok(value);
        }
        Found::Other(why) => return Err(failed(path, "create")(io::Error::other(why)).into()),
    };
    let (value, file) = unnamed(path, private, write)?;
    file.name_on(disk, existing)?;
    Ok(value)
}

/// A file that is whole and on disk, and has no name yet. Dropped, it is removed.
#[derive(Debug)]
pub struct Unnamed {
    pending: Pending,
    target: PathBuf,
}

impl Unnamed {
    /// Writes the file that will be `target`; `private`: readable by the owner alone, from the first byte on (Unix).
    ///
    /// # Errors
    /// What `write` fails with; [`WireError::Io`].
    pub fn write<T, E: From<WireError>>(
        target: &Path,
        private: bool,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
    ) -> Result<(T, Self), E> {
        unnamed(target, private, write)
    }

    /// Where it is meanwhile.
    pub fn path(&self) -> &Path {
        self.pending.path()
    }

    /// The name that it will have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// [`WireError::Io`], among them an existing file that is to be kept.
    pub fn name(self, existing: Existing) -> Result<(), WireError> {
        self.name_on(&System, existing)
    }

    fn name_on(self, disk: &dyn Disk, existing: Existing) -> Result<(), WireError> {
        let Self { pending, target } = self;
        match existing {
            Existing::Replace => replace(disk, pending, &target),
            Existing::Keep => name_once(disk, pending.path(), &target),
        }
        .map_err(failed(&target, "create"))?;
        sync_directory(disk, parent(&target)).map_err(failed(&target, "sync the directory of"))
    }
}

fn unnamed<T, E: From<WireError>>(
    target: &Path,
    private: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<(T, Unnamed), E> {
    Pending::sweep(target);
    let (pending, file) = Pending::file(target, private).map_err(failed(target, "create"))?;
    let mut sink = BufWriter::with_capacity(1 << 16, file);
    let value = write(&mut sink)?;
    sink.flush()
        .and_then(|()| sink.get_ref().sync_all())
        .map_err(failed(target, "write"))?;
    let target = target.to_owned();
    Ok((value, Unnamed { pending, target }))
}

/// Renames a finished file over `path`.
fn replace(disk: &dyn Disk, pending: Pending, path: &Path) -> io::Result<()> {
    match disk.rename(pending.path(), path) {
        // Something is mounted on the name itself, as containers do with single files: its content alone can change.
        Err(error) if error.kind() == ErrorKind::ResourceBusy => fill(pending.path(), path)
            .map_err(|error| {
                let whole = pending.keep();
                io::Error::new(
                    error.kind(),
                    format!("{error}; the whole file is {}", whole.display()),
                )
            }),
        renamed => renamed,
    }
}

fn fill(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = OpenOptions::new().write(true).truncate(true).open(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

/// Gives a finished file a name that must be free. A link fails if the name has been taken meanwhile; a rename would replace it.
fn name_once(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    match disk.link(from, to) {
        // Some file systems have no links: an empty file takes the name, the whole one its place.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::TooManyLinks
            ) =>
        {
            drop(OpenOptions::new().write(true).create_new(true).open(to)?);
            disk.rename(from, to).inspect_err(|_| {
                let _ = fs::remove_file(to);
            })
        }
        linked => linked,
    }
}

/// Syncs a directory where that can be done: network shares answer that they cannot, and the file itself is on disk.
///
/// # Errors
/// The system's, such as a disk that fails.
pub fn sync_names(directory: &Path) -> io::Result<()> {
    sync_directory(&System, directory)
}

fn sync_directory(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    match disk.sync(directory) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}
