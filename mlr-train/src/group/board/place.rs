//! A board from its text, as people write it.

use std::path::Path;

use super::{BUCKET, Board, FolderBoard};
use crate::artifacts::RunError;

/// Opens the board that a text names: `s3://BUCKET/PREFIX`, or else a folder. Nothing is asked of a bucket yet.
///
/// A board in a bucket blocks the thread that asks it something, which must be none of an asynchronous runtime. It asks once for each thousand objects to list them, once to read one, and to write one once or, from 8 MiB on, once for each 8 MiB and twice
/// besides; of what it writes at most 32 MiB are in memory.
///
/// `settings` are for buckets alone: names and values as the tools of object stores know them from the environment, `AWS_ACCESS_KEY_ID` and so on; whatever is none of them is ignored.
///
/// # Errors
/// A folder that is not there; an address that is none; settings that contradict each other; a bucket in a build without the cargo feature `object-store`.
pub fn open(text: &Path, settings: &[(String, String)]) -> Result<Box<dyn Board>, RunError> {
    match text.to_str() {
        Some(address) if address.starts_with(BUCKET) => bucket(address, settings),
        Some(address) if address.contains("://") && !text.exists() => Err(RunError::input(
            "expected a folder that all members reach or s3://BUCKET/PREFIX, found an address of another kind",
        )
        .at(address)
        .hint("object stores of other makers have an address of this kind too: set AWS_ENDPOINT to their server")),
        _ => Ok(Box::new(FolderBoard::open(text)?)),
    }
}

#[cfg(feature = "object-store")]
fn bucket(address: &str, settings: &[(String, String)]) -> Result<Box<dyn Board>, RunError> {
    Ok(Box::new(super::object::open(address, settings)?))
}

#[cfg(not(feature = "object-store"))]
fn bucket(address: &str, _: &[(String, String)]) -> Result<Box<dyn Board>, RunError> {
    Err(RunError::input(
        "expected a folder that all members reach, found a bucket of an object store: this build has no client for it",
    )
    .at(address)
    .hint("build one that has: cargo build -p cli --features object-store"))
}

#[cfg(test)]
mod tests {
    use he_core::error::{Class, Explain};

    use super::*;

    #[test]
    fn a_folder_is_opened_and_what_is_none_is_refused_with_its_place() {
        let place = tempfile::tempdir().unwrap();
        let board = open(place.path(), &[]).unwrap();
        assert_eq!(board.place(), place.path().display().to_string());
        for text in ["no/such/folder", "gs://bucket/prefix", "S3://bucket/prefix"] {
            let error = open(Path::new(text), &[]).unwrap_err();
            assert_eq!(error.class(), Class::Input, "{text}");
            assert_eq!(error.place().as_deref(), Some(text));
            assert!(Explain::hint(&error).is_some(), "{text}");
        }
    }
}
