//! Signs of life while a verb works: on a terminal a bar, elsewhere a line every half minute, or objects of JSON, said even while a step is silent.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlr_train::artifacts::progress::time_left;
use serde::Serialize;

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// A verb that takes longer shows that it is at work, on a terminal.
const FIRST_SIGN: Duration = Duration::from_millis(500);
/// Time between two objects of JSON.
const OBJECT_EVERY: Duration = Duration::from_secs(1);
/// Time between two pictures of a bar while nothing is told.
const REDRAW: Duration = Duration::from_millis(250);

/// How a process shows that it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Silent,
    /// A bar that redraws itself.
    Bar,
    /// A line now and then.
    Lines,
    /// An object of JSON at the beginning of each step, and one a second.
    Objects,
}

/// What a process is doing.
#[derive(Debug)]
struct Now {
    verb: String,
    /// The verb, or a step of it.
    label: String,
    /// 0 where nothing is counted.
    total: u64,
    done: u64,
    status: String,
    left: Option<Duration>,
    bar: Option<ProgressBar>,
    over: bool,
}

impl Now {
    fn object(&self) -> String {
        #[derive(Serialize)]
        struct Object<'a> {
            schema: u32,
            verb: &'a str,
            kind: &'static str,
            stage: &'a str,
            done: u64,
            total: Option<u64>,
            seconds_left: Option<f64>,
            status: &'a str,
        }
        let object = Object {
            schema: super::SCHEMA,
            verb: &self.verb,
            kind: "progress",
            stage: &self.label,
            done: self.done,
            total: Some(self.total).filter(|total| *total > 0),
            seconds_left: self.left.map(|left| left.as_secs_f64()),
            status: &self.status,
        };
        // Texts and numbers always serialise.
        serde_json::to_string(&object).unwrap_or_default()
    }

    fn line(&self) -> String {
        let Self { label, status, .. } = self;
        match (self.total, status.is_empty()) {
            (0, true) => format!("{label}: at work"),
            (0, false) => format!("{label}: {status}"),
            (total, _) => {
                let percent = 100 * self.done.min(total) / total;
                format!("{label}: {percent} %  {status}")
            }
        }
    }
}

/// The one place where a process shows what it is doing. A thread of its own speaks when the work does not.
#[derive(Debug)]
pub(crate) struct Display {
    verb: String,
    style: Style,
    shared: Arc<(Mutex<Now>, Condvar)>,
}

impl Display {
    /// A display of the verb `label`.
    pub(crate) fn new(label: &str, style: Style) -> Self {
        let every = match style {
            Style::Objects => OBJECT_EVERY,
            _ => LINE_EVERY,
        };
        Self::with(label, style, every, Box::new(io::stderr()))
    }

    fn with(label: &str, style: Style, every: Duration, mut out: Box<dyn Write + Send>) -> Self {
        let now = Now {
            verb: label.to_owned(),
            label: label.to_owned(),
            total: 0,
            done: 0,
            status: String::new(),
            left: None,
            bar: None,
            over: false,
        };
        let shared = Arc::new((Mutex::new(now), Condvar::new()));
        let (speaking, wait) = match style {
            Style::Silent => (None, every),
            Style::Bar => (Some(Arc::clone(&shared)), FIRST_SIGN),
            Style::Lines | Style::Objects => (Some(Arc::clone(&shared)), every),
        };
        if let Some(shared) = speaking {
            let speak = move || {
                while let Some(mut now) = wait_while_working(&shared, wait) {
                    // Nobody can be told that stderr is gone.
                    let _ = match style {
                        Style::Lines => writeln!(out, "{}", now.line()),
                        Style::Objects => writeln!(out, "{}", now.object()),
                        Style::Bar | Style::Silent => Ok(()),
                    };
                    if style == Style::Bar && now.bar.is_none() {
                        now.bar = Some(bar(&now.label, 0, ProgressDrawTarget::stderr()));
                    }
                }
            };
            // Without a further thread the work is as good, only silent.
            let _ = std::thread::Builder::new().spawn(speak);
        }
        Self {
            verb: label.to_owned(),
            style,
            shared,
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.shared.0)
    }

    fn begin(&self, label: &str, total: u64) {
        let mut now = self.now();
        if let Some(old) = now.bar.take() {
            old.finish_and_clear();
        }
        label.clone_into(&mut now.label);
        (now.total, now.done) = (total, 0);
        now.status.clear();
        now.left = None;
        if self.style == Style::Objects {
            let _ = writeln!(io::stderr().lock(), "{}", now.object());
        }
        now.bar =
            (self.style == Style::Bar).then(|| bar(label, total, ProgressDrawTarget::stderr()));
    }

    fn show(&self, done: u64, what: &str, left: Option<Duration>) {
        let mut now = self.now();
        (now.done, now.left) = (done, left);
        now.status = match self.style {
            Style::Objects => what.to_owned(),
            _ => status(what, left),
        };
        if let Some(bar) = &now.bar {
            bar.set_message(now.status.clone());
            bar.set_position(done);
        }
    }

