//! What a long step tells and asks its caller; the library itself has no terminal and no signal handler.

use super::RunError;

/// Who started a step. Every method may be called from several threads.
pub trait Reporter: Sync {
    /// A part of the step begins; it has `total` units of work.
    fn stage(&self, _label: &str, _total: u64) {}

    /// The part that began is expected to take so many seconds.
    fn expect(&self, _seconds: f64) {}

    /// `done` units of the part are done; `what` is in work now.
    fn advance(&self, _done: u64, _what: &str) {}

    /// Something worth knowing.
    fn note(&self, _text: &str) {}

    /// Something that few want to know.
    fn detail(&self, _text: &str) {}

    /// Something that may be wrong.
    fn warn(&self, _text: &str) {}

    /// Whether to stop at the next place where nothing is left half-done.
    fn cancelled(&self) -> bool {
        false
    }

    /// Goes on unless somebody asked to stop.
    ///
    /// # Errors
    /// [`Problem::Interrupted`](super::error::Problem::Interrupted).
    fn check(&self) -> Result<(), RunError> {
        if self.cancelled() {
            return Err(RunError::interrupted());
        }
        Ok(())
    }
}

/// Nobody listens, nothing is cancelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {}
