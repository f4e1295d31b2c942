//! Odd polynomials of degree 9 to 15 on two real values a slot, in baby and giant steps, 4 levels.
//!
//! A slot z = u + i v stands for the numbers u and v. Of an *even* polynomial f keep the real numbers
//! S = (f(u) + f(v))/2 and D = (f(u) - f(v))/2; of an *odd* one o keep o(u) - i o(v) and its conjugate
//! o(u) + i o(v). Then, with the conjugate z' of z,
//!
//! - x itself is (z', z); x^2 has S = z z'/2 and D = (z^2 + z'^2)/4;
//! - the product of two even ones has S S~ + D D~ and S D~ + D S~;
//! - the product of an even one and an odd one (o', o) is (S o' + D o, S o + D o').
//!
//! So both numbers go through one circuit, and no plaintext i is needed. The polynomial is
//!
//! p(x) = o_1 + x^4 o_2 + x^8 (o_3 + x^4 o_4),   o_k = c_(4k-3) x + c_(4k-1) x^3
//!
//! (Paterson and Stockmeyer, "On the number of nonscalar multiplications necessary to evaluate
//! polynomials", 1973, with baby steps x, x^3 and giant steps x^4, x^8). Coefficients and mask ride on
//! the factors z and z'.

use super::{Pair, factor_scale};
use crate::evaluator::{EvalError, Evaluator};

/// Of an even polynomial f: half the sum and half the difference of f(u) and f(v), both real.
struct Even<C> {
    sum: C,
    difference: C,
}

/// Of an odd polynomial o: o(u) - i o(v), and its conjugate.
struct Odd<C> {
    conj: C,
    straight: C,
}

/// c x + d x^3 in the chosen slots.
#[derive(Debug)]
enum Block<P> {
    /// d = 0.
    Linear {
        /// c in the chosen slots.
        mask: P,
    },
    Cubic {
        /// d in the chosen slots.
        mask: P,
        /// c/d everywhere.
        constant: P,
    },
}

/// The plaintexts of a polynomial of degree 9 to 15.
#[derive(Debug)]
pub(super) struct Long<P> {
    first: Block<P>,
    second: Block<P>,
    third: Block<P>,
    /// From degree 13 on.
    fourth: Option<Block<P>>,
}

impl<P> Long<P> {
    /// From five to eight coefficients, with plaintexts by `masked` (in the chosen slots) and
    /// `everywhere`.
    pub(super) fn new(
        coefficients: &[f64],
        masked: impl Fn(f64) -> Result<P, EvalError>,
        everywhere: impl Fn(f64) -> Result<P, EvalError>,
    ) -> Result<Self, EvalError> {
        let block = |k: usize| -> Result<Option<Block<P>>, EvalError> {
            let at = |i: usize| coefficients.get(2 * k + i).copied();
            Ok(match (at(0), at(1)) {
                (Some(c), Some(d)) => Some(Block::Cubic {
                    mask: masked(d)?,
                    constant: everywhere(c / d)?,
                }),
                (Some(c), None) => Some(Block::Linear { mask: masked(c)? }),
                (None, _) => None,
            })
        };
        // The caller gives five at least.
        let zero = || Ok(Block::Linear { mask: masked(0.0)? });
        Ok(Self {
            first: block(0)?.map_or_else(zero, Ok)?,
            second: block(1)?.map_or_else(zero, Ok)?,
            third: block(2)?.map_or_else(zero, Ok)?,
            fourth: block(3)?,
        })
    }

    /// p(u) - i p(v) in the chosen slots at `scale`, 4 levels below z and its conjugate.
    ///
    /// Key switches: 9 for degree 9, 11 for 11 and 13, 13 for 15.
    pub(super) fn apply<E: Evaluator<Plain = P>>(
        &self,
        eval: &E,
        pair: &Pair<'_, E::Ct>,
        scale: f64,
    ) -> Result<E::Ct, EvalError> {
        let bound = eval.meta(pair.z).bound;
        let square = square(eval, pair, bound)?;
        let steps = Steps {
            pair,
            square: &square,
        };
        let fourth = squared(eval, &square, bound.powi(4) / 2.0)?;
        let eighth = squared(eval, &fourth, bound.powi(8) / 2.0)?;
        let at = |even: &Even<E::Ct>| eval.meta(&even.sum).placement();
        let upper = self.upper(
            eval,
            &steps,
            &fourth,
            factor_scale(eval, scale, at(&eighth)),
        )?;
        // What a product must stand at to be rescaled to `scale` where x^8 stands.
        let product = scale * eval.params().q()[at(&eighth).level.0] as f64;
        let middle = steps.odd(eval, &self.second, product / at(&fourth).scale)?;
        let mut sum = eval.product_sum();
        eval.add_product(&mut sum, &eighth.sum, &upper.conj)?;
        eval.add_product(&mut sum, &eighth.difference, &upper.straight)?;
        eval.add_product(&mut sum, &fourth.sum, &middle.conj)?;
        eval.add_product(&mut sum, &fourth.difference, &middle.straight)?;
        let target = Target { product, scale };
        steps.close(eval, &self.first, Some(sum), target, Form::Conj)
    }

