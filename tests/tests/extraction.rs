//! `velum extract` from outside: stopped and taken up again, and on images that cannot be read.

use std::path::Path;

use crate::program::{done, files, velum};

/// Side of the grey images.
const SIDE: usize = 28;

/// An IDX file of `count` images, no two of which are alike, and its labels beside it.
pub(crate) fn write_idx(folder: &Path, count: usize) {
    let header = |magic: u32, sizes: &[usize]| -> Vec<u8> {
        let sizes = sizes.iter().map(|&size| u32::try_from(size).unwrap());
        let numbers = std::iter::once(magic).chain(sizes);
        numbers.flat_map(u32::to_be_bytes).collect()
    };
    let mut images = header(0x803, &[count, SIDE, SIDE]);
    let mut labels = header(0x801, &[count]);
    for image in 0..count {
        let pixel = |at: usize| ((image * 31 + at * at + image * at / 64) % 256) as u8;
        images.extend((0..SIDE * SIDE).map(pixel));
        labels.push((image % 10) as u8);
    }
    std::fs::write(folder.join("some-images-idx3-ubyte"), images).unwrap();
    std::fs::write(folder.join("some-labels-idx1-ubyte"), labels).unwrap();
}

/// Arguments of a run through velum-compact.
pub(crate) fn arguments<'a>(images: &'a str, out: &'a str) -> [&'a str; 7] {
    let arch = "velum-compact";
    ["extract", "--images", images, "--arch", arch, "--out", out]
}

#[cfg(unix)]
mod interrupted {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::program::command;

    /// A second of work in twelve rounds; the signal comes in the first, and is looked at after each.
    const COUNT: usize = 3_000;

    #[test]
    fn a_run_that_was_stopped_goes_on_to_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        write_idx(at, COUNT);
        let images = "some-images-idx3-ubyte";
        let mut stopped = command(at)
            .args(["--json", "--threads", "1"])
            .args(arguments(images, "stopped"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The file that rows go to stands once the handler of the signal does, and before the first image is read.
        let begun = at.join("stopped/features.npy.partial");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !begun.exists() {
            assert!(Instant::now() < deadline, "nothing was begun in a minute");
            assert!(stopped.try_wait().unwrap().is_none(), "ended too soon");
            std::thread::sleep(Duration::from_millis(2));
        }
        let id = stopped.id().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args(["-INT", &id]).status().unwrap().success());
        let output = stopped.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(
            said.contains("interrupted") && said.contains("--resume"),
            "{said}"
        );
        // What is kept: the rows so far and where to go on, and nothing that looks like a feature set.
        let kept =
            ["extract.json", "features.npy", "labels.npy"].map(|name| format!("{name}.partial"));
        let found: Vec<_> = files(&at.join("stopped"));
        assert_eq!(found, kept.map(std::path::PathBuf::from));
        let state = std::fs::read(at.join("stopped/extract.json.partial")).unwrap();
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        let rows = state["rows"].as_u64().unwrap();
        assert!(rows > 0 && rows < COUNT as u64, "{state}");
        let refused = velum(at, &["plan", "--features", "stopped", "--out", "plan.json"]);
        assert_eq!(refused.code, 1, "{refused}");

        let resumed = done(
            at,
            &[&arguments(images, "stopped")[..], &["--resume"]].concat(),
        );
        let whole = done(at, &arguments(images, "whole"));
        assert_eq!(
            (&resumed["rows"], &whole["rows"]),
            (&COUNT.into(), &COUNT.into())
        );
        let names = files(&at.join("whole"));
        assert_eq!(files(&at.join("stopped")), names);
        assert_eq!(names.len(), 3);
        for name in names {
            let bytes = |of: &str| std::fs::read(at.join(of).join(&name)).unwrap();
            assert!(
                bytes("stopped") == bytes("whole"),
                "{} differs",
                name.display()
            );
        }
    }
}

#[test]
fn a_corrupt_image_is_named_and_is_passed_over_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // The smallest PNG: one grey pixel.
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\
        \x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\
        \x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x68\x00\x00\x00\x82\x00\x81\x77\xcd\x72\xb6\
        \x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
    for (class, names) in [("cats", ["a.png", "b.png"]), ("dogs", ["c.png", "d.png"])] {
        std::fs::create_dir_all(at.join("images").join(class)).unwrap();
        for name in names {
            std::fs::write(at.join("images").join(class).join(name), PNG).unwrap();
        }
    }
    let torn = at.join("images/dogs/c.png");
    std::fs::write(&torn, &PNG[..PNG.len() - 20]).unwrap();

    let refused = velum(at, &arguments("images", "features"));
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("c.png"), "{refused}");
    assert!(refused.stderr.contains("--skip-bad"), "{refused}");
    assert_eq!(
        files(&at.join("features")),
        Vec::<std::path::PathBuf>::new()
    );

    let arguments = [&arguments("images", "features")[..], &["--skip-bad"]].concat();
    let passed = velum(at, &[&["--json"], &arguments[..]].concat());
    assert_eq!(passed.code, 0, "{passed}");
    assert!(passed.stderr.contains("c.png"), "{passed}");
    let object = passed.json();
    assert_eq!(
        (&object["rows"], &object["skipped"]),
        (&3.into(), &1.into())
    );
    // Labels of the others stay: two cats and one dog. A version-1 header of 128 bytes, then i64.
    let labels = std::fs::read(at.join("features/labels.npy")).unwrap();
    let labels = labels[labels.len() - 24..].as_chunks::<8>().0;
    assert_eq!(
        labels
            .iter()
            .map(|l| i64::from_le_bytes(*l))
            .collect::<Vec<_>>(),
        [0, 0, 1]
    );
}
