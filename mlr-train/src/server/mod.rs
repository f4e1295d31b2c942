//! Training on ciphertexts: what the server runs. Written once against [`Evaluator`]; nothing here can name a secret key.
//!
//! One iteration at the look-ahead point V, for every class k, block b and column group j (layout: [`crate::packing`]):
//!
//! | step | levels | key switches |
//! |---|---|---|
//! | diagonal arrangement: V_kj, the rotations of V_k by j rows | 0 | c g |
//! | scores z = sum_j X_bj V_kj, summed over the columns | 1 | S c (1 + fold p) |
//! | conjugate errors 1/2 - sigma(z) by the masked polynomial of degree 3, 5 or 7, spread over the row | 2, 3, 3 | S c (4, 7 or 9 + spread p) |
//! | the same of degree 9, 11 or 13, 15 | 4 | S c (10, 12 or 14 + spread p) |
//! | row-major direction D_kj = sum_b conj(E_bk) X_bj, summed over the rows, real part | 1 | c g (1 + fold r + 1) |
//! | diagonal direction D_k: the sums turned back by j rows and added, summed over the rows, real part | 1 | c (2 g + fold r/g + 1) |
//! | the paper's method: D_kj times the diagonal B_j | 1 | c g |
//! | the recurrence of [`crate::job::Step`], with M + D for the direction | 0 | 0 |
//!
//! The gains enter through the scales, exactly. The recurrences are those of
//! [`crate::clear::whitened`] and [`crate::clear::paper`].

mod bootstrap;
mod error;
mod gradient;
mod observer;
mod polynomial;
mod recurrence;
pub mod refresh;
mod scores;
mod source;
mod start;
mod state;

use std::sync::{Arc, Mutex};

use he_core::circuits::OddPolynomial;
use he_core::evaluator::{CountedOp, EvalError, Evaluator, Level, scales_match};
use rayon::prelude::*;

pub(crate) use bootstrap::{packed_bound, packed_ciphertexts};
pub use error::{SourceError, TrainError};
pub(crate) use gradient::BLOCKS_AT_ONCE;
pub use observer::{Observer, Progress, Unobserved};
pub use refresh::Refreshed;
pub use source::{BlockSource, MemorySource, ShapeSource, upload_noise};
pub use state::{State, StateShape};

use crate::job::{Job, LABEL_SIZE, Sizes, Way};
use crate::packing::{Upload, column_zero};

/// Trains from the uploads to the weights W_T: replicated ciphertexts by class and column group.
///
/// # Errors
/// [`TrainError`]: levels, scales or moduli that do not suffice, unreadable uploads, cancellation.
pub fn train<E: Evaluator>(
    job: &Job,
    eval: &E,
    source: &dyn BlockSource<E>,
    observer: &dyn Observer<E>,
) -> Result<Vec<Vec<E::Ct>>, TrainError> {
    let run = Run::new(job, eval, source, observer)?;
    let state = run.start()?;
    run.finish(state)
}

/// Continues from a state that [`Observer::iteration_done`] has seen, to the weights W_T.
///
/// # Errors
/// As [`train`]; a state of another job.
pub fn resume<E: Evaluator>(
    job: &Job,
    eval: &E,
    source: &dyn BlockSource<E>,
    observer: &dyn Observer<E>,
    state: State<E::Ct>,
) -> Result<Vec<Vec<E::Ct>>, TrainError> {
    let run = Run::new(job, eval, source, observer)?;
    StateShape::after(job, state.done)?.check(&state)?;
    run.finish(state)
}

/// One training run: what every step needs.
struct Run<'a, E: Evaluator> {
    job: &'a Job,
    eval: &'a E,
    source: &'a dyn BlockSource<E>,
    observer: &'a dyn Observer<E>,
    key_products_before: u64,
    /// What the errors' polynomial of an iteration multiplies with.
    polynomial: Mutex<Option<(usize, Arc<OddPolynomial<E>>)>>,
    /// 1 in column 0: the mask of the labels.
    label_mask: E::Plain,
}

