//! What makes two runs the same: everything that decides the rows, as one hash.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::{Options, Paths};
use crate::Error;
use crate::cnn::Extractor;
use crate::read::Source;

/// Files of at most so many bytes are hashed whole, larger ones by time and by samples.
const WHOLE: u64 = 16 << 20;
/// Samples of a large file, and bytes of each.
const SAMPLES: u64 = 16;
const SAMPLE: u64 = 1 << 16;

/// blake3 hash of pictures, labels, classes, network, weights, preprocessing and limit.
///
/// Pictures in a folder count by name, size and time of change; arrays and labels by their bytes
/// where they are small, else by size, time of change and blocks spread over the file.
pub(super) fn job(
    extractor: &Extractor,
    source: &Source,
    paths: Paths<'_>,
    options: &Options,
) -> Result<String, Error> {
    let mut hash = blake3::Hasher::new();
    let text = serde_json::json!([
        extractor.architecture().name(),
        extractor.weights_blake3(),
        extractor.preprocessing().to_json(),
        source.len(),
        source.has_labels(),
        source.class_names(),
        options.limit,
        source.is_chosen(),
    ]);
    hash.update(text.to_string().as_bytes());
    if source.is_array() {
        add_file(&mut hash, paths.images)?;
    }
    for index in 0..source.len() {
        let Some(path) = source.file(index) else {
            break;
        };
        // What cannot be looked at is a bad picture later on.
        let metadata = fs::metadata(&path).ok();
        let size = metadata.as_ref().map(fs::Metadata::len);
        let time = metadata.and_then(|m| m.modified().ok());
        let line = format!("{:?} {size:?} {time:?}\n", source.name(index));
        hash.update(line.as_bytes());
    }
    if let Some(labels) = source.labels_file() {
        add_file(&mut hash, labels)?;
    }
    Ok(hash.finalize().to_hex().to_string())
}

fn add_file(hash: &mut blake3::Hasher, path: &Path) -> Result<(), Error> {
    let mut add = || -> std::io::Result<()> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let size = metadata.len();
        hash.update(&size.to_le_bytes());
        if size <= WHOLE {
            hash.update_reader(file.take(WHOLE))?;
            return Ok(());
        }
        hash.update(format!("{:?}", metadata.modified().ok()).as_bytes());
        for sample in 0..SAMPLES {
            file.seek(SeekFrom::Start((size - SAMPLE) / (SAMPLES - 1) * sample))?;
            hash.update_reader(Read::by_ref(&mut file).take(SAMPLE))?;
        }
        Ok(())
    };
    add().map_err(Error::io(path, "read"))
}
