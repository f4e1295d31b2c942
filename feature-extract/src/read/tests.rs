//! Every source: what it reads, and what it says when the input is broken.

use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use image::{GrayImage, Luma, Rgb, RgbImage};
use ndarray::{Array3, Array4};

use super::*;
use crate::Channels;

fn idx_images(count: u32, height: u32, width: u32) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    for size in [count, height, width] {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend((0..count * height * width).map(|i| i as u8));
    bytes
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 1];
    bytes.extend((labels.len() as u32).to_be_bytes());
    bytes.extend(labels);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// The first error in opening or reading to the end.
fn first_error(images: &Path, labels: Option<&Path>) -> Error {
    match Source::open(images, labels) {
        Err(error) => error,
        Ok(source) => source.filter_map(Result::err).next().expect("an error"),
    }
}

#[test]
fn idx_gives_scaled_pictures_and_the_labels_beside() {
    let scratch = Scratch::new();
    for (suffix, pack) in [("", false), (".gz", true)] {
        let bytes = |b: Vec<u8>| if pack { gzip(&b) } else { b };
        let images = scratch.file(
            &format!("a-images-idx3-ubyte{suffix}"),
            &bytes(idx_images(3, 2, 2)),
        );
        scratch.file(
            &format!("a-labels-idx1-ubyte{suffix}"),
            &bytes(idx_labels(&[7, 0, 9])),
        );
        let source = Source::open(&images, None).unwrap();
        assert_eq!(
            (source.len(), source.has_labels(), source.class_names()),
            (3, true, None)
        );
        let samples: Vec<Sample> = source.map(Result::unwrap).collect();
        let labels: Vec<_> = samples.iter().map(|s| s.label.unwrap()).collect();
        assert_eq!(labels, [7, 0, 9]);
        let wanted: Vec<f32> = (4..8).map(|v| v as f32 / 255.0).collect();
        assert_eq!(samples[1].picture.values(), wanted);

        let mut rest = Source::open(&images, None).unwrap();
        rest.pass_over(2).unwrap();
        assert_eq!(rest.map(Result::unwrap).collect::<Vec<_>>(), samples[2..]);
    }
}

#[test]
fn broken_idx_names_file_expected_and_found() {
    let scratch = Scratch::new();
    let good = idx_images(3, 2, 2);
    let mut longer = good.clone();
    longer.push(0);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "cut",
            good[..good.len() - 1].to_vec(),
            "28 bytes, by its header",
        ),
        ("longer", longer.clone(), "28 bytes, by its header"),
        ("cut.gz", gzip(&good[..20]), "picture 1 of 3, found the end"),
        (
            "longer.gz",
            gzip(&longer),
            "the end of the file, by its header",
        ),
        (
            "torn.gz",
            {
                let mut b = gzip(&good);
                b.truncate(b.len() - 12);
                b
            },
            "torn.gz",
        ),
        ("magic", idx_labels(&[1]), "IDX images (00 00 08 03)"),
        ("short", vec![0, 0], "the header of IDX images"),
        ("empty", vec![], "the header of IDX images"),
        (
            "huge",
            [&[0, 0, 8, 3][..], &[0xff; 12]].concat(),
            "sides of 1 to 16384",
        ),
        (
            "huge.gz",
            gzip(&[&[0, 0, 8, 3][..], &[0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 64, 0]].concat()),
            "at most 67108864",
        ),
        ("flat", idx_images(1, 0, 4), "sides of 1"),
    ];
    for (name, bytes, part) in cases {
        let error = first_error(&scratch.file(name, &bytes), None);
        let text = error.to_string();
        assert!(text.contains(part) && text.contains(name), "{name}: {text}");
        assert!(!error.is_skippable() && error.hint().is_some(), "{name}");
    }
    let missing = first_error(&scratch.0.path().join("missing"), None);
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
}

