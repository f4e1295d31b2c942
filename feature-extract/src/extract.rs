//! From image files to a feature set on disk, as a stream.
//!
//! | file | holds |
//! |---|---|
//! | `features.npy` | f32 `[n, d]` |
//! | `labels.npy` | i64 `[n]`; absent when the source has no labels |
//! | `names.json` | a JSON array of one text a row, the picture's file below the folder; absent for arrays |
//! | `features.json` | `{"schema":2,"model","weights_blake3","preprocessing","class_names","rows","features"}` |
//!
//! All are written under other names and renamed at the end, `features.json` last: where
//! it stands, the set is complete. A run that was interrupted leaves `*.partial` files, from
//! which another run may resume.
//!
//! The calling thread reads and resizes; each worker runs the network on small batches. Batches
//! are cut by position in the source, so the result does not depend on the number of workers,
//! on bad pictures elsewhere, or on where a run was interrupted. Memory: two rounds of
//! `8 * threads` batches of prepared pictures, whatever the number of pictures.

mod identity;
mod partial;
mod rows;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Error;
use crate::cnn::Extractor;
use crate::read::Source;
use partial::{Opened, Partial};

/// Batches of a round, a worker: enough to even out, few enough to stop soon and to fit in memory.
const BATCHES: usize = 8;

/// How often the state is saved. Saving waits for the disk; a crash loses at most this much.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Where to read and where to write.
#[derive(Debug, Clone, Copy)]
pub struct Paths<'a> {
    /// IDX file, `.npy` file or folder; see [`Source::open`].
    pub images: &'a Path,
    /// Labels, where they stand in a file that [`Source::open`] does not find.
    pub labels: Option<&'a Path>,
    /// Folder for the feature set; made if need be.
    pub out: &'a Path,
}

/// Choices of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Workers; one a core is best.
    pub threads: NonZeroUsize,
    /// Pass over bad pictures, and count them, in place of stopping at the first.
    pub skip_bad: bool,
    /// Go on where an interrupted run with the same input stopped, if there is one.
    pub resume: bool,
    /// Only so many pictures, as [`Source::limit`] chooses them.
    pub limit: Option<usize>,
    /// Names of the whole set's classes, as [`Source::open_classes`] takes them.
    pub classes: Option<Vec<String>>,
}

