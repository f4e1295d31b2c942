//! Training on ciphertexts: what the server runs. Written once against [`Evaluator`]; nothing here can name a secret key.
//!
//! One iteration at the look-ahead point V, for every class k, block b and column group j (layout: [`crate::packing`]):
//!
//! | step | levels | key switches |
//! |---|---|---|
//! | diagonal arrangement: V_kj, the rotations of V_k by j rows | 0 | c g |
//! | scores z = sum_j X_bj V_kj, summed over the columns | 1 | S c (1 + fold p) |
//! | conjugate errors 1/2 - sigma(z) by the masked polynomial of degree 3, 5 or 7, spread over the row | 2, 3, 3 | S c (4, 7 or 9 + spread p) |
//! | row-major direction D_kj = sum_b conj(E_bk) X_bj, summed over the rows, real part | 1 | c g (1 + fold r + 1) |
//! | diagonal direction D_k: the sums turned back by j rows and added, summed over the rows, real part | 1 | c (2 g + fold r/g + 1) |
//! | the paper's method: D_kj times the diagonal B_j | 1 | c g |
//! | the recurrence of [`crate::plan::Step`], with M + D for the direction | 0 | 0 |
//!
//! The gains enter by relabelling scales, exactly. The recurrences are those of
//! [`crate::clear::whitened`] and [`crate::clear::paper`].

mod error;
mod gradient;
mod observer;
mod polynomial;
mod recurrence;
mod scores;
mod source;
mod start;

use he_core::evaluator::{EvalError, Evaluator, Op, scales_match};
use rayon::prelude::*;

pub use error::{SourceError, TrainError};
pub use observer::{Observer, Progress, State, Unobserved};
pub use source::{BlockSource, MemorySource, ShapeSource};

use self::polynomial::Masks;
use crate::packing::{Upload, column_zero};
use crate::plan::Job;

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
    run.check_state(&state)?;
    run.finish(state)
}

/// One training run: what every step needs.
struct Run<'a, E: Evaluator> {
    job: &'a Job,
    /// The same job with usual sizes instead of bounds.
    typical: Job,
    eval: &'a E,
    source: &'a dyn BlockSource<E>,
    observer: &'a dyn Observer<E>,
    key_products_before: u64,
    /// What the errors' polynomial multiplies with.
    polynomial: Masks<E>,
    /// 1 in column 0: the mask of the labels.
    label_mask: E::Plain,
}

/// The size of an error: a bound or a usual size, by the job.
type ErrorSize = fn(&Job) -> f64;

/// The largest error that a label alone makes: |y - 1/2|.
const LABEL_BOUND: f64 = 0.5;

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
        if params.max_level() < job.levels() {
            return Err(TrainError::Levels {
                needed: job.levels(),
                available: params.max_level(),
            });
        }
        let at = At {
            iteration: 1,
            iterations: job.iterations(),
        };
        let plain = |slots| eval.plain(slots).map_err(at.step("masks"));
        Ok(Self {
            job,
            typical: job.typical(),
            eval,
            source,
            observer,
            key_products_before: eval.tally().total(Op::KeyProduct),
            polynomial: Masks::new(job, eval).map_err(at.step("masks"))?,
            label_mask: plain(column_zero(layout, 1.0))?,
        })
    }

    fn finish(&self, mut state: State<E::Ct>) -> Result<Vec<Vec<E::Ct>>, TrainError> {
        loop {
            // What a checkpoint gives back must be, to the last bit, what goes on from here.
            state.each_mut(|ct| self.eval.settle(ct));
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
            state = self.iterate(state)?;
        }
    }

    fn at(&self, iteration: usize) -> At {
        At {
            iteration,
            iterations: self.job.iterations(),
        }
    }

    /// Reports progress; an error if the run is to stop.
    fn report(&self, at: At, phase: &'static str) -> Result<(), TrainError> {
        let now = self.eval.tally().total(Op::KeyProduct);
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
        let read = self.source.load(upload);
        let mut ct = read.map_err(|source| TrainError::Source { upload, source })?;
        let (expected, found) = (self.job.placement(upload), self.eval.meta(&ct).placement());
        if found.level != expected.level || !scales_match(found.scale, expected.scale) {
            return Err(TrainError::Placement {
                upload,
                expected,
                found,
            });
        }
        let declared = self.eval.declare_bound(&mut ct, self.job.bound(upload));
        declared
            .and_then(|()| self.known(&mut ct, |job| job.bound(upload)))
            .map_err(at.step("bound of an upload"))?;
        Ok(ct)
    }

    fn load_data(&self, at: At, block: usize) -> Result<Vec<E::Ct>, TrainError> {
        let groups = 0..self.job.layout().groups();
        groups
            .into_par_iter()
            .map(|group| self.load(at, Upload::Data { block, group }))
            .collect()
    }

    /// Declares a bound and a usual size, both from `size`, where they say more than what is known already.
    fn known(&self, ct: &mut E::Ct, size: impl Fn(&Job) -> f64) -> Result<(), EvalError> {
        let bound = size(self.job);
        if bound < self.eval.meta(ct).bound {
            self.eval.declare_bound(ct, bound)?;
        }
        let typical = size(&self.typical);
        if typical < self.eval.meta(ct).typical {
            self.eval.declare_typical(ct, typical)?;
        }
        Ok(())
    }

    /// Usual sizes are not written to files: between two iterations every iterate gets the one that its kind has, so that a resumed run
    /// knows what an undisturbed one does.
    fn usual_sizes(&self, state: &mut State<E::Ct>) -> Result<(), EvalError> {
        let weight = self.typical.program().bounds.weight;
        let iterates = state.weights.iter_mut().chain(&mut state.look_ahead);
        for ct in iterates.flatten() {
            self.eval.declare_typical(ct, weight)?;
        }
        let first = self.typical.total_bound(LABEL_BOUND);
        for ct in state.first_gradient.iter_mut().flatten() {
            self.eval.declare_typical(ct, first)?;
        }
        Ok(())
    }

    /// Sums a ciphertext over rotations, stage by stage.
    fn fold(&self, ct: E::Ct, stages: &[Vec<i64>]) -> Result<E::Ct, EvalError> {
        stages
            .iter()
            .try_fold(ct, |sum, stage| self.eval.rotate_sum(&sum, stage))
    }
}

#[cfg(test)]
mod ckks_tests;
#[cfg(test)]
mod owner_tests;
#[cfg(test)]
mod paper_tests;
#[cfg(test)]
mod tests;
