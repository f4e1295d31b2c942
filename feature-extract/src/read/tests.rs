//! Every source: what it reads, and what it says when the input is broken.

use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
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

const JPEG: &[u8] = include_bytes!("../../tests/fixtures/pictures/baseline.jpg");

/// A PNG of 8 bits.
fn png_bytes(colour: png::ColorType, size: [u32; 2], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size[1], size[0]);
    encoder.set_color(colour);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
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
        assert_eq!(samples[1].picture.to_values(), wanted);

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
            "picture 2 of 3, found the end",
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
        let place = error.place().unwrap();
        assert!(
            text.contains(part) && place.contains(name),
            "{name}: {text}"
        );
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
    assert_eq!(second.to_values()[6], 112.0 / 255.0);
    assert_eq!(samples[1].label, None);

    let colour = Array4::from_shape_fn((2, 1, 2, 3), |(n, _, x, c)| {
        (n as f32 + x as f32 / 2. + c as f32 / 8.) / 2.
    });
    ndarray_npy::write_npy(&path, &colour).unwrap();
    let mut source = Source::open(&path, None).unwrap();
    source.pass_over(1).unwrap();
    let second = source.next().unwrap().unwrap().picture;
    assert_eq!(
        second.to_values(),
        [0.5, 0.5625, 0.625, 0.75, 0.8125, 0.875]
    );
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
        error.is_skippable()
            && error
                .place()
                .is_some_and(|place| place.contains("a.npy [1]")),
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
    let grey: Vec<u8> = (0..6).map(|at| 10 * (at / 3) + at % 3).collect();
    let grey = png_bytes(png::ColorType::Grayscale, [2, 3], &grey);
    std::fs::write(root.join("cat/1.png"), grey).unwrap();
    let red = png_bytes(png::ColorType::Rgb, [4, 4], &[255, 0, 51].repeat(16));
    std::fs::write(root.join("bird/b.png"), red).unwrap();
    std::fs::write(root.join("bird/c.JPG"), JPEG).unwrap();
    std::fs::write(root.join("bird/a.png"), b"no picture").unwrap();
    std::fs::write(root.join("bird/.hidden"), b"").unwrap();
    std::fs::write(root.join("cat/notes.txt"), b"").unwrap();
    std::fs::write(root.join("readme.txt"), b"").unwrap();

    let source = Source::open(&root, None).unwrap();
    assert_eq!(source.class_names().unwrap(), ["bird", "cat"]);
    assert!(source.has_labels());
    let left_out = [root.join("readme.txt"), root.join("cat/notes.txt")];
    assert_eq!(source.left_out(), left_out);
    assert_eq!(source.name(3).unwrap(), "cat/1.png");
    let found: Vec<_> = source.collect();
    assert_eq!(found.len(), 4);
    let error = found[0].as_ref().unwrap_err();
    assert!(
        error.is_skippable()
            && error
                .place()
                .is_some_and(|place| place.contains("bird/a.png")),
        "{error}"
    );
    let red = found[1].as_ref().unwrap();
    assert_eq!(
        (red.label, red.picture.to_values()[0..3].to_vec()),
        (Some(0), vec![1.0, 0.0, 0.2])
    );
    let jpeg = &found[2].as_ref().unwrap().picture;
    assert_eq!([jpeg.height(), jpeg.width()], [32, 40]);
    let cat = found[3].as_ref().unwrap();
    assert_eq!(
        (cat.label, cat.picture.channels()),
        (Some(1), Channels::One)
    );
    assert_eq!(cat.picture.to_values()[4], 11.0 / 255.0);
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
    std::fs::remove_dir(root.join("empty")).unwrap();
    let flat = Source::open(root, None).unwrap();
    assert_eq!((flat.len(), flat.has_labels()), (1, false));
    let one = Source::open(&root.join("x.png"), None).unwrap();
    assert_eq!(
        (one.name(0), one.has_labels()),
        (Some("x.png".into()), false)
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
        error.is_skippable()
            && error
                .place()
                .is_some_and(|place| place.contains("bomb.png")),
        "{error}"
    );
}

