//! The secret key file.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use he_core::rlwe::{Context, SecretKey};
use he_core::wire::{self, SecretKeyFile, Unnamed, WireError};
use zeroize::Zeroizing;

use super::RunError;
use super::public_key;
use crate::files;

/// A secret key file is a few lines of text.
const LARGEST_SECRET: u64 = 4096;

/// Writes the secret key that will be `path`: mode 0600, in a directory that is made with mode 0700 if there is none.
///
/// # Errors
/// The system's.
pub fn write(path: &Path, key: &SecretKey) -> Result<Unnamed, RunError> {
    make_private_directory(files::parent(path))?;
    let file = SecretKeyFile {
        binding: *key.context().fingerprint(),
        public: fingerprint(key)?,
        seed: (*key.expose_seed()).into(),
    };
    write_text(path, &file.to_text())
}

/// Writes the text of secrets that will be `path`, mode 0600.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<Unnamed, RunError> {
    let ((), file) = Unnamed::write(path, true, |sink| {
        sink.write_all(text.as_bytes())
            .map_err(|source| WireError::Io {
                file: path.display().to_string(),
                op: "write",
                source,
            })
    })?;
    Ok(file)
}

/// Reads a secret key and derives it again; the derived public part must be the one that the file names.
///
/// # Errors
/// A file that others can read, of other parameters, or damaged.
pub fn read(path: &Path, context: &Arc<Context>) -> Result<SecretKey, RunError> {
    refuse_readable_by_others(path)?;
    let name = path.display().to_string();
    let bytes = Zeroizing::new(crate::files::read_limited(path, LARGEST_SECRET)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        RunError::input("expected a secret key file, found one that is no text")
            .at(name.clone())
            .hint("name the file that keygen wrote with --key")
    })?;
    let file = SecretKeyFile::from_text(text, &name, Some(context.fingerprint()))?;
    let key = SecretKey::from_seed(context, file.seed)?;
    if fingerprint(&key)? != file.public {
        return Err(RunError::input(
            "expected a seed of the public key that the file names, found another",
        )
        .at(name)
        .hint("the file is damaged, or was made by another version of velum"));
    }
    Ok(key)
}

/// The fingerprint of the public key that belongs to a secret one.
///
/// # Errors
/// None for a whole key.
pub fn fingerprint(key: &SecretKey) -> Result<wire::Hash, RunError> {
    public_key::fingerprint(&key.public_key()?)
}

/// The same in hex, as files name it.
///
/// # Errors
/// None for a whole key.
pub fn fingerprint_hex(key: &SecretKey) -> Result<String, RunError> {
    let hash = blake3::Hash::from_bytes(fingerprint(key)?);
    Ok(hash.to_hex().to_string())
}

pub(crate) fn make_private_directory(directory: &Path) -> Result<(), RunError> {
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(directory)
        .map_err(|error| RunError::io("create a directory", directory, &error))
}

#[cfg(unix)]
pub(crate) fn refuse_readable_by_others(path: &Path) -> Result<(), RunError> {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = fs::metadata(path) else {
        // A missing file is reported by its reader.
        return Ok(());
    };
    let mode = metadata.permissions().mode() & 0o777;
    // What the machine's administrator hands to a group (a mounted secret is root's, mode 0440), nobody else can change.
    let foreign = if std::os::unix::fs::MetadataExt::uid(&metadata) == 0 {
        0o037
    } else {
        0o077
    };
    if mode & foreign == 0 {
        return Ok(());
    }
    Err(RunError::input(format!(
        "expected a secret key that its owner alone can read, found mode {mode:04o}"
    ))
    .at(path.display().to_string())
    .hint("chmod 600 it, and make new keys if others may have read it; where permissions cannot be set, mount with umask=077 or keep the key on another file system"))
}

#[cfg(not(unix))]
pub(crate) fn refuse_readable_by_others(_: &Path) -> Result<(), RunError> {
    Ok(())
}
