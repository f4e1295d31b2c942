//! Whole runs through velum-compact on small sources.

use std::path::PathBuf;

use ndarray::{Array1, Array2, Array3, s};

use super::*;

/// Pictures that differ, and their labels, as `.npy` files.
struct Scratch {
    folder: tempfile::TempDir,
    pictures: Array3<u8>,
}

impl Scratch {
    fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pictures = Array3::from_shape_fn((count, 10, 9), |(n, y, x)| {
            if (n * 7 + y * x) % 11 < 4 {
                255
            } else {
                (n % 50) as u8
            }
        });
        let labels = Array1::from_shape_fn(count, |n| (n % 3) as i64);
        ndarray_npy::write_npy(folder.path().join("images.npy"), &pictures).unwrap();
        ndarray_npy::write_npy(folder.path().join("labels.npy"), &labels).unwrap();
        Self { folder, pictures }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run from `images.npy` to `out`, cancelled after so many rounds.
    fn run(&self, out: &str, options: Options, rounds: usize) -> Result<Summary, Error> {
        let (images, labels, out) = (
            self.path("images.npy"),
            self.path("labels.npy"),
            self.path(out),
        );
        let paths = Paths {
            images: &images,
            labels: Some(&labels),
            out: &out,
        };
        let cancelled = AtomicBool::new(false);
        let mut seen = 0;
        let extractor = Extractor::compact().unwrap();
        extract_to_dir(&extractor, paths, options, &cancelled, &mut |event| {
            if let Event::Progress {
                done,
                total,
                per_second,
            } = event
            {
                assert!(done <= total && per_second > 0.0);
                seen += 1;
                // The flag is looked at after the event.
                cancelled.store(seen >= rounds, Ordering::Relaxed);
            }
        })
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Names in a folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn options(threads: usize) -> Options {
    let threads = NonZeroUsize::new(threads).unwrap();
    Options {
        threads,
        skip_bad: false,
        resume: false,
        limit: None,
    }
}

#[test]
fn writes_what_the_network_gives_in_order() {
    let scratch = Scratch::new(200);
    let summary = scratch.run("out", options(2), usize::MAX).unwrap();
    assert_eq!(
        summary,
        Summary {
            complete: true,
            rows: 200,
            skipped: 0
        }
    );
    assert_eq!(
        scratch.names("out"),
        ["features.json", "features.npy", "labels.npy"]
    );
    let features: Array2<f32> = ndarray_npy::read_npy(scratch.path("out/features.npy")).unwrap();
    let labels: Array1<i64> = ndarray_npy::read_npy(scratch.path("out/labels.npy")).unwrap();
    let extractor = Extractor::compact().unwrap();
    let scaled = scratch.pictures.mapv(|v| f32::from(v) / 255.0);
    assert_eq!(features, extractor.features_of(scaled.view()).unwrap());
    assert!(
        labels
            .iter()
            .enumerate()
            .all(|(n, &label)| label == (n % 3) as i64)
    );
    let text: serde_json::Value =
        serde_json::from_slice(&scratch.bytes("out/features.json")).unwrap();
    assert_eq!(text["schema"], 1);
    assert_eq!(text["model"], "velum-compact");
    assert_eq!(text["rows"], 200);
    assert_eq!(text["features"], features.ncols());
    assert_eq!(text["weights_blake3"], extractor.weights_blake3());
    assert_eq!(text["class_names"], serde_json::Value::Null);
    let again = scratch.run("out", options(2), usize::MAX).unwrap_err();
    assert!(again.to_string().contains("no feature set yet"), "{again}");
}

#[test]
fn threads_and_interruption_change_nothing() {
    let scratch = Scratch::new(600);
    scratch.run("one", options(1), usize::MAX).unwrap();
    scratch.run("three", options(3), usize::MAX).unwrap();
    let summary = scratch.run("resumed", options(1), 1).unwrap();
    // One round of 8 batches of 32.
    assert_eq!(
        summary,
        Summary {
            complete: false,
            rows: 256,
            skipped: 0
        }
    );
    assert!(
        !scratch
            .names("resumed")
            .iter()
            .any(|name| name == "features.json")
    );
    let other = Options {
        resume: true,
        limit: Some(5),
        ..options(1)
    };
    let error = scratch.run("resumed", other, usize::MAX).unwrap_err();
    assert!(
        error.to_string().contains("the state of this run"),
        "{error}"
    );
    let summary = scratch.run(
        "resumed",
        Options {
            resume: true,
            ..options(2)
        },
        usize::MAX,
    );
    assert_eq!(summary.unwrap().rows, 600);
    assert_eq!(scratch.names("resumed"), scratch.names("one"));
    for name in ["features.npy", "labels.npy", "features.json"] {
        let one = scratch.bytes(&format!("one/{name}"));
        assert_eq!(one, scratch.bytes(&format!("three/{name}")), "{name}");
        assert_eq!(one, scratch.bytes(&format!("resumed/{name}")), "{name}");
    }
}

#[test]
fn bad_pictures_stop_or_are_counted() {
    let scratch = Scratch::new(40);
    let mut values = scratch.pictures.mapv(|v| f32::from(v) / 255.0);
    values[[3, 0, 0]] = f32::NAN;
    values[[39, 0, 0]] = f32::INFINITY;
    ndarray_npy::write_npy(scratch.path("images.npy"), &values).unwrap();
    let error = scratch.run("out", options(2), usize::MAX).unwrap_err();
    assert!(error.to_string().contains("images.npy [3]"), "{error}");
    assert!(scratch.names("out").is_empty());
    let skip = Options {
        skip_bad: true,
        ..options(2)
    };
    let summary = scratch.run("out", skip, usize::MAX).unwrap();
    assert_eq!(
        summary,
        Summary {
            complete: true,
            rows: 38,
            skipped: 2
        }
    );
    let labels: Array1<i64> = ndarray_npy::read_npy(scratch.path("out/labels.npy")).unwrap();
    assert_eq!(labels.slice(s![..5]).to_vec(), [0, 1, 2, 1, 2]);
}

#[test]
fn a_limit_takes_the_first_pictures() {
    let scratch = Scratch::new(100);
    let first = Options {
        limit: Some(37),
        ..options(2)
    };
    assert_eq!(scratch.run("out", first, usize::MAX).unwrap().rows, 37);
    let none = Options {
        limit: Some(0),
        ..options(2)
    };
    let error = scratch.run("none", none, usize::MAX).unwrap_err();
    assert!(
        error.to_string().contains("at least one picture"),
        "{error}"
    );
    assert!(scratch.names("none").is_empty());
}
