//! Whole pictures, cut ones, and ones that would take too much.

use std::path::PathBuf;

use super::*;

const BASELINE: &[u8] = include_bytes!("../../../tests/fixtures/pictures/baseline.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("../../../tests/fixtures/pictures/progressive.jpg");
const GREY: &[u8] = include_bytes!("../../../tests/fixtures/pictures/grey.jpg");
const RESTART: &[u8] = include_bytes!("../../../tests/fixtures/pictures/restart.jpg");

/// A file in a folder of its own, decoded.
fn decode_bytes(name: &str, bytes: &[u8]) -> Result<Picture, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    decode(&path)
}

fn png(colour: ColorType, depth: BitDepth, size: [u32; 2], data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size[1], size[0]);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

fn is_bad(bytes: &[u8], part: &str) {
    let error = decode_bytes("x.jpg", bytes).unwrap_err();
    assert!(error.is_skippable(), "{error}");
    assert!(error.to_string().contains(part), "{error}, not {part}");
    assert!(error.place().is_some_and(|place| place.contains("x.jpg")));
}

#[test]
fn jpegs_give_the_picture_they_were_made_of() {
    for bytes in [BASELINE, PROGRESSIVE, RESTART] {
        let picture = decode_bytes("x.jpeg", bytes).unwrap();
        assert_eq!([picture.height(), picture.width()], [32, 40]);
        let values = picture.to_values();
        for (at, rgb) in values.chunks_exact(3).enumerate() {
            let (y, x) = ((at / 40) as f32, (at % 40) as f32);
            let wanted = [4.0 * x + 2.0 * y, 6.0 * y, 255.0 - 4.0 * x];
            for (value, wanted) in rgb.iter().zip(wanted) {
                // Quality 90 quantises the first coefficients by 2 to 4 units of 8 samples; where
                // colour has half the resolution, a step of 8 between neighbours is added.
                assert!((value * 255.0 - wanted).abs() <= 16.0, "{rgb:?} at {at}");
            }
        }
    }
    let grey = decode_bytes("x.jpg", GREY).unwrap();
    assert_eq!(grey.channels(), Channels::One);
}

#[test]
fn cut_jpegs_are_bad_pictures_wherever_they_are_cut() {
    for bytes in [BASELINE, PROGRESSIVE, GREY, RESTART] {
        for cut in 2..bytes.len() {
            assert!(
                decode_bytes("x.jpg", &bytes[..cut]).is_err(),
                "cut at {cut}"
            );
        }
        is_bad(
            &bytes[..bytes.len() / 2],
            "the end of the file in its middle",
        );
    }
}

#[test]
fn what_lies_between_and_behind_the_segments_of_a_jpeg_is_passed_over() {
    let plain = decode_bytes("x.jpg", BASELINE).unwrap();
    let behind = [BASELINE, b"a thumbnail's bytes"].concat();
    assert_eq!(decode_bytes("x.jpg", &behind).unwrap(), plain);
    // Behind the first segment: ff d8, ff e0, its length.
    let first = 4 + usize::from(u16::from_be_bytes([BASELINE[4], BASELINE[5]]));
    let (head, tail) = BASELINE.split_at(first);
    let between = [head, b"\0\0\0\0some bytes", tail].concat();
    assert_eq!(decode_bytes("x.jpg", &between).unwrap(), plain);
}

#[test]
fn pngs_of_every_kind_lose_alpha_and_keep_their_depth() {
    let eight = BitDepth::Eight;
    let rgba = png(
        ColorType::Rgba,
        eight,
        [1, 2],
        &[255, 0, 51, 7, 0, 102, 0, 0],
    );
    let picture = decode_bytes("a.png", &rgba).unwrap();
    assert_eq!(picture.to_values(), [1.0, 0.0, 0.2, 0.0, 0.4, 0.0]);
    let sixteen = png(
        ColorType::GrayscaleAlpha,
        BitDepth::Sixteen,
        [1, 1],
        &[1, 2, 3, 4],
    );
    let picture = decode_bytes("a.png", &sixteen).unwrap();
    assert_eq!(picture.channels(), Channels::One);
    assert_eq!(picture.to_values(), [258.0 / 65_535.0]);
    let bits = png(ColorType::Grayscale, BitDepth::One, [1, 8], &[0b1010_0000]);
    let picture = decode_bytes("a.png", &bits).unwrap();
    assert_eq!(picture.to_values(), [1., 0., 1., 0., 0., 0., 0., 0.]);
    for cut in 0..rgba.len() - 12 {
        assert!(decode_bytes("a.png", &rgba[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn other_files_are_named_for_what_they_are() {
    is_bad(b"GIF89a", "a GIF");
    is_bad(b"", "an empty file");
    is_bad(b"<html>404", "HTML");
    is_bad(b"version https://git-lfs.github.com/spec/v1", "Git LFS");
    is_bad(&[7; 9], "neither, by its first bytes");
    let folder = tempfile::tempdir().unwrap();
    let error = decode(folder.path()).unwrap_err();
    assert!(error.is_skippable() && error.to_string().contains("a folder"));
    let error = decode(&folder.path().join("none.png")).unwrap_err();
    assert!(error.is_skippable(), "{error}");
}
