//! One owner and a server on a board, in place of files that are carried: `velum group` with one `--owner`.

use std::path::Path;

use crate::group::{DIGITS, begin};
use crate::program::{Outcome, done, velum};

#[test]
fn an_only_owner_takes_a_folder_of_its_own() {
    let place = tempfile::tempdir().unwrap();
    let top = place.path();
    for name in ["board", "owner", "server"] {
        std::fs::create_dir(top.join(name)).unwrap();
    }
    for name in ["owner", "server"] {
        done(&top.join(name), &["party", "--name", name]);
    }
    let create = |more: &str| {
        let words = "group create --board board --classes 10 --width 64 --purpose digits \
             --server server/client/party.card.json --owner owner/client/party.card.json";
        let words = words.split_whitespace().chain(more.split_whitespace());
        velum(top, &words.collect::<Vec<_>>())
    };
    // What one owner cannot ask for is refused before anything is on the board.
    for (more, says) in [
        ("--threshold 2", "threshold of 1"),
        ("--refresh owners", "by the client or by bootstrapping"),
        ("--receiver server/client/party.card.json", "alone receives"),
    ] {
        let refused = create(more);
        assert_eq!(refused.code, 1, "{refused}");
        assert!(refused.stderr.contains(says), "{refused}");
    }
    assert_eq!(std::fs::read_dir(top.join("board")).unwrap().count(), 0);
    assert_eq!(create("").code, 0);
    let session = done(top, &["group", "status", "--board", "board"])["session"].clone();
    let session = session.as_str().unwrap();
    let owner = top.join("owner");
    std::fs::create_dir_all(owner.join("server")).unwrap();
    std::fs::write(owner.join("server/plan.json"), "another job's").unwrap();
    let run = [
        "group",
        "run",
        "--board",
        "../board",
        "--session",
        session,
        "--yes",
        "--once",
    ];
    let rows = ["--features", DIGITS, "--rows", "0..400"];
    let refused = velum(&owner, &[&run[..], &rows].concat());
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        refused.stderr.contains("of its own, with --job DIR")
            && refused.stderr.contains("with --key FILE"),
        "{refused}"
    );
    let own = ["--job", "job", "--key", "client/keys/party.key"];
    std::fs::create_dir(owner.join("job")).unwrap();
    let waits = velum(&owner, &[&run[..], &rows, &own].concat());
    assert_eq!(waits.code, 4, "{waits}");
    for said in ["2 iterations of steps 4, 4", "no feature, label or weight"] {
        assert!(waits.stderr.contains(said), "{waits}");
    }
}

/// At 128 bits, as processes: one owner and a server on a board, with and without refreshes by the owner; the model is that of the job's verbs to the bits that are certain.
#[test]
#[ignore = "half a minute: one owner and a server at 128 bits, twice"]
fn one_owner_and_a_server_train_on_a_board_what_they_would_with_files() {
    let long: &[&str] = &[
        "--iterations",
        "4",
        "--steps",
        "4,4,4,4",
        "--range",
        "8",
        "--degree",
        "7",
    ];
    for (wishes, refresh) in [(&[][..], &[][..]), (long, &["--refresh", "client"])] {
        let place = tempfile::tempdir().unwrap();
        let top = place.path();
        for name in ["board", "owner", "server", "files"] {
            std::fs::create_dir(top.join(name)).unwrap();
        }
        for name in ["owner", "server"] {
            done(&top.join(name), &["party", "--name", name]);
        }
        let words = "group create --board board --classes 10 --width 64 --purpose digits --keep 40 --lambda 0.001 \
             --server server/client/party.card.json --owner owner/client/party.card.json";
        let words: Vec<&str> = words.split_whitespace().collect();
        let created = done(top, &[&words[..], wishes, refresh].concat());
        let session = created["session"].as_str().unwrap();
        let run = ["group", "run", "--board", "../board", "--session", session];
        let rows = ["--features", DIGITS, "--rows", "0..1400"];
        let own = [&run[..], &rows, &["--yes", "--poll", "0.05"]].concat();
        let owner = begin(&top.join("owner"), &own);
        let server = begin(&top.join("server"), &[&run[..], &["--yes"]].concat());
        for child in [owner, server] {
            let outcome = Outcome::of(&child.wait_with_output().unwrap());
            assert_eq!(outcome.code, 0, "{outcome}");
        }
        assert!(!top.join("server/client/model").exists());
        let status = done(top, &["group", "status", "--board", "board"]);
        assert_eq!(status["done"], true, "{status}");
        let files = top.join("files");
        let plan = ["plan", "--keep", "40", "--lambda", "0.001"];
        done(&files, &[&plan[..], wishes, refresh, &rows].concat());
        done(&files, &[&["encrypt"][..], &rows].concat());
        let accuracy = |at: &Path, model: &str| {
            let words = ["evaluate", "--model", model, "--features", DIGITS];
            let judged = done(at, &[&words[..], &["--rows", "1400.."]].concat());
            judged["accuracy"].as_f64().unwrap()
        };
        let on_board = accuracy(&top.join("owner"), "client/model");
        let twin = accuracy(&files, "client/private/twin");
        // Two of 397 rows: the plan is the same, and so is the twin.
        assert!((on_board - twin).abs() <= 0.0051, "{on_board}, {twin}");
        // The verbs of a job find what lies in its folder, records of the steps among it.
        let plans = |at: &str| std::fs::read(top.join(at).join("server/plan.json")).unwrap();
        assert_eq!(plans("owner"), plans("files"));
        for record in [
            "client/plan.record.json",
            "client/model.record.json",
            "server/model.enc.record.json",
        ] {
            assert!(top.join("owner").join(record).exists(), "{record}");
        }
    }
}
