//! What people feed such tools: an index for a label, one column in other units, pictures in one folder, another network than the model's.

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Outcome, done, velum};
use crate::table;

fn plan(at: &Path, text: &str) -> Outcome {
    std::fs::write(at.join("rows.csv"), text).unwrap();
    velum(
        at,
        &["plan", "--features", "rows.csv", "--out", "plan.json"],
    )
}

#[test]
fn an_index_in_the_label_s_place_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let rows = table::csv(&table::rows(3, 60, 8, 3));
    let indexed: String = (0..)
        .zip(rows.lines())
        .map(|(k, row)| format!("{k},{row}\n"))
        .collect();
    let refused = plan(place.path(), &indexed);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        refused.stderr.contains("60 rows of 60 classes"),
        "{refused}"
    );
    assert!(refused.stderr.contains("index=False"), "{refused}");
    assert!(!place.path().join("plan.json").exists());
}

#[test]
fn a_column_in_other_units_is_said_by_its_name() {
    let place = tempfile::tempdir().unwrap();
    let mut rows = table::rows(3, 90, 4, 3);
    rows.iter_mut()
        .for_each(|row| row[4] = 750.0 + 1000.0 * row[4]);
    let text = format!("class,ash,hue,phenols,proline\n{}", table::csv(&rows));
    let found = plan(place.path(), &text);
    assert_eq!(found.code, 0, "{found}");
    let warning = found
        .stderr
        .lines()
        .find(|line| line.contains("warning"))
        .unwrap();
    assert!(
        warning.contains("`proline`") && warning.contains("`ash`, `hue`, `phenols`"),
        "{warning}"
    );
    // encrypt says it of the rows that it gets.
    let key = ["--plan", "plan.json", "--key", "secret.key"];
    done(
        place.path(),
        &[&["keygen", "--eval-keys", "keys"], &key[..]].concat(),
    );
    let out = [
        "--private",
        "private",
        "--out",
        "dataset",
        "--features",
        "rows.csv",
    ];
    let found = velum(place.path(), &[&["encrypt"], &key[..], &out].concat());
    assert!(found.stderr.contains("`proline`"), "{found}");
}

/// A grey picture of 8 x 8: its halves are dark and light, the way that `kind` says, and `shade` makes it one of many.
pub(crate) fn png(kind: usize, shade: u8) -> Vec<u8> {
    let light = |y: usize, x: usize| match kind {
        0 => y < 4,
        1 => x < 4,
        _ => (2..6).contains(&y) && (2..6).contains(&x),
    };
    let rows = (0..8).flat_map(|y| {
        let pixels = (0..8).map(move |x| if light(y, x) { 255 - shade } else { shade });
        std::iter::once(0).chain(pixels)
    });
    let raw: Vec<u8> = rows.collect();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        out.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let body = [&name[..], data].concat();
        out.extend(&body);
        out.extend(crc32(&body).to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0]);
    // zlib (RFC 1950) with one stored block.
    let length = u16::try_from(raw.len()).unwrap();
    let mut data = vec![0x78, 0x01, 1];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&raw);
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in &raw {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    data.extend((b << 16 | a).to_be_bytes());
    chunk(b"IDAT", &data);
    chunk(b"IEND", &[]);
    out
}

/// CRC-32 as PNG has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| {
        if crc & 1 == 1 {
            0xedb8_8320 ^ (crc >> 1)
        } else {
            crc >> 1
        }
    };
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(!0, add)
}

const KINDS: [&str; 3] = ["bars", "cols", "dots"];

fn write(folder: &Path, kind: usize, count: u8) {
    std::fs::create_dir_all(folder).unwrap();
    for shade in 0..count {
        std::fs::write(folder.join(format!("{shade}.png")), png(kind, 5 * shade)).unwrap();
    }
}

