//! Files on disk: opened with their size, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::WireError;
use super::error::hex;

/// What to do with a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Replace it, in one step.
    Replace,
    /// Keep it and fail.
    Keep,
}

fn io(path: &Path, op: &'static str) -> impl FnOnce(std::io::Error) -> WireError {
    let file = path.display().to_string();
    move |source| WireError::Io { file, op, source }
}

/// Opens a regular file: its name for errors, its contents, its size.
///
/// # Errors
/// [`WireError::Io`]; [`WireError::Field`] for a directory, pipe or device.
pub fn open_file(path: &Path) -> Result<(String, BufReader<File>, u64), WireError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(io(path, "open"))?;
    let metadata = file.metadata().map_err(io(path, "read"))?;
    if !metadata.is_file() {
        return Err(WireError::Field {
            file: name,
            what: "kind of directory entry",
            expected: "a regular file".into(),
            found: "another".into(),
        });
    }
    Ok((
        name,
        BufReader::with_capacity(1 << 16, file),
        metadata.len(),
    ))
}

/// Removes the temporary file unless it became the real one.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone when it was renamed; nothing can be done about other failures here.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a file under a temporary name in the same directory, syncs it to disk and renames it: under its own name there is never half a file, not after
/// a crash either. `private`: readable by the owner alone, from the first byte on (Unix).
///
/// # Errors
/// What `write` fails with; [`WireError::Io`], among them an existing file that is to be kept.
pub fn write_file<T, E: From<WireError>>(
    path: &Path,
    existing: Existing,
    private: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, E> {
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(io(path, "create")(exists).into());
    }
    let mut random = [0u8; 8];
    getrandom::fill(&mut random)
        .map_err(|e| io(path, "create")(std::io::Error::other(e.to_string())))?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.part", hex(&random)));
    let temporary = path.with_file_name(name);

    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    let file = options.open(&temporary).map_err(io(path, "create"))?;
    let guard = Temporary(temporary);

    let mut sink = BufWriter::with_capacity(1 << 16, file);
    let value = write(&mut sink)?;
    sink.flush()
        .and_then(|()| sink.get_ref().sync_all())
        .map_err(io(path, "write"))?;
    match existing {
        Existing::Replace => fs::rename(&guard.0, path),
        // A link fails if the name has been taken meanwhile; a rename would replace it.
        Existing::Keep => fs::hard_link(&guard.0, path),
    }
    .map_err(io(path, "create"))?;
    sync_directory(path).map_err(io(path, "sync the directory of"))?;
    Ok(value)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let parent = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}
