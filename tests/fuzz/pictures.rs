//! Pictures, and weights of networks.

use std::io::Write as _;
use std::path::Path;

use feature_extract::cnn::{Architecture, Extractor};
use feature_extract::preprocess::Normalisation;
use feature_extract::read::Source;
use feature_extract::{MAX_PIXELS, MAX_SIDE};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::engine::{Repair, Target, as_it_is};

/// Pixels of an array or of a picture without compression are in the file.
fn plain_memory(length: usize) -> usize {
    16 * length + (8 << 20)
}

/// What is packed is at most 1,032 times as long unpacked (deflate, RFC 1951), a picture and the buffer that it outgrows.
fn packed_memory(length: usize) -> usize {
    plain_memory(length) + (3 * 1032 * length).min(3 * MAX_PIXELS)
}

/// A few bytes may be the largest picture there is: its samples of 16 bits, and once more while they change their form.
fn picture_memory(length: usize) -> usize {
    plain_memory(length) + 4 * 2 * 2 * MAX_PIXELS + 64 * MAX_SIDE
}

pub(crate) fn targets() -> Vec<Target> {
    vec![
        images(
            "idx",
            "x-images-idx3-ubyte",
            vec![idx()],
            as_it_is(),
            plain_memory,
        ),
        images(
            "packed-idx",
            "x-images-idx3-ubyte.gz",
            vec![pack(&idx())],
            as_it_is(),
            packed_memory,
        ),
        images(
            "npy-pictures",
            "x.npy",
            vec![npy()],
            as_it_is(),
            plain_memory,
        ),
        images(
            "png",
            "x.png",
            vec![png(false), png(true)],
            Box::new(|bytes| checksums(bytes)),
            picture_memory,
        ),
        images("jpeg", "x.jpg", jpegs(), as_it_is(), picture_memory),
        weights("torch-weights", include_bytes!("corpus/tiny.pth").to_vec()),
        weights("safetensors-weights", safetensors()),
        normalisation(),
    ]
}

/// Everything in a file of pictures is read.
fn images(
    name: &'static str,
    as_file: &'static str,
    seeds: Vec<Vec<u8>>,
    repair: Repair,
    memory: fn(usize) -> usize,
) -> Target {
    let place = tempfile::tempdir().unwrap();
    Target {
        name,
        seeds,
        repair,
        read: Box::new(move |bytes| {
            let path = place.path().join(as_file);
            std::fs::write(&path, bytes).unwrap();
            all(&path)
        }),
        memory,
    }
}

fn all(path: &Path) -> bool {
    match Source::open(path, None) {
        Ok(source) => source.into_iter().all(|sample| sample.is_ok()),
        Err(_) => false,
    }
}

fn jpegs() -> Vec<Vec<u8>> {
    macro_rules! fixture {
        ($name:literal) => {
            include_bytes!(concat!(
                "../../feature-extract/tests/fixtures/pictures/",
                $name
            ))
            .to_vec()
        };
    }
    vec![
        fixture!("baseline.jpg"),
        fixture!("progressive.jpg"),
        fixture!("restart.jpg"),
    ]
}

fn idx() -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 5];
    bytes.extend((0..4 * 6 * 5).map(|pixel: u8| pixel.wrapping_mul(37)));
    bytes
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Four pictures of 6 x 5 x 3.
fn npy() -> Vec<u8> {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 6, 5, 3), }";
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..4 * 6 * 5 * 3).map(|pixel: u16| pixel as u8));
    bytes
}

fn png(deep: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 7, 5);
    encoder.set_color(if deep {
        png::ColorType::Rgba
    } else {
        png::ColorType::Grayscale
    });
    encoder.set_depth(if deep {
        png::BitDepth::Sixteen
    } else {
        png::BitDepth::Eight
    });
    let samples = 7 * 5 * if deep { 8 } else { 1 };
    let mut writer = encoder.write_header().unwrap();
    let data: Vec<u8> = (0..samples).map(|sample: u16| sample as u8).collect();
    writer.write_image_data(&data).unwrap();
    writer.finish().unwrap();
    bytes
}

/// The checksum of every chunk of a PNG.
fn checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(end) = at
            .checked_add(8)
            .and_then(|begin| begin.checked_add(length))
        else {
            return;
        };
        if end + 4 > bytes.len() {
            return;
        }
        let mut sum = flate2::Crc::new();
        sum.update(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.sum().to_be_bytes());
        at = end + 4;
    }
}

/// A file of weights is read whole before it is found to lack what the network has.
fn weights(name: &'static str, seed: Vec<u8>) -> Target {
    let place = tempfile::tempdir().unwrap();
    Target {
        name,
        seeds: vec![seed],
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let path = place.path().join("weights");
            std::fs::write(&path, bytes).unwrap();
            let error = Extractor::load(Architecture::Squeezenet10, &path).err();
            error.is_none_or(|error| !error.to_string().contains("a readable checkpoint"))
        }),
        memory: |length| plain_memory(64 * length),
    }
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"features.0.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend([0; 8]);
    bytes
}

fn normalisation() -> Target {
    let place = tempfile::tempdir().unwrap();
    Target {
        name: "normalisation",
        seeds: vec![br#"{"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}"#.to_vec()],
        repair: as_it_is(),
        read: Box::new(move |bytes| {
            let path = place.path().join("x.json");
            std::fs::write(&path, bytes).unwrap();
            Normalisation::from_json(&path).is_ok()
        }),
        memory: plain_memory,
    }
}
