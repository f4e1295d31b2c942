//! The console as the libraries' reporter: stages become bars or lines, Ctrl-C asks the step to stop.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mlr_train::artifacts::Reporter;

use super::console::Console;
use super::interrupt::{self, Stoppable};
use super::progress::Stage;

/// While one of a step that can be stopped lives, Ctrl-C asks instead of ending the process.
pub(crate) struct Reported<'a> {
    console: &'a Console,
    stage: Mutex<Option<Stage>>,
    _stop: Option<Stoppable>,
}

impl<'a> Reported<'a> {
    /// Begins a step that can be stopped.
    pub(crate) fn new(console: &'a Console) -> Self {
        Self {
            console,
            stage: Mutex::default(),
            _stop: Some(Stoppable::begin()),
        }
    }

    /// Begins a step that is not worth asking: Ctrl-C ends it at once.
    pub(crate) fn quick(console: &'a Console) -> Self {
        Self {
            console,
            stage: Mutex::default(),
            _stop: None,
        }
    }
}

impl fmt::Debug for Reported<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reported").finish_non_exhaustive()
    }
}

impl Reporter for Reported<'_> {
    fn stage(&self, label: &str, total: u64) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        // The bar before it goes first.
        *stage = None;
        *stage = Some(self.console.stage(label, total));
    }

    fn expect(&self, seconds: f64) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(time) = Duration::try_from_secs_f64(seconds) {
            *stage = stage.take().map(|begun| begun.expecting(time));
        }
    }

    fn advance(&self, done: u64, what: &str) {
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = &*stage {
            stage.set(done, what);
        }
    }

    fn note(&self, text: &str) {
        self.console.note(text);
    }

    fn detail(&self, text: &str) {
        self.console.detail(text);
    }

    fn warn(&self, text: &str) {
        self.console.warn(text);
    }

    fn cancelled(&self) -> bool {
        interrupt::asked().load(Ordering::SeqCst)
    }
}