#[test]
fn labels_must_match() {
    let scratch = Scratch::new();
    let images = scratch.file("i", &idx_images(2, 1, 1));
    let npy = |name: &str, labels: &[i64]| {
        let path = scratch.0.path().join(name);
        ndarray_npy::write_npy(&path, &ndarray::arr1(labels)).unwrap();
        path
    };
    let source = Source::open(&images, Some(&npy("l.npy", &[300, 2]))).unwrap();
    let labels: Vec<_> = source.map(|s| s.unwrap().label).collect();
    assert_eq!(labels, [Some(300), Some(2)]);
    assert!(!Source::open(&images, None).unwrap().has_labels());
    for (path, part) in [
        (npy("few.npy", &[1]), "2 labels, one a picture, found 1"),
        (
            npy("minus.npy", &[0, -1]),
            "labels of at least 0, found -1 at 1",
        ),
        (
            scratch.file("few", &idx_labels(&[1, 2, 3])),
            "2 labels, one a picture, found 3",
        ),
        (
            scratch.file("cut", &idx_labels(&[1, 2])[..9]),
            "10 bytes, by its header",
        ),
    ] {
        let text = first_error(&images, Some(&path)).to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn npy_gives_grey_and_colour() {
    let scratch = Scratch::new();
    let path = scratch.0.path().join("a.npy");
    let grey = Array3::from_shape_fn((2, 3, 4), |(n, y, x)| (n * 100 + y * 10 + x) as u8);
    ndarray_npy::write_npy(&path, &grey).unwrap();
    let samples: Vec<_> = Source::open(&path, None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let second = &samples[1].picture;
    assert_eq!(
        (second.height(), second.width(), second.channels()),
        (3, 4, Channels::One)
    );
    assert_eq!(second.values()[6], 112.0 / 255.0);
    assert_eq!(samples[1].label, None);

    let colour = Array4::from_shape_fn((2, 1, 2, 3), |(n, _, x, c)| {
        n as f32 + x as f32 / 2. + c as f32 / 8.
    });
    ndarray_npy::write_npy(&path, &colour).unwrap();
    let mut source = Source::open(&path, None).unwrap();
    source.pass_over(1).unwrap();
    let second = source.next().unwrap().unwrap().picture;
    assert_eq!(second.values(), [1., 1.125, 1.25, 1.5, 1.625, 1.75]);
    assert!(source.next().is_none());
}

#[test]
fn npy_with_a_bad_picture_goes_on_after_it() {
    let scratch = Scratch::new();
    let path = scratch.0.path().join("a.npy");
    let mut array = Array3::<f32>::zeros((3, 1, 2));
    array[[1, 0, 1]] = f32::NAN;
    ndarray_npy::write_npy(&path, &array).unwrap();
    let found: Vec<_> = Source::open(&path, None).unwrap().collect();
    assert_eq!(found.len(), 3);
    let error = found[1].as_ref().unwrap_err();
    assert!(
        error.is_skippable() && error.to_string().contains("a.npy [1]"),
        "{error}"
    );
    assert!(found[0].is_ok() && found[2].is_ok());

    for (shape, part) in [((2, 0, 2), "sides of 1"), ((1, 1, 20_000), "sides of 1")] {
        ndarray_npy::write_npy(&path, &Array3::<u8>::zeros(shape)).unwrap();
        let text = first_error(&path, None).to_string();
        assert!(text.contains(part), "{text}");
    }
    ndarray_npy::write_npy(&path, &ndarray::Array2::<u8>::zeros((2, 2))).unwrap();
    assert!(
        first_error(&path, None)
            .to_string()
            .contains("shape [2, 2]")
    );
}

#[test]
fn folder_gives_classes_in_order_and_names_bad_pictures() {
    let scratch = Scratch::new();
    let root = scratch.0.path().join("set");
    for class in ["cat", "bird"] {
        std::fs::create_dir_all(root.join(class)).unwrap();
    }
    GrayImage::from_fn(3, 2, |x, y| Luma([(10 * y + x) as u8]))
        .save(root.join("cat/1.png"))
        .unwrap();
    RgbImage::from_pixel(4, 4, Rgb([255, 0, 51]))
        .save(root.join("bird/b.png"))
        .unwrap();
    RgbImage::from_pixel(8, 8, Rgb([200, 100, 50]))
        .save(root.join("bird/c.JPG"))
        .unwrap();
    std::fs::write(root.join("bird/a.png"), b"no picture").unwrap();
    std::fs::write(root.join("bird/.hidden"), b"").unwrap();
    std::fs::write(root.join("cat/notes.txt"), b"").unwrap();
    std::fs::write(root.join("readme.txt"), b"").unwrap();

    let source = Source::open(&root, None).unwrap();
    assert_eq!(source.class_names().unwrap(), ["bird", "cat"]);
    assert!(source.has_labels());
    let found: Vec<_> = source.collect();
    assert_eq!(found.len(), 5);
    for (at, name) in [(0, "bird/a.png"), (4, "cat/notes.txt")] {
        let error = found[at].as_ref().unwrap_err();
        assert!(
            error.is_skippable() && error.to_string().contains(name),
            "{error}"
        );
    }
    let red = found[1].as_ref().unwrap();
    assert_eq!(
        (red.label, red.picture.values()[0..3].to_vec()),
        (Some(0), vec![1.0, 0.0, 0.2])
    );
    // A flat colour survives JPEG within its quantisation and the conversion to YCbCr and back.
    let jpeg = found[2].as_ref().unwrap().picture.values();
    for (value, wanted) in jpeg.iter().zip([200., 100., 50.]) {
        assert!(
            (value * 255.0 - wanted).abs() <= 4.0,
            "{value} for {wanted}"
        );
    }
    let cat = found[3].as_ref().unwrap();
    assert_eq!(
        (cat.label, cat.picture.channels()),
        (Some(1), Channels::One)
    );
    assert_eq!(cat.picture.values()[4], 11.0 / 255.0);
}

#[test]
fn folders_without_classes_are_refused() {
    let scratch = Scratch::new();
    let root = scratch.0.path();
    assert!(first_error(root, None).to_string().contains("no subfolder"));
    std::fs::create_dir(root.join("empty")).unwrap();
    assert!(
        first_error(root, None)
            .to_string()
            .contains("at least one picture")
    );
    std::fs::write(root.join("x.png"), b"").unwrap();
    assert!(
        first_error(root, None)
            .to_string()
            .contains("the picture x.png beside")
    );
}

#[test]
fn picture_bombs_are_refused_before_allocation() {
    let scratch = Scratch::new();
    // A PNG header that promises 60,000 x 60,000 pixels, its checksum right.
    let mut png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR".to_vec();
    png.extend(60_000u32.to_be_bytes());
    png.extend(60_000u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..]);
    png.extend(crc.sum().to_be_bytes());
    scratch.file("set/a/bomb.png", &png);
    let error = first_error(&scratch.0.path().join("set"), None);
    assert!(
        error.is_skippable() && error.to_string().contains("bomb.png"),
        "{error}"
    );
}
