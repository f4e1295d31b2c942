//! Linear maps of slots in baby steps and giant steps.
//!
//! With the diagonals d = g G + b s for 0 <= b < B, G = B s, where s divides all of them, M v is the sum over g of rotations by g G of
//! inner sums over b of (diagonal_d rotated back by g G) times (v rotated by b s) (Halevi and Shoup, ePrint 2018/244, section 4.1).
//!
//! The B - 1 baby steps come out of one decomposition. The outer sum is Horner's: each sum so far is rotated by G and the next inner sum is
//! added, so that all giant steps share **one key**. Few baby steps and many giant steps take fewer keys, many baby steps fewer
//! decompositions.
//!
//! | source | here |
//! |---|---|
//! | ePrint 2018/244, section 4.1, baby steps and giant steps | [`LinearMap::new`] |
//! | ePrint 2018/1043, section 4, factored transforms | [`crate::ckks::diagonals`], applied by [`LinearMaps`] |

use num_complex::Complex64;
use rayon::prelude::*;

use crate::ckks::diagonals::Diagonals;
use crate::evaluator::{EvalError, Evaluator};

/// A linear map of slots, ready for an evaluator.
#[derive(Debug)]
pub struct LinearMap<E: Evaluator> {
    /// Inner sums by giant step: baby step and plaintext.
    inner: Vec<Vec<(usize, E::Plain)>>,
    /// Rotation of a baby step.
    step: usize,
    /// Baby steps of a giant one.
    babies: usize,
    /// Rotation after everything.
    last: usize,
    /// How much a slot can grow.
    row_sum: f64,
}

impl<E: Evaluator> LinearMap<E> {
    /// The map `m`, at most `babies` baby steps to a giant one. Slots repeat with the period of `m`.
    ///
    /// # Errors
    /// [`crate::evaluator::Refusal::SlotCount`] if the period does not divide the evaluator's slots; numbers that are not finite.
    pub fn new(eval: &E, m: &Diagonals, babies: usize) -> Result<Self, EvalError> {
        let last = m.first();
        let shifted = m.without_rotation(last as i64);
        let step = shifted.iter().fold(0, |step, (d, _)| divisor(step, d));
        let (step, babies) = (step.max(1), babies.max(1));
        let giant = babies * step;
        // Where the period does not divide the slots, the evaluator refuses the length.
        let copies = (eval.slots() / m.slots()).max(1);
        let mut inner: Vec<Vec<(usize, E::Plain)>> = Vec::new();
        for (d, diagonal) in shifted.iter() {
            let (g, b) = (d / giant, d % giant / step);
            while inner.len() <= g {
                inner.push(Vec::new());
            }
            let mut slots: Vec<Complex64> = diagonal.repeat(copies);
            let back = g * giant % slots.len();
            slots.rotate_right(back);
            inner[g].push((b, eval.plain(slots)?));
        }
        Ok(Self {
            inner,
            step,
            babies,
            last,
            row_sum: m.row_sum(),
        })
    }

    /// M times the slots of `ct`, at `scale`. The bound grows by the largest sum of absolute values of a row, no more.
    ///
    /// One level. Key switches: a decomposition, then a key product and a division by P for every baby step but 0; a rotation for every
    /// giant step but 0, and one for the last rotation, if there is one.
    ///
    /// # Errors
    /// As [`Evaluator::dot_plain`] and [`Evaluator::rotate`]; a map without a diagonal is an empty sum.
    pub fn apply(&self, eval: &E, ct: &E::Ct, scale: f64) -> Result<E::Ct, EvalError> {
        let rotated = self.baby_steps(eval, ct)?;
        let giant = (self.babies * self.step) as i64;
        let part = |terms: &Vec<(usize, E::Plain)>| {
            let pairs = terms.iter().map(|(b, plain)| {
                let step = rotated[*b].as_ref();
                (step.unwrap_or(ct), plain)
            });
            let pairs: Vec<_> = pairs.collect();
            (!pairs.is_empty())
                .then(|| eval.dot_plain(&pairs, scale))
                .transpose()
        };
        let parts: Vec<Option<E::Ct>> =
            (self.inner.par_iter().map(part)).collect::<Result<_, _>>()?;
        drop(rotated);
        let mut sum: Option<E::Ct> = None;
        for part in parts.into_iter().rev() {
            if let Some(so_far) = sum {
                sum = Some(eval.rotate(&so_far, giant)?);
            }
            sum = match (sum, part) {
                (Some(so_far), Some(part)) => Some(eval.add(&so_far, &part)?),
                (sum, part) => part.or(sum),
            };
        }
        let mut sum = match sum {
            Some(sum) => sum,
            None => eval.dot_plain(&[], scale)?,
        };
        let bound = eval.meta(ct).bound * self.row_sum;
        if bound < eval.meta(&sum).bound {
            eval.declare_bound(&mut sum, bound)?;
        }
        match self.last {
            0 => Ok(sum),
            k => eval.rotate(&sum, k as i64),
        }
    }

