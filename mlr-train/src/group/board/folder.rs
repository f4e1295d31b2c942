//! A folder that all members reach: a network share, one that a service syncs, a stick that goes round.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use he_core::wire::{Existing, write_file};

use super::{Board, Listing, MOST_ENTRIES, Name};
use crate::artifacts::RunError;

/// A board in a folder. Files get their names by a rename, which needs neither locks nor links. What else lies there (temporary files, copies of conflicts, folders) is left alone.
#[derive(Clone, Debug)]
pub struct FolderBoard {
    folder: PathBuf,
}

impl FolderBoard {
    /// The board in this folder, which is there.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        if !folder.is_dir() {
            return Err(
                RunError::input("expected a folder that all members reach, found none")
                    .at(folder.display().to_string())
                    .hint("create or mount it, or name another with --board"),
            );
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(name.to_string())
    }
}

impl Board for FolderBoard {
    fn place(&self) -> String {
        self.folder.display().to_string()
    }

    fn list(&self) -> Result<Listing, RunError> {
        let failed = |error: io::Error| RunError::io("list", &self.folder, &error);
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.folder)
            .map_err(failed)?
            .take(MOST_ENTRIES)
        {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_str().and_then(Name::parse);
            // Gone since, a link or a folder: no entry.
            let length = entry.metadata().ok().filter(fs::Metadata::is_file);
            match (name, length) {
                (Some(name), Some(there)) => {
                    listing.entries.insert(name, there.len());
                }
                _ => listing.foreign += 1,
            }
        }
        Ok(listing)
    }

    fn read(&self, name: &Name, limit: u64, sink: &mut dyn Write) -> Result<bool, RunError> {
        let path = self.path(name);
        let failed = |error: io::Error| RunError::io("read", &path, &error);
        // Whoever opens a pipe waits for its writer, and a link leads out of the folder: neither is an entry.
        match path.symlink_metadata() {
            Ok(there) if there.is_file() => (),
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
        let file = match fs::File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(failed)?,
        };
        io::copy(&mut file.take(limit), sink).map_err(failed)?;
        Ok(true)
    }

    fn write(&self, name: &Name, source: &mut dyn Read) -> Result<(), RunError> {
        let path = self.path(name);
        let failed = |error: io::Error| RunError::io("post", &path, &error);
        if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
            return Err(RunError::input(
                "expected a file or nothing under this name, found a folder or a link",
            )
            .at(path.display().to_string())
            .hint("somebody put it there: remove it"));
        }
        write_file(&path, Existing::Replace, false, |sink| {
            io::copy(source, sink).map(|_| ()).map_err(failed)
        })
    }
}
