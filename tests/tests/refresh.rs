//! A training whose weights the client refreshes: what it ends with, what goes wrong, and what the client answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use crate::journey::{self, Job, TRAIN_ARGUMENTS, WAITS, refresh_arguments, run};
use crate::program::{Outcome, done, spawn, velum};

static LONG: LazyLock<Job> =
    LazyLock::new(|| run(&[&journey::LONG[..], &["--refresh", "client"]].concat()));

fn train(folder: &Path, more: &[&str]) -> Outcome {
    velum(folder, &[&["--json"], &TRAIN_ARGUMENTS[..], more].concat())
}

fn refresh(folder: &Path, request: &str) -> Outcome {
    velum(
        folder,
        &[&["--json"], &refresh_arguments(request, "out")[..]].concat(),
    )
}

fn answer(round: usize) -> String {
    let path = LONG.client().join(format!("answer-{round}"));
    path.to_str().unwrap().to_owned()
}

/// Where the key remembers which request it has answered.
fn remembered(at: &Path, before: usize) -> PathBuf {
    let mut notes = fs::read_dir(at.join("keys/secret.key.opened")).unwrap();
    let end = format!("-refresh-{before}");
    let note = notes.find(|note| {
        let name = note.as_ref().unwrap().file_name();
        name.to_str().unwrap().ends_with(&end)
    });
    note.unwrap().unwrap().path()
}

#[test]
fn a_refreshed_training_ends_at_its_twin() {
    assert_eq!(LONG.plan["refreshes"], 2);
    assert_eq!(LONG.plan["refresh_every"], 1);
    // Six levels an iteration, whatever their number, and one to unpack the first gradient.
    assert!(LONG.plan["levels"].as_u64().unwrap() <= 7);
    assert_eq!(LONG.train["resumed_iterations"], 3);
    let error = LONG.decrypt["max_weight_error"].as_f64().unwrap();
    assert!(error <= (-7f64).exp2(), "{error:e}");
    let bytes = |name: &str| fs::metadata(LONG.client().join(name)).unwrap().len();
    let both: u64 = [0, 1]
        .map(|k| bytes(&format!("request-{k}")) + bytes(&format!("answer-{k}")))
        .iter()
        .sum();
    let planned = LONG.plan["refresh_bytes"].as_u64().unwrap();
    // The formula counts whole bits of every prime: within a hundredth.
    assert!(both.abs_diff(planned) <= planned / 100, "{both} {planned}");
    for (file, kind) in [
        ("request-0", "request for a refresh"),
        ("answer-0", "refreshed weights"),
    ] {
        let found = velum(&LONG.client(), &["--json", "inspect", file]).json();
        assert_eq!(found["kind"], kind, "{found}");
    }
}

