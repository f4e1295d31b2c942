//! W and V of all classes, given levels again by the server alone.
//!
//! | step | levels | key switches |
//! |---|---|---|
//! | pack: a vector over the columns repeats with a period, so that a mask takes the k-th period of the k-th vector: W + iV of as many vectors as there are periods in one sum of products with masks | 1 | 0 |
//! | bootstrap every packed ciphertext ([`he_core::circuits::bootstrap`]) | 2 | |
//! | unpack: a mask takes a period alone, a fold over the periods repeats it, and a sum with the conjugate leaves the real part; of -i times it that is V | 1 | 2 v (fold + 1) |
//!
//! Errors that W and V bring, and those of the bootstrapping, are not in the ledger afterwards: it takes errors for independent, so that momentum would
//! double them in every iteration for ever, and the powers of a polynomial would blow them up. `plan` adds up what they come to, by the recurrence itself.

use std::f64::consts::SQRT_2;

use he_core::circuits::{Refresh, fold, folds};
use he_core::evaluator::{EvalError, Evaluator, Level};
use num_complex::Complex64;
use rayon::prelude::*;

use super::{Refreshed, Run, State, TrainError};
use crate::job::{Iterate, Job};
use crate::packing::Layout;

/// Which slots of a packed ciphertext hold a vector: those of one period, without padded columns.
struct Places {
    slots: usize,
    period: usize,
    /// Columns of a vector's part that are none of the data's.
    columns: usize,
    parts: usize,
}

impl Places {
    fn new(layout: &Layout) -> Self {
        Self {
            slots: layout.slots(),
            period: layout.period(),
            columns: layout.shape().columns,
            parts: layout.ciphertexts_per_vector().get(),
        }
    }

    /// Vectors in a ciphertext.
    fn per_ciphertext(&self) -> usize {
        self.slots / self.period
    }

    /// `value` where the vector `vector` stands, counted over classes and parts; zero elsewhere.
    fn mask(&self, vector: usize, value: Complex64) -> Vec<Complex64> {
        let begin = vector % self.per_ciphertext() * self.period;
        let first = vector % self.parts * self.period;
        let columns = self.columns.saturating_sub(first).min(self.period);
        let mut slots = vec![Complex64::ZERO; self.slots];
        slots[begin..begin + columns].fill(value);
        slots
    }
}

/// Ciphertexts that W + iV of all classes take.
pub(crate) fn packed_ciphertexts(layout: &Layout) -> usize {
    let vectors = layout.ciphertexts_per_matrix().get();
    vectors.div_ceil(Places::new(layout).per_ciphertext())
}

/// The largest |W + iV| of a job.
pub(crate) fn packed_bound(job: &Job) -> f64 {
    SQRT_2 * job.bounds().weight()
}

impl<E: Evaluator> Run<'_, E> {
    /// The state's W and V, bootstrapped by `way`.
    pub(super) fn bootstrapped(
        &self,
        state: &State<E::Ct>,
        way: &dyn Refresh<E>,
    ) -> Result<Refreshed<E::Ct>, TrainError> {
        let at = self.at(state.done + 1);
        let step = at.step("bootstrapping of the weights");
        let mut raised = Vec::new();
        let places = Places::new(self.job.layout());
        let each = places.per_ciphertext();
        let vectors = self.job.layout().ciphertexts_per_matrix().get();
        for first in (0..vectors).step_by(each) {
            let these = first..(first + each).min(vectors);
            self.report(at, "packing of the weights")?;
            let packed = self.packed(state, &places, these, way).map_err(step)?;
            self.report(at, "bootstrapping of the weights")?;
            let mut ct = way.refresh(self.eval, &packed).map_err(step)?;
            let noise = self.eval.meta(&packed).error() * self.eval.meta(&ct).scale;
            self.eval.declare_noise(&mut ct, noise).map_err(step)?;
            raised.push(ct);
        }
        self.report(at, "unpacking of the weights")?;
        let unpacked = |of| -> Result<Vec<Vec<E::Ct>>, TrainError> {
            let all: Result<Vec<E::Ct>, EvalError> = (0..vectors)
                .into_par_iter()
                .map(|vector| self.unpacked(at.iteration, &raised[vector / each], vector, of))
                .collect();
            let per_vector = self.job.layout().ciphertexts_per_vector();
            Ok(per_vector.cut(all.map_err(step)?))
        };
        Ok(Refreshed {
            look_ahead: unpacked(Iterate::LookAhead)?,
            weights: unpacked(Iterate::Weights)?,
        })
    }

    /// W + iV of some vectors, as `way` takes them.
    fn packed(
        &self,
        state: &State<E::Ct>,
        places: &Places,
        vectors: std::ops::Range<usize>,
        way: &dyn Refresh<E>,
    ) -> Result<E::Ct, EvalError> {
        let eval = self.eval;
        let level = Level(way.input_level().0 + 1);
        let mut factors = Vec::new();
        for vector in vectors {
            let (class, part) = (vector / places.parts, vector % places.parts);
            for (list, unit) in [
                (&state.weights, Complex64::ONE),
                (&state.look_ahead, Complex64::I),
            ] {
                let mut ct = eval.drop_level(&list[class][part], level)?;
                eval.declare_noise(&mut ct, 0.0)?;
                factors.push((ct, eval.plain(places.mask(vector, unit))?));
            }
        }
        let terms: Vec<_> = factors.iter().map(|(ct, mask)| (ct, mask)).collect();
        let mut packed = eval.dot_plain(&terms, way.output().scale)?;
        // Each slot is one of the vectors' alone.
        eval.declare_bound(&mut packed, packed_bound(self.job))?;
        eval.declare_rms(&mut packed, SQRT_2 * self.job.rms().weight())?;
        Ok(packed)
    }

    /// One vector of W or V, where the iteration wants it.
    fn unpacked(
        &self,
        iteration: usize,
        raised: &E::Ct,
        vector: usize,
        of: Iterate,
    ) -> Result<E::Ct, EvalError> {
        let (eval, layout) = (self.eval, self.job.layout());
        let places = Places::new(layout);
        let unit = match of {
            Iterate::Weights => Complex64::new(0.5, 0.0),
            Iterate::LookAhead => Complex64::new(0.0, -0.5),
        };
        let to = self.job.refreshed(iteration, of, eval.params().n());
        // A state is lifted where the job says so alone.
        let to = to.map_or(eval.meta(raised), |meta| meta);
        let mask = eval.plain(places.mask(vector, unit))?;
        let above = eval.drop_level(raised, Level(to.level.0 + 1))?;
        let alone = eval.mul_plain(&above, &mask, to.scale)?;
        let refresh = self.job.program().refresh;
        let moved = refresh.map_or(0.0, |refresh| refresh.largest_error());
        let known = |ct: &mut E::Ct| {
            eval.declare_bound(ct, self.job.bounds().weight() + moved)?;
            eval.declare_rms(ct, self.job.rms().weight())
        };
        let stages = folds(
            places.per_ciphertext(),
            places.period as i64,
            self.job.program().radix,
        );
        // All periods but one are zero: the sum is as large as that.
        let repeated = fold(eval, alone, &stages, |ct, _| known(ct))?;
        let mut real = eval.add(&repeated, &eval.conjugate(&repeated)?)?;
        known(&mut real)?;
        Ok(real)
    }
}
