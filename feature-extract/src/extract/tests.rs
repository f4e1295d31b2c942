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
        extract_to_dir(&extractor, paths, &options, &cancelled, &mut |event| {
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
        classes: None,
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
    assert_eq!(text["schema"], 2);
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
    assert!(
        error
            .place()
            .is_some_and(|place| place.contains("images.npy [3]")),
        "{error}"
    );
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
fn a_limit_takes_from_every_class_of_an_array_too() {
    let scratch = Scratch::new(100);
    // Sorted by class, as many arrays are: the first ones would be of one class.
    let labels: Array1<i64> = (0..100)
        .map(|row| if row < 90 { row / 45 } else { 2 })
        .collect();
    ndarray_npy::write_npy(scratch.path("labels.npy"), &labels).unwrap();
    scratch.run("whole", options(1), usize::MAX).unwrap();
    let limited = |resume| Options {
        limit: Some(37),
        resume,
        ..options(2)
    };
    assert_eq!(
        scratch.run("out", limited(false), usize::MAX).unwrap().rows,
        37
    );
    let kept: Array1<i64> = ndarray_npy::read_npy(scratch.path("out/labels.npy")).unwrap();
    let count = |class| kept.iter().filter(|&&label| label == class).count();
    assert_eq!([0, 1, 2].map(count), [14, 13, 10]);
    // The rows are those of the pictures that were chosen: the first of every class.
    let rows =
        |name: &str| -> ndarray::Array2<f32> { ndarray_npy::read_npy(scratch.path(name)).unwrap() };
    let (some, whole) = (rows("out/features.npy"), rows("whole/features.npy"));
    for (row, at) in (0..14).chain(45..58).chain(90..100).enumerate() {
        assert_eq!(some.row(row), whole.row(at), "{row}");
    }
    // Stopped after a round of pictures, a run goes on with the same ones.
    let many = Scratch::new(600);
    let labels: Array1<i64> = (0..600).map(|row| i64::from(row >= 10)).collect();
    ndarray_npy::write_npy(many.path("labels.npy"), &labels).unwrap();
    let limited = |resume| Options {
        limit: Some(550),
        resume,
        ..options(1)
    };
    many.run("whole", limited(false), usize::MAX).unwrap();
    assert!(!many.run("out", limited(false), 1).unwrap().complete);
    many.run("out", limited(true), usize::MAX).unwrap();
    assert!(many.bytes("out/features.npy") == many.bytes("whole/features.npy"));
}

#[test]
fn without_a_picture_there_is_no_set() {
    let scratch = Scratch::new(100);
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

#[test]
fn a_folder_of_others_is_left_alone() {
    let scratch = Scratch::new(4);
    std::fs::create_dir(scratch.path("out")).unwrap();
    std::fs::write(scratch.path("out/features.npy"), b"mine").unwrap();
    let error = scratch.run("out", options(1), usize::MAX).unwrap_err();
    assert!(
        error.to_string().contains("a new or empty folder"),
        "{error}"
    );
    assert_eq!(scratch.bytes("out/features.npy"), b"mine");
}

#[test]
fn one_run_at_a_time_and_none_over_an_unfinished_one() {
    let scratch = Scratch::new(600);
    std::fs::create_dir(scratch.path("out")).unwrap();
    let held = std::fs::File::open(scratch.path("out")).unwrap();
    held.lock().unwrap();
    let error = scratch.run("out", options(1), usize::MAX).unwrap_err();
    assert!(error.to_string().contains("another extraction"), "{error}");
    drop(held);

    scratch.run("out", options(1), 1).unwrap();
    let kept = scratch.bytes("out/features.npy.partial");
    let error = scratch.run("out", options(1), usize::MAX).unwrap_err();
    assert!(
        error.hint().is_some_and(|hint| hint.contains("resuming")),
        "{error}"
    );
    assert_eq!(scratch.bytes("out/features.npy.partial"), kept);

    // Other labels of the same number are another run.
    let resume = Options {
        resume: true,
        ..options(1)
    };
    let labels = scratch.bytes("labels.npy");
    let other = Array1::from_elem(600, 2i64);
    ndarray_npy::write_npy(scratch.path("labels.npy"), &other).unwrap();
    let error = scratch.run("out", resume.clone(), usize::MAX).unwrap_err();
    assert!(
        error.to_string().contains("the state of this run"),
        "{error}"
    );
    std::fs::write(scratch.path("labels.npy"), labels).unwrap();

    // A link in place of the rows is not followed.
    #[cfg(unix)]
    {
        std::fs::write(scratch.path("victim"), &kept).unwrap();
        let rows = scratch.path("out/features.npy.partial");
        std::fs::remove_file(&rows).unwrap();
        std::os::unix::fs::symlink(scratch.path("victim"), &rows).unwrap();
        assert!(scratch.run("out", resume.clone(), usize::MAX).is_err());
        assert_eq!(scratch.bytes("victim"), kept);
        std::fs::remove_file(&rows).unwrap();
        std::fs::write(&rows, &kept).unwrap();
    }
    assert_eq!(scratch.run("out", resume, usize::MAX).unwrap().rows, 600);
}

#[test]
fn a_run_killed_between_its_last_renames_is_completed() {
    let scratch = Scratch::new(40);
    scratch.run("whole", options(1), usize::MAX).unwrap();
    let resume = Options {
        resume: true,
        ..options(1)
    };
    scratch.run("out", options(1), usize::MAX).unwrap();
    let extractor = Extractor::compact().unwrap();
    let (images, labels) = (scratch.path("images.npy"), scratch.path("labels.npy"));
    let source = Source::open(&images, Some(&labels)).unwrap();
    let out = scratch.path("out");
    let paths = Paths {
        images: &images,
        labels: Some(&labels),
        out: &out,
    };
    let job = identity::job(&extractor, &source, paths, &resume).unwrap();
    let state = serde_json::json!({
        "schema": 2, "job": job, "position": 40, "rows": 40, "skipped": 0, "names": 0, "finished": true
    });
    for done in ["labels.npy", "features.npy"] {
        std::fs::rename(out.join(done), out.join(format!("{done}.partial"))).unwrap();
        let _ = std::fs::remove_file(out.join("features.json"));
        std::fs::write(out.join("extract.json.partial"), state.to_string()).unwrap();
        assert_eq!(
            scratch.run("out", resume.clone(), usize::MAX).unwrap().rows,
            40
        );
        assert_eq!(scratch.names("out"), scratch.names("whole"));
        assert_eq!(
            scratch.bytes("out/features.npy"),
            scratch.bytes("whole/features.npy")
        );
    }
}

#[test]
fn rows_keep_the_names_of_their_pictures() {
    let scratch = Scratch::new(1);
    const JPEG: &[u8] = include_bytes!("../../tests/fixtures/pictures/grey.jpg");
    for (name, bytes) in [("a/1.jpg", JPEG), ("a/2.jpg", b"bad"), ("b/3.jpg", JPEG)] {
        let path = scratch.path("images.npy.d").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let (images, out) = (scratch.path("images.npy.d"), scratch.path("out"));
    let paths = Paths {
        images: &images,
        labels: None,
        out: &out,
    };
    let skip = Options {
        skip_bad: true,
        ..options(1)
    };
    let extractor = Extractor::compact().unwrap();
    let never = AtomicBool::new(false);
    extract_to_dir(&extractor, paths, &skip, &never, &mut |_| {}).unwrap();
    let names: Vec<String> = serde_json::from_slice(&scratch.bytes("out/names.json")).unwrap();
    assert_eq!(names, ["a/1.jpg", "b/3.jpg"]);
}
