//! Signs of life during long steps, with the time left estimated from the work done in this process.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How a stage shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Silent,
    /// A bar that redraws itself.
    Bar,
    /// A line now and then.
    Lines,
}

/// One long step. May be told of progress from several threads.
#[derive(Debug)]
pub struct Stage {
    label: String,
    total: u64,
    started: Instant,
    bar: Option<ProgressBar>,
    last_line: Option<Mutex<Instant>>,
}

impl Stage {
    pub(crate) fn new(label: &str, total: u64, style: Style) -> Self {
        let bar = (style == Style::Bar).then(|| {
            let bar = ProgressBar::new(total).with_prefix(label.to_owned());
            // The template is a constant; should it ever be wrong, the default style still works.
            if let Ok(style) =
                ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3} %  {msg}")
            {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        let started = Instant::now();
        Self {
            label: label.to_owned(),
            total,
            started,
            bar,
            last_line: (style == Style::Lines).then(|| Mutex::new(started)),
        }
    }

    /// `done` of the stage's units are done; `what` names the step at work.
    pub fn set(&self, done: u64, what: &str) {
        self.show(done, &status(what, self.left(done)));
    }

    /// As [`Stage::set`], for a step that knows better what to say and how long it still takes.
    pub fn show(&self, done: u64, status: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(status.to_owned());
            bar.set_position(done);
        }
        if let Some(last) = &self.last_line {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.elapsed() >= LINE_EVERY {
                *last = Instant::now();
                let percent = 100 * done / self.total.max(1);
                let _ = writeln!(io::stderr().lock(), "{}: {percent} %  {status}", self.label);
            }
        }
    }

    fn left(&self, done: u64) -> Option<Duration> {
        time_left(self.started.elapsed(), done, self.total)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn status(what: &str, left: Option<Duration>) -> String {
    match left {
        Some(left) => format!("{what}  {} left", human_time(left)),
        None => what.to_owned(),
    }
}

/// Time that the rest takes at the pace so far; none before the first hundredth is done.
fn time_left(elapsed: Duration, done: u64, total: u64) -> Option<Duration> {
    if done == 0 || done * 100 < total {
        return None;
    }
    Some(elapsed.mul_f64(total.saturating_sub(done) as f64 / done as f64))
}

/// A duration for people: `12 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn human_time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_the_pace_says() {
        let ten = Duration::from_secs(10);
        assert_eq!(time_left(ten, 25, 100), Some(Duration::from_secs(30)));
        assert_eq!(time_left(ten, 100, 100), Some(Duration::ZERO));
        assert_eq!(time_left(ten, 0, 100), None);
        assert_eq!(time_left(ten, 5, 1000), None);
    }

    #[test]
    fn durations_read_well() {
        let text = |s| human_time(Duration::from_secs(s));
        assert_eq!(text(59), "59 s");
        assert_eq!(text(185), "3 min 05 s");
        assert_eq!(text(7800), "2 h 10 min");
    }
}
