//! Every board under the same suite, and what a stranger does to a folder.

use super::*;

fn file(place: &Path, content: &[u8]) -> std::path::PathBuf {
    let path = place.join("source");
    std::fs::write(&path, content).unwrap();
    path
}

/// What every board must do.
pub(in crate::group) fn conforms(board: &dyn Board) {
    let place = tempfile::tempdir().unwrap();
    let content = b"some content".as_slice();
    let source = file(place.path(), content);
    let name = Name::of(Sort::File, content);
    let list = || board.list().unwrap();
    let target = place.path().join("target");
    assert_eq!(list().entries.get(&name), None);
    assert_eq!(fetch(board, &name, 12, &target).unwrap(), Fetched::Missing);
    assert!(!target.exists());
    assert!(post(board, &list(), &name, &source, false).unwrap());
    assert_eq!(list().entries.get(&name), Some(&12));
    // Once is enough.
    for verify in [false, true] {
        assert!(!post(board, &list(), &name, &source, verify).unwrap());
    }
    assert_eq!(fetch(board, &name, 12, &target).unwrap(), Fetched::Whole);
    assert_eq!(std::fs::read(&target).unwrap(), content);
    // Never more than was said, and never another content.
    for bytes in [0, 11, 13] {
        let target = place.path().join("other");
        assert_eq!(
            fetch(board, &name, bytes, &target).unwrap(),
            Fetched::Altered
        );
        assert!(!target.exists());
    }
    let small = fetch_small(board, &name, 100).unwrap();
    assert_eq!(small, (Fetched::Whole, content.to_vec()));
    assert_eq!(fetch_small(board, &name, 5).unwrap().0, Fetched::Altered);
    // What a stranger altered is noticed, and posted anew by whoever it belongs to.
    for altered in [b"some Content".as_slice(), b"", b"some content and more"] {
        board.write(&name, &mut &*altered).unwrap();
        // Of what is longer no more is read than was said: here that is what it should be.
        let found = fetch(board, &name, 12, &target).unwrap();
        assert_eq!(found == Fetched::Whole, altered.starts_with(content));
        assert_eq!(std::fs::read(&target).unwrap(), content, "kept");
        assert!(post(board, &list(), &name, &source, true).unwrap());
        assert_eq!(fetch(board, &name, 12, &target).unwrap(), Fetched::Whole);
    }
    // A file that is not what was signed goes nowhere.
    let name = Name::of(Sort::File, b"signed");
    assert!(post(board, &list(), &name, &source, false).is_err());
    assert_eq!(list().entries.get(&name), None);
}

#[test]
fn a_folder_and_memory_conform() {
    let place = tempfile::tempdir().unwrap();
    conforms(&FolderBoard::open(place.path()).unwrap());
    conforms(&MemoryBoard::default());
    assert!(FolderBoard::open(&place.path().join("none")).is_err());
}

#[test]
fn what_else_lies_in_a_folder_is_ignored() {
    let place = tempfile::tempdir().unwrap();
    let board = FolderBoard::open(place.path()).unwrap();
    let name = Name::of(Sort::Message, b"x");
    let text = name.to_string();
    for foreign in [
        "photo.jpg".to_owned(),
        format!(
            "{} (conflicted copy 2026-11-27).json",
            text.trim_end_matches(".json")
        ),
        format!("{text}.part"),
        text.to_uppercase(),
        ".sync".to_owned(),
    ] {
        std::fs::write(place.path().join(foreign), b"x").unwrap();
    }
    std::fs::create_dir(
        place
            .path()
            .join(Name::of(Sort::File, b"folder").to_string()),
    )
    .unwrap();
    #[cfg(unix)]
    {
        let link = place.path().join(Name::of(Sort::File, b"link").to_string());
        std::os::unix::fs::symlink(place.path().join("photo.jpg"), link).unwrap();
        let link = Name::of(Sort::File, b"link");
        assert!(!board.read(&link, 9, &mut Vec::new()).unwrap());
        let source = file(place.path(), b"link");
        assert!(post(&board, &board.list().unwrap(), &link, &source, false).is_err());
    }
    assert!(board.list().unwrap().entries.is_empty());
    assert!(board.list().unwrap().foreign >= 6);
}

#[test]
fn names_have_one_spelling() {
    for sort in [Sort::Charter, Sort::Message, Sort::File] {
        let name = Name::of(sort, b"y");
        let text = name.to_string();
        assert_eq!(Name::parse(&text), Some(name));
        assert_eq!(Name::parse(&text.to_uppercase()), None);
        assert_eq!(Name::parse(&format!("{text} ")), None);
        assert_eq!(Name::parse(&text[1..]), None);
    }
    assert_eq!(Name::parse("velum-file-.."), None);
}