    /// The slots rotated by every baby step that is needed; none where the ciphertext itself is.
    fn baby_steps(&self, eval: &E, ct: &E::Ct) -> Result<Vec<Option<E::Ct>>, EvalError> {
        let mut needed = vec![false; self.babies];
        for (b, _) in self.inner.iter().flatten() {
            needed[*b] = true;
        }
        let moving = needed.iter().skip(1).any(|needed| *needed);
        let digits = if moving { Some(eval.hoist(ct)?) } else { None };
        let step = |(b, needed): (usize, &bool)| match &digits {
            Some(digits) if *needed && b > 0 => {
                let rotated = eval.rotate_hoisted(digits, (b * self.step) as i64)?;
                Ok(Some(rotated))
            }
            _ => Ok(None),
        };
        needed.par_iter().enumerate().map(step).collect()
    }
}

/// Greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// A product of linear maps, as [`crate::ckks::diagonals::slots_to_coefficients`] gives them.
///
/// ```
/// # use std::sync::Arc;
/// # use he_core::{params::{Params, ParamsLiteral}, evaluator::{Clear, Level, Placement, Evaluator, EvalError}};
/// # use num_complex::Complex64;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let literal = ParamsLiteral { log_n: 10, q_bits: vec![42, 30, 30, 30, 30], p_bits: vec![47], dnum: 5 };
/// # let eval = Clear::new(Arc::new(Params::insecure_test(literal)?));
/// use he_core::circuits::LinearMaps;
/// use he_core::ckks::diagonals::{coefficients_to_slots, slots_to_coefficients};
///
/// let there = LinearMaps::new(&eval, &slots_to_coefficients(512, &[5, 4])?, 4)?;
/// let back = LinearMaps::new(&eval, &coefficients_to_slots(512, &[5, 4])?, 4)?;
/// let at = Placement { level: Level(4), scale: f64::from(1 << 30) };
/// let ct = eval.fresh(vec![Complex64::new(0.25, -0.5); 512], at, 1.0, 0.0)?;
/// let found = back.apply(&eval, &there.apply(&eval, &ct, at.scale)?, at.scale)?;
/// assert!((found.slots()[7] - ct.slots()[7]).norm() < 1e-12);
/// # Ok(()) }
/// ```
pub struct LinearMaps<E: Evaluator>(Vec<LinearMap<E>>);

impl<E: Evaluator> std::fmt::Debug for LinearMaps<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinearMaps")
            .field("levels", &self.levels())
            .finish_non_exhaustive()
    }
}

impl<E: Evaluator> LinearMaps<E> {
    /// The maps in the order in which they act.
    ///
    /// # Errors
    /// As [`LinearMap::new`].
    pub fn new(eval: &E, factors: &[Diagonals], babies: usize) -> Result<Self, EvalError> {
        let maps = factors.iter().map(|m| LinearMap::new(eval, m, babies));
        Ok(Self(maps.collect::<Result<_, _>>()?))
    }

    /// Number of maps: the levels that they take.
    pub fn levels(&self) -> usize {
        self.0.len()
    }

    /// One after the other, each landing at `scale`. A level for every map; key switches as of [`LinearMap::apply`].
    ///
    /// # Errors
    /// As [`LinearMap::apply`].
    pub fn apply(&self, eval: &E, ct: &E::Ct, scale: f64) -> Result<E::Ct, EvalError> {
        (self.0.iter()).try_fold(ct.clone(), |ct, map| map.apply(eval, &ct, scale))
    }
}
