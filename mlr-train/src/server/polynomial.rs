//! The sigmoid's polynomial on ciphertexts that carry two real scores a slot.

use std::sync::{Arc, PoisonError};

use he_core::circuits::OddPolynomial;
use he_core::evaluator::Evaluator;

use super::{At, Run, TrainError};
use crate::packing::column_zero;

impl<E: Evaluator> Run<'_, E> {
    /// 1/2 - sigma of this iteration, for column 0 of every row.
    fn sigmoid(&self, at: At) -> Result<Arc<OddPolynomial<E>>, TrainError> {
        let program = self.job.program();
        let reading = self.job.levels().iterations();
        let reading = reading.iter().position(|l| l.iteration == at.iteration);
        let odd = program.polynomial.of(reading.unwrap_or(0));
        let coefficients = odd.map_or(&[][..], |odd| odd.coefficients());
        let mut kept = self
            .polynomial
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((iteration, sigmoid)) if *iteration == at.iteration => Ok(Arc::clone(sigmoid)),
            _ => {
                let negated: Vec<f64> = coefficients.iter().map(|c| -c).collect();
                let chosen = column_zero(self.job.layout());
                let new = OddPolynomial::new(self.eval, &negated, &chosen);
                let new = Arc::new(new.map_err(at.step("masks"))?);
                *kept = Some((at.iteration, Arc::clone(&new)));
                Ok(new)
            }
        }
    }

    /// The conjugate of 1/2 - sigma(z), componentwise, in column 0; zero elsewhere. Degree 3: 2
    /// levels, 4 key switches; degree 5: 3 and 7; degree 7: 3 and 9; degree 9: 4 and 10; degrees 11
    /// and 13: 4 and 12; degree 15: 4 and 14.
    pub(super) fn masked_sigmoid(&self, at: At, z: &E::Ct) -> Result<E::Ct, TrainError> {
        let conj = self.eval.conjugate(z);
        let conj = conj.map_err(at.step("conjugate of scores"))?;
        let scale = f64::from(self.job.program().scales.error).exp2();
        let error = self.sigmoid(at)?.apply(self.eval, z, &conj, scale);
        let bounded = error.and_then(|mut error| {
            self.known(&mut error, |sizes| {
                sizes.sigmoid(at.iteration) * std::f64::consts::SQRT_2
            })?;
            Ok(error)
        });
        bounded.map_err(at.step("polynomial of scores"))
    }
}
