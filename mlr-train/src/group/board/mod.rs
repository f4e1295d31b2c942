//! Where messages lie: a place that all members reach, and that nobody has to trust.
//!
//! A board holds files whose names are their contents' hashes. Nothing is ever changed: posting what is there already does nothing, and what somebody altered is replaced. Every reader
//! checks the hash, so whoever can write to the place can delete, alter and add, and thereby delay; no more.
//!
//! | name | content |
//! |---|---|
//! | `velum-charter-HASH.json` | a charter |
//! | `velum-message-HASH.json` | a signed envelope |
//! | `velum-file-HASH` | a file of a payload |

mod folder;
#[cfg(test)]
mod memory;
#[cfg(feature = "object-store")]
mod object;
mod place;

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use he_core::wire::{Existing, WireError, write_file};

use super::message::hash_file;
use crate::artifacts::RunError;

pub use folder::FolderBoard;
#[cfg(test)]
pub(crate) use memory::MemoryBoard;
pub use place::open;

/// Entries of a board that are looked at; a board with more is somebody's flood.
pub const MOST_ENTRIES: usize = 1 << 18;

/// What the text of a board in a bucket begins with: `s3://BUCKET/PREFIX`.
pub const BUCKET: &str = "s3://";

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A charter.
    Charter,
    /// A signed envelope.
    Message,
    /// A file of a payload.
    File,
}

/// Name of an entry: what it is, and BLAKE3 of its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    sort: Sort,
    hash: [u8; 32],
}

impl Name {
    /// Of an entry with this hash.
    #[must_use]
    pub fn new(sort: Sort, hash: [u8; 32]) -> Self {
        Self { sort, hash }
    }

    /// Of an entry with this content.
    #[must_use]
    pub fn of(sort: Sort, content: &[u8]) -> Self {
        Self::new(sort, blake3::hash(content).into())
    }

    /// What it is.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Reads a name; none for any other, such as a copy that a file sharing service made of a conflict.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("velum-")?;
        let (sort, hash) = match rest.strip_suffix(".json") {
            Some(rest) => match rest.strip_prefix("charter-") {
                Some(hash) => (Sort::Charter, hash),
                None => (Sort::Message, rest.strip_prefix("message-")?),
            },
            None => (Sort::File, rest.strip_prefix("file-")?),
        };
        let name = Self::new(sort, blake3::Hash::from_hex(hash).ok()?.into());
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = blake3::Hash::from_bytes(self.hash).to_hex();
        match self.sort {
            Sort::Charter => write!(f, "velum-charter-{hash}.json"),
            Sort::Message => write!(f, "velum-message-{hash}.json"),
            Sort::File => write!(f, "velum-file-{hash}"),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What lies on a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Entries by name, each with its length in bytes as the place says it.
    pub entries: std::collections::BTreeMap<Name, u64>,
    /// How many others lie there: they are ignored.
    pub foreign: usize,
}

/// What became of an entry that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It came, and is what its name says.
    Whole,
    /// It is not there (any more).
    Missing,
    /// Something else lies under its name: somebody altered it, or it is still on its way.
    Altered,
}

/// A place for messages. All methods may be called from several threads; every one may fail for a while.
pub trait Board: fmt::Debug + Send + Sync {
    /// The place, for people.
    fn place(&self) -> String;

    /// What lies there.
    ///
    /// # Errors
    /// The place cannot be reached.
    fn list(&self) -> Result<Listing, RunError>;

    /// Reads at most `limit` bytes of what lies under a name into `sink`; false if nothing does.
    ///
    /// # Errors
    /// The place cannot be reached; the sink's.
    fn read(&self, name: &Name, limit: u64, sink: &mut dyn Write) -> Result<bool, RunError>;

    /// Puts a content there, whole or not at all, in place of whatever has its name.
    ///
    /// # Errors
    /// The place cannot be reached or written to; the source's.
    fn write(&self, name: &Name, source: &mut dyn Read) -> Result<(), RunError>;
}

/// Fetches a small entry of at most `limit` bytes.
///
/// # Errors
/// The board's.
pub fn fetch_small(
    board: &dyn Board,
    name: &Name,
    limit: u64,
) -> Result<(Fetched, Vec<u8>), RunError> {
    let mut content = Vec::new();
    if !board.read(name, limit, &mut content)? {
        return Ok((Fetched::Missing, Vec::new()));
    }
    if blake3::hash(&content) != blake3::Hash::from_bytes(name.hash) {
        return Ok((Fetched::Altered, Vec::new()));
    }
    Ok((Fetched::Whole, content))
}

/// Fetches an entry of `bytes` bytes into the new file `target`, which is there whole or not at all.
///
/// # Errors
/// The board's and the disk's.
pub fn fetch(
    board: &dyn Board,
    name: &Name,
    bytes: u64,
    target: &Path,
) -> Result<Fetched, RunError> {
    enum Ended {
        Otherwise(Fetched),
        Failed(RunError),
    }
    impl From<WireError> for Ended {
        fn from(error: WireError) -> Self {
            Self::Failed(error.into())
        }
    }
    let written = write_file(target, Existing::Replace, true, |sink| {
        let mut hashing = Hashing {
            sink,
            hash: blake3::Hasher::new(),
            bytes: 0,
        };
        let there = board
            .read(name, bytes, &mut hashing)
            .map_err(Ended::Failed)?;
        if !there {
            return Err(Ended::Otherwise(Fetched::Missing));
        }
        let same = hashing.hash.finalize() == blake3::Hash::from_bytes(name.hash);
        if !same || hashing.bytes != bytes {
            return Err(Ended::Otherwise(Fetched::Altered));
        }
        Ok(())
    });
    match written {
        Ok(()) => Ok(Fetched::Whole),
        Err(Ended::Otherwise(fetched)) => Ok(fetched),
        Err(Ended::Failed(error)) => Err(error),
    }
}

/// Puts a file on the board, unless it lies there already with the right length. `verify`: also if what lies there has another content.
///
/// # Errors
/// The board's and the disk's.
pub fn post(
    board: &dyn Board,
    there: &Listing,
    name: &Name,
    source: &Path,
    verify: bool,
) -> Result<bool, RunError> {
    let bytes = crate::files::size(source)?;
    let mut same = there.entries.get(name) == Some(&bytes);
    if same && verify {
        let mut hashing = Hashing {
            sink: io::sink(),
            hash: blake3::Hasher::new(),
            bytes: 0,
        };
        let found = board.read(name, bytes, &mut hashing)?;
        same = found && hashing.hash.finalize() == blake3::Hash::from_bytes(name.hash);
    }
    if same {
        return Ok(false);
    }
    let (_, hash) = hash_file(source)?;
    if hash != blake3::Hash::from_bytes(name.hash) {
        return Err(
            RunError::input("expected what this party has signed, found another content")
                .at(source.display().to_string())
                .hint("the file was changed or damaged: begin a new session, or restore it"),
        );
    }
    let mut file =
        std::fs::File::open(source).map_err(|error| RunError::io("read", source, &error))?;
    board.write(name, &mut file).map(|()| true)
}

/// Puts a text on the board, unless it lies there already.
///
/// # Errors
/// The board's.
pub fn post_text(board: &dyn Board, sort: Sort, mut text: &[u8]) -> Result<(), RunError> {
    let name = Name::of(sort, text);
    match fetch_small(board, &name, text.len() as u64 + 1)? {
        (Fetched::Whole, _) => Ok(()),
        _ => board.write(&name, &mut text),
    }
}

/// Hashes and counts what passes.
struct Hashing<W> {
    sink: W,
    hash: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests;
