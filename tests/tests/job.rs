//! Does a job run in its folder without a path, with the server's side carried to another place and back?

use std::fs;

use crate::program::{copy, done, files, velum};
use crate::table;

/// Rows of the table; a fifth of each class judges.
const ROWS: usize = 180;

/// Whether some file below has this text.
fn holds(folder: &std::path::Path, text: &str) -> bool {
    files(folder).iter().any(|file| {
        let bytes = fs::read(folder.join(file)).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

#[test]
fn no_path_is_given_twice() {
    let (client, server) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (at, there) = (client.path(), server.path());
    let rows = table::rows(3, ROWS, 12, 3);
    fs::write(at.join("rows.csv"), table::csv(&rows)).unwrap();
    let planned = done(
        at,
        &["plan", "--features", "rows.csv", "--rows", "training"],
    );
    assert_eq!(planned["trained_on"]["rows"], "training");
    // No key yet: the first encryption makes it, and the server's keys with it.
    let encrypted = done(at, &["encrypt"]);
    assert!(at.join("client/keys/secret.key").is_file() && at.join("server/eval-keys").is_dir());
    let training = planned["rows"].as_u64().unwrap();
    assert_eq!(encrypted["data"]["rows"], training);
    let before = done(at, &["check"]);
    assert_eq!(
        before["next"],
        "velum train, at the server, on a copy of server/"
    );

    // The server gets the one folder, under a name of its own, and nothing of the client's.
    copy(&at.join("server"), there);
    assert!(!holds(there, "velum client") && !holds(there, "velum secret"));
    done(there, &["train"]);
    assert!(holds(there, "velum server record") && !holds(there, "velum client"));
    for name in ["model.enc", "model.enc.record.json"] {
        fs::copy(there.join(name), at.join("server").join(name)).unwrap();
    }

    done(at, &["decrypt"]);
    // Nobody judged the model yet: the report does.
    let first = done(at, &["report"]);
    let found = done(at, &["evaluate"]);
    let judged = &first["evaluated"];
    assert_eq!(judged["accuracy"], found["accuracy"]);
    assert_eq!(judged["confusion"], found["confusion"]);
    assert_eq!(found["rows"].as_u64().unwrap() + training, ROWS as u64);
    for accuracy in [
        "accuracy",
        "accuracy_clear",
        "accuracy_client_only",
        "accuracy_best_clear",
    ] {
        assert!(
            found[accuracy].as_f64().unwrap() > 0.8,
            "{accuracy}: {found}"
        );
    }
    let report = done(at, &["report"]);
    let page = fs::read_to_string(at.join("client/report.html")).unwrap();
    assert_eq!(report["bytes"], page.len());
    assert!(report["evaluated"].is_null(), "judged a second time");
    assert!(!page.contains("No record was found"), "{page}");
    let after = done(at, &["check"]);
    assert!(after["next"].is_null(), "{after}");

    // From elsewhere, by name; and a part of another job is noticed.
    let named = done(there, &["check", "--job", at.to_str().unwrap()]);
    assert_eq!(named["parts"].as_array().unwrap().len(), 9);
    let other = "plan --features rows.csv --iterations 3 --out server/plan.json --recipe client/r";
    done(at, &other.split(' ').collect::<Vec<_>>());
    let refused = velum(at, &["check"]);
    let says = refused.stderr.contains("expected the recipe of plan");
    assert!(refused.code == 1 && says, "{refused}");
}

/// Pictures of three classes, 8 x 8: a bright bar at another place for each, and noise.
fn pictures(count: usize) -> (Vec<u8>, Vec<u8>) {
    let be = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let (mut images, mut labels) = (vec![0, 0, 8, 3], vec![0, 0, 8, 1]);
    for n in [count, 8, 8] {
        images.extend(be(n));
    }
    labels.extend(be(count));
    let mut state = 1_u32;
    for k in 0..count {
        let class = k % 3;
        labels.push(u8::try_from(class).unwrap());
        for pixel in 0..64 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 26) as u8;
            let bright = pixel % 8 / 2 == class;
            images.push(noise + if bright { 160 } else { 0 });
        }
    }
    (images, labels)
}

#[test]
fn a_rehearsal_goes_from_pictures_to_the_report() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let (images, labels) = pictures(90);
    fs::write(at.join("some-images-idx3-ubyte"), images).unwrap();
    fs::write(at.join("some-labels-idx1-ubyte"), labels).unwrap();
    let ran = done(
        at,
        &["run", "--job", "job", "--images", "some-images-idx3-ubyte"],
    );
    assert_eq!(ran["rows"], 18);
    assert_eq!(ran["accuracy"], ran["accuracy_clear"]);
    let page = fs::read_to_string(at.join("job/client/report.html")).unwrap();
    assert!(page.contains("velum-compact") && !page.contains("No record was found"));
    assert!(!holds(&at.join("job/server"), "velum client"));
    let checked = done(at, &["check", "--job", "job"]);
    assert!(checked["next"].is_null(), "{checked}");
}
