//! File systems that lack something, kills, and names that are no place for a file.

use std::io::{self, Write as _};
use std::path::Path;

use super::super::file::{Disk, write_on};
use super::super::pending::Pending;
use super::*;

/// Every step fails as it is set to.
#[derive(Default)]
struct Poor {
    rename: Option<io::ErrorKind>,
    link: Option<io::ErrorKind>,
    sync: Option<io::ErrorKind>,
}

fn or(fault: Option<io::ErrorKind>, go: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    fault.map_or_else(go, |kind| Err(kind.into()))
}

impl Disk for Poor {
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        or(self.rename, || std::fs::rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        or(self.link, || std::fs::hard_link(from, to))
    }

    fn sync(&self, _: &Path) -> io::Result<()> {
        or(self.sync, || Ok(()))
    }
}

fn write(disk: &dyn Disk, path: &Path, existing: Existing, text: &[u8]) -> Result<(), WireError> {
    write_on::<_, WireError>(disk, path, existing, false, |sink| {
        sink.write_all(text).unwrap();
        Ok(())
    })
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn poor_file_systems_are_served_and_failing_ones_reported() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    for link in [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::Unsupported,
        io::ErrorKind::TooManyLinks,
    ] {
        let disk = Poor {
            link: Some(link),
            sync: Some(io::ErrorKind::InvalidInput),
            ..Poor::default()
        };
        write(&disk, &path, Existing::Keep, b"one").unwrap();
        assert!(write(&disk, &path, Existing::Keep, b"two").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        std::fs::remove_file(&path).unwrap();
        // No name is left that would stop the next try.
        let disk = Poor {
            rename: Some(io::ErrorKind::StorageFull),
            ..disk
        };
        assert!(write(&disk, &path, Existing::Keep, b"two").is_err());
        assert_eq!(names(place.path()), [""; 0]);
    }
    let disk = Poor {
        sync: Some(io::ErrorKind::Other),
        ..Poor::default()
    };
    assert!(write(&disk, &path, Existing::Replace, b"one").is_err());
}

#[test]
fn a_file_that_is_mounted_gets_the_content() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    std::fs::write(&path, b"a longer old text").unwrap();
    let disk = Poor {
        rename: Some(io::ErrorKind::ResourceBusy),
        ..Poor::default()
    };
    write(&disk, &path, Existing::Replace, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(names(place.path()), ["file"]);
}

#[test]
fn leftovers_of_the_dead_are_swept_and_those_of_the_living_stay() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let (living, _) = Pending::file(&path, false).unwrap();
    let living_directory = Pending::directory(&path, true).unwrap();
    let (dead, file) = Pending::file(&path, false).unwrap();
    drop(file);
    let dead = dead.keep();
    let dead_directory = Pending::directory(&path, false).unwrap().keep();
    std::fs::write(dead_directory.join("a"), b"a").unwrap();
    let others = place.path().join(".file.0123.part");
    std::fs::write(&others, b"not ours").unwrap();
    write(&Poor::default(), &path, Existing::Replace, b"new").unwrap();
    assert!(!dead.exists() && !dead_directory.exists());
    assert!(living.path().exists() && living_directory.path().exists() && others.exists());
    drop((living, living_directory));
    assert_eq!(names(place.path()), [".file.0123.part", "file"]);
}

#[test]
fn the_longest_names_work() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("n".repeat(255));
    let dead = Pending::directory(&path, false).unwrap().keep();
    write(&Poor::default(), &path, Existing::Keep, b"new").unwrap();
    assert!(!dead.exists());
    assert!(write(&Poor::default(), Path::new("/"), Existing::Replace, b"x").is_err());
}

#[test]
fn a_lock_is_one_at_a_time_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("file");
    let held = Lock::take(&path).unwrap().unwrap();
    assert!(Lock::take(&path).unwrap().is_none());
    assert!(Lock::take(&place.path().join("other")).unwrap().is_some());
    drop(held);
    assert_eq!(names(place.path()), [""; 0]);
    // What a killed process left is no lock.
    std::fs::write(place.path().join(".file.lock"), b"").unwrap();
    assert!(Lock::take(&path).unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_what_was_private_stays_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let (target, link) = (place.path().join("target"), place.path().join("link"));
    std::fs::write(&target, b"old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    for existing in [Existing::Keep, Existing::Replace] {
        assert!(write(&Poor::default(), &link, existing, b"new").is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
    }
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600)).unwrap();
    write(&Poor::default(), &target, Existing::Replace, b"new").unwrap();
    assert_eq!(
        target.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let stream = Path::new("/dev/null");
    write(&Poor::default(), stream, Existing::Replace, b"new").unwrap();
    assert!(!stream.metadata().unwrap().is_file());
}
