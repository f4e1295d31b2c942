use super::*;
use std::fs;

fn sample(directory: &Path) -> Manifest {
    let mut manifest = Manifest::new(Kind::Dataset, "ab".repeat(32));
    manifest
        .add(directory, "data-0-0".to_owned(), b"first")
        .unwrap();
    manifest
        .add(directory, "data-0-1".to_owned(), b"second")
        .unwrap();
    manifest.write(directory).unwrap();
    manifest
}

fn names() -> std::vec::IntoIter<String> {
    vec!["data-0-0".to_owned(), "data-0-1".to_owned()].into_iter()
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let written = sample(dir.path());
    let read = Manifest::expect(dir.path(), Kind::Dataset, &"ab".repeat(32), names()).unwrap();
    assert_eq!((&read, read.bytes()), (&written, 11));
    let (_, content) = read.load(dir.path(), &read.files()[1], 100).unwrap();
    assert_eq!(content, b"second");
}

#[test]
fn sizes_beyond_all_numbers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = sample(dir.path());
    for entry in &mut manifest.files {
        entry.bytes = 1 << 63;
    }
    manifest.write(dir.path()).unwrap();
    let refused = Manifest::read(dir.path()).unwrap_err().to_string();
    assert!(refused.contains("2^64"), "{refused}");
}

#[test]
fn foreign_manifests_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let binding = "ab".repeat(32);
    let message = |kind, binding: &str, names: Vec<&str>| {
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        Manifest::expect(dir.path(), kind, binding, names.into_iter())
            .unwrap_err()
            .to_string()
    };
    let both = vec!["data-0-0", "data-0-1"];
    for (found, part) in [
        (
            message(Kind::EvaluationKeys, &binding, both.clone()),
            "expected evaluation keys",
        ),
        (
            message(Kind::Dataset, &"cd".repeat(32), both),
            "made for cdcdcdcdcdcdcdcd.., found",
        ),
        (
            message(Kind::Dataset, &binding, vec!["data-0-0"]),
            "expected 1 files, found 2",
        ),
        (
            message(Kind::Dataset, &binding, vec!["data-0-0", "x"]),
            "a file named x",
        ),
    ] {
        assert!(found.contains(part), "{found}");
    }
}

#[test]
fn damaged_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = sample(dir.path());
    let entry = &manifest.files()[0];
    let path = dir.path().join("data-0-0.ct");
    let message = |limit| {
        manifest
            .load(dir.path(), entry, limit)
            .unwrap_err()
            .to_string()
    };
    assert!(message(4).contains("at most 4 bytes"));
    fs::write(&path, b"firsT").unwrap();
    assert!(message(100).contains("content with hash"));
    let hashed = |_: &Path, bytes: &[u8]| Ok::<_, RunError>(((), *blake3::hash(bytes).as_bytes()));
    let refused = |_: &Path, _: &[u8]| Err::<((), _), _>(RunError::input("refused"));
    for found in [
        manifest.load_parsed(dir.path(), entry, 100, hashed),
        manifest.load_parsed(dir.path(), entry, 100, refused),
    ] {
        assert!(found.unwrap_err().to_string().contains("content with hash"));
    }
    let second = &manifest.files()[1];
    let found = manifest.load_parsed(dir.path(), second, 100, refused);
    assert_eq!(found.unwrap_err().to_string(), "refused");
    fs::write(&path, b"firs").unwrap();
    assert!(message(100).contains("expected 5 bytes, found 4"));
    fs::remove_file(&path).unwrap();
    assert!(message(100).contains("expected a file, found none"));
    let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
    fs::write(
        dir.path().join(FILE),
        text.replace("\"schema\": 1", "\"schema\": 9"),
    )
    .unwrap();
    assert!(
        Manifest::read(dir.path())
            .unwrap_err()
            .to_string()
            .contains("found 9")
    );
    fs::write(dir.path().join(FILE), &text[..40]).unwrap();
    assert!(
        Manifest::read(dir.path())
            .unwrap_err()
            .to_string()
            .contains("expected a manifest")
    );
}
