//! One suite for every implementation of [`Evaluator`].
//!
//! [`run`] applies every operation to random slots, computes in `f64` what must come out, and compares values, metadata, refusals and
//! operation counts. [`run_meta`] is the same without values, for implementations that have none. Both return a [`Transcript`]: two
//! implementations agree when their transcripts are equal.
//!
//! # How much error is allowed
//! The ledger's noise is the expected root mean square error s of a slot. Allowed are `1.5 s` over all slots and `16 s` in any one slot. A slot's
//! error is a sum of Gaussian terms and of products of two Gaussians (an error times the secret): for a product of two complex standard Gaussians
//! P(|XY| > t) = 2 t K_1(2 t) < sqrt(4 pi t) exp(-2 t) for t >= 1, which is 1.8e-13 at t = 16, so that 200 checks of 2^11 slots fail by chance with probability below 1e-7.
//! The mean of |XY|^2 over n slots strays by sqrt(3/n) relatively: from n = 512 on, the square of 1.5 is 16 of these standard deviations
//! away. `f64` adds less than 2^-40 of the bound on the values, for the encoder and for the suite itself.
//! Where the ledger's figure is no worst case (fresh ciphertexts, rotations, scalar products) less than half of it is an error as well.

mod harness;
mod operations;
mod programs;
mod refusals;
#[cfg(test)]
mod tests;

use thiserror::Error;

use self::harness::Harness;
use crate::evaluator::{CountedOp, EvalError, Evaluator, Level, Meta};
use crate::key_holder::{Decryptor, Encryptor};
use crate::params::{KeySet, Params, ParamsError, ParamsLiteral};

/// What an implementation keeps of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// All: results are right up to `f64` rounding, declared bounds are checked, keys play no role.
    Exact,
    /// Values with noise, computed with evaluation keys: the set of [`key_set`].
    Noisy,
}

/// Where an implementation departs from the trait.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// Parameters that the suite cannot run on.
    #[error(
        "the suite needs at least 5 levels with scale primes of one size, and 512 slots: {found}"
    )]
    Unsuitable {
        /// What is missing.
        found: String,
    },
    /// Something that must work was refused.
    #[error("{case}: refused: {source}")]
    Refused {
        /// Case.
        case: String,
        /// The refusal.
        source: EvalError,
    },
    /// Something that must be refused was not, or for another reason.
    #[error("{case}: expected the refusal {expected}, found {found}")]
    NotRefused {
        /// Case.
        case: String,
        /// Name of the error.
        expected: &'static str,
        /// What happened.
        found: String,
    },
    /// Wrong metadata.
    #[error("{case}: expected {what} {expected}, found {found}")]
    Meta {
        /// Case.
        case: String,
        /// Level, scale, bound or noise.
        what: &'static str,
        /// Value expected.
        expected: f64,
        /// Value found.
        found: f64,
    },
    /// Wrong values.
    #[error("{case}: {what} error {found:e}, allowed is {allowed:e}")]
    Value {
        /// Case.
        case: String,
        /// Largest, or root mean square.
        what: &'static str,
        /// Error found.
        found: f64,
        /// Error allowed.
        allowed: f64,
    },
    /// Less noise than the scheme must have to be secure, or a ledger that overstates it.
    #[error("{case}: root mean square error {found:e}, at least {least:e} is expected")]
    TooQuiet {
        /// Case.
        case: String,
        /// Error found.
        found: f64,
        /// Least error expected.
        least: f64,
    },
    /// Wrong operation counts.
    #[error("{case}: expected {expected} x {op:?}, counted {found}")]
    Count {
        /// Case.
        case: String,
        /// Operation.
        op: CountedOp,
        /// Count expected.
        expected: u64,
        /// Count found.
        found: u64,
    },
}

/// What an implementation did: the metadata after every step and the operation counts. Equal for all that follow one ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    /// Every step by name, with the metadata of its result.
    pub steps: Vec<(String, Meta)>,
    /// Operations counted; encodings are left out, because caches decide how many there are.
    pub counts: Vec<(CountedOp, Level, u64)>,
}

