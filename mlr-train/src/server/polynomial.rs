//! The sigmoid's polynomial on ciphertexts that carry two real scores a slot.
//!
//! With z = u + i v, the componentwise odd powers are polynomials in z and its conjugate z'; with n = z z' and w = z^2 (conjugate w')
//! their conjugates, which the gradient wants, are
//!
//! - u^3 - i v^3 = (3 z' n + z w) / 4
//! - u^5 - i v^5 = (z' (10 n^2 + w'^2 + 5 w^2)) / 16
//! - u^7 - i v^7 = (z' n (7 w'^2 + 35 n^2) + z w (21 n^2 + w^2)) / 64
//!
//! (expand (z + z')^k and (z - z')^k). The mask of column 0 rides on the factors z and z', so that it costs no level.

use he_core::evaluator::{EvalError, Evaluator, Placement};

use super::{At, Run, TrainError};
use crate::packing::column_zero;
use crate::plan::Job;

/// The plaintexts of a polynomial.
pub(super) enum Masks<E: Evaluator> {
    /// Degree 3.
    Cubic {
        /// -c_3/4 in column 0.
        mask: E::Plain,
        /// 4 c_1/c_3 everywhere.
        constant: E::Plain,
    },
    /// Degrees 5 and 7.
    Higher {
        /// -c_5/16 in column 0.
        mask: E::Plain,
        /// 16 c_1/c_5 everywhere.
        constant: E::Plain,
        /// 4 c_3/c_5.
        cubic: f64,
        /// -c_7/64 in column 0, for degree 7.
        septic: Option<E::Plain>,
    },
}

impl<E: Evaluator> Masks<E> {
    pub(super) fn new(job: &Job, eval: &E) -> Result<Self, EvalError> {
        let layout = job.layout();
        let masked = |value: f64| eval.plain(column_zero(layout, value));
        let everywhere = |value: f64| eval.plain(vec![value.into(); layout.slots()]);
        // A job has two to four coefficients, the higher ones not zero.
        match *job.program().polynomial.coefficients() {
            [c1, c3, c5, ref c7 @ ..] => Ok(Self::Higher {
                mask: masked(-c5 / 16.0)?,
                constant: everywhere(16.0 * c1 / c5)?,
                cubic: 4.0 * c3 / c5,
                septic: c7.first().map(|c7| masked(-c7 / 64.0)).transpose()?,
            }),
            ref lower => {
                let (c1, c3) = (
                    lower.first().copied().unwrap_or(0.0),
                    lower.get(1).copied().unwrap_or(1.0),
                );
                Ok(Self::Cubic {
                    mask: masked(-c3 / 4.0)?,
                    constant: everywhere(4.0 * c1 / c3)?,
                })
            }
        }
    }
}

impl<E: Evaluator> Run<'_, E> {
    /// The conjugate of 1/2 - sigma(z), componentwise, in column 0; zero elsewhere. Degree 3: 2 levels, 4 key switches; degree 5: 3 and 7;
    /// degree 7: 3 and 9.
    pub(super) fn masked_sigmoid(&self, at: At, z: &E::Ct) -> Result<E::Ct, TrainError> {
        let conj = self.eval.conjugate(z);
        let conj = conj.map_err(at.step("conjugate of scores"))?;
        let error = match &self.polynomial {
            Masks::Cubic { mask, constant } => self.cubic(z, &conj, mask, constant),
            Masks::Higher {
                mask,
                constant,
                cubic,
                septic,
            } => self.higher(z, &conj, mask, constant, *cubic, septic.as_ref()),
        };
        let bounded = error.and_then(|mut error| {
            self.known(&mut error, |job| {
                job.sigmoid_bound() * std::f64::consts::SQRT_2
            })?;
            Ok(error)
        });
        bounded.map_err(at.step("polynomial of scores"))
    }

    /// The scale of a factor that, times something at `other`, lands at the planned scale of the errors.
    fn factor_scale(&self, other: Placement) -> f64 {
        let prime = self.eval.params().q()[other.level.0] as f64;
        f64::from(self.job.program().scales.error).exp2() * prime / other.scale
    }

    /// m z' (3 n + 4 c_1/c_3) + m z w with m = -c_3/4 in column 0.
    fn cubic(
        &self,
        z: &E::Ct,
        conj: &E::Ct,
        mask: &E::Plain,
        constant: &E::Plain,
    ) -> Result<E::Ct, EvalError> {
        let eval = self.eval;
        let norm = eval.mul_small(&eval.mul(z, conj)?, 3)?;
        let norm = eval.add_plain(&norm, constant)?;
        let square = eval.mul(z, z)?;
        let scale = self.factor_scale(eval.meta(&square).placement());
        let mut sum = eval.accumulator();
        eval.mul_acc(&mut sum, &eval.mul_plain(conj, mask, scale)?, &norm)?;
        eval.mul_acc(&mut sum, &eval.mul_plain(z, mask, scale)?, &square)?;
        eval.finish(sum)
    }

    /// m z' (10 n^2 + w'^2 + 5 w^2 + 3 a n + 16 c_1/c_5) + m z a w with m = -c_5/16 in column 0 and a = 4 c_3/c_5; for degree 7 also
    /// s z' n (7 w'^2 + 35 n^2) + s z w (21 n^2 + w^2) with s = -c_7/64 in column 0.
    fn higher(
        &self,
        z: &E::Ct,
        conj: &E::Ct,
        mask: &E::Plain,
        constant: &E::Plain,
        cubic: f64,
        septic: Option<&E::Plain>,
    ) -> Result<E::Ct, EvalError> {
        let eval = self.eval;
        let (norm, square) = (eval.mul(z, conj)?, eval.mul(z, z)?);
        let (norm2, square2) = (eval.mul(&norm, &norm)?, eval.mul(&square, &square)?);
        let conj2 = eval.conjugate(&square2)?;
        let to = eval.meta(&norm2).placement();
        let mut first = eval.add(&eval.mul_small(&norm2, 10)?, &conj2)?;
        first = eval.add(&first, &eval.mul_small(&square2, 5)?)?;
        first = eval.add(&first, &eval.mul_scalar(&norm, 3.0 * cubic, to)?)?;
        first = eval.add_plain(&first, constant)?;
        let second = eval.mul_scalar(&square, cubic, to)?;
        let scale = self.factor_scale(to);
        let mut sum = eval.accumulator();
        eval.mul_acc(&mut sum, &eval.mul_plain(conj, mask, scale)?, &first)?;
        eval.mul_acc(&mut sum, &eval.mul_plain(z, mask, scale)?, &second)?;
        if let Some(mask) = septic {
            // Times n or w, the factors land at the scale of the others.
            let at = eval.meta(&norm).placement();
            let scale = scale * eval.params().q()[at.level.0] as f64 / at.scale;
            let left = eval.mul(&eval.mul_plain(conj, mask, scale)?, &norm)?;
            let right = eval.mul(&eval.mul_plain(z, mask, scale)?, &square)?;
            let first = eval.add(&eval.mul_small(&conj2, 7)?, &eval.mul_small(&norm2, 35)?)?;
            let second = eval.add(&eval.mul_small(&norm2, 21)?, &square2)?;
            eval.mul_acc(&mut sum, &left, &first)?;
            eval.mul_acc(&mut sum, &right, &second)?;
        }
        eval.finish(sum)
    }
}
