//! Files brought to disk while others are still made.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

const STACK: usize = 256 << 10;

/// A thread that syncs files, so that a disk is at work while the processors are. Nothing may rest on it: it tells no error, and what it has not reached when it
/// is dropped it leaves. Whoever needs files on disk syncs them afterwards, which then takes little time.
#[derive(Debug)]
pub(crate) struct Ahead {
    files: Option<Sender<PathBuf>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Begins; without a thread, if there is none left.
    pub(crate) fn begin() -> Self {
        let (files, given) = channel::<PathBuf>();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let work = move || {
            for path in given {
                if stop.load(Relaxed) {
                    return;
                }
                // For writing: not every system syncs what is open for reading.
                let file = fs::OpenOptions::new().write(true).open(path);
                let _ = file.and_then(|file| file.sync_all());
            }
        };
        let thread = thread::Builder::new().stack_size(STACK).spawn(work).ok();
        Self {
            files: Some(files),
            stopped,
            thread,
        }
    }

    /// A file that is written and stays as it is.
    pub(crate) fn sync(&self, path: PathBuf) {
        if let Some(files) = &self.files {
            let _ = files.send(path);
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.stopped.store(true, Relaxed);
        self.files = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