#[test]
fn classes_are_matched_by_name_and_a_limit_takes_from_each() {
    let scratch = Scratch::new();
    for (class, count) in [("b", 5), ("c", 1), ("d", 4)] {
        for index in 0..count {
            scratch.file(&format!("{class}/{index}.png"), b"");
        }
    }
    let classes = ["a", "b", "c", "d"].map(str::to_owned);
    let root = scratch.0.path();
    let mut source = Source::open_classes(root, None, Some(&classes)).unwrap();
    assert_eq!(source.class_names().unwrap(), classes);
    source.limit(5).unwrap();
    let names: Vec<_> = (0..5).filter_map(|at| source.name(at)).collect();
    assert_eq!(
        names,
        ["b/0.png", "b/1.png", "c/0.png", "d/0.png", "d/1.png"]
    );
    let error = Source::open_classes(root, None, Some(&classes[..2]))
        .err()
        .unwrap();
    assert!(error.to_string().contains("found c"), "{error}");
    let twice = ["b", "c", "d", "b"].map(str::to_owned);
    assert!(Source::open_classes(root, None, Some(&twice)).is_err());
}

#[test]
fn bad_links_and_folders_named_like_pictures_are_bad_pictures() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.0.path().join("set/a/y.png")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/nonexistent", scratch.0.path().join("set/a/x.jpg")).unwrap();
    let source = Source::open(&scratch.0.path().join("set"), None).unwrap();
    for found in source {
        assert!(found.unwrap_err().is_skippable());
    }
}

#[test]
fn gzip_may_be_padded_with_zeros_alone() {
    let scratch = Scratch::new();
    let good = gzip(&idx_images(2, 2, 2));
    let parts = idx_images(2, 2, 2);
    let members = [gzip(&parts[..18]), gzip(&parts[18..])].concat();
    for bytes in [[&good[..], &[0; 512]].concat(), members] {
        let source = Source::open(&scratch.file("padded.gz", &bytes), None).unwrap();
        assert_eq!(source.map(Result::unwrap).count(), 2);
    }
    let mut sum = good.clone();
    let at = sum.len() - 6;
    sum[at] ^= 1;
    for bytes in [[&good[..], b"more"].concat(), sum] {
        let error = first_error(&scratch.file("bad.gz", &bytes), None);
        assert!(matches!(error, Error::Input { .. }), "{error:?}");
    }
}

#[test]
fn labels_beside_may_be_packed_otherwise_and_arrays_have_them_too() {
    let scratch = Scratch::new();
    let images = scratch.file("t-images-idx3-ubyte.gz", &gzip(&idx_images(2, 1, 1)));
    scratch.file("t-labels-idx1-ubyte", &idx_labels(&[0, 1]));
    assert!(Source::open(&images, None).unwrap().has_labels());
    let at = |name: &str| scratch.0.path().join(name);
    let planar = Array4::from_shape_fn((2, 3, 2, 2), |(n, c, y, x)| {
        (40 * n + 10 * c + 2 * y + x) as u8
    });
    ndarray_npy::write_npy(at("x_images.npy"), &planar).unwrap();
    ndarray_npy::write_npy(at("x_labels.npy"), &ndarray::arr1(&[1i64, 0])).unwrap();
    let mut source = Source::open(&at("x_images.npy"), None).unwrap();
    let first = source.next().unwrap().unwrap();
    assert_eq!(first.label, Some(1));
    let wanted = [0, 10, 20, 1, 11, 21].map(|v| f32::from(v as u8) / 255.0);
    assert_eq!(first.picture.to_values()[..6], wanted);
    ndarray_npy::write_npy(at("f.npy"), &Array3::<f32>::from_elem((1, 2, 2), 255.0)).unwrap();
    let error = first_error(&at("f.npy"), None);
    assert!(error.to_string().contains("from 0 to 1"), "{error}");
}
