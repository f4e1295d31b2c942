//! What is secret is recognised without being used: a server refuses it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use he_core::wire::SecretKeyFile;

use super::RunError;

/// What files say of themselves that must not leave a client or the owners of data.
const PRIVATE_KINDS: [&[u8]; 5] = [
    b"velum client private",
    b"velum statistics",
    b"velum party key",
    super::recipe::KIND.as_bytes(),
    velum_record::CLIENT_KIND.as_bytes(),
];
/// Bytes in which a file says what it is.
const BEGIN: u64 = 4096;
/// How deep directories are searched, and how many entries of them.
const DEEPEST: usize = 16;
const MOST_ENTRIES: usize = 1 << 20;
/// The same beside a file, where a folder may be large and nothing of velum's.
const DEEPEST_BESIDE: usize = 2;
const MOST_BESIDE: usize = 4096;

/// Refuses to go on where a secret key or a private file is among what the server was given, however deep.
///
/// # Errors
/// Names the file.
pub fn refuse(given: &[&Path]) -> Result<(), RunError> {
    for path in given {
        if let Some(secret) = find(path, DEEPEST, &mut MOST_ENTRIES.clone()) {
            return Err(RunError::input(
                "expected nothing secret at the server, found a file that must never leave the client",
            )
            .at(secret.display().to_string())
            .hint("keep client and server files apart; if the server is another's machine, make new keys"));
        }
    }
    Ok(())
}

/// Something secret in the folder of one of these files, or a little below: no input of the server's, but in reach of it.
pub fn beside(files: &[&Path]) -> Option<PathBuf> {
    let folder = |file: &&Path| crate::files::parent(file).to_owned();
    files
        .iter()
        .map(folder)
        .find_map(|folder| find(&folder, DEEPEST_BESIDE, &mut MOST_BESIDE.clone()))
}

/// The first secret file at or below a path. Links are not followed.
fn find(path: &Path, depth: usize, left: &mut usize) -> Option<PathBuf> {
    let entries = match fs::read_dir(path) {
        Ok(entries) if depth > 0 => entries,
        Ok(_) => return None,
        Err(_) => return is_private(path).then(|| path.to_owned()),
    };
    // By name, so that the same file is named everywhere.
    let mut entries: Vec<_> = entries.filter_map(Result::ok).take(*left + 1).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        *left = left.checked_sub(1)?;
        let path = entry.path();
        let found = match entry.file_type() {
            Ok(kind) if kind.is_dir() => find(&path, depth - 1, left),
            Ok(_) => is_private(&path).then_some(path),
            Err(_) => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn is_private(path: &Path) -> bool {
    if path
        .file_name()
        .is_some_and(|name| name == super::private::FILE)
    {
        return true;
    }
    let begin = begin(path);
    SecretKeyFile::begins(&begin)
        || PRIVATE_KINDS
            .iter()
            .any(|kind| begin.windows(kind.len()).any(|part| part == *kind))
}

/// Whether a file begins as secret key files do.
pub fn is_secret(path: &Path) -> bool {
    SecretKeyFile::begins(&begin(path))
}

/// What cannot be read cannot be a key that anybody uses here; whoever needs the file reports it.
fn begin(path: &Path) -> Vec<u8> {
    let mut begin = Vec::new();
    // Pipes and devices could wait for ever.
    if path.is_file() {
        let _ = fs::File::open(path).and_then(|file| file.take(BEGIN).read_to_end(&mut begin));
    }
    begin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_at_any_depth_under_any_name() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("dataset/a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("data.ct"), b"anything").unwrap();
        assert!(refuse(&[place.path()]).is_ok());
        for content in [
            &b"velum secret key, format 1"[..],
            b"\xef\xbb\xbf\r\n velum secret key",
            b"{ \"kind\": \"velum client private directory\" }",
            b"{ \"kind\": \"velum client recipe\" }",
            b"velum party key, format 1",
            b"\x10\0\0\0{\"__metadata__\":{\"kind\":\"velum statistics\"}}",
        ] {
            let hidden = deep.join("innocent.txt");
            fs::write(&hidden, content).unwrap();
            let error = refuse(&[place.path()]).unwrap_err();
            let found = he_core::error::Explain::place(&error).unwrap();
            assert_eq!(found, hidden.display().to_string());
            assert!(refuse(&[&hidden]).is_err());
        }
        // Beside a file only what is near counts.
        assert_eq!(beside(&[&place.path().join("plan.json")]), None);
        fs::write(place.path().join("k"), b"velum secret key").unwrap();
        assert_eq!(
            beside(&[&place.path().join("plan.json")]),
            Some(place.path().join("k"))
        );
    }
}
