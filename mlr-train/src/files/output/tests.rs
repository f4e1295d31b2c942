use super::*;

const PLAN: FileKind = FileKind {
    name: "plan",
    is: |begin| begin.starts_with(b"{\"plan\""),
};

fn problem<T: std::fmt::Debug>(result: Result<T, FileError>) -> Problem {
    result.unwrap_err().fault().unwrap().problem
}

#[test]
fn only_files_of_the_same_kind_are_replaced() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let file = |name: &str| Outputs::default().file(&at(name), PLAN);
    fs::write(at("plan"), b"{\"plan\":1}").unwrap();
    fs::write(at("empty"), b"").unwrap();
    fs::write(at("secret.key"), b"velum secret key 1").unwrap();
    fs::create_dir(at("folder")).unwrap();
    for name in ["plan", "empty", "new"] {
        assert_eq!(file(name).unwrap(), Place::File, "{name}");
    }
    for name in [
        "secret.key",
        "folder",
        "folder/",
        "new/",
        "folder/.",
        "missing/new",
    ] {
        assert_eq!(problem(file(name)), Problem::Place, "{name}");
    }
    for name in [".", "..", "/", ""] {
        let refused = Outputs::default().file(Path::new(name), PLAN);
        assert_eq!(problem(refused), Problem::Place, "{name}");
    }
    for name in ["plan", "secret.key", "empty"] {
        assert_eq!(
            problem(Outputs::default().new_file(&at(name), "x")),
            Problem::Place
        );
        assert_eq!(
            problem(Outputs::default().new_directory(&at(name), "x")),
            Problem::Place
        );
    }
    Outputs::default()
        .new_directory(&at("folder"), "x")
        .unwrap();
    Outputs::default().new_directory(&at("new/"), "x").unwrap();
    Outputs::default()
        .secret_file(&at("made/secret.key"), "x")
        .unwrap();
    let deep = Outputs::default().secret_file(&at("not/made/secret.key"), "x");
    assert_eq!(problem(deep), Problem::Place);
    // Nothing was made and nothing was changed.
    assert_eq!(fs::read(at("secret.key")).unwrap(), b"velum secret key 1");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 4);
}

#[test]
fn inputs_and_other_outputs_are_never_written_to() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("plan"), b"{\"plan\":1}").unwrap();
    fs::hard_link(at("plan"), at("same")).unwrap();
    fs::create_dir(at("in")).unwrap();
    let (plan, folder) = (at("plan"), at("in"));
    let call = || Outputs::new([plan.as_path(), folder.as_path()]);
    for name in ["plan", "same", "in/../plan"] {
        assert_eq!(
            problem(call().file(&at(name), PLAN)),
            Problem::Place,
            "{name}"
        );
    }
    assert_eq!(problem(call().new_directory(&folder, "x")), Problem::Place);
    let mut outputs = call();
    outputs.new_directory(&at("out"), "x").unwrap();
    for name in ["out", "out/a", "in/../out/a"] {
        assert_eq!(
            problem(outputs.secret_file(&at(name), "x")),
            Problem::Place,
            "{name}"
        );
    }
    outputs.file(&at("in/new"), PLAN).unwrap();
    assert_eq!(problem(outputs.file(&at("in/new"), PLAN)), Problem::Place);
}

#[cfg(unix)]
#[test]
fn links_are_refused_and_devices_written_through() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("plan"), b"{\"plan\":1}").unwrap();
    std::os::unix::fs::symlink(at("plan"), at("link")).unwrap();
    std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
    std::os::unix::fs::symlink("/dev/null", at("null")).unwrap();
    for name in ["link", "dangling"] {
        assert_eq!(
            problem(Outputs::default().file(&at(name), PLAN)),
            Problem::Place
        );
    }
    let mut outputs = Outputs::default();
    for _ in 0..2 {
        assert_eq!(outputs.file(&at("null"), PLAN).unwrap(), Place::Stream);
    }
}