/// The size of an error: a bound or a usual size.
#[derive(Clone, Copy)]
enum ErrorSize {
    /// Of y - 1/2.
    Label,
    /// Of 1/2 - sigma in this iteration.
    Sigmoid(usize),
    /// Of y - sigma in this iteration.
    Whole(usize),
}

impl ErrorSize {
    fn of(self, sizes: &Sizes) -> f64 {
        match self {
            Self::Label => LABEL_SIZE,
            Self::Sigmoid(iteration) => sizes.sigmoid(iteration),
            Self::Whole(iteration) => sizes.sigmoid(iteration) + LABEL_SIZE,
        }
    }
}

/// Where in the recurrence a step runs, for errors and progress.
#[derive(Clone, Copy)]
struct At {
    iteration: usize,
    iterations: usize,
}

impl At {
    fn step(self, step: &'static str) -> impl Fn(EvalError) -> TrainError + Copy {
        move |source| TrainError::Step {
            iteration: self.iteration,
            iterations: self.iterations,
            step,
            source,
        }
    }
}

impl<'a, E: Evaluator> Run<'a, E> {
    fn new(
        job: &'a Job,
        eval: &'a E,
        source: &'a dyn BlockSource<E>,
        observer: &'a dyn Observer<E>,
    ) -> Result<Self, TrainError> {
        let (layout, params) = (job.layout(), eval.params());
        if params.slots() != layout.slots() {
            return Err(TrainError::Slots {
                expected: layout.slots(),
                found: params.slots(),
            });
        }
        if params.max_level() < job.levels().top() {
            return Err(TrainError::Levels {
                needed: job.levels().top(),
                available: params.max_level(),
            });
        }
        let at = At {
            iteration: 1,
            iterations: job.iterations(),
        };
        let columns = column_zero(layout).into_iter();
        let label_mask = eval.plain(columns.map(|c| f64::from(u8::from(c)).into()).collect());
        Ok(Self {
            job,
            eval,
            source,
            observer,
            key_products_before: eval.tally().total(CountedOp::KeyProduct),
            polynomial: Mutex::default(),
            label_mask: label_mask.map_err(at.step("masks"))?,
        })
    }

