//! Sums of a ciphertext over rotations, in stages.

use crate::evaluator::{EvalError, Evaluator};

/// The rotations of each stage of a sum over `count` (a power of two) positions `stride` apart,
/// `radix` terms to a stage. A negative stride spreads instead of collecting.
///
/// ```
/// use he_core::circuits::folds;
///
/// assert_eq!(folds(8, 1, 4), vec![vec![0, 1, 2, 3], vec![0, 4]]);
/// ```
pub fn folds(count: usize, stride: i64, radix: usize) -> Vec<Vec<i64>> {
    let (mut done, mut stages) = (1usize, Vec::new());
    while done < count {
        let terms = radix.max(2).min(count / done);
        stages.push((0..terms).map(|t| stride * (done * t) as i64).collect());
        done *= terms;
    }
    stages
}

/// Sums `ct` over the rotations of every stage, one stage after the other: with stages of
/// [`folds`], slot i of the result is the sum of the `count` slots i, i + stride, i + 2 stride, ...
///
/// After each stage `known` is told the sum so far and how many of its terms are in it: the place
/// to declare what the caller knows of partial sums.
///
/// No level; a decomposition and a division by P for every stage, a key product for every rotation
/// but zero ([`Evaluator::rotate_sum`]).
///
/// # Errors
/// As [`Evaluator::rotate_sum`]; those of `known`.
pub fn fold<E: Evaluator>(
    eval: &E,
    ct: E::Ct,
    stages: &[Vec<i64>],
    mut known: impl FnMut(&mut E::Ct, usize) -> Result<(), EvalError>,
) -> Result<E::Ct, EvalError> {
    let (mut sum, mut terms) = (ct, 1);
    for stage in stages {
        sum = eval.rotate_sum(&sum, stage)?;
        terms *= stage.len();
        known(&mut sum, terms)?;
    }
    Ok(sum)
}
