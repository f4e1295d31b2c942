//! Ctrl-C: long steps that can stop cleanly are asked to; everything else ends at once. Either way the exit code is 130.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Exit, Failure};

static ASKED: AtomicBool = AtomicBool::new(false);
static STOPPABLE: AtomicBool = AtomicBool::new(false);

/// Installs the handler; a second call changes nothing.
pub(crate) fn install() {
    // Without a handler the signal ends the process, which is what most of it does anyway.
    let _ = ctrlc::set_handler(|| {
        let second = ASKED.swap(true, Ordering::SeqCst);
        if second || !STOPPABLE.load(Ordering::SeqCst) {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    });
}

/// Whether the user asked to stop. Long loops look at it.
pub(crate) fn asked() -> &'static AtomicBool {
    &ASKED
}

/// The failure of a step that was stopped.
pub(crate) fn failure() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "interrupted; nothing was left half-written",
    )
}

/// While one lives, Ctrl-C asks instead of ending the process, so that temporary files are removed.
#[derive(Debug)]
pub(crate) struct Stoppable(());

impl Stoppable {
    pub(crate) fn begin() -> Self {
        STOPPABLE.store(true, Ordering::SeqCst);
        Self(())
    }

    /// Refuses to go on once the user asked to stop.
    ///
    /// # Errors
    /// The failure with exit code 130.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if ASKED.load(Ordering::SeqCst) {
            return Err(failure());
        }
        Ok(())
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        STOPPABLE.store(false, Ordering::SeqCst);
    }
}