/// What happens during a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A bad picture was passed over.
    Skipped(&'a Error),
    /// A round of batches is done.
    Progress {
        /// Pictures done, those of an earlier run and bad ones included.
        done: usize,
        /// Pictures in all.
        total: usize,
        /// Pictures a second since this run began.
        per_second: f64,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// False when the run was cancelled: the state is saved, and no feature set written.
    pub complete: bool,
    /// Rows written so far.
    pub rows: usize,
    /// Bad pictures passed over so far.
    pub skipped: usize,
}

/// Computes the features of all pictures and writes the feature set to `paths.out`.
///
/// `cancelled` is looked at once a round (a second or two with a large network). Results are
/// the same whatever the number of threads.
///
/// # Errors
/// Those of [`Source::open`] and of reading; [`Error::BadPicture`] unless `skip_bad`;
/// [`Error::Input`] when `paths.out` already holds a feature set, when the state to resume from
/// belongs to other input, or when no picture is left; [`Error::Io`]. After an error the state
/// is kept as after a cancelled run if there are rows in it; no feature set is written.
pub fn extract_to_dir(
    extractor: &Extractor,
    paths: Paths<'_>,
    options: &Options,
    cancelled: &AtomicBool,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<Summary, Error> {
    let classes = options.classes.as_deref();
    let mut source = Source::open_classes(paths.images, paths.labels, classes)?;
    if let Some(limit) = options.limit {
        source.limit(limit)?;
    }
    let mut state = match Partial::open(extractor, &source, paths, options)? {
        Opened::Begun(state) => *state,
        Opened::Complete { rows, skipped } => {
            return Ok(Summary {
                complete: true,
                rows,
                skipped,
            });
        }
    };
    let ended = run(
        extractor,
        &mut source,
        &mut state,
        options,
        cancelled,
        observe,
    );
    match ended {
        Ok(complete) => {
            let (rows, skipped) = (state.rows(), state.skipped());
            if complete {
                // All rows are on the disk then: another run has only names to give.
                state.finish(extractor, &source)?;
            } else {
                state.save()?;
            }
            Ok(Summary {
                complete,
                rows,
                skipped,
            })
        }
        Err(error) => {
            state.give_up();
            Err(error)
        }
    }
}

/// Pictures prepared for the network.
struct Round {
    /// Planes of each batch.
    batches: Vec<Vec<f32>>,
    labels: Vec<i64>,
    /// File names of the good pictures, where they have some.
    names: Vec<String>,
    skipped: usize,
    pictures: usize,
}

/// Returns whether all pictures are done.
fn run(
    extractor: &Extractor,
    source: &mut Source,
    state: &mut Partial,
    options: &Options,
    cancelled: &AtomicBool,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<bool, Error> {
    let total = source.len();
    let start = Instant::now();
    let before = state.position();
    let mut saved = Instant::now();
    source.pass_over(before)?;
    let mut next = Ok(prepare(extractor, source, before, options, observe)?);
    while state.position() < total {
        let round: Round = next?;
        let ready = state.position() + round.pictures;
        let queue = Mutex::new(round.batches.into_iter().enumerate());
        let mut features = Vec::new();
        next = std::thread::scope(|scope| {
            // Where the system gives fewer threads, those do all the work, or this one.
            let begin =
                || std::thread::Builder::new().spawn_scoped(scope, || work(extractor, &queue));
            let workers: Vec<_> = (0..options.threads.get())
                .map_while(|_| begin().ok())
                .collect();
            let next = prepare(extractor, source, ready, options, observe);
            if workers.is_empty() {
                features.extend(work(extractor, &queue));
            }
            for worker in workers {
                match worker.join() {
                    Ok(done) => features.extend(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            next
        });
        features.sort_unstable_by_key(|(index, _)| *index);
        for (_, features) in features {
            state.write_features(&features?)?;
        }
        state.advance(&round.labels, &round.names, round.pictures, round.skipped)?;
        let done = state.position();
        let per_second = (done - before) as f64 / start.elapsed().as_secs_f64().max(1e-9);
        observe(Event::Progress {
            done,
            total,
            per_second,
        });
        if cancelled.load(Ordering::Relaxed) && done < total {
            return Ok(false);
        }
        if saved.elapsed() >= SAVE_EVERY {
            state.save()?;
            saved = Instant::now();
        }
    }
    // The end of the stream is looked at too: data behind the last picture are an error.
    if let Some(Err(error)) = source.next() {
        return Err(error);
    }
    Ok(true)
}

/// One worker: takes batches until none is left.
fn work(
    extractor: &Extractor,
    queue: &Mutex<std::iter::Enumerate<std::vec::IntoIter<Vec<f32>>>>,
) -> Vec<(usize, Result<Vec<f32>, Error>)> {
    let take = || queue.lock().ok()?.next();
    let mut done = Vec::new();
    while let Some((index, planes)) = take() {
        done.push((index, extractor.features_of_planes(planes)));
    }
    done
}

/// Reads and resizes the pictures of the next round, from `position` on.
fn prepare(
    extractor: &Extractor,
    source: &mut Source,
    position: usize,
    options: &Options,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<Round, Error> {
    let batch = extractor.architecture().batch();
    let pictures = (BATCHES * options.threads.get() * batch).min(source.len() - position);
    let mut round = Round {
        batches: Vec::new(),
        labels: Vec::new(),
        names: Vec::new(),
        skipped: 0,
        pictures,
    };
    let mut planes = Vec::new();
    for index in 0..pictures {
        match source.next() {
            Some(Ok(sample)) => {
                extractor
                    .preprocessing()
                    .apply(&sample.picture, &mut planes);
                round.labels.extend(sample.label);
                round.names.extend(source.name(position + index));
            }
            Some(Err(error)) if error.is_skippable() && options.skip_bad => {
                observe(Event::Skipped(&error));
                round.skipped += 1;
            }
            Some(Err(error)) => return Err(error),
            None => break,
        }
        if ((index + 1) % batch == 0 || index + 1 == pictures) && !planes.is_empty() {
            round.batches.push(std::mem::take(&mut planes));
        }
    }
    Ok(round)
}

#[cfg(test)]
mod tests;
