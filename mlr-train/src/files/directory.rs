//! Directories that appear whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use he_core::wire::{self, Pending};

use super::output::{Outputs, make_parent, sync_parent};
use super::{Access, FileError};

/// A directory in the making: filled beside its final place, which it takes in one rename. Dropped before that, it is removed;
/// what a killed process left is removed by the next one that makes the same directory.
#[derive(Debug)]
pub struct NewDirectory {
    filling: Pending,
    target: PathBuf,
}

impl NewDirectory {
    /// Begins a directory; `what` names it in errors.
    ///
    /// # Errors
    /// Something is at `target` already, or its parent cannot be written to.
    pub fn begin(target: &Path, access: Access, what: &str) -> Result<Self, FileError> {
        Outputs::default().new_directory(target, what)?;
        make_parent(target)?;
        let filling = Pending::directory(target, access == Access::Private)
            // The kind alone: the whole text has the temporary name in it, which means nothing to a user.
            .map_err(|error| FileError::io("create a directory", target)(error.kind().into()))?;
        Ok(Self {
            filling,
            target: target.to_owned(),
        })
    }

    /// Where to write the files.
    pub fn path(&self) -> &Path {
        self.filling.path()
    }

    /// The place that it will take.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the directory its name.
    ///
    /// # Errors
    /// The system's; the directory is then removed.
    pub fn commit(self) -> Result<(), FileError> {
        self.sync()?;
        self.name()
    }

    /// Brings the names in it to disk.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        wire::sync_names(self.path()).map_err(FileError::io("write", &self.target))
    }

    /// Gives the directory, which is synced, its name.
    pub(super) fn name(self) -> Result<(), FileError> {
        let Self { filling, target } = self;
        fs::rename(filling.path(), &target)
            .map_err(FileError::io("rename a finished directory", &target))?;
        // It is no longer where the temporary name points to: nothing is left to remove.
        let _ = filling.keep();
        sync_parent(&target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Problem;

    #[test]
    fn it_appears_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("keys");
        let names = || fs::read_dir(place.path()).unwrap().count();
        let begin = || NewDirectory::begin(&target, Access::Shared, "keys");
        let begun = begin().unwrap();
        fs::write(begun.path().join("a"), b"a").unwrap();
        drop(begun);
        assert_eq!(names(), 0);
        // A killed process: its directory stays until the next begins.
        let killed = begin().unwrap().filling.keep();
        assert!(killed.exists());
        let begun = begin().unwrap();
        assert!(!killed.exists());
        fs::write(begun.path().join("a"), b"a").unwrap();
        assert!(!target.exists());
        begun.commit().unwrap();
        assert_eq!(
            (names(), fs::read(target.join("a")).unwrap()),
            (1, b"a".to_vec())
        );
        let again = begin().unwrap_err();
        assert_eq!(again.fault().unwrap().problem, Problem::Place);
    }

    #[cfg(unix)]
    #[test]
    fn a_private_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let mode = |access| {
            let target = place.path().join(format!("{access:?}"));
            let begun = NewDirectory::begin(&target, access, "x");
            begun.unwrap().commit().unwrap();
            fs::metadata(&target).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode(Access::Private), 0o700);
        // Whatever the mask is, it leaves the owner's bits.
        assert_eq!(mode(Access::Shared) & 0o700, 0o700);
    }
}
