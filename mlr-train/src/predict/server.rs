//! Scoring encrypted rows: what the server runs. Written once against [`Evaluator`]; nothing here can name a secret key.
//!
//! A chunk of 2B rows (layout: [`super::layout`], d features, l lanes), for each of its ceil(c/l) outputs:
//!
//! | step | levels | key switches |
//! |---|---|---|
//! | U_i = sum over parts of X_j D_ij, for l diagonals i | 1 | none (clear model), l relinearisations (encrypted model) |
//! | Y = sum over i of U_i rotated by i blocks | 0 | l - 1, one division by P |
//! | fold of Y over the blocks that are l apart | 0 | about (radix - 1) log(g/l) / log(radix) |
//! | plus the intercept | 0 | none |

use he_core::circuits::{fold, folds};
use he_core::error::{Cause, Explain};
use he_core::evaluator::{EvalError, Evaluator, Placement, scales_match};
use rayon::prelude::*;
use thiserror::Error;

use super::job::Job;
use super::layout::WeightsAt;

/// What a [`Head`] may fail with.
pub type SourceError = Cause;

/// Why rows are not scored. Nothing is returned half-scored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// An operation on ciphertexts is refused.
    #[error("an operation is refused")]
    Step {
        /// What was being computed.
        step: &'static str,
        /// The refusal.
        source: EvalError,
    },
    /// Another number of ciphertexts than a chunk has.
    #[error("a chunk of rows: expected {expected} ciphertexts, found {found}")]
    Count {
        /// Parts of the layout.
        expected: usize,
        /// Ciphertexts given.
        found: usize,
    },
    /// A ciphertext that stands elsewhere than the plan says.
    #[error(
        "{what}: expected level {} and scale 2^{:.3}, found level {} and scale 2^{:.3}",
        expected.level, expected.scale.log2(), found.level, found.scale.log2()
    )]
    Placement {
        /// Rows, weights or intercepts.
        what: &'static str,
        /// What the plan says.
        expected: Placement,
        /// What the ciphertext says.
        found: Placement,
    },
    /// A piece of the model is missing.
    #[error("model: {0}")]
    Model(String),
}

impl Explain for ScoreError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Step { source, .. } => Some(source),
            _ => None,
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Step { step, .. } => Some((*step).to_owned()),
            _ => self.inner()?.place(),
        }
    }
}

/// One piece of the model as the server has it.
#[derive(Debug)]
pub enum Factor<P, C> {
    /// In clear.
    Clear(P),
    /// Encrypted.
    Encrypted(C),
}

/// [`Factor`] of an evaluator.
pub type FactorOf<E> = Factor<<E as Evaluator>::Plain, <E as Evaluator>::Ct>;

/// The model, piece by piece.
pub trait Head<E: Evaluator>: Sync {
    /// Weights of an output, diagonal and part. May be called from several threads.
    ///
    /// # Errors
    /// A piece that is missing or cannot be encoded.
    fn weights(&self, eval: &E, at: WeightsAt) -> Result<FactorOf<E>, ScoreError>;

    /// Intercepts of an output.
    ///
    /// # Errors
    /// As for the weights.
    fn intercept(&self, eval: &E, output: usize) -> Result<FactorOf<E>, ScoreError>;
}

fn step(step: &'static str) -> impl Fn(EvalError) -> ScoreError + Copy {
    move |source| ScoreError::Step { step, source }
}

