use super::*;
use crate::files::Access;

fn directory(place: &Path, name: &str) -> NewDirectory {
    let begun = NewDirectory::begin(&place.join(name), Access::Shared, "x").unwrap();
    fs::write(begun.path().join("content"), name).unwrap();
    begun
}

fn file(place: &Path, name: &str) -> Unnamed {
    let write = |sink: &mut io::BufWriter<File>| {
        sink.write_all(name.as_bytes()).unwrap();
        Ok::<_, WireError>(())
    };
    Unnamed::write(&place.join(name), true, write).unwrap().1
}

fn three(place: &Path) -> Together {
    Together::default()
        .directory(directory(place, "a"))
        .file(file(place, "b"))
        .file(file(place, "c"))
}

fn names(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What a process leaves that is killed when `named` outputs have their names.
fn killed(place: &Path, named: usize) {
    let outputs = three(place);
    let note = Note::write(&place.join("a"), &outputs.0).unwrap();
    for (part, output) in outputs.0.into_iter().enumerate() {
        if part < named {
            output.name().unwrap();
        } else if let Part::File(file) = output {
            // The others stay under their temporary names.
            std::mem::forget(file);
        } else {
            std::mem::forget(output);
        }
    }
    // The lock goes with the process, the note stays.
    let path = note.path.clone();
    let text = fs::read(&path).unwrap();
    drop(note);
    fs::write(&path, text).unwrap();
}

#[test]
fn all_appear_and_nothing_beside() {
    let place = tempfile::tempdir().unwrap();
    three(place.path()).commit().unwrap();
    assert_eq!(names(place.path()), ["a", "b", "c"]);
    Together::recover(&place.path().join("a"));
    assert_eq!(names(place.path()), ["a", "b", "c"]);
}

#[test]
fn a_failure_takes_all_back() {
    let place = tempfile::tempdir().unwrap();
    let outputs = three(place.path());
    fs::write(place.path().join("c"), "taken meanwhile").unwrap();
    outputs.commit().unwrap_err();
    assert_eq!(names(place.path()), ["c"]);
    let kept = fs::read(place.path().join("c")).unwrap();
    assert_eq!(kept, b"taken meanwhile");
}

#[cfg(unix)]
#[test]
fn the_next_call_takes_back_what_a_killed_one_named() {
    for named in 0..3 {
        let place = tempfile::tempdir().unwrap();
        killed(place.path(), named);
        Together::recover(&place.path().join("a"));
        let left: Vec<_> = names(place.path())
            .into_iter()
            .filter(|name| !name.ends_with(".part"))
            .collect();
        assert_eq!(left, [""; 0], "{named} had their names");
        three(place.path()).commit().unwrap();
    }
    let place = tempfile::tempdir().unwrap();
    killed(place.path(), 3);
    Together::recover(&place.path().join("a"));
    assert_eq!(names(place.path()), ["a", "b", "c"]);
}

#[cfg(unix)]
#[test]
fn what_was_put_there_since_stays() {
    let place = tempfile::tempdir().unwrap();
    killed(place.path(), 2);
    fs::remove_file(place.path().join("b")).unwrap();
    fs::write(place.path().join("b"), "the user's").unwrap();
    // Also a directory whose content has changed.
    fs::write(place.path().join("a/new"), "the user's").unwrap();
    Together::recover(&place.path().join("a"));
    assert!(place.path().join("a/new").exists() && place.path().join("b").exists());
    assert!(!names(place.path()).iter().any(|name| name == "c"));
}

#[test]
fn who_is_at_it_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let outputs = three(place.path());
    let note = Note::write(&place.path().join("a"), &outputs.0).unwrap();
    Together::recover(&place.path().join("a"));
    assert!(note.path.exists());
    // Nor does a second one begin.
    assert!(Note::write(&place.path().join("a"), &outputs.0).is_err());
}

#[test]
fn strange_notes_stay_and_harm_nothing() {
    let place = tempfile::tempdir().unwrap();
    let first = place.path().join("a");
    let note = super::place(&first).unwrap();
    for text in ["not ours", BEGIN, &format!("{BEGIN}1-1-1 /\0 \0\0 ")] {
        fs::write(&note, text).unwrap();
        Together::recover(&first);
        assert_eq!(note.exists(), text == "not ours");
    }
}
