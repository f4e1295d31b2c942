//! `manifest.json`: which files belong to a directory of keys or ciphertexts, with length and hash of each.
//!
//! It is written last. File names follow from the entries' names, never from what a manifest says, so that no manifest can point
//! outside its directory.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use mlr_train::files::{self, Access};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// File name of every manifest.
pub(crate) const FILE: &str = "manifest.json";

/// Version that is written and read.
const SCHEMA: u32 = 1;

/// 64 MiB: some hundred thousand entries.
const LARGEST: u64 = 64 << 20;

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Ciphertexts of a training set.
    Dataset,
    /// Keys that the server computes with.
    EvaluationKeys,
}

impl Kind {
    /// For errors and `inspect`.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Dataset => "an encrypted dataset",
            Self::EvaluationKeys => "evaluation keys",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Dataset => "ct",
            Self::EvaluationKeys => "key",
        }
    }

    /// The file of an entry.
    pub(crate) fn file(self, name: &str) -> String {
        format!("{name}.{}", self.extension())
    }
}

/// One file of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// What it is, such as `data-0-1` or `rotation-16`.
    pub(crate) name: String,
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// blake3 of the whole file, in hex.
    pub(crate) blake3: String,
}

impl Entry {
    /// Writes and syncs a file of a directory in the making: its rename is the directory's.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(
        directory: &Path,
        kind: Kind,
        name: String,
        content: &[u8],
    ) -> Result<Self, Failure> {
        let path = directory.join(kind.file(&name));
        let written = fs::File::create(&path).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        // The directory has a temporary name, which means nothing to a user.
        written.map_err(|error| {
            Failure::io("write", Path::new(&kind.file(&name)), &error).hint_for_system()
        })?;
        Ok(Self {
            name,
            bytes: content.len() as u64,
            blake3: blake3::hash(content).to_hex().to_string(),
        })
    }
}