/// Scores one chunk of rows, given as its parts: a ciphertext for each output. One level.
///
/// # Errors
/// [`ScoreError`].
pub fn score<E: Evaluator>(
    job: &Job,
    eval: &E,
    rows: &[E::Ct],
    head: &dyn Head<E>,
) -> Result<Vec<E::Ct>, ScoreError> {
    let layout = job.layout();
    if rows.len() != layout.parts() {
        return Err(ScoreError::Count {
            expected: layout.parts(),
            found: rows.len(),
        });
    }
    let rows = rows
        .iter()
        .map(|ct| {
            placed(
                eval,
                "encrypted rows",
                ct,
                job.row_placement(),
                job.row_bound(),
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    (0..layout.outputs())
        .map(|output| {
            let sums = (0..layout.lanes())
                .into_par_iter()
                .map(|diagonal| {
                    Ok((
                        diagonal_sum(job, eval, &rows, head, output, diagonal)?,
                        diagonal,
                    ))
                })
                .collect::<Result<Vec<_>, ScoreError>>()?;
            let mut sum = gather(job, eval, &sums).map_err(step("sum over the diagonals"))?;
            tighten(eval, &mut sum, job.score_bound()).map_err(step("bound of the scores"))?;
            let done = match head.intercept(eval, output)? {
                Factor::Clear(plain) => eval.add_plain(&sum, &plain),
                Factor::Encrypted(ct) => {
                    let bound = job.program().bounds.intercept * std::f64::consts::SQRT_2;
                    let ct = placed(
                        eval,
                        "encrypted intercepts",
                        &ct,
                        job.score_placement(),
                        bound,
                    )?;
                    eval.add(&sum, &ct)
                }
            };
            done.map_err(step("intercept"))
        })
        .collect()
}

/// U_i of an output: the sum over the parts of rows times weights. 1 level; 1 key switch for an encrypted model.
fn diagonal_sum<E: Evaluator>(
    job: &Job,
    eval: &E,
    rows: &[E::Ct],
    head: &dyn Head<E>,
    output: usize,
    diagonal: usize,
) -> Result<E::Ct, ScoreError> {
    let at = step("product of rows and weights");
    let mut plains = Vec::new();
    let mut products = eval.product_sum();
    for (part, ct) in rows.iter().enumerate() {
        let piece = WeightsAt {
            output,
            diagonal,
            part,
        };
        match head.weights(eval, piece)? {
            Factor::Clear(plain) => plains.push((ct, plain)),
            Factor::Encrypted(weights) => {
                let bound = job.program().bounds.weight;
                let weights = placed(
                    eval,
                    "encrypted weights",
                    &weights,
                    job.weight_placement(),
                    bound,
                )?;
                eval.add_product(&mut products, ct, &weights).map_err(at)?;
            }
        }
    }
    let mut sum = if plains.is_empty() {
        eval.relinearize_rescale(products).map_err(at)?
    } else {
        let terms: Vec<_> = plains.iter().map(|(ct, plain)| (*ct, plain)).collect();
        eval.dot_plain(&terms, job.score_placement().scale)
            .map_err(at)?
    };
    tighten(eval, &mut sum, job.diagonal_bound()).map_err(at)?;
    Ok(sum)
}

/// The sum of the diagonals, each rotated to its lane, folded over all blocks.
fn gather<E: Evaluator>(job: &Job, eval: &E, sums: &[(E::Ct, usize)]) -> Result<E::Ct, EvalError> {
    let layout = job.layout();
    let block = layout.block();
    let terms: Vec<_> = sums
        .iter()
        .map(|(ct, diagonal)| (ct, (diagonal * block) as i64))
        .collect();
    let mut sum = eval.rotate_each_and_sum(&terms)?;
    tighten(eval, &mut sum, job.score_bound())?;
    let stride = (layout.lanes() * block) as i64;
    let count = layout.blocks() / layout.lanes();
    let stages = folds(count, stride, job.program().radix);
    fold(eval, sum, &stages, |sum, _| {
        tighten(eval, sum, job.score_bound())
    })
}

/// Declares `bound` if it says more than what is known already.
fn tighten<E: Evaluator>(eval: &E, ct: &mut E::Ct, bound: f64) -> Result<(), EvalError> {
    if bound < eval.meta(ct).bound {
        eval.declare_bound(ct, bound)?;
    }
    Ok(())
}

/// A ciphertext from outside, which must stand where the plan says; the plan's bound is declared.
fn placed<E: Evaluator>(
    eval: &E,
    what: &'static str,
    ct: &E::Ct,
    expected: Placement,
    bound: f64,
) -> Result<E::Ct, ScoreError> {
    let found = eval.meta(ct).placement();
    if found.level != expected.level || !scales_match(found.scale, expected.scale) {
        return Err(ScoreError::Placement {
            what,
            expected,
            found,
        });
    }
    let mut ct = ct.clone();
    eval.declare_bound(&mut ct, bound)
        .map_err(step("bound of an upload"))?;
    Ok(ct)
}
