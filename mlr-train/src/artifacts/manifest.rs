//! `manifest.json`: which files belong to a directory of keys or ciphertexts, with length and hash of each.
//!
//! It is written last. File names follow from the entries' names, never from what a manifest says, so that no manifest can point
//! outside its directory.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::files::{self, Access};
use serde::{Deserialize, Serialize};

use super::RunError;

/// File name of every manifest.
pub const FILE: &str = "manifest.json";

/// Version that is written and read.
const SCHEMA: u32 = 1;

/// 64 MiB: some hundred thousand entries.
const LARGEST: u64 = 64 << 20;

/// Bytes of an entry's name.
const LONGEST_NAME: usize = 64;

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Ciphertexts of a training set.
    Dataset,
    /// Keys that the server computes with.
    EvaluationKeys,
    /// A party's shares of joint keys.
    KeyShares,
    /// One owner's ciphertexts under its own key, with the proved switching key to the joint one.
    ProvedUploads,
    /// What a server has made of proved uploads, and computes with.
    VerifiedUploads,
}

impl Kind {
    /// For errors and `inspect`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Dataset => "an encrypted dataset",
            Self::EvaluationKeys => "evaluation keys",
            Self::KeyShares => "shares of joint keys",
            Self::ProvedUploads => "uploads with proofs",
            Self::VerifiedUploads => "verified uploads",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Dataset | Self::VerifiedUploads => "ct",
            Self::EvaluationKeys => "key",
            Self::KeyShares => "share",
            Self::ProvedUploads => "rows",
        }
    }

    /// The file of an entry.
    pub fn file(self, name: &str) -> String {
        format!("{name}.{}", self.extension())
    }
}

/// Threads that wait for the disk, and what they need of memory.
const SYNCED_AT_ONCE: usize = 8;
const STACK: usize = 256 << 10;

/// One file of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is, such as `data-0-1` or `rotation-16`.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// blake3 of the whole file, in hex.
    pub blake3: String,
}

impl Entry {
    /// Writes a file of a directory in the making, whose manifest syncs it: its rename is the directory's.
    ///
    /// # Errors
    /// The system's.
    pub fn write(
        directory: &Path,
        kind: Kind,
        name: String,
        content: &[u8],
    ) -> Result<Self, RunError> {
        Self::write_hashed(directory, kind, name, content, blake3::hash(content).into())
    }

    /// The same of content whose hash is known from writing it.
    ///
    /// # Errors
    /// The system's.
    pub fn write_hashed(
        directory: &Path,
        kind: Kind,
        name: String,
        content: &[u8],
        hash: [u8; 32],
    ) -> Result<Self, RunError> {
        let path = directory.join(kind.file(&name));
        let written = fs::File::create(&path).and_then(|mut file| file.write_all(content));
        // The directory has a temporary name, which means nothing to a user.
        written.map_err(|error| RunError::io("write", Path::new(&kind.file(&name)), &error))?;
        Ok(Self {
            name,
            bytes: content.len() as u64,
            blake3: blake3::Hash::from_bytes(hash).to_hex().to_string(),
        })
    }
}

/// The manifest of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    schema: u32,
    kind: Kind,
    /// The plan's hash for a dataset, the plan's key binding for keys; hex.
    binding: String,
    /// Fingerprint of the public key that evaluation keys belong to, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    files: Vec<Entry>,
}

