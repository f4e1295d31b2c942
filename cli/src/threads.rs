//! The threads to compute with. Where the system gives fewer than there are cores, those that it gives: limits of processes (`ulimit -u`, a
//! cgroup's pids.max) and of memory are met before the work, and rayon's own pool would end the process then.

use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::thread;

use rayon::{ThreadBuilder, ThreadPoolBuilder};

use crate::face::console::Console;
use crate::face::failure::{Exit, Failure};

/// Starts the threads of this process: as many as were asked for, or one a core as far as the system gives them, the calling thread at least.
///
/// # Errors
/// Exit code 2 where the system gives fewer than were asked for.
pub(crate) fn start(wanted: Option<NonZeroUsize>, console: &Console) -> Result<(), Failure> {
    let most = wanted.unwrap_or_else(usual).get();
    he_core::arith::share_heaps(most);
    let (waiting, error) = spawn(most, |task| thread::Builder::new().spawn(task).map(drop));
    if let Some(error) = error {
        let count = waiting.len();
        if wanted.is_some() {
            return Err(cannot(most, &error.to_string()).hint(format!(
                "--threads {} or less; or raise the limits of processes and memory",
                count.max(1)
            )));
        }
        console.warn(&format!(
            "the system gives {count} threads of {most} ({error}): the work takes longer, its result is the same"
        ));
    }
    let built = if waiting.is_empty() {
        let alone = ThreadPoolBuilder::new().num_threads(1);
        alone.use_current_thread().build_global()
    } else {
        let mut waiting = waiting.into_iter();
        ThreadPoolBuilder::new()
            .num_threads(waiting.len())
            .spawn_handler(|task| {
                let thread = waiting.next().ok_or(io::ErrorKind::WouldBlock)?;
                thread
                    .send(task)
                    .map_err(|_| io::ErrorKind::BrokenPipe.into())
            })
            .build_global()
    };
    built.map_err(|error| cannot(most, &error.to_string()))
}

fn cannot(count: usize, why: &str) -> Failure {
    Failure::new(
        Exit::Environment,
        format!("cannot start {count} threads: {why}"),
    )
    .at("--threads")
}

/// One a core, or rayon's own variable.
fn usual() -> NonZeroUsize {
    let named = std::env::var("RAYON_NUM_THREADS").ok();
    named
        .and_then(|text| text.parse().ok())
        .or_else(|| thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}

/// What a thread does: it waits for its place in the pool, and ends if there is none.
type Task = Box<dyn FnOnce() + Send>;

/// Up to `most` threads that wait, and why there are no more.
fn spawn(
    most: usize,
    mut start: impl FnMut(Task) -> io::Result<()>,
) -> (Vec<mpsc::Sender<ThreadBuilder>>, Option<io::Error>) {
    let mut waiting = Vec::new();
    while waiting.len() < most {
        let (place, given) = mpsc::channel::<ThreadBuilder>();
        let task = move || {
            if let Ok(place) = given.recv() {
                place.run();
            }
        };
        match start(Box::new(task)) {
            Ok(()) => waiting.push(place),
            Err(error) => return (waiting, Some(error)),
        }
    }
    (waiting, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threads_that_there_are_are_used() {
        for (allowed, most) in [(4, 4), (3, 8), (0, 2)] {
            let mut given = 0;
            let (waiting, error) = spawn(most, |task| {
                if given == allowed {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                given += 1;
                thread::Builder::new().spawn(task).map(drop)
            });
            assert_eq!(waiting.len(), allowed);
            assert_eq!(error.is_some(), allowed < most);
            // Threads without a place end by themselves; those with one make a pool.
            if allowed > 0 {
                let mut places = waiting.into_iter();
                let pool = ThreadPoolBuilder::new()
                    .num_threads(allowed)
                    .spawn_handler(|task| {
                        places.next().unwrap().send(task).unwrap();
                        Ok(())
                    })
                    .build()
                    .unwrap();
                let sum: u64 = pool.install(|| {
                    use rayon::prelude::*;
                    (0..1000_u64).into_par_iter().sum()
                });
                assert_eq!((sum, pool.current_num_threads()), (499_500, allowed));
            }
        }
    }
}
