//! Odd polynomials on ciphertexts that carry two real values a slot.
//!
//! With z = u + i v, the componentwise odd powers are polynomials in z and its conjugate z'; with
//! n = z z' and w = z^2 (conjugate w') their conjugates are
//!
//! - u^3 - i v^3 = (3 z' n + z w) / 4
//! - u^5 - i v^5 = (z' (10 n^2 + w'^2 + 5 w^2)) / 16
//! - u^7 - i v^7 = (z' n (7 w'^2 + 35 n^2) + z w (21 n^2 + w^2)) / 64
//!
//! (expand (z + z')^k and (z - z')^k). The mask rides on the factors z and z', so that it costs no
//! level. Higher degrees go in baby and giant steps (`long`).

mod long;

use crate::evaluator::{EvalError, Evaluator, Op, Placement, Refusal};

/// An odd polynomial p of degree 3 to 15, applied to real and imaginary part of every slot at
/// once: p(u) - i p(v), the conjugate, in chosen slots, and zero in the others.
#[derive(Debug)]
pub struct OddPolynomial<E: Evaluator> {
    form: Form<E::Plain>,
}

/// The plaintexts of a polynomial.
#[derive(Debug)]
enum Form<P> {
    /// Degree 3.
    Cubic(Masks<P>),
    /// Degrees 5 and 7.
    Higher {
        masks: Masks<P>,
        /// 4 c_3/c_5.
        cubic: f64,
        /// c_7/64 in the chosen slots, for degree 7.
        septic: Option<P>,
    },
    /// Degrees 9 to 15.
    Long(long::Long<P>),
}

#[derive(Debug)]
struct Masks<P> {
    /// c_3/4 or c_5/16 in the chosen slots.
    mask: P,
    /// 4 c_1/c_3 or 16 c_1/c_5 everywhere.
    constant: P,
}

/// A ciphertext and its conjugate.
struct Pair<'a, C> {
    z: &'a C,
    conj: &'a C,
}

impl<E: Evaluator> OddPolynomial<E> {
    /// c_1 x + c_3 x^3 + ... from its two to eight coefficients, for the slots that are `chosen`.
    ///
    /// # Errors
    /// [`Refusal::Coefficients`] for fewer or more; [`Refusal::NotFinite`], also where a coefficient
    /// that others are divided by (c_3 of a cubic, c_5 of degrees 5 and 7, every second one from degree
    /// 9 on) is zero; [`Refusal::SlotCount`].
    pub fn new(eval: &E, coefficients: &[f64], chosen: &[bool]) -> Result<Self, EvalError> {
        let all = vec![true; eval.slots()];
        let masked = |value: f64| eval.plain_where(value, chosen);
        let everywhere = |value: f64| eval.plain_where(value, &all);
        let form = match *coefficients {
            [c1, c3] => Form::Cubic(Masks {
                mask: masked(c3 / 4.0)?,
                constant: everywhere(4.0 * c1 / c3)?,
            }),
            [c1, c3, c5] | [c1, c3, c5, _] => Form::Higher {
                masks: Masks {
                    mask: masked(c5 / 16.0)?,
                    constant: everywhere(16.0 * c1 / c5)?,
                },
                cubic: 4.0 * c3 / c5,
                septic: match coefficients.get(3) {
                    Some(c7) => Some(masked(c7 / 64.0)?),
                    None => None,
                },
            },
            _ if (5..=8).contains(&coefficients.len()) => {
                Form::Long(long::Long::new(coefficients, masked, everywhere)?)
            }
            _ => {
                let found = coefficients.len();
                return Err(Refusal::Coefficients { found }.of(Op::Polynomial));
            }
        };
        Ok(Self { form })
    }

