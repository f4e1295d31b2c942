//! A lock on a name that a long run will write.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pending::hidden;

/// Held while a process is at work on `target`; dropped with the process, however that ends. It is a file `.NAME.lock` beside the target.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _held: File,
}

impl Lock {
    /// Takes the lock; none if another process has it. On a file system without locks everybody gets it.
    ///
    /// # Errors
    /// The system's.
    pub fn take(target: &Path) -> io::Result<Option<Self>> {
        let path = target.with_file_name(hidden(target, "lock")?);
        loop {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(false);
            let held = options.open(&path)?;
            if !locked(&held) {
                return Ok(None);
            }
            // Whoever had it may have removed the file between our opening it and our lock.
            if same(&held, &path)? {
                return Ok(Some(Self { path, _held: held }));
            }
        }
    }
}

impl Lock {
    /// Whether some process is at work on `target`.
    #[must_use]
    pub fn is_held(target: &Path) -> bool {
        let name = hidden(target, "lock").ok();
        let there = name.and_then(|name| File::open(target.with_file_name(name)).ok());
        there.is_some_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Looks of [`Lock::is_held`] are over in no time: whoever is refused once by one of them is not refused again.
const TRIES: usize = 4;
const BETWEEN: Duration = Duration::from_millis(5);

/// Takes the lock of a file; false if another process has it.
fn locked(file: &File) -> bool {
    for _ in 0..TRIES {
        if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return true;
        }
        std::thread::sleep(BETWEEN);
    }
    false
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held: nobody else's is removed.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn same(held: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let held = held.metadata()?;
    Ok(path
        .symlink_metadata()
        .is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())))
}

#[cfg(not(unix))]
fn same(_: &File, path: &Path) -> io::Result<bool> {
    Ok(path.exists())
}
