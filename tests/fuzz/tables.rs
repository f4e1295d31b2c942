//! Features and labels.

use std::io::Write as _;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use mlr_train::data;
use ndarray::Array2;
use tempfile::TempDir;

use crate::engine::{Target, as_it_is};

/// A number of a text has two bytes at least and eight in memory, and vectors grow by doubling; a class name, a row and an index more.
fn memory(length: usize) -> usize {
    64 * length + (8 << 20)
}

/// deflate packs 1,032 bytes into one at most, all of which may be numbers.
fn unpacked_memory(length: usize) -> usize {
    memory(1032 * length)
}

const TABLE: &[u8] = b"label,a,b\n0,1.5,-2\n1,0.25,1e3\n0,3,4\n1,-5,6.125\n2,7,8\n2,9,-1\n";
const GERMAN: &[u8] = b"0;1,5;-2,25\n1;0,5;1\n0;3;4\n1;5;6\n";

pub(crate) fn targets() -> Vec<Target> {
    vec![
        file(
            "table",
            "x.csv",
            vec![TABLE.to_vec(), GERMAN.to_vec()],
            memory,
        ),
        packed(),
        features(),
        file("labels", "x.npy", vec![labels()], memory),
        tensors(),
        bundle(),
    ]
}

/// A reader of one file; labels of a `.npy` lie beside it.
fn file(
    name: &'static str,
    as_file: &'static str,
    seeds: Vec<Vec<u8>>,
    memory: fn(usize) -> usize,
) -> Target {
    let place = tempfile::tempdir().unwrap();
    let read = move |bytes: &[u8]| {
        let path = put(&place, as_file, bytes);
        match name {
            "labels" => data::read_labels(&path).is_ok(),
            _ => data::read(&path, None).is_ok(),
        }
    };
    Target {
        name,
        seeds,
        repair: as_it_is(),
        read: Box::new(read),
        memory,
    }
}

fn put(place: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = place.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A changed table in a good envelope, or a changed envelope.
fn packed() -> Target {
    Target {
        seeds: vec![
            pack(TABLE),
            pack(&GERMAN.repeat(40)),
            [pack(TABLE), pack(b"1,2,3\n")].concat(),
        ],
        repair: Box::new(|bytes| {
            // What unpacks is changed inside and packed again.
            if let Some(inner) = bytes.get(18..).filter(|inner| inner.len() > 8) {
                *bytes = pack(&[TABLE, inner].concat());
            }
        }),
        ..file("packed-table", "x.csv.gz", Vec::new(), unpacked_memory)
    }
}

fn numbers() -> Array2<f64> {
    Array2::from_shape_fn((8, 3), |(i, j)| i as f64 * 0.25 - j as f64)
}

fn features() -> Target {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("seed.npy");
    data::write_features(&path, &numbers()).unwrap();
    let seed = std::fs::read(path).unwrap();
    std::fs::write(place.path().join("x-labels.npy"), labels()).unwrap();
    let read = move |bytes: &[u8]| {
        let path = put(&place, "x.npy", bytes);
        data::read_features(&path).is_ok()
    };
    Target {
        name: "features",
        seeds: vec![seed],
        repair: as_it_is(),
        read: Box::new(read),
        memory,
    }
}

fn labels() -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("labels.npy");
    data::write_labels(&path, &[0, 1, 2, 0, 1, 2, 0, 1]).unwrap();
    std::fs::read(path).unwrap()
}

/// Features as safetensors: a length, a JSON header, tensors.
fn tensors() -> Target {
    let header = br#"{"features":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]},"labels":{"dtype":"I64","shape":[4],"data_offsets":[32,64]}}"#;
    let mut seed = (header.len() as u64).to_le_bytes().to_vec();
    seed.extend_from_slice(header);
    for value in 0..8u8 {
        seed.extend(f32::from(value).to_le_bytes());
    }
    for label in [0i64, 1, 0, 1] {
        seed.extend(label.to_le_bytes());
    }
    file("safetensors", "x.safetensors", vec![seed], memory)
}

/// `features.json` of a feature set whose arrays are good.
fn bundle() -> Target {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    data::write_features(&at("features.npy"), &numbers()).unwrap();
    data::write_labels(&at("labels.npy"), &[0, 1, 2, 0, 1, 2, 0, 1]).unwrap();
    let seed = include_bytes!("corpus/features.json").to_vec();
    let read = move |bytes: &[u8]| {
        let _path = put(&place, "features.json", bytes);
        data::read_bundle(place.path()).is_ok()
    };
    Target {
        name: "feature-set",
        seeds: vec![seed],
        repair: as_it_is(),
        read: Box::new(read),
        memory,
    }
}