#[test]
fn the_same_answers_give_the_same_bits_after_any_stop() {
    let folder = LONG.copy(&LONG.server());
    let at = folder.path();
    let model = at.join("model.enc");
    let expected = fs::read(&model).unwrap();
    fs::remove_file(&model).unwrap();
    let request = || fs::read(at.join("model.enc.refresh")).unwrap();
    let first = train(at, &[]);
    assert_eq!(first.code, WAITS, "{first}");
    assert!(
        first.json()["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("velum refresh")
    );
    assert!(request() == fs::read(LONG.client().join("request-0")).unwrap());
    // Without an answer it asks again, with the same bytes; with the answer to another request it goes nowhere.
    assert_eq!(train(at, &["--resume"]).code, WAITS);
    assert!(request() == fs::read(LONG.client().join("request-0")).unwrap());
    let other = train(at, &["--resume", "--refreshed", &answer(1)]);
    assert_eq!(other.code, 1, "{other}");
    assert_eq!(train(at, &["--refreshed", &answer(0)]).code, 1);
    let second = train(at, &["--resume", "--refreshed", &answer(0)]);
    assert_eq!(second.code, WAITS, "{second}");
    assert!(request() == fs::read(LONG.client().join("request-1")).unwrap());
    let last = train(at, &["--resume", "--refreshed", &answer(1)]);
    assert_eq!(last.code, 0, "{last}");
    assert!(expected == fs::read(&model).unwrap());
    assert!(!at.join("model.enc.refresh").exists());
}

#[test]
fn a_training_killed_beyond_a_refresh_goes_on_to_the_same_bits() {
    let folder = LONG.copy(&LONG.server());
    let at = folder.path();
    let model = at.join("model.enc");
    let expected = fs::read(&model).unwrap();
    let last = answer(1);
    let answered = ["--resume", "--refreshed", &last];
    let arguments = [&TRAIN_ARGUMENTS[..], &answered].concat();
    // To where it waits for the last answer, and from there on without a kill.
    let waiting = || {
        fs::remove_file(&model).unwrap();
        assert_eq!(train(at, &[]).code, WAITS);
        assert_eq!(
            train(at, &["--resume", "--refreshed", &answer(0)]).code,
            WAITS
        );
    };
    waiting();
    let begin = Instant::now();
    done(at, &arguments);
    let length = begin.elapsed();
    let mut unfinished = 0;
    for part in [0.2, 0.5, 0.7, 0.9] {
        waiting();
        let mut child = spawn(at, &arguments);
        std::thread::sleep(length.mul_f64(part));
        // It may have ended by itself.
        let _ended = child.kill();
        child.wait().unwrap();
        unfinished += usize::from(!model.exists());
        let again = train(at, &answered);
        assert!(again.code == 0 || model.exists(), "at {part}: {again}");
        assert!(expected == fs::read(&model).unwrap(), "at {part}");
        assert!(!at.join("model.enc.refresh").exists());
    }
    assert!(unfinished > 0, "every kill came too late");
}

#[test]
fn the_client_answers_each_request_once_and_in_order() {
    let folder = LONG.copy(&LONG.client());
    let at = folder.path();
    // The last request again: the same answer. The first one again, when the training has gone on: none.
    let again = refresh(at, "request-1");
    assert_eq!(again.code, 0, "{again}");
    assert_eq!(again.json()["again"], true);
    assert!(fs::read(at.join("out")).unwrap() == fs::read(at.join("answer-1")).unwrap());
    fs::remove_file(at.join("out")).unwrap();
    let back = refresh(at, "request-0");
    assert_eq!(back.code, 3, "{back}");
    // The second one before the first: the server cannot have it without the first answer.
    fs::remove_file(at.join("private/refresh.answer")).unwrap();
    let early = refresh(at, "request-1");
    assert_eq!(early.code, 3, "{early}");
    // Another request for an iteration whose request was decrypted already.
    let asked = remembered(at, 3);
    let text = fs::read_to_string(&asked).unwrap();
    let (head, _) = text.split_once("opened ").unwrap();
    fs::write(asked, format!("{head}opened {}\n", "07".repeat(32))).unwrap();
    let another = refresh(at, "request-0");
    assert_eq!(another.code, 3, "{another}");
    assert!(!at.join("out").exists());
}

#[test]
fn weights_that_contradict_the_twin_close_the_key() {
    let folder = LONG.copy(&LONG.client());
    let at = folder.path();
    fs::remove_file(at.join("private/refresh.answer")).unwrap();
    for before in [3, 4] {
        fs::remove_file(remembered(at, before)).unwrap();
    }
    // Another twin: what this client trusts is not what the server sends.
    let course = at.join("private/refreshes.json");
    let text = fs::read_to_string(&course).unwrap();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let weights = file["refreshes"][0]["weights"].as_array_mut().unwrap();
    weights[5] = (weights[5].as_f64().unwrap() + 0.25).into();
    fs::write(&course, file.to_string()).unwrap();
    let refused = refresh(at, "request-0");
    assert_eq!(refused.code, 3, "{refused}");
    assert!(!at.join("out").exists());
    // Nor is anything answered afterwards, the right request with the right twin included.
    fs::write(&course, text).unwrap();
    fs::remove_file(remembered(at, 3)).unwrap();
    let later = refresh(at, "request-0");
    assert_eq!(later.code, 3, "{later}");
    assert!(!at.join("out").exists());
}

#[test]
fn a_request_of_another_run_is_refused_before_it_is_opened() {
    let folder = LONG.copy(&LONG.client());
    let at = folder.path();
    let asked = fs::read(remembered(at, 4)).unwrap();
    let mut request = fs::read(at.join("request-1")).unwrap();
    let middle = request.len() / 2;
    request[middle] ^= 1;
    fs::write(at.join("damaged"), request).unwrap();
    assert_eq!(refresh(at, "damaged").code, 1);
    done(
        at,
        &[
            "keygen",
            "--plan",
            "plan.json",
            "--key",
            "other.key",
            "--eval-keys",
            "other",
        ],
    );
    let mut arguments = refresh_arguments("request-1", "out");
    arguments[4] = "other.key";
    assert_eq!(velum(at, &arguments).code, 1);
    assert!(fs::read(remembered(at, 4)).unwrap() == asked);
}
