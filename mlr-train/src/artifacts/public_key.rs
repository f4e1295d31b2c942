//! The public key file and its fingerprint, by which every other file names the key.

use std::io;
use std::path::Path;
use std::sync::Arc;

use he_core::rlwe::{Context, PublicKey};
use he_core::wire::{self, Unnamed};

use super::RunError;

/// Writes the public key that will be `path`.
///
/// # Errors
/// The system's.
pub fn write(path: &Path, key: &PublicKey) -> Result<Unnamed, RunError> {
    let ((), file) = Unnamed::write(path, false, |sink| {
        wire::write_public_key(sink, &path.display().to_string(), key).map(|_| ())
    })?;
    Ok(file)
}

/// Reads a public key.
///
/// # Errors
/// A file of other parameters, or damaged.
pub fn read(path: &Path, context: &Arc<Context>) -> Result<PublicKey, RunError> {
    let (name, source, length) = wire::open_file(path)?;
    Ok(wire::read_public_key(source, &name, Some(length), context)?)
}

/// Hash of the public key's file: what a key is recognised by.
///
/// # Errors
/// None for a whole key.
pub fn fingerprint(key: &PublicKey) -> Result<wire::Hash, RunError> {
    let (hash, _) = wire::write_public_key(io::sink(), "public key", key)?;
    Ok(hash)
}
