//! Whether what was transferred is whole: every file against the hashes that came with it.
//!
//! The hashes find accidents: cut off, mixed up, lost and flipped. Whoever alters files on purpose can alter the hashes too; against that both sides compare
//! [`Checked::blake3`], which covers everything.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use he_core::error::printable;
use he_core::wire::{self, Reader, SecretKeyFile};
use rayon::prelude::*;
use serde::Serialize;

use super::RunError;
use super::manifest::{self, Entry, Manifest};
use super::private::{self, PrivateDirectory};
use super::secrets;
use crate::files;
use crate::model::Model;

/// Names that a message lists.
const LISTED: usize = 8;
/// Bytes read at a time.
const PIECE: usize = 1 << 20;
/// A secret key file is a few lines of text.
const LARGEST_SECRET: u64 = 4096;
const AGAIN: &str = "transfer it again";

/// What was found whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Files that have the content that they are to have.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
    /// Hash of everything, hex, where there is one: the same at both ends of a transfer.
    pub blake3: Option<String>,
}

/// Reads all of a file or directory that velum wrote, and compares it with its own hashes. Costs the time of reading and hashing it.
///
/// # Errors
/// Of class verification, with the names of what is missing, additional or altered; of class input for something that carries no hash; the system's.
pub fn whole(path: &Path) -> Result<Checked, RunError> {
    let has = |name: &str| path.join(name).is_file();
    if has(private::FILE) {
        PrivateDirectory::read(path).map_err(|error| altered(path, &error))?;
        return all_below(path);
    }
    if has(manifest::FILE) {
        return directory(path);
    }
    if has("config.json") {
        Model::read(path).map_err(|error| altered(path, &error))?;
        return all_below(path);
    }
    if path.is_dir() {
        return Err(nothing_to_compare(path));
    }
    if secrets::is_secret(path) {
        return secret(path);
    }
    container(path)
}

fn nothing_to_compare(path: &Path) -> RunError {
    RunError::input("expected something with hashes of its content, found what has none")
        .at(path.display().to_string())
        .hint("verify what keygen, encrypt, train and decrypt write; compare other files with sha256sum")
}

fn altered(path: &Path, error: &dyn std::error::Error) -> RunError {
    RunError::unverified(format!("expected what was written here, {error}"))
        .at(path.display().to_string())
        .hint(AGAIN)
}

/// Files whose reader has compared them already.
fn all_below(path: &Path) -> Result<Checked, RunError> {
    let mut checked = Checked {
        files: 0,
        bytes: 0,
        blake3: None,
    };
    let mut left = vec![path.to_owned()];
    while let Some(folder) = left.pop() {
        let failed = |error: io::Error| RunError::io("read", &folder, &error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let there = entry.metadata().map_err(failed)?;
            if there.is_dir() {
                left.push(entry.path());
            } else {
                checked.files += 1;
                checked.bytes += there.len();
            }
        }
    }
    Ok(checked)
}

/// What is wrong with a directory.
#[derive(Debug, Default)]
struct Differences {
    missing: Vec<String>,
    additional: Vec<String>,
    altered: Vec<String>,
}

impl Differences {
    /// One line for all; none without differences.
    fn describe(&self) -> Option<String> {
        let kinds = [
            ("missing", &self.missing),
            ("additional", &self.additional),
            ("altered", &self.altered),
        ];
        let kinds = kinds.into_iter().filter(|(_, names)| !names.is_empty());
        let kinds = kinds.map(|(kind, names)| format!("{kind}: {}", list(names)));
        let all: Vec<String> = kinds.collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

fn list(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    let first = first.join(", ");
    match names.len().checked_sub(LISTED) {
        None | Some(0) => first,
        Some(more) => format!("{first} and {more} more"),
    }
}

/// A dataset or evaluation keys.
fn directory(path: &Path) -> Result<Checked, RunError> {
    let manifest = Manifest::read(path)?;
    let kind = manifest.kind();
    let states: Result<Vec<State>, RunError> = manifest
        .files()
        .par_iter()
        .map(|entry| state(path, &kind.file(&entry.name), entry))
        .collect();
    let mut found = Differences::default();
    for (entry, state) in manifest.files().iter().zip(states?) {
        match state {
            State::Whole => {}
            State::Missing => found.missing.push(kind.file(&entry.name)),
            State::Altered => found.altered.push(kind.file(&entry.name)),
        }
    }
    found.additional = additional(path, &manifest)?;
    match found.describe() {
        None => Ok(Checked {
            files: manifest.files().len(),
            bytes: manifest.bytes(),
            blake3: Some(manifest.hash().to_hex().to_string()),
        }),
        Some(differences) => Err(RunError::unverified(format!(
            "expected the {} files of {}, found differences; {differences}",
            manifest.files().len(),
            kind.describe()
        ))
        .at(path.display().to_string())
        .hint("transfer these again; what is additional does not belong there")),
    }
}

enum State {
    Whole,
    Missing,
    Altered,
}

fn state(directory: &Path, name: &str, entry: &Entry) -> Result<State, RunError> {
    let path = directory.join(name);
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) => return Err(RunError::io("read", &path, &error)),
        // A pipe would keep whoever opens it waiting.
        Ok(_) if !path.is_file() => return Ok(State::Altered),
        Ok(_) => {}
    }
    let length = files::size(&path)?;
    if length != entry.bytes {
        return Ok(State::Altered);
    }
    let hash = hash(&path).map_err(|error| RunError::io("read", &path, &error))?;
    Ok(if hash.to_hex().as_str() == entry.blake3 {
        State::Whole
    } else {
        State::Altered
    })
}