    fn finish(&self, mut state: State<E::Ct>) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        loop {
            // What a checkpoint gives back must be, to the last bit, what goes on from here.
            state.each_mut(|ct| self.eval.canonicalize(ct));
            let settled = self.usual_sizes(&mut state);
            settled.map_err(self.at(state.done).step("usual sizes"))?;
            let reported = self.observer.iteration_done(&state);
            reported.map_err(|source| TrainError::Observer {
                iteration: state.done,
                source,
            })?;
            if state.done == self.job.iterations() {
                return Ok(state.weights);
            }
            if refresh::is_due(self.job, self.eval, &state) {
                state = self.lift(state)?;
            }
            state = self.iterate(state)?;
        }
    }

    /// The state with levels again, from whoever gives them.
    fn lift(&self, state: State<E::Ct>) -> Result<State<E::Ct>, TrainError> {
        let iteration = state.done;
        let failed = |source| TrainError::Observer { iteration, source };
        let given = match self.job.program().refresh.map(|refresh| refresh.way) {
            Some(Way::Bootstrap) => match self.observer.bootstrap().map_err(failed)? {
                Some(way) => Some(self.bootstrapped(&state, way.as_ref())?),
                None => None,
            },
            Some(Way::Owners) => {
                let asked = refresh::asked(self.job, self.eval, state.clone())?;
                self.observer.refresh(&asked).map_err(failed)?
            }
            _ => self.observer.refresh(&state).map_err(failed)?,
        };
        let Some(new) = given else {
            return Err(TrainError::Refresh { iteration });
        };
        let mut state = refresh::refreshed(self.job, self.eval, state, new)?;
        state.each_mut(|ct| self.eval.canonicalize(ct));
        let settled = self.usual_sizes(&mut state);
        settled.map_err(self.at(iteration).step("usual sizes"))?;
        Ok(state)
    }

    fn at(&self, iteration: usize) -> At {
        At {
            iteration,
            iterations: self.job.iterations(),
        }
    }

    /// Reports progress; an error if the run is to stop.
    fn report(&self, at: At, phase: &'static str) -> Result<(), TrainError> {
        let now = self.eval.tally().total(CountedOp::KeyProduct);
        self.observer.progress(Progress {
            iteration: at.iteration,
            iterations: at.iterations,
            phase,
            key_products: now - self.key_products_before,
        });
        if self.observer.cancelled() {
            return Err(TrainError::Cancelled {
                iteration: at.iteration,
                iterations: at.iterations,
            });
        }
        Ok(())
    }

    /// Reads an upload and checks that it stands where the plan says.
    fn load(&self, at: At, upload: Upload) -> Result<E::Ct, TrainError> {
        self.placed(
            at,
            upload,
            self.job.placement(upload).level,
            self.source.load(upload),
        )
    }

    /// An upload as it was read, at the level that the plan says or between that and `least`.
    fn placed(
        &self,
        at: At,
        upload: Upload,
        least: Level,
        read: Result<E::Ct, SourceError>,
    ) -> Result<E::Ct, TrainError> {
        let mut ct = read.map_err(|source| TrainError::Source { upload, source })?;
        let (expected, found) = (self.job.placement(upload), self.eval.meta(&ct).placement());
        let levels = least.min(expected.level)..=expected.level;
        if !levels.contains(&found.level) || !scales_match(found.scale, expected.scale) {
            return Err(TrainError::Placement {
                upload,
                expected,
                found,
            });
        }
        let declared = self.eval.declare_bound(&mut ct, self.job.bound(upload));
        declared
            .and_then(|()| self.known(&mut ct, |sizes| self.job.upload_size(sizes, upload)))
            .map_err(at.step("bound of an upload"))?;
        Ok(ct)
    }

    /// The column groups of a block, for products at `level` and below.
    fn load_data(&self, at: At, block: usize, level: Level) -> Result<Vec<E::Ct>, TrainError> {
        let groups = 0..self.job.layout().column_groups();
        groups
            .into_par_iter()
            .map(|group| {
                let upload = Upload::Data { block, group };
                self.placed(at, upload, level, self.source.load_lower(upload, level))
            })
            .collect()
    }

    /// Declares a bound and a usual size, both from `size`, where they say more than what is known already.
    fn known(&self, ct: &mut E::Ct, size: impl Fn(&Sizes) -> f64) -> Result<(), EvalError> {
        let bound = size(self.job.bounds());
        if bound < self.eval.meta(ct).bound {
            self.eval.declare_bound(ct, bound)?;
        }
        let rms = size(self.job.rms());
        if rms < self.eval.meta(ct).rms {
            self.eval.declare_rms(ct, rms)?;
        }
        Ok(())
    }

    /// Usual sizes are not written to files: between two iterations every iterate gets the one that its kind has, so that a resumed run
    /// knows what an undisturbed one does.
    fn usual_sizes(&self, state: &mut State<E::Ct>) -> Result<(), EvalError> {
        let weight = self.job.rms().weight();
        let iterates = state.weights.iter_mut().chain(&mut state.look_ahead);
        for ct in iterates.flatten() {
            self.eval.declare_rms(ct, weight)?;
        }
        let first = self.job.rms().total(LABEL_SIZE);
        for ct in state.first_gradient.iter_mut().flatten() {
            self.eval.declare_rms(ct, first)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod bootstrap_tests;
#[cfg(test)]
mod ckks_tests;
#[cfg(test)]
mod frozen_tests;
#[cfg(test)]
mod joint_refresh_tests;
#[cfg(test)]
mod joint_tests;
#[cfg(test)]
mod owner_tests;
#[cfg(test)]
mod paper_tests;
#[cfg(test)]
mod refresh_tests;
#[cfg(test)]
mod tails_tests;
#[cfg(test)]
mod tests;
