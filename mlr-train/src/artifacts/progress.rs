//! `model.enc.progress.json`: how far a training is, for whoever asks while it runs. It holds what the server knows anyway, and is gone when the
//! training has ended, however it ends; what a killed one left is known by its lock, which nobody has then.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use he_core::wire;
use serde::{Deserialize, Serialize};

use super::RunError;
use crate::files::{self, Access};
use crate::server::Progress;

/// The text by which it is known.
pub const KIND: &str = "velum server progress";
const SCHEMA: u32 = 1;
const LARGEST: u64 = 1 << 16;
/// Work before it is first written, and between two times.
const FIRST: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(5);

/// Where the progress of the training with result `out` is.
#[must_use]
pub fn beside(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".progress.json");
    name.into()
}

/// How far a training is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    kind: String,
    schema: u32,
    /// Hash of the plan, hex.
    pub plan: String,
    /// Iteration, from 1.
    pub iteration: usize,
    /// Iterations of the training.
    pub iterations: usize,
    /// What is being computed.
    pub phase: String,
    /// Share of this process's work that is done, in [0, 1].
    pub share: f64,
    /// Seconds that it has worked.
    pub seconds: f64,
    /// Seconds that the rest takes, as far as that can be told.
    pub seconds_left: Option<f64>,
}

/// Tells how far a training is, at most every few seconds. Dropped, it takes back what it told.
#[derive(Debug)]
pub struct Teller {
    path: PathBuf,
    plan: String,
    total: u64,
    expected: Option<Duration>,
    began: Instant,
    next: Mutex<Instant>,
}

impl Teller {
    /// Of the training with result `out` by the plan with this hash (hex), which has `total` key products to do and is `expected` to take so many seconds.
    #[must_use]
    pub fn new(out: &Path, plan: String, total: u64, expected: Option<f64>) -> Self {
        let began = Instant::now();
        Self {
            path: beside(out),
            plan,
            total,
            expected: expected.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            began,
            next: Mutex::new(began + FIRST),
        }
    }

    /// Tells, if it is time. What cannot be written is no reason to stop a training.
    pub fn tell(&self, progress: &Progress) {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if now < *next {
            return;
        }
        *next = now + EVERY;
        let elapsed = now - self.began;
        let left = time_left(elapsed, progress.key_products, self.total, self.expected);
        let told = Told {
            kind: KIND.to_owned(),
            schema: SCHEMA,
            plan: self.plan.clone(),
            iteration: progress.iteration,
            iterations: progress.iterations,
            phase: progress.phase.to_owned(),
            share: progress.key_products.min(self.total) as f64 / self.total.max(1) as f64,
            seconds: elapsed.as_secs_f64(),
            seconds_left: left.map(|left| left.as_secs_f64()),
        };
        if let Ok(text) = serde_json::to_vec(&told) {
            let _ = files::write_atomic(&self.path, &text, Access::Shared);
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        wire::Pending::sweep(&self.path);
    }
}

/// What the training with result `out` told last, if it told anything.
///
/// # Errors
/// A file of that name that no training wrote; the system's.
pub fn read(out: &Path) -> Result<Option<Told>, RunError> {
    let path = beside(out);
    // It may be taken back between any two looks.
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let text = match files::read_limited(&path, LARGEST) {
        Err(_) if path.symlink_metadata().is_err() => return Ok(None),
        other => other?,
    };
    let told: Option<Told> = serde_json::from_slice(&text).ok();
    let known = told.filter(|told| told.kind == KIND && told.schema == SCHEMA);
    match known {
        Some(told) => Ok(Some(told)),
        None => Err(
            RunError::input("expected the progress of a training, found another file")
                .at(path.display().to_string())
                .hint("no training wrote it: give it another name"),
        ),
    }
}

/// Time that the rest takes: at first as was expected, more and more at the pace so far. None before the first hundredth is done without
/// an expectation.
#[must_use]
pub fn time_left(
    elapsed: Duration,
    done: u64,
    total: u64,
    expected: Option<Duration>,
) -> Option<Duration> {
    let share = done.min(total) as f64 / total.max(1) as f64;
    let pace = (share >= 0.01).then(|| elapsed.div_f64(share));
    let whole = match (pace, expected) {
        (Some(pace), Some(expected)) => pace.mul_f64(share) + expected.mul_f64(1.0 - share),
        (pace, expected) => pace.or(expected)?,
    };
    Some(whole.mul_f64(1.0 - share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(key_products: u64) -> Progress {
        Progress {
            iteration: 1,
            iterations: 3,
            phase: "scores",
            key_products,
        }
    }

    #[test]
    fn what_was_told_is_read_and_taken_back() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("model.enc");
        let teller = Teller::new(&out, "ab".repeat(32), 200, Some(40.0));
        teller.tell(&at(1));
        // Nothing is told of what is over in a second.
        assert_eq!(read(&out).unwrap(), None);
        *teller.next.lock().unwrap() = teller.began;
        teller.tell(&at(50));
        let told = read(&out).unwrap().unwrap();
        assert_eq!((told.iteration, told.share), (1, 0.25));
        assert!(told.seconds_left.unwrap() <= 30.0, "{told:?}");
        // The next one comes later.
        teller.tell(&at(100));
        assert_eq!(read(&out).unwrap().unwrap(), told);
        drop(teller);
        assert_eq!(read(&out).unwrap(), None);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        fs::write(beside(&out), "{}").unwrap();
        assert!(read(&out).is_err());
    }

    #[test]
    fn the_rest_takes_as_long_as_expected_and_then_as_the_pace_says() {
        let seconds = Duration::from_secs;
        let left = |done, total, expected| time_left(seconds(10), done, total, expected);
        assert_eq!(left(25, 100, None), Some(seconds(30)));
        assert_eq!(left(100, 100, None), Some(Duration::ZERO));
        assert_eq!(left(0, 100, None), None);
        assert_eq!(left(5, 1000, None), None);
        assert_eq!(left(0, 100, Some(seconds(60))), Some(seconds(60)));
        // Half done in 10 s where 60 s were expected: the pace and the expectation count alike.
        assert_eq!(left(50, 100, Some(seconds(60))), Some(seconds(20)));
        assert_eq!(left(100, 100, Some(seconds(60))), Some(Duration::ZERO));
    }
}