    /// The conjugate of the componentwise polynomial of `z` in the chosen slots, zero elsewhere, at
    /// `scale`. `conj` is the conjugate of `z`.
    ///
    /// Degree 3: 2 levels, 3 key switches; degree 5: 3 and 6; degree 7: 3 and 8; degree 9: 4 and 9;
    /// degrees 11 and 13: 4 and 11; degree 15: 4 and 13.
    ///
    /// # Errors
    /// Too few levels; a scale that leaves a factor too few bits; overflow; no relinearisation key,
    /// or from degree 5 on no conjugation key.
    pub fn apply(&self, eval: &E, z: &E::Ct, conj: &E::Ct, scale: f64) -> Result<E::Ct, EvalError> {
        let pair = Pair { z, conj };
        match &self.form {
            Form::Cubic(masks) => cubic(eval, &pair, masks, scale),
            Form::Higher {
                masks,
                cubic,
                septic,
            } => higher(eval, &pair, masks, *cubic, septic.as_ref(), scale),
            Form::Long(long) => long.apply(eval, &pair, scale),
        }
    }
}

/// The scale of a factor that, times something at `other`, lands at `scale` after one rescale.
fn factor_scale<E: Evaluator>(eval: &E, scale: f64, other: Placement) -> f64 {
    scale * eval.params().q()[other.level.0] as f64 / other.scale
}

/// m z' (3 n + 4 c_1/c_3) + m z w with m = c_3/4 in the chosen slots.
fn cubic<E: Evaluator>(
    eval: &E,
    &Pair { z, conj }: &Pair<'_, E::Ct>,
    Masks { mask, constant }: &Masks<E::Plain>,
    scale: f64,
) -> Result<E::Ct, EvalError> {
    let norm = eval.mul_integer(&eval.mul(z, conj)?, 3)?;
    let norm = eval.add_plain(&norm, constant)?;
    let square = eval.mul(z, z)?;
    let scale = factor_scale(eval, scale, eval.meta(&square).placement());
    let mut sum = eval.product_sum();
    eval.add_product(&mut sum, &eval.mul_plain(conj, mask, scale)?, &norm)?;
    eval.add_product(&mut sum, &eval.mul_plain(z, mask, scale)?, &square)?;
    eval.relinearize_rescale(sum)
}

/// m z' (10 n^2 + w'^2 + 5 w^2 + 3 a n + 16 c_1/c_5) + m z a w with m = c_5/16 in the chosen slots
/// and a = 4 c_3/c_5; for degree 7 also s z' n (7 w'^2 + 35 n^2) + s z w (21 n^2 + w^2) with
/// s = c_7/64 there.
fn higher<E: Evaluator>(
    eval: &E,
    &Pair { z, conj }: &Pair<'_, E::Ct>,
    Masks { mask, constant }: &Masks<E::Plain>,
    cubic: f64,
    septic: Option<&E::Plain>,
    scale: f64,
) -> Result<E::Ct, EvalError> {
    let (norm, square) = (eval.mul(z, conj)?, eval.mul(z, z)?);
    let (norm2, square2) = (eval.mul(&norm, &norm)?, eval.mul(&square, &square)?);
    let conj2 = eval.conjugate(&square2)?;
    let to = eval.meta(&norm2).placement();
    let mut first = eval.add(&eval.mul_integer(&norm2, 10)?, &conj2)?;
    first = eval.add(&first, &eval.mul_integer(&square2, 5)?)?;
    first = eval.add(&first, &eval.mul_scalar(&norm, 3.0 * cubic, to)?)?;
    first = eval.add_plain(&first, constant)?;
    let second = eval.mul_scalar(&square, cubic, to)?;
    let scale = factor_scale(eval, scale, to);
    let mut sum = eval.product_sum();
    eval.add_product(&mut sum, &eval.mul_plain(conj, mask, scale)?, &first)?;
    eval.add_product(&mut sum, &eval.mul_plain(z, mask, scale)?, &second)?;
    if let Some(mask) = septic {
        // Times n or w, the factors land at the scale of the others.
        let scale = factor_scale(eval, scale, eval.meta(&norm).placement());
        let left = eval.mul(&eval.mul_plain(conj, mask, scale)?, &norm)?;
        let right = eval.mul(&eval.mul_plain(z, mask, scale)?, &square)?;
        let first = eval.add(
            &eval.mul_integer(&conj2, 7)?,
            &eval.mul_integer(&norm2, 35)?,
        )?;
        let second = eval.add(&eval.mul_integer(&norm2, 21)?, &square2)?;
        eval.add_product(&mut sum, &left, &first)?;
        eval.add_product(&mut sum, &right, &second)?;
    }
    eval.relinearize_rescale(sum)
}
