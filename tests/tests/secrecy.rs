//! Nothing that the server gets holds a secret: the bytes of all its files are searched for the client's.

use std::collections::HashSet;
use std::path::Path;

use crate::journey::{JOB, TRAIN};
use crate::prediction::{CLEAR, ENCRYPTED};
use crate::program::files;
use crate::table;

/// Length of every needle in bytes: a double, or eight letters. By chance one of a thousand needles occurs in 100 MB with a
/// probability of 10^11 / 2^64, less than 10^-8.
const LENGTH: usize = 8;

/// Byte strings that must not occur.
#[derive(Default)]
pub(crate) struct Needles {
    set: HashSet<[u8; LENGTH]>,
    /// Which first two bytes occur: most positions are dismissed by this alone.
    first: Vec<bool>,
}

impl Needles {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let needle: [u8; LENGTH] = bytes[..LENGTH].try_into().unwrap();
        self.first.resize(1 << 16, false);
        self.first[usize::from(u16::from_le_bytes([needle[0], needle[1]]))] = true;
        self.set.insert(needle);
    }

    /// A number in the forms in which a program might write it.
    fn add_number(&mut self, value: f64) {
        // A double with short mantissa, such as 1.0, occurs by itself.
        if value.to_bits() as u32 != 0 {
            self.add(&value.to_le_bytes());
            self.add(&value.to_be_bytes());
        }
        let text = format!("{value:.6}");
        if text.len() >= LENGTH {
            self.add(text.as_bytes());
        }
    }

    /// The first place at which one of them stands.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<usize> {
        bytes.windows(LENGTH).position(|window| {
            self.first[usize::from(u16::from_le_bytes([window[0], window[1]]))]
                && self.set.contains(window)
        })
    }
}

/// The 32 bytes that a file of secrets spells behind this word.
pub(crate) fn secret(file: &str, word: &str) -> Vec<u8> {
    let mut lines = file.lines().filter_map(|line| line.split_once(' '));
    let (_, hex) = lines.find(|(first, _)| *first == word).unwrap();
    assert_eq!(hex.len(), 64);
    (0..32)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

/// Runs of eight bytes in a tensor file: pairs of singles or doubles.
fn add_tensors(needles: &mut Needles, path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for chunk in bytes[8 + header..].chunks_exact(LENGTH) {
        // Zeros and round numbers occur by themselves.
        if chunk.iter().filter(|&&byte| byte == 0).count() <= 1 {
            needles.add(chunk);
        }
    }
}

#[test]
fn no_file_of_the_server_holds_a_secret() {
    let client = JOB.client();
    let mut needles = Needles::default();
    let key_file = std::fs::read_to_string(client.join("keys/secret.key")).unwrap();
    let seed = secret(&key_file, "seed");
    for part in seed.chunks_exact(LENGTH) {
        needles.add(part);
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        needles.add(hex.as_bytes());
    }
    let private = client.join("private");
    for file in files(&private) {
        if file.extension().is_some_and(|end| end == "safetensors") {
            add_tensors(&mut needles, &private.join(file));
        }
    }
    assert!(
        needles.set.len() > 100,
        "the private directory holds no tensors"
    );
    let rows = table::rows(7, TRAIN, crate::journey::FEATURES, crate::journey::CLASSES);
    for row in &rows {
        for &value in &row[1..] {
            needles.add_number(value);
        }
    }
    // The labels in their order, as bytes, as text and as integers of eight bytes; the name of the file of features.
    let labels: Vec<u8> = rows.iter().map(|row| row[0] as u8).collect();
    needles.add(&labels);
    let text: Vec<String> = labels.iter().map(u8::to_string).collect();
    needles.add(text.join(",").as_bytes());
    needles.add(b"rows.csv");
    let private_json = std::fs::read_to_string(private.join("private.json")).unwrap();
    let head: serde_json::Value = serde_json::from_str(&private_json).unwrap();
    needles.add(head["features_blake3"].as_str().unwrap().as_bytes());

    for file in files(&JOB.server()) {
        let bytes = std::fs::read(JOB.server().join(&file)).unwrap();
        if let Some(place) = needles.find(&bytes) {
            panic!("{} holds a secret at byte {place}", file.display());
        }
    }
    // The search itself: it finds the secrets where they are.
    assert!(needles.find(key_file.as_bytes()).is_some());
    let table = std::fs::read(client.join("rows.csv")).unwrap();
    assert!(needles.find(&table).is_some());
}

#[test]
fn no_file_of_a_scoring_server_holds_a_secret() {
    for (found, sealed) in [(&*CLEAR, false), (&*ENCRYPTED, true)] {
        let client = found.client();
        let mut needles = Needles::default();
        let key_file = std::fs::read_to_string(client.join("keys/secret.key")).unwrap();
        for part in secret(&key_file, "seed").chunks_exact(LENGTH) {
            needles.add(part);
            let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
            needles.add(hex.as_bytes());
        }
        // The rows that were encrypted come after those that were trained on.
        let rows = table::rows(
            7,
            2 * TRAIN,
            crate::journey::FEATURES,
            crate::journey::CLASSES,
        );
        for row in &rows[TRAIN..] {
            for &value in &row[1..] {
                needles.add_number(value);
            }
        }
        let model = client.join("model/model.safetensors");
        if sealed {
            add_tensors(&mut needles, &model);
        }
        for file in files(&found.server()) {
            let bytes = std::fs::read(found.server().join(&file)).unwrap();
            if let Some(place) = needles.find(&bytes) {
                panic!("{} holds a secret at byte {place}", file.display());
            }
        }
        // The search itself: it finds the secrets where they are.
        assert!(needles.find(key_file.as_bytes()).is_some());
        assert_eq!(
            needles.find(&std::fs::read(model).unwrap()).is_some(),
            sealed
        );
    }
}