impl Manifest {
    /// A manifest without files yet.
    pub fn new(kind: Kind, binding: String) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            binding,
            key: None,
            files: Vec::new(),
        }
    }

    /// A manifest of files that are written already.
    pub fn of(kind: Kind, binding: String, files: Vec<Entry>) -> Self {
        Self {
            files,
            ..Self::new(kind, binding)
        }
    }

    /// What the directory holds.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The hash that binds it to a plan.
    pub fn binding(&self) -> &str {
        &self.binding
    }

    /// Names the key that everything here belongs to.
    pub fn set_key(&mut self, key: String) {
        self.key = Some(key);
    }

    /// The key that everything here belongs to, if the manifest names it.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The files, in the order of writing.
    pub fn files(&self) -> &[Entry] {
        &self.files
    }

    /// Hash of kind, binding and every file's name, length and hash: of everything that the directory holds.
    pub fn hash(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_derive_key("velum cli manifest v1");
        hasher.update(self.kind.extension().as_bytes());
        hasher.update(self.binding.as_bytes());
        for entry in &self.files {
            hasher.update(&(entry.name.len() as u64).to_le_bytes());
            hasher.update(entry.name.as_bytes());
            hasher.update(&entry.bytes.to_le_bytes());
            hasher.update(entry.blake3.as_bytes());
        }
        hasher.finalize()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    /// Writes a file of the directory and adds it.
    ///
    /// # Errors
    /// The system's.
    pub fn add(&mut self, directory: &Path, name: String, content: &[u8]) -> Result<(), RunError> {
        let entry = Entry::write(directory, self.kind, name, content)?;
        self.files.push(entry);
        Ok(())
    }

    /// Waits until every file is on disk, and writes the manifest: the directory is finished.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, directory: &Path) -> Result<(), RunError> {
        self.sync(directory)?;
        let path = directory.join(FILE);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| RunError::io("encode", &path, &error.into()))?;
        text.push(b'\n');
        Ok(files::write_atomic(&path, &text, Access::Shared)?)
    }

    /// Syncs all files, several at once: a disk takes them together faster than one after the other.
    fn sync(&self, directory: &Path) -> Result<(), RunError> {
        let one = |entry: &Entry| {
            let name = self.kind.file(&entry.name);
            // For writing: not every system syncs what is open for reading.
            let file = fs::OpenOptions::new()
                .write(true)
                .open(directory.join(&name));
            let synced = file.and_then(|file| file.sync_all());
            match synced {
                // Whoever reads the directory finds that out.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                // The directory has a temporary name, which means nothing to a user.
                synced => synced.map_err(|error| RunError::io("write", Path::new(&name), &error)),
            }
        };
        let next = AtomicUsize::new(0);
        let rest = || {
            let mut entries = std::iter::from_fn(|| self.files.get(next.fetch_add(1, Relaxed)));
            entries.try_for_each(one)
        };
        thread::scope(|scope| {
            let helpers = 1..SYNCED_AT_ONCE.min(self.files.len());
            // Where there are no more threads, this one does it.
            let helpers = helpers.filter_map(|_| {
                let helper = thread::Builder::new().stack_size(STACK);
                helper.spawn_scoped(scope, rest).ok()
            });
            let helpers: Vec<_> = helpers.collect();
            let own = rest();
            let joined = helpers.into_iter().map(|helper| {
                let joined = helper.join();
                joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            own.and(joined.collect())
        })
    }

    /// Reads the manifest of any directory that has one.
    ///
    /// # Errors
    /// No manifest, or one that cannot be read.
    pub fn read(directory: &Path) -> Result<Self, RunError> {
        let path = directory.join(FILE);
        let text = files::read_limited(&path, LARGEST)?;
        let at = path.display().to_string();
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| {
            RunError::input(format!(
                "expected a manifest, schema {SCHEMA}, found {}",
                files::describe_json(&text, &error)
            ))
            .at(at.clone())
            .hint("the directory is damaged, or of another kind")
        })?;
        if manifest.schema != SCHEMA {
            return Err(RunError::input(format!(
                "expected schema {SCHEMA}, found {}",
                manifest.schema
            ))
            .at(at)
            .hint("it was written by another version of velum"));
        }
        let mut sizes = manifest.files.iter().map(|entry| entry.bytes);
        let sum = sizes.try_fold(0u64, u64::checked_add);
        if sum.is_none() {
            return Err(RunError::input(
                "expected sizes of files, found some that add up to more than 2^64 bytes",
            )
            .at(at)
            .hint("the directory is damaged, or of another kind"));
        }
        manifest.require_names().map_err(|error| error.at(at))?;
        Ok(manifest)
    }

    /// Refuses names that no entry has: files are found by them, and messages show them.
    fn require_names(&self) -> Result<(), RunError> {
        let mut names = BTreeSet::new();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        for Entry { name, .. } in &self.files {
            let found = if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain)
            {
                "others"
            } else if !names.insert(name) {
                "the same one twice"
            } else {
                continue;
            };
            return Err(RunError::input(format!(
                "expected names of files of lowercase letters, digits and hyphens, found {found}"
            ))
            .hint("the directory is damaged, or of another kind"));
        }
        Ok(())
    }

    /// Reads a manifest and checks that it is of this kind, bound to `binding`, and lists exactly the files named `expected`, in order.
    ///
    /// # Errors
    /// Says which of these it is not.
    pub fn expect(
        directory: &Path,
        kind: Kind,
        binding: &str,
        expected: impl ExactSizeIterator<Item = String>,
    ) -> Result<Self, RunError> {
        let manifest = Self::read(directory)?;
        let wrong = |expected: String, found: String, hint: &str| {
            RunError::input(format!("expected {expected}, found {found}"))
                .at(directory.join(FILE).display().to_string())
                .hint(hint)
        };
        if manifest.kind != kind {
            return Err(wrong(
                kind.describe().to_owned(),
                manifest.kind.describe().to_owned(),
                "are the directories swapped?",
            ));
        }
        if manifest.binding != binding {
            return Err(wrong(
                format!("files made for {}", short(binding)),
                format!("files made for {}", short(&manifest.binding)),
                match kind {
                    Kind::Dataset => {
                        "it was encrypted under another plan: encrypt again, or use that plan"
                    }
                    Kind::EvaluationKeys => {
                        "they were made for other parameters or rotations: run keygen with this plan"
                    }
                    Kind::KeyShares | Kind::ProvedUploads | Kind::VerifiedUploads => {
                        "they are of another session or plan: nothing of one session is of use in another"
                    }
                },
            ));
        }
        let count = expected.len();
        if manifest.files.len() != count {
            return Err(wrong(
                format!("{count} files"),
                format!("{} files", manifest.files.len()),
                "the directory is damaged: transfer it again",
            ));
        }
        for (name, entry) in expected.zip(&manifest.files) {
            if entry.name != name {
                return Err(wrong(
                    format!("a file named {name}"),
                    format!("one named {}", short(&entry.name)),
                    "the directory is damaged: transfer it again",
                ));
            }
        }
        Ok(manifest)
    }

    /// Reads a file of the directory and checks length and hash; the length before anything is allocated.
    ///
    /// # Errors
    /// Names the file, with what the manifest says of it.
    pub fn load(
        &self,
        directory: &Path,
        entry: &Entry,
        limit: u64,
    ) -> Result<(PathBuf, Vec<u8>), RunError> {
        let (path, content) = self.load_unhashed(directory, entry, limit)?;
        check_hash(&path, entry, blake3::hash(&content))?;
        Ok((path, content))
    }

    /// [`load`](Self::load) and `parse` in one: `parse` hashes what it reads and gives the hash of the whole file, so that it is computed
    /// once. What it makes is given only if the hash is the manifest's.
    ///
    /// # Errors
    /// As [`load`](Self::load), and those of `parse` for a file that is what the manifest says.
    pub fn load_parsed<T, E: Into<RunError>>(
        &self,
        directory: &Path,
        entry: &Entry,
        limit: u64,
        parse: impl FnOnce(&Path, &[u8]) -> Result<(T, [u8; 32]), E>,
    ) -> Result<T, RunError> {
        let (path, content) = self.load_unhashed(directory, entry, limit)?;
        match parse(&path, &content) {
            Ok((value, hash)) => check_hash(&path, entry, hash.into()).map(|()| value),
            Err(error) => {
                // A damaged file fails in many ways; the user is told that it is damaged.
                check_hash(&path, entry, blake3::hash(&content))?;
                Err(error.into())
            }
        }
    }

    /// Reads a file of the directory and checks its length, before anything is allocated.
    fn load_unhashed(
        &self,
        directory: &Path,
        entry: &Entry,
        limit: u64,
    ) -> Result<(PathBuf, Vec<u8>), RunError> {
        let path = directory.join(self.kind.file(&entry.name));
        if entry.bytes > limit {
            return Err(damaged(
                &path,
                &format!("at most {limit} bytes"),
                &format!("{} in the manifest", entry.bytes),
            ));
        }
        let content = files::read_limited(&path, limit)?;
        if content.len() as u64 != entry.bytes {
            return Err(damaged(
                &path,
                &format!("{} bytes", entry.bytes),
                &format!("{} bytes", content.len()),
            ));
        }
        Ok((path, content))
    }
}

fn damaged(path: &Path, expected: &str, found: &str) -> RunError {
    RunError::input(format!("expected {expected}, found {found}"))
        .at(path.display().to_string())
        .hint("the file is damaged: transfer it again")
}

fn check_hash(path: &Path, entry: &Entry, hash: blake3::Hash) -> Result<(), RunError> {
    let found = hash.to_hex();
    if found.as_str() == entry.blake3 {
        return Ok(());
    }
    Err(damaged(
        path,
        &format!("content with hash {}", short(&entry.blake3)),
        &format!("hash {}", short(&found)),
    ))
}

/// The beginning of a hash or a name that may be absurdly long.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(16) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