    /// o_3 + x^4 o_4 in both forms at `scale`.
    fn upper<E: Evaluator<Plain = P>>(
        &self,
        eval: &E,
        steps: &Steps<'_, E::Ct>,
        fourth: &Even<E::Ct>,
        scale: f64,
    ) -> Result<Odd<E::Ct>, EvalError> {
        let Some(last) = &self.fourth else {
            return steps.odd(eval, &self.third, scale);
        };
        let at = eval.meta(&fourth.sum).placement();
        let product = scale * eval.params().q()[at.level.0] as f64;
        let last = steps.odd(eval, last, product / at.scale)?;
        let form = |form: Form, same: &E::Ct, other: &E::Ct| {
            let mut sum = eval.product_sum();
            eval.add_product(&mut sum, &fourth.sum, same)?;
            eval.add_product(&mut sum, &fourth.difference, other)?;
            let target = Target { product, scale };
            steps.close(eval, &self.third, Some(sum), target, form)
        };
        Ok(Odd {
            conj: form(Form::Conj, &last.conj, &last.straight)?,
            straight: form(Form::Straight, &last.straight, &last.conj)?,
        })
    }
}

/// Which of the two forms of an odd polynomial.
#[derive(Clone, Copy)]
enum Form {
    Conj,
    Straight,
}

/// The scale of products in a sum, and where the sum lands once it is rescaled.
#[derive(Clone, Copy)]
struct Target {
    product: f64,
    scale: f64,
}

/// x and x^2.
struct Steps<'a, C> {
    pair: &'a Pair<'a, C>,
    square: &'a Even<C>,
}

impl<C> Steps<'_, C> {
    /// A block in both forms at `scale`.
    fn odd<E: Evaluator<Ct = C>>(
        &self,
        eval: &E,
        block: &Block<E::Plain>,
        scale: f64,
    ) -> Result<Odd<C>, EvalError> {
        let level = eval.meta(&self.square.sum).level;
        let product = scale * eval.params().q()[level.0] as f64;
        let target = Target { product, scale };
        Ok(Odd {
            conj: self.close(eval, block, None, target, Form::Conj)?,
            straight: self.close(eval, block, None, target, Form::Straight)?,
        })
    }

    /// One form of a block and the products in `sum`, all at `target`.
    fn close<E: Evaluator<Ct = C>>(
        &self,
        eval: &E,
        block: &Block<E::Plain>,
        sum: Option<E::ProductSum>,
        target: Target,
        form: Form,
    ) -> Result<C, EvalError> {
        let Pair { z, conj } = *self.pair;
        let (same, other) = match form {
            Form::Conj => (conj, z),
            Form::Straight => (z, conj),
        };
        match block {
            Block::Linear { mask } => {
                let linear = eval.mul_plain(same, mask, target.scale)?;
                match sum {
                    Some(sum) => eval.add(&eval.relinearize_rescale(sum)?, &linear),
                    None => Ok(linear),
                }
            }
            Block::Cubic { mask, constant } => {
                let mut sum = sum.unwrap_or_else(|| eval.product_sum());
                let Even { sum: s, difference } = self.square;
                let scale = target.product / eval.meta(s).scale;
                let shifted = eval.add_plain(s, constant)?;
                eval.add_product(&mut sum, &eval.mul_plain(same, mask, scale)?, &shifted)?;
                eval.add_product(&mut sum, &eval.mul_plain(other, mask, scale)?, difference)?;
                eval.relinearize_rescale(sum)
            }
        }
    }
}

/// x^2, one level below z. No slot of z exceeds `bound`. Two key switches.
fn square<E: Evaluator>(
    eval: &E,
    &Pair { z, conj }: &Pair<'_, E::Ct>,
    bound: f64,
) -> Result<Even<E::Ct>, EvalError> {
    let norm = eval.mul_integer(&eval.mul(z, conj)?, 2)?;
    let mut both = eval.product_sum();
    eval.add_product(&mut both, z, z)?;
    eval.add_product(&mut both, conj, conj)?;
    let quarter = |mut ct: E::Ct| {
        eval.scale_value(&mut ct, 0.25)?;
        known(eval, ct, bound * bound / 2.0)
    };
    Ok(Even {
        sum: quarter(norm)?,
        difference: quarter(eval.relinearize_rescale(both)?)?,
    })
}

/// The square of an even polynomial, one level below, both parts at most `bound`. Two key switches.
fn squared<E: Evaluator>(eval: &E, of: &Even<E::Ct>, bound: f64) -> Result<Even<E::Ct>, EvalError> {
    let mut sum = eval.product_sum();
    eval.add_product(&mut sum, &of.sum, &of.sum)?;
    eval.add_product(&mut sum, &of.difference, &of.difference)?;
    let cross = eval.mul_integer(&eval.mul(&of.sum, &of.difference)?, 2)?;
    Ok(Even {
        sum: known(eval, eval.relinearize_rescale(sum)?, bound)?,
        difference: known(eval, cross, bound)?,
    })
}

/// Declares that no slot exceeds `bound`, where that says more than what is known. Of u^2 + v^2 <= b^2
/// follows that half the sum of u^2k and v^2k, and half their difference, are at most b^2k/2.
fn known<E: Evaluator>(eval: &E, mut ct: E::Ct, bound: f64) -> Result<E::Ct, EvalError> {
    if bound < eval.meta(&ct).bound {
        eval.declare_bound(&mut ct, bound)?;
    }
    Ok(ct)
}
