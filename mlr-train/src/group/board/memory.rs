//! A board in memory, for tests.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Board, Listing, Name};
use crate::artifacts::RunError;

/// A board that one process holds.
#[derive(Debug, Default)]
pub(crate) struct MemoryBoard {
    entries: Mutex<BTreeMap<Name, Vec<u8>>>,
}

impl MemoryBoard {
    /// What lies there, to be looked at or altered as a stranger could.
    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<Name, Vec<u8>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board for MemoryBoard {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self) -> Result<Listing, RunError> {
        let entries = self.entries();
        let sizes = entries
            .iter()
            .map(|(name, content)| (*name, content.len() as u64));
        Ok(Listing {
            entries: sizes.collect(),
            foreign: 0,
        })
    }

    fn read(&self, name: &Name, limit: u64, sink: &mut dyn Write) -> Result<bool, RunError> {
        let Some(content) = self.entries().get(name).cloned() else {
            return Ok(false);
        };
        let length = content
            .len()
            .min(usize::try_from(limit).unwrap_or(usize::MAX));
        let written = sink.write_all(&content[..length]);
        written.map_err(|error| RunError::io("write", Path::new("memory"), &error))?;
        Ok(true)
    }

    fn write(&self, name: &Name, source: &mut dyn Read) -> Result<(), RunError> {
        let mut content = Vec::new();
        let read = source.read_to_end(&mut content);
        read.map_err(|error| RunError::io("write", Path::new("memory"), &error))?;
        self.entries().insert(*name, content);
        Ok(())
    }
}
