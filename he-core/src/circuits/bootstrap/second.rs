//! A second pass, which takes the error of the first away: META-BTS (Bae, Cheon, Cho, Kim and Kim, ePrint 2022/1167, section 3.2).
//!
//! | paper, algorithm 1 | here |
//! |---|---|
//! | ct' = BTS(ct) = m + e_1 | [`Circuit::once`], at scale D / 2^k |
//! | the difference of ct and ct', modulo q_0: -e_1 | [`Circuit::run`], at the start level of the circuit, since slots go to coefficients first |
//! | times 2^k, so that it fills the message's place; BTS again: -2^k e_1 + e_2 | [`Circuit::once`] |
//! | divided by 2^k, added to ct': m + e_2 / 2^k | [`Circuit::run`], by the recorded scale alone |
//!
//! # Nothing in between errs
//! The difference and the products with 2^k are those of integers. ct' is made at D / 2^k, where D is the scale of what came in: with its data and its scale times 2^k it has the scale
//! of ct, so that the difference has no rounding; and so has the sum. Whatever ct' errs by, its noise included, is in the difference, and only what the second pass errs by remains, divided by 2^k.
//!
//! # What bounds the precision
//! 2^k times the error of a pass must stay within the bound of the circuit: as much as the sine can err by, and 16 standard deviations of noise. What is left at the end is a pass's error over 2^k.
//! Each pass lands at D / 2^k, and the noise there, of the key switch and the rounding of the way back, is v 2^k / D in units of the value: over 2^k that is v / D, whatever k is. So two passes are as precise
//! as the scale D is above the noise of the small ring, and at most twice as precise, in bits, as one. The errors of the way in (slots to coefficients, key switches into the
//! large ring) stand beside those of the large ring, and are divided by 2^k with them.
//!
//! That noise is a rounding times the secret, in every slot the product of two normal values: its tail falls as exp(-2 x), not as exp(-x^2), so that the worst of 8,192 slots
//! is at six standard deviations in one run of five (measured: 6.3 in ten runs). The stated error has twelve of them.
//!
//! # Cost
//! Two passes, a difference and a sum; no level and no key more. A failure of either is a failure of both.

use super::circuit::{Circuit, FURTHEST};
use super::crossing::Crossing;
use crate::evaluator::{EvalError, Evaluator};

impl<E: Evaluator> Circuit<E> {
    /// Error of the sine in units of the values that come out.
    pub(super) fn last_inexact<C: Crossing<E>>(&self, crossing: &C) -> f64 {
        self.inexact(crossing) / self.gain()
    }

    /// All passes. With two, `ct` is at the scale of [`Circuit::output`].
    pub(super) fn run<C: Crossing<E>>(
        &self,
        small: &E,
        crossing: &C,
        ct: &E::Ct,
    ) -> Result<E::Ct, EvalError> {
        let Some(bits) = self.second else {
            return self.once(small, crossing, ct);
        };
        let (gain, times) = (self.gain(), 1i32 << bits);
        let known = small.meta(ct);
        // What ct errs by already is part of the values here: it is not the first pass that adds it.
        let mut values = small.drop_level(ct, self.input_level())?;
        small.declare_noise(&mut values, 0.0)?;
        let first = self.once(small, crossing, &values)?;
        let inexact = self.inexact(crossing);
        let error = small.meta(&first).error();
        let mut first = small.mul_integer(&first, times)?;
        small.scale_value(&mut first, gain.recip())?;

        let low = small.drop_level(&first, self.input_level())?;
        let rest = small.sub(&values, &low)?;
        let mut rest = small.mul_integer(&rest, times)?;
        small.declare_bound(&mut rest, gain * (inexact + FURTHEST * error))?;
        small.declare_rms(&mut rest, gain * error)?;
        small.declare_noise(&mut rest, 0.0)?;
        self.require(small.meta(&rest))?;
        let mut rest = self.once(small, crossing, &rest)?;
        small.scale_value(&mut rest, gain.recip())?;

        let mut out = small.add(&first, &rest)?;
        let scale = small.meta(&out).scale;
        let added = small.meta(&rest).error();
        small.declare_noise(&mut out, known.error().hypot(added) * scale)?;
        let error = small.meta(&out).error();
        let bound = known.bound + self.last_inexact(crossing) + FURTHEST * error;
        small.declare_bound(&mut out, bound)?;
        small.declare_rms(&mut out, known.rms)?;
        Ok(out)
    }
}