fn hash(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize()),
            read => hasher.update(&piece[..read]),
        };
    }
}

/// Names that the manifest does not list, sorted.
fn additional(path: &Path, manifest: &Manifest) -> Result<Vec<String>, RunError> {
    let listed = manifest.files().iter();
    let mut listed: BTreeSet<String> = listed
        .map(|entry| manifest.kind().file(&entry.name))
        .collect();
    listed.insert(manifest::FILE.to_owned());
    let failed = |error: io::Error| RunError::io("read", path, &error);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.to_str().is_none_or(|name| !listed.contains(name)) {
            found.insert(printable(&name.to_string_lossy()).to_string());
        }
    }
    Ok(found.into_iter().collect())
}

/// A secret key: its last line is a hash of the others.
fn secret(path: &Path) -> Result<Checked, RunError> {
    let bytes = zeroize::Zeroizing::new(files::read_limited(path, LARGEST_SECRET)?);
    let name = path.display().to_string();
    let read = std::str::from_utf8(&bytes)
        .map_err(|error| altered(path, &error))
        .and_then(|text| {
            SecretKeyFile::from_text(text, &name, None).map_err(|error| altered(path, &error))
        });
    read?;
    Ok(Checked {
        files: 1,
        bytes: bytes.len() as u64,
        blake3: None,
    })
}

/// A file in the common envelope, which ends with the hash of everything before.
fn container(path: &Path) -> Result<Checked, RunError> {
    let (name, source, length) = wire::open_file(path)?;
    let mut begin = [0; 8];
    let begun = File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    if begun.is_err() || begin != wire::MAGIC {
        return Err(nothing_to_compare(path));
    }
    let read = Reader::inspect(source, &name, Some(length)).and_then(|mut reader| {
        let mut piece = vec![0; PIECE];
        while reader.remaining() > 0 {
            let next = usize::try_from(reader.remaining()).map_or(PIECE, |left| left.min(PIECE));
            reader.read("content", &mut piece[..next])?;
        }
        reader.finish()
    });
    let hash = read.map_err(|error| altered(path, &error))?;
    Ok(Checked {
        files: 1,
        bytes: length,
        blake3: Some(blake3::Hash::from_bytes(hash).to_hex().to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use he_core::error::{Class, Explain as _};

    /// Keys of three files.
    fn keys() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::new(manifest::Kind::EvaluationKeys, "00".repeat(32));
        for name in ["galois-3", "galois-5", "relinearisation"] {
            manifest
                .add(place.path(), name.to_owned(), name.as_bytes())
                .unwrap();
        }
        manifest.write(place.path()).unwrap();
        place
    }

    fn refused(path: &Path) -> String {
        let error = whole(path).unwrap_err();
        assert_eq!(error.class(), Class::Verification, "{error}");
        error.to_string()
    }

    #[test]
    fn every_difference_is_named() {
        let place = keys();
        let at = |name: &str| place.path().join(name);
        let checked = whole(place.path()).unwrap();
        assert_eq!((checked.files, checked.bytes), (3, 8 + 8 + 15));
        assert!(checked.blake3.is_some());
        fs::write(at("galois-3.key"), b"galois-4").unwrap();
        fs::write(at("relinearisation.key"), b"relin").unwrap();
        fs::remove_file(at("galois-5.key")).unwrap();
        fs::write(at("esc\u{1b}[2J"), b"").unwrap();
        let refused = refused(place.path());
        assert!(refused.contains("missing: galois-5.key;"), "{refused}");
        assert!(refused.contains("altered: galois-3.key, relinearisation.key"));
        assert!(refused.contains("additional: esc") && !refused.contains('\u{1b}'));
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..20).map(|name| name.to_string()).collect();
        assert_eq!(list(&names), "0, 1, 2, 3, 4, 5, 6, 7 and 12 more");
        assert_eq!(list(&names[..8]), "0, 1, 2, 3, 4, 5, 6, 7");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let place = keys();
        let path = place.path().join(manifest::FILE);
        let text = fs::read_to_string(&path).unwrap();
        for name in ["../x", "/etc/passwd", "", "a b", "\\u001b[2J", "galois-5"] {
            fs::write(&path, text.replace("galois-3", name)).unwrap();
            let refused = whole(place.path()).unwrap_err();
            assert_eq!(refused.class(), Class::Input, "{refused}");
        }
    }

    #[test]
    fn containers_and_secret_keys_are_read_to_the_end() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("model.enc");
        let kind = &super::super::weights::MODEL;
        let (_, bytes) = {
            let mut writer =
                wire::Writer::new(Vec::new(), "x", kind, &[7; 32], b"note", 3000).unwrap();
            writer.write(&[5; 3000]).unwrap();
            writer.finish().unwrap()
        };
        fs::write(&path, &bytes).unwrap();
        assert_eq!(whole(&path).unwrap().bytes, bytes.len() as u64);
        for at in [40, 70, 1000, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).unwrap();
            refused(&path);
        }
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        refused(&path);
        let key = SecretKeyFile {
            binding: [1; 32],
            public: [2; 32],
            seed: [3; 32].into(),
        };
        let text = key.to_text();
        fs::write(&path, text.as_bytes()).unwrap();
        whole(&path).unwrap();
        fs::write(&path, text.replace("seed 03", "seed 04")).unwrap();
        let shown = refused(&path);
        assert!(
            !shown.contains("0404") && !shown.contains("0303"),
            "{shown}"
        );
        // What carries no hash is not said to be whole.
        fs::write(&path, b"{}").unwrap();
        assert_eq!(whole(&path).unwrap_err().class(), Class::Input);
    }
}
