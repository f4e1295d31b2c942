//! Ctrl-C, SIGTERM and SIGHUP: long steps that can stop cleanly are asked to; everything else ends at once, and so does a second signal. Either
//! way the exit code is 130.

#[cfg(unix)]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::Exit;

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
    #[cfg(unix)]
    outlive_limits();
}

/// A file beyond the limit of sizes (`ulimit -f`) is to fail as one on a full disk does: by default a signal ends the process, which leaves temporary files.
#[cfg(unix)]
fn outlive_limits() {
    // A signal with a handler, whatever that does, lets the write fail.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Whether the user asked to stop. Long loops look at it.
pub(crate) fn asked() -> &'static AtomicBool {
    &ASKED
}

/// While one lives, Ctrl-C asks instead of ending the process, so that temporary files are removed.
#[derive(Debug)]
pub(crate) struct Stoppable(());

impl Stoppable {
    pub(crate) fn begin() -> Self {
        STOPPABLE.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        STOPPABLE.store(false, Ordering::SeqCst);
    }
}