    /// Counts nothing any more; what was counted is through.
    fn settle(&self) {
        let mut now = self.now();
        self.verb.clone_into(&mut now.label);
        (now.total, now.done, now.left) = (0, 0, None);
        now.status.clear();
        if let Some(bar) = now.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Writes to stderr what must not be mixed with a bar.
    pub(crate) fn aside(&self, write: impl FnOnce()) {
        match &self.now().bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Shows nothing any more.
    pub(crate) fn end(&self) {
        self.settle();
        self.now().over = true;
        self.shared.1.notify_all();
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the process is doing after `time`; none once it is over.
fn wait_while_working<'a>(
    shared: &'a (Mutex<Now>, Condvar),
    time: Duration,
) -> Option<MutexGuard<'a, Now>> {
    let waited = shared
        .1
        .wait_timeout_while(lock(&shared.0), time, |now| !now.over);
    let (now, _) = waited.unwrap_or_else(PoisonError::into_inner);
    (!now.over).then_some(now)
}

/// A bar, drawn at once. What is said last is cut at the terminal's width: a line that wraps would stay behind.
fn bar(label: &str, total: u64, target: ProgressDrawTarget) -> ProgressBar {
    let counted = total > 0;
    let bar = ProgressBar::with_draw_target(counted.then_some(total), target)
        .with_prefix(label.to_owned());
    let template = if counted {
        "{prefix} [{bar:16}] {percent:>3} %  {wide_msg}"
    } else {
        "{prefix} {spinner} {elapsed}  {wide_msg}"
    };
    // The templates are constants; should one ever be wrong, the default style still works.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    // The ticker is a thread, and indicatif ends the process where there can be none.
    if std::thread::Builder::new().spawn(|| {}).is_ok() {
        bar.enable_steady_tick(REDRAW);
    }
    bar
}

/// One long step. May be told of progress from several threads.
#[derive(Debug)]
pub struct Stage {
    /// None where nothing is to be shown.
    display: Option<Arc<Display>>,
    total: u64,
    started: Instant,
    /// What the whole step was expected to take.
    expected: Option<Duration>,
}

impl Stage {
    pub(crate) fn new(label: &str, total: u64, display: Option<Arc<Display>>) -> Self {
        if let Some(display) = &display {
            display.begin(label, total);
        }
        Self {
            display,
            total,
            started: Instant::now(),
            expected: None,
        }
    }

    /// The same step, which is expected to take `time` in all: until its own pace is known, time left is told by that.
    #[must_use]
    pub fn expecting(mut self, time: Duration) -> Self {
        self.expected = Some(time);
        self
    }

    /// `done` of the stage's units are done; `what` names the step at work.
    pub fn set(&self, done: u64, what: &str) {
        let left = time_left(self.started.elapsed(), done, self.total, self.expected);
        self.show(done, what, left);
    }

    /// As [`Stage::set`], for a step that knows better how long it still takes.
    pub fn show(&self, done: u64, what: &str, left: Option<Duration>) {
        if let Some(display) = &self.display {
            display.show(done, what, left);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(display) = &self.display {
            display.settle();
        }
    }
}

fn status(what: &str, left: Option<Duration>) -> String {
    match left {
        Some(left) => format!("{} left, {what}", human_time(left)),
        None => what.to_owned(),
    }
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

    /// A place to write to that can be read while it is written to.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A terminal of 60 columns that keeps every piece that is written to it.
    #[derive(Clone, Debug, Default)]
    struct Terminal(Arc<Mutex<Vec<String>>>);

    impl indicatif::TermLike for Terminal {
        fn width(&self) -> u16 {
            60
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_silent_step_is_spoken_for_and_an_ended_one_is_not() {
        let paper = Paper::default();
        let every = Duration::from_millis(5);
        let display = Display::with("train", Style::Lines, every, Box::new(paper.clone()));
        let display = Arc::new(display);
        let until = |text: &str| {
            let began = Instant::now();
            while !paper.text().contains(text) && began.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(every);
            }
            assert!(paper.text().contains(text), "{text}: {}", paper.text());
        };
        until("train: at work\n");
        let stage = Stage::new("train", 8, Some(Arc::clone(&display)));
        stage.show(2, "scores", None);
        until("train: 25 %  scores\n");
        display.end();
        let said = paper.text();
        std::thread::sleep(10 * every);
        assert_eq!(paper.text(), said);
    }

    #[test]
    fn objects_say_the_same_for_programs() {
        let every = Duration::from_secs(3600);
        let display = Display::with("train", Style::Objects, every, Box::new(Paper::default()));
        let whole = r#"{"schema":1,"verb":"train","kind":"progress","stage":"train","done":0,"total":null,"seconds_left":null,"status":""}"#;
        assert_eq!(display.now().object(), whole);
        let stage = Stage::new("sums", 8, Some(Arc::new(display)));
        stage.show(2, "scores", Some(Duration::from_millis(1500)));
        let display = stage.display.as_ref().unwrap();
        let part = r#""stage":"sums","done":2,"total":8,"seconds_left":1.5,"status":"scores"}"#;
        assert!(
            display.now().object().ends_with(part),
            "{}",
            display.now().object()
        );
    }

    #[test]
    fn a_bar_is_drawn_at_once_and_fits_sixty_columns() {
        let terminal = Terminal::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let bar = bar("train", 100, target);
        bar.set_message("3 min 05 s left, iteration 2 of 3, sums of the gradient of all rows");
        let drawn = terminal.0.lock().unwrap().clone();
        let shown = drawn.iter().any(|line| line.contains("3 min 05 s left"));
        assert!(shown, "{drawn:?}");
        for line in drawn {
            assert!(line.chars().count() <= 60, "{line:?}");
        }
    }

    #[test]
    fn durations_read_well() {
        let text = |s| human_time(Duration::from_secs(s));
        assert_eq!(text(59), "59 s");
        assert_eq!(text(185), "3 min 05 s");
        assert_eq!(text(7800), "2 h 10 min");
    }
}
