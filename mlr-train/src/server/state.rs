//! What a training run keeps between two iterations.

use super::TrainError;
use crate::job::Job;
use crate::packing::Ciphertexts;

/// The iterates between two iterations, by class; a vector over the columns takes [`crate::packing::Layout::ciphertexts_per_vector`]
/// ciphertexts. `look_ahead` and `weights` may hold one class that all share.
#[derive(Clone, Debug)]
pub struct State<Ct> {
    /// Iterations done.
    pub done: usize,
    /// V: where the next gradient is taken. Empty after the last iteration.
    pub look_ahead: Vec<Vec<Ct>>,
    /// W: the weights.
    pub weights: Vec<Vec<Ct>>,
    /// M = (Y - 1/2)^T X; empty for the paper's method and after the last iteration.
    pub first_gradient: Vec<Vec<Ct>>,
}

impl<Ct> State<Ct> {
    /// The three lists in the order in which they are saved: look-ahead weights, weights, first gradient.
    pub fn lists(&self) -> [&[Vec<Ct>]; 3] {
        [&self.look_ahead, &self.weights, &self.first_gradient]
    }

    /// Every ciphertext, list by list.
    pub fn ciphertexts(&self) -> impl Iterator<Item = &Ct> {
        self.lists().into_iter().flatten().flatten()
    }

    /// Applies `f` to every ciphertext, in the order of [`State::ciphertexts`].
    pub(super) fn each_mut(&mut self, f: impl FnMut(&mut Ct)) {
        let vectors = self.look_ahead.iter_mut().chain(&mut self.weights);
        vectors
            .chain(&mut self.first_gradient)
            .flatten()
            .for_each(f);
    }
}

/// How many classes each list of a [`State`] holds, and how many ciphertexts each class: the one truth for those who check, save and
/// read states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateShape {
    done: usize,
    classes: [usize; 3],
    per_class: Ciphertexts,
}

impl StateShape {
    /// The state of `job` after `done` iterations.
    ///
    /// # Errors
    /// [`TrainError::State`] for more iterations than the job has, or none where a run has no state yet.
    pub fn after(job: &Job, done: usize) -> Result<Self, TrainError> {
        let (classes, iterations) = (job.layout().shape().classes, job.iterations());
        let starts = job.program().method.start_weight().is_some();
        if done > iterations || (done == 0 && !starts) {
            return Err(TrainError::State {
                what: "iterations",
                expected: iterations,
                found: done,
            });
        }
        let open = done < iterations;
        // The start weights stand for all classes.
        let own = if done == 0 { 1 } else { classes };
        let ahead = if open { own } else { 0 };
        let first = if open && !starts { classes } else { 0 };
        Ok(Self {
            done,
            classes: [ahead, own, first],
            per_class: job.layout().ciphertexts_per_vector(),
        })
    }

    /// Classes of look-ahead weights, weights, first gradient.
    pub fn classes(&self) -> [usize; 3] {
        self.classes
    }

    /// The state whose ciphertexts `next` gives in the order of [`State::ciphertexts`].
    ///
    /// # Errors
    /// What `next` fails with.
    pub fn collect<Ct, E>(&self, mut next: impl FnMut() -> Result<Ct, E>) -> Result<State<Ct>, E> {
        let mut list = |classes: usize| -> Result<Vec<Vec<Ct>>, E> {
            let class = |_| self.per_class.indices().map(|_| next()).collect();
            (0..classes).map(class).collect()
        };
        let [ahead, weights, first] = self.classes;
        Ok(State {
            done: self.done,
            look_ahead: list(ahead)?,
            weights: list(weights)?,
            first_gradient: list(first)?,
        })
    }

    /// Whether `state` has this shape.
    ///
    /// # Errors
    /// [`TrainError::State`] names the first count that is off.
    pub fn check<Ct>(&self, state: &State<Ct>) -> Result<(), TrainError> {
        let check = |what, expected: usize, found: usize| {
            if expected == found {
                Ok(())
            } else {
                Err(TrainError::State {
                    what,
                    expected,
                    found,
                })
            }
        };
        let names = [
            "classes of look-ahead weights",
            "classes of weights",
            "classes of the first gradient",
        ];
        for ((what, expected), list) in names.into_iter().zip(self.classes).zip(state.lists()) {
            check(what, expected, list.len())?;
            for class in list {
                check("ciphertexts of a vector", self.per_class.get(), class.len())?;
            }
        }
        Ok(())
    }
}
