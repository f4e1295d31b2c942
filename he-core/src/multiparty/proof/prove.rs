//! The prover's side.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::super::gaussian::bits;
use super::super::secret::Small;
use super::super::session::absorb;
use super::challenge::{Challenges, add_integers};
use super::{Proof, Relation, Shape};
use crate::multiparty::MultipartyError;
use crate::ring::Poly;
use crate::rlwe::{on_clean_stack, os_rng};

/// Tries before something else than bad luck is the reason: e^(-1/8) of them succeed.
const MOST_TRIES: usize = 64;
/// Statements whose witnesses are made together.
const CHUNK: usize = 32;

/// `[repetition][column][coefficient]`.
type Numbers<T> = Vec<Vec<Zeroizing<Vec<T>>>>;

/// Proves knowledge of the witnesses. `binding` is [`super::binding`]'s hash; `witness(i)` gives the columns of statement i.
///
/// Cost: a transform a column, prime and repetition; and for each statement, column and repetition N additions of integers, and each witness is asked for once a try (1.13 tries on average).
pub(crate) fn prove(
    relation: &Relation<'_>,
    shape: &Shape,
    binding: &blake3::Hasher,
    witness: &(dyn Fn(usize) -> Result<Vec<Small>, MultipartyError> + Sync),
) -> Result<Proof, MultipartyError> {
    for _ in 0..MOST_TRIES {
        let masks = on_clean_stack(|| masks(shape))?;
        let mut hash = binding.clone();
        for mask in &masks {
            let mut columns = relation.columns(mask)?;
            columns.iter_mut().for_each(Poly::keep_secret);
            for row in relation.apply(&columns) {
                absorb(&mut hash, &row);
            }
        }
        let challenge = *hash.finalize().as_bytes();
        let shifts = shifts(shape, &challenge, witness)?;
        if let Some(responses) = responses(shape, &masks, &shifts) {
            return Ok(Proof {
                challenge,
                responses,
            });
        }
    }
    Err(MultipartyError::Room {
        what: "witnesses beyond their bounds",
        needed: 1.0,
        available: 0.0,
    })
}

/// Fresh masks, from the operating system's randomness. The same masks under two challenges would give the witnesses away, as a mask and its response do: all that comes of them is wiped, but the
/// responses that are shown.
fn masks(shape: &Shape) -> Result<Numbers<i128>, MultipartyError> {
    let mut rng = os_rng("a proof's masks")?;
    let mut column = |c: usize| {
        let m = shape.log_mask(c);
        let draw = |_| bits(m + 1, &mut *rng) as i128 - (1i128 << m);
        Zeroizing::new((0..shape.n()).map(draw).collect::<Vec<i128>>())
    };
    let mut repetition = |_| (0..shape.columns()).map(&mut column).collect();
    Ok((0..shape.repetitions()).map(&mut repetition).collect())
}

/// sum_i e_i w_i.
pub(super) fn shifts(
    shape: &Shape,
    challenge: &[u8; 32],
    witness: &(dyn Fn(usize) -> Result<Vec<Small>, MultipartyError> + Sync),
) -> Result<Numbers<i64>, MultipartyError> {
    let zero = || Zeroizing::new(vec![0i64; shape.n()]);
    let column = |_| (0..shape.columns()).map(|_| zero()).collect();
    let mut sums: Numbers<i64> = (0..shape.repetitions()).map(column).collect();
    let mut challenges = Challenges::new(challenge, shape.n());
    for start in (0..shape.count()).step_by(CHUNK) {
        let end = shape.count().min(start + CHUNK);
        let witnesses = (start..end).into_par_iter().map(witness);
        let witnesses = witnesses.collect::<Result<Vec<_>, _>>()?;
        let drawn: Vec<_> = (start..end)
            .map(|_| challenges.next(shape.repetitions()))
            .collect();
        sums.par_iter_mut().enumerate().for_each(|(r, sums)| {
            for (columns, drawn) in witnesses.iter().zip(&drawn) {
                for (sum, column) in sums.iter_mut().zip(columns) {
                    add_integers(sum, column, drawn[r]);
                }
            }
        });
    }
    Ok(sums)
}

/// Masks and shifts, if all of them may be shown.
fn responses(
    shape: &Shape,
    masks: &Numbers<i128>,
    shifts: &Numbers<i64>,
) -> Option<Vec<Vec<Vec<i128>>>> {
    let mut all = Vec::with_capacity(masks.len());
    for (masks, shifts) in masks.iter().zip(shifts) {
        let mut columns = Vec::with_capacity(masks.len());
        for (c, (mask, shift)) in masks.iter().zip(shifts).enumerate() {
            let limit = shape.limit(c);
            let pairs = mask.iter().zip(shift.iter());
            let z: Vec<i128> = pairs.map(|(r, w)| r + i128::from(*w)).collect();
            columns.push(Zeroizing::new(z));
            if !columns[c].iter().all(|z| (-limit..limit).contains(z)) {
                return None;
            }
        }
        all.push(columns);
    }
    let shown = |columns: &mut Vec<Zeroizing<Vec<i128>>>| {
        let columns = columns.iter_mut().map(|z| std::mem::take(&mut **z));
        columns.collect()
    };
    Some(all.iter_mut().map(shown).collect())
}