impl Transcript {
    /// The first step or count in which `self` and `other` differ, in words; none if they are equal.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let steps = self.steps.iter().zip(&other.steps);
        let counts = self.counts.iter().zip(&other.counts);
        steps
            .filter(|(a, b)| a != b)
            .map(|(a, b)| format!("{a:?} against {b:?}"))
            .chain(
                counts
                    .filter(|(a, b)| a != b)
                    .map(|(a, b)| format!("{a:?} against {b:?}")),
            )
            .next()
            .or_else(|| (self != other).then(|| "one transcript is longer".to_owned()))
    }
}

/// Small parameters for the suite: N = 2^10, six levels, two special primes, four digits of which the last is short. **Insecure.**
///
/// # Errors
/// None, as long as the literal is a valid one.
pub fn insecure_test_params() -> Result<Params, ParamsError> {
    Params::insecure_test(ParamsLiteral {
        log_n: 10,
        q_bits: vec![46, 36, 36, 36, 36, 36, 36],
        p_bits: vec![48, 48],
        dnum: 4,
    })
}

/// The keys that the suite uses; it also asks for a rotation that is not among them.
pub fn key_set(params: &Params) -> KeySet {
    let slots = params.slots();
    KeySet {
        relinearise: true,
        conjugate: true,
        rotations: [1, 2, 3, 5, slots / 2, slots - 1, slots - 5].into(),
    }
}

/// Runs the suite on an implementation with values. Its counters must be fresh; a [`Fidelity::Noisy`] one holds exactly the keys of [`key_set`].
///
/// # Errors
/// The first departure from the trait.
pub fn run<E: Evaluator, S: Encryptor<E>, O: Decryptor<E>>(
    evaluator: &E,
    encryptor: &S,
    decryptor: &O,
    fidelity: Fidelity,
) -> Result<Transcript, ConformanceError> {
    suite(Harness::new(
        evaluator,
        encryptor,
        Some((decryptor, fidelity)),
    )?)
}

/// Runs the suite on an implementation without values: metadata, refusals and counts.
///
/// # Errors
/// The first departure from the trait.
pub fn run_meta<E: Evaluator, S: Encryptor<E>>(
    evaluator: &E,
    encryptor: &S,
) -> Result<Transcript, ConformanceError> {
    suite(Harness::new(evaluator, encryptor, None)?)
}

fn suite<E: Evaluator, S: Encryptor<E>>(
    mut harness: Harness<'_, E, S>,
) -> Result<Transcript, ConformanceError> {
    operations::linear(&mut harness)?;
    operations::products(&mut harness)?;
    operations::rotations(&mut harness)?;
    programs::identities(&mut harness)?;
    programs::masked_cubic(&mut harness)?;
    programs::all_levels(&mut harness)?;
    let counts = harness.ev.tally().rows();
    refusals::all(&mut harness)?;
    let steps = harness.steps().to_vec();
    refusals::values(&mut harness)?;
    Ok(Transcript { steps, counts })
}

/// Every operation that needs a key must be refused by an implementation that holds none.
///
/// # Errors
/// The first operation that is not refused for a missing key.
pub fn run_without_keys<E: Evaluator, S: Encryptor<E>>(
    evaluator: &E,
    encryptor: &S,
) -> Result<(), ConformanceError> {
    refusals::without_keys(&mut Harness::new(evaluator, encryptor, None)?)
}

/// Every operation that needs a key must be refused by an implementation whose keys, those of [`key_set`], are of one level less than the chain's highest, and be done
/// a level below.
///
/// # Errors
/// The first operation that is not refused for the level of its key, or is refused below.
pub fn run_with_lower_keys<E: Evaluator, S: Encryptor<E>>(
    evaluator: &E,
    encryptor: &S,
) -> Result<(), ConformanceError> {
    refusals::with_lower_keys(&mut Harness::new(evaluator, encryptor, None)?)
}