/// A client's folder with a model of three kinds of pictures (`private/twin`), and new pictures.
static CLIENT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (kind, name) in KINDS.iter().enumerate() {
        write(&at.join("train").join(name), kind, 12);
    }
    write(&at.join("flat"), 2, 4);
    write(&at.join("sub/unknown"), 2, 4);
    write(&at.join("lacking/cols"), 1, 4);
    write(&at.join("lacking/dots"), 2, 4);
    let extract = ["extract", "--images", "train", "--arch", "velum-compact"];
    done(at, &[&extract[..], &["--out", "features"]].concat());
    let set = ["--features", "features"];
    done(at, &[&["plan", "--out", "plan.json"], &set[..]].concat());
    let key = ["--plan", "plan.json", "--key", "secret.key"];
    done(at, &[&["keygen", "--eval-keys", "keys"], &key[..]].concat());
    let out = ["encrypt", "--private", "private", "--out", "dataset"];
    done(at, &[&out[..], &key, &set].concat());
    folder
});

fn predict(images: &str, more: &[&str]) -> Outcome {
    let arguments = [
        "--json",
        "predict",
        "--model",
        "private/twin",
        "--images",
        images,
    ];
    velum(CLIENT.path(), &[&arguments[..], more].concat())
}

fn labels(found: &Outcome) -> Vec<u64> {
    let object = found.json();
    let rows = object["predictions"].as_array().unwrap().iter();
    rows.map(|row| row["label"].as_u64().unwrap()).collect()
}

#[test]
fn pictures_need_no_labels_and_no_name_of_the_network() {
    for images in ["flat", "sub", "flat/2.png"] {
        let found = predict(images, &[]);
        assert_eq!(found.code, 0, "{found}");
        assert_eq!(found.json()["accuracy"], Value::Null, "{found}");
        assert!(labels(&found).iter().all(|&label| label == 2), "{found}");
    }
    assert_eq!(
        predict("flat", &[]).json()["predictions"][3]["file"],
        "3.png"
    );
    assert!(predict("sub", &[]).stderr.contains("`unknown`"));
    // A folder that lacks a class is judged by names.
    let found = predict("lacking", &["--arch", "velum-compact"]);
    assert_eq!(found.json()["accuracy"], 1.0, "{found}");
}

#[test]
fn another_network_or_normalisation_than_the_model_s_is_refused() {
    let at = CLIENT.path();
    std::fs::write(at.join("half.json"), r#"{"mean": [0.5], "std": [0.5]}"#).unwrap();
    for (more, both) in [
        (["--arch", "resnet18"], ["velum-compact", "resnet18"]),
        (
            ["--normalisation", "half.json"],
            [r#""mean":[0.0]"#, r#""mean":[0.5]"#],
        ),
    ] {
        let arguments = ["predict", "--model", "private/twin", "--images", "flat"];
        let refused = velum(at, &[&arguments[..], &more].concat());
        assert_eq!(refused.code, 1, "{refused}");
        let all = both.iter().all(|text| refused.stderr.contains(text));
        assert!(all, "{refused}");
    }
    let same = predict("flat", &["--normalisation", "none"]);
    assert_eq!(same.code, 0, "{same}");
}

/// Refused before the model is read: an option beside what it says nothing to.
#[test]
fn options_without_effect_are_errors() {
    let features = [
        "predict",
        "--model",
        "private/twin",
        "--features",
        "features",
    ];
    let merge = ["stats", "--merge", "a", "b", "--out", "c"];
    for (line, more) in [
        (&features[..], &["--arch", "velum-compact"][..]),
        (&features, &["--normalisation", "none"]),
        (&features, &["--skip-bad"]),
        (&merge, &["--rows", "0..3"]),
    ] {
        let refused = velum(CLIENT.path(), &[line, more].concat());
        assert_eq!(refused.code, 1, "{refused}");
        assert!(
            refused.stderr.contains(more[0]) && refused.stderr.contains("no effect"),
            "{refused}"
        );
    }
    assert_eq!(predict("flat", &["--rows", "0..1"]).code, 1);
}