/// The manifest of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
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
    pub(crate) fn new(kind: Kind, binding: String) -> Self {
        Self {
            schema: SCHEMA,
            kind,
            binding,
            key: None,
            files: Vec::new(),
        }
    }

    /// A manifest of files that are written already.
    pub(crate) fn of(kind: Kind, binding: String, files: Vec<Entry>) -> Self {
        Self {
            files,
            ..Self::new(kind, binding)
        }
    }

    /// What the directory holds.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The hash that binds it to a plan.
    pub(crate) fn binding(&self) -> &str {
        &self.binding
    }

    /// Names the key that everything here belongs to.
    pub(crate) fn set_key(&mut self, key: String) {
        self.key = Some(key);
    }

    /// The key that everything here belongs to, if the manifest names it.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The files, in the order of writing.
    pub(crate) fn files(&self) -> &[Entry] {
        &self.files
    }

    /// Hash of kind, binding and every file's name, length and hash: of everything that the directory holds.
    pub(crate) fn hash(&self) -> blake3::Hash {
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
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    /// Writes a file of the directory and adds it.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn add(
        &mut self,
        directory: &Path,
        name: String,
        content: &[u8],
    ) -> Result<(), Failure> {
        let entry = Entry::write(directory, self.kind, name, content)?;
        self.files.push(entry);
        Ok(())
    }

    /// Writes the manifest: the directory is finished.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), Failure> {
        let path = directory.join(FILE);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::io("encode", &path, &error.into()))?;
        text.push(b'\n');
        Ok(files::write_atomic(&path, &text, Access::Shared)?)
    }

    /// Reads the manifest of any directory that has one.
    ///
    /// # Errors
    /// No manifest, or one that cannot be read.
    pub(crate) fn read(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(FILE);
        let text = files::read_limited(&path, LARGEST)?;
        let at = path.display().to_string();
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| {
            Failure::input(format!(
                "expected a manifest, schema {SCHEMA}, found {}",
                files::describe_json(&text, &error)
            ))
            .at(at.clone())
            .hint("the directory is damaged, or of another kind")
        })?;
        if manifest.schema != SCHEMA {
            return Err(Failure::input(format!(
                "expected schema {SCHEMA}, found {}",
                manifest.schema
            ))
            .at(at)
            .hint("it was written by another version of velum"));
        }
        Ok(manifest)
    }

    /// Reads a manifest and checks that it is of this kind, bound to `binding`, and lists exactly the files named `expected`, in order.
    ///
    /// # Errors
    /// Says which of these it is not.
    pub(crate) fn expect(
        directory: &Path,
        kind: Kind,
        binding: &str,
        expected: impl ExactSizeIterator<Item = String>,
    ) -> Result<Self, Failure> {
        let manifest = Self::read(directory)?;
        let wrong = |expected: String, found: String, hint: &str| {
            Failure::input(format!("expected {expected}, found {found}"))
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
    pub(crate) fn load(
        &self,
        directory: &Path,
        entry: &Entry,
        limit: u64,
    ) -> Result<(PathBuf, Vec<u8>), Failure> {
        let (path, content) = self.load_unhashed(directory, entry, limit)?;
        check_hash(&path, entry, blake3::hash(&content))?;
        Ok((path, content))
    }

    /// [`load`](Self::load) and `parse` in one: `parse` hashes what it reads and gives the hash of the whole file, so that it is computed
    /// once. What it makes is given only if the hash is the manifest's.
    ///
    /// # Errors
    /// As [`load`](Self::load), and those of `parse` for a file that is what the manifest says.
    pub(crate) fn load_parsed<T, E: Into<Failure>>(
        &self,
        directory: &Path,
        entry: &Entry,
        limit: u64,
        parse: impl FnOnce(&Path, &[u8]) -> Result<(T, [u8; 32]), E>,
    ) -> Result<T, Failure> {
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
    ) -> Result<(PathBuf, Vec<u8>), Failure> {
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

fn damaged(path: &Path, expected: &str, found: &str) -> Failure {
    Failure::input(format!("expected {expected}, found {found}"))
        .at(path.display().to_string())
        .hint("the file is damaged: transfer it again")
}

fn check_hash(path: &Path, entry: &Entry, hash: blake3::Hash) -> Result<(), Failure> {
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
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(16) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sample(directory: &Path) -> Manifest {
        let mut manifest = Manifest::new(Kind::Dataset, "ab".repeat(32));
        manifest
            .add(directory, "data-0-0".to_owned(), b"first")
            .unwrap();
        manifest
            .add(directory, "data-0-1".to_owned(), b"second")
            .unwrap();
        manifest.write(directory).unwrap();
        manifest
    }

    fn names() -> std::vec::IntoIter<String> {
        vec!["data-0-0".to_owned(), "data-0-1".to_owned()].into_iter()
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let written = sample(dir.path());
        let read = Manifest::expect(dir.path(), Kind::Dataset, &"ab".repeat(32), names()).unwrap();
        assert_eq!((&read, read.bytes()), (&written, 11));
        let (_, content) = read.load(dir.path(), &read.files()[1], 100).unwrap();
        assert_eq!(content, b"second");
    }

    #[test]
    fn foreign_manifests_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        sample(dir.path());
        let binding = "ab".repeat(32);
        let message = |kind, binding: &str, names: Vec<&str>| {
            let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
            Manifest::expect(dir.path(), kind, binding, names.into_iter())
                .unwrap_err()
                .message
        };
        let both = vec!["data-0-0", "data-0-1"];
        for (found, part) in [
            (
                message(Kind::EvaluationKeys, &binding, both.clone()),
                "expected evaluation keys",
            ),
            (
                message(Kind::Dataset, &"cd".repeat(32), both),
                "made for cdcdcdcdcdcdcdcd.., found",
            ),
            (
                message(Kind::Dataset, &binding, vec!["data-0-0"]),
                "expected 1 files, found 2",
            ),
            (
                message(Kind::Dataset, &binding, vec!["data-0-0", "x"]),
                "a file named x",
            ),
        ] {
            assert!(found.contains(part), "{found}");
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = sample(dir.path());
        let entry = &manifest.files()[0];
        let path = dir.path().join("data-0-0.ct");
        let message = |limit| manifest.load(dir.path(), entry, limit).unwrap_err().message;
        assert!(message(4).contains("at most 4 bytes"));
        fs::write(&path, b"firsT").unwrap();
        assert!(message(100).contains("content with hash"));
        let hashed =
            |_: &Path, bytes: &[u8]| Ok::<_, Failure>(((), *blake3::hash(bytes).as_bytes()));
        let refused = |_: &Path, _: &[u8]| Err::<((), _), _>(Failure::input("refused"));
        for found in [
            manifest.load_parsed(dir.path(), entry, 100, hashed),
            manifest.load_parsed(dir.path(), entry, 100, refused),
        ] {
            assert!(found.unwrap_err().message.contains("content with hash"));
        }
        let second = &manifest.files()[1];
        let found = manifest.load_parsed(dir.path(), second, 100, refused);
        assert_eq!(found.unwrap_err().message, "refused");
        fs::write(&path, b"firs").unwrap();
        assert!(message(100).contains("expected 5 bytes, found 4"));
        fs::remove_file(&path).unwrap();
        assert!(message(100).contains("expected a file, found none"));
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        fs::write(
            dir.path().join(FILE),
            text.replace("\"schema\": 1", "\"schema\": 9"),
        )
        .unwrap();
        assert!(
            Manifest::read(dir.path())
                .unwrap_err()
                .message
                .contains("found 9")
        );
        fs::write(dir.path().join(FILE), &text[..40]).unwrap();
        assert!(
            Manifest::read(dir.path())
                .unwrap_err()
                .message
                .contains("expected a manifest")
        );
    }
}
