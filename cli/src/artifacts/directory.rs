//! Directories that appear whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::failure::Failure;

/// Who may look into a new directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the process's file mask says.
    Shared,
    /// Its owner alone: mode 0700 on Unix.
    Private,
}

/// A directory in the making: filled beside its final place, which it takes in one rename. Dropped before that, it is removed.
#[derive(Debug)]
pub(crate) struct NewDirectory {
    filling: TempDir,
    target: PathBuf,
}

impl NewDirectory {
    /// Begins a directory; `what` names it in errors.
    ///
    /// # Errors
    /// Something is at `target` already, or its parent cannot be written to.
    pub(crate) fn begin(target: &Path, access: Access, what: &str) -> Result<Self, Failure> {
        refuse_existing(target, what)?;
        require_parent(target)?;
        let parent = parent(target);
        let mut builder = tempfile::Builder::new();
        builder.prefix(".velum-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // The process's mask still applies, so 0777 means "as usual".
            let mode = match access {
                Access::Shared => 0o777,
                Access::Private => 0o700,
            };
            builder.permissions(fs::Permissions::from_mode(mode));
        }
        #[cfg(not(unix))]
        let _ = access;
        let filling = builder
            .tempdir_in(parent)
            // The kind alone: the whole text has the temporary name in it, which means nothing to a user.
            .map_err(|error| {
                Failure::io("create a directory", parent, &error.kind().into()).hint_for_system()
            })?;
        Ok(Self {
            filling,
            target: target.to_owned(),
        })
    }

    /// Where to write the files.
    pub(crate) fn path(&self) -> &Path {
        self.filling.path()
    }

    /// Gives the directory its name.
    ///
    /// # Errors
    /// The system's; the directory is then removed.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let Self { filling, target } = self;
        sync(filling.path())?;
        fs::rename(filling.path(), &target)
            .map_err(|error| Failure::io("rename a finished directory", &target, &error))?;
        // It is no longer where the temporary name points to: nothing is left to remove.
        let _ = filling.keep();
        sync(parent(&target))
    }
}

/// Refuses a path that is taken; an empty directory does not count.
///
/// # Errors
/// The failure that names the path.
pub(crate) fn refuse_existing(path: &Path, what: &str) -> Result<(), Failure> {
    let taken = match fs::symlink_metadata(path) {
        Err(_) => false,
        Ok(found) if found.is_dir() => fs::read_dir(path)
            .map_err(|error| Failure::io("read", path, &error))?
            .next()
            .is_some(),
        Ok(_) => true,
    };
    if taken {
        return Err(Failure::input(format!(
            "{what}: expected a new name, found one that is taken"
        ))
        .at(path.display().to_string())
        .hint("velum overwrites no keys and no data: remove it or choose another name"));
    }
    Ok(())
}

/// The directory that `path` is or will be in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Refuses an output whose directory does not exist, before any work is done for it.
///
/// # Errors
/// The failure that names the directory.
pub(crate) fn require_parent(path: &Path) -> Result<(), Failure> {
    let parent = parent(path);
    if parent.is_dir() {
        return Ok(());
    }
    Err(
        Failure::input("expected a directory to write to, found none")
            .at(parent.display().to_string())
            .hint("create it, or check the path"),
    )
}

fn sync(directory: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    fs::File::open(directory)
        .and_then(|open| open.sync_all())
        .map_err(|error| Failure::io("write", directory, &error))?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_appears_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("keys");
        let names = || fs::read_dir(place.path()).unwrap().count();
        let begun = NewDirectory::begin(&target, Access::Shared, "keys").unwrap();
        fs::write(begun.path().join("a"), b"a").unwrap();
        drop(begun);
        assert_eq!(names(), 0);
        let begun = NewDirectory::begin(&target, Access::Shared, "keys").unwrap();
        fs::write(begun.path().join("a"), b"a").unwrap();
        assert!(!target.exists());
        begun.commit().unwrap();
        assert_eq!(
            (names(), fs::read(target.join("a")).unwrap()),
            (1, b"a".to_vec())
        );
        let again = NewDirectory::begin(&target, Access::Shared, "keys").unwrap_err();
        assert_eq!(again.exit, crate::failure::Exit::Input);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let mode = |access| {
            let target = place.path().join(format!("{access:?}"));
            NewDirectory::begin(&target, access, "x")
                .unwrap()
                .commit()
                .unwrap();
            fs::metadata(&target).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode(Access::Private), 0o700);
        // Whatever the mask is, it leaves the owner's bits.
        assert_eq!(mode(Access::Shared) & 0o700, 0o700);
    }
}
