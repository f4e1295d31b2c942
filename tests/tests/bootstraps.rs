//! A training that the server bootstraps, at full size, killed within bootstrapped refreshes and after them: it goes on to the same bits.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::journey::{LONG, TRAIN_ARGUMENTS, run};
use crate::program::{done, spawn};

const BOOTSTRAPS: [&str; 4] = ["--refresh", "bootstrap", "--bootstrap-passes", "2"];
const CHECKPOINT: &str = "model.enc.checkpoint";

/// Waits until the training has written its checkpoint for the `count`th time.
fn checkpoints(at: &Path, child: &mut Child, count: usize) {
    let file = at.join(CHECKPOINT);
    let begin = Instant::now();
    let (mut seen, mut last) = (0, None);
    while seen < count {
        // It is replaced by renaming: another file each time.
        let now = fs::metadata(&file).and_then(|meta| meta.modified()).ok();
        if now.is_some() && now != last {
            seen += 1;
            last = now;
        }
        assert!(child.try_wait().unwrap().is_none(), "ended too early");
        assert!(begin.elapsed() < Duration::from_secs(300), "no checkpoint");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
#[ignore = "some minutes and 5 GB: bootstraps at full size"]
fn a_run_killed_within_and_after_a_bootstrap_ends_with_the_same_bits() {
    let job = run(&[&LONG[..], &BOOTSTRAPS].concat());
    assert_eq!(job.plan["bootstrap"]["passes"], 2);
    assert_eq!(job.plan["refreshes"], 2);
    let error = job.decrypt["max_weight_error"].as_f64().unwrap();
    let expected = job.plan["predicted_weight_error"].as_f64().unwrap();
    assert!(error < 24.0 * expected, "{error:e} {expected:e}");
    let server = job.server();
    let model = server.join("model.enc");
    let bytes = fs::read(&model).unwrap();
    // The second checkpoint is that before the first bootstrapping, which takes most of the time to the third: its beginning and its middle; and within the
    // second one, when the state holds weights that were refreshed.
    for (count, wait) in [(2, 0), (2, 1500), (3, 500)] {
        fs::remove_file(&model).unwrap();
        let mut child = spawn(&server, &TRAIN_ARGUMENTS);
        checkpoints(&server, &mut child, count);
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            !model.exists(),
            "ended before it was killed: {count} {wait}"
        );
        let again = done(&server, &[&TRAIN_ARGUMENTS[..], &["--resume"]].concat());
        assert_eq!(again["resumed_iterations"], count, "{again}");
        assert!(fs::read(&model).unwrap() == bytes, "{count} {wait}");
        assert!(!server.join(CHECKPOINT).exists());
    }
}
