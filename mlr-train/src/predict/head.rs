//! The three forms of a model that rows are scored with: in clear, encrypted, and as shapes alone.

use std::collections::BTreeMap;
use std::fmt;

use he_core::ckks::noise;
use he_core::evaluator::{EvalError, Evaluator, Simulator};
use num_complex::Complex64;

use super::job::{Job, ModelForm};
use super::layout::WeightsAt;
use super::server::{Factor, FactorOf, Head, ScoreError};
use crate::model::Model;

/// One ciphertext of an encrypted model, in the order of upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// Weights.
    Weights(WeightsAt),
    /// Intercepts.
    Intercept {
        /// Output.
        output: usize,
    },
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights(WeightsAt {
                output,
                diagonal,
                part,
            }) => write!(f, "weights-{output}-{diagonal}-{part}"),
            Self::Intercept { output } => write!(f, "intercept-{output}"),
        }
    }
}

/// Every piece of a job's model, in the order of upload.
pub fn pieces(job: &Job) -> impl Iterator<Item = Piece> + use<> {
    let layout = *job.layout();
    let weights = (0..layout.outputs()).flat_map(move |output| {
        (0..layout.lanes()).flat_map(move |diagonal| {
            (0..layout.parts()).map(move |part| {
                Piece::Weights(WeightsAt {
                    output,
                    diagonal,
                    part,
                })
            })
        })
    });
    weights.chain((0..layout.outputs()).map(|output| Piece::Intercept { output }))
}

/// The weights of one plaintext; zero throughout where the largest is too small to be encoded ([`Job::smallest_weight`]).
pub(super) fn encodable(job: &Job, model: &Model, at: WeightsAt) -> Vec<Complex64> {
    let mut slots = job.layout().weight_slots(model.weights().view(), at);
    let largest = slots.iter().fold(0.0f64, |most, z| most.max(z.re.abs()));
    if largest < job.smallest_weight() {
        slots.fill(Complex64::ZERO);
    }
    slots
}

/// A model in clear. Encodes each piece when it is asked for: l ceil(d/g) plaintexts for a chunk and output.
#[derive(Clone, Copy, Debug)]
pub struct ClearHead<'a> {
    job: &'a Job,
    model: &'a Model,
}

impl<'a> ClearHead<'a> {
    /// The model for `job`, which must be its own.
    ///
    /// # Errors
    /// [`ScoreError::Model`] for a model of another fingerprint.
    pub fn new(job: &'a Job, model: &'a Model) -> Result<Self, ScoreError> {
        let found = super::fingerprint(model);
        match job.program().model_blake3.as_deref() {
            Some(expected) if expected == found => Ok(Self { job, model }),
            expected => Err(ScoreError::Model(format!(
                "expected the weights with hash {}, found {found}",
                expected.unwrap_or("(none: the plan is for an encrypted model)")
            ))),
        }
    }
}

impl<E: Evaluator> Head<E> for ClearHead<'_> {
    fn weights(&self, eval: &E, at: WeightsAt) -> Result<FactorOf<E>, ScoreError> {
        plain(eval, encodable(self.job, self.model, at))
    }

    fn intercept(&self, eval: &E, output: usize) -> Result<FactorOf<E>, ScoreError> {
        let intercept = self.model.intercept().view();
        plain(eval, self.job.layout().intercept_slots(intercept, output))
    }
}

fn plain<E: Evaluator>(eval: &E, slots: Vec<Complex64>) -> Result<FactorOf<E>, ScoreError> {
    let plain = eval.plain(slots);
    plain.map(Factor::Clear).map_err(refused)
}

fn refused(source: EvalError) -> ScoreError {
    ScoreError::Step {
        step: "weights",
        source,
    }
}

/// An encrypted model.
#[derive(Clone, Debug, Default)]
pub struct EncryptedHead<Ct>(BTreeMap<Piece, Ct>);

impl<Ct> EncryptedHead<Ct> {
    /// Number of ciphertexts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<Ct> FromIterator<(Piece, Ct)> for EncryptedHead<Ct> {
    fn from_iter<I: IntoIterator<Item = (Piece, Ct)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<Ct: Clone> EncryptedHead<Ct> {
    fn piece<P>(&self, piece: Piece) -> Result<Factor<P, Ct>, ScoreError> {
        let found = self.0.get(&piece).cloned().map(Factor::Encrypted);
        found.ok_or_else(|| ScoreError::Model(format!("expected a ciphertext {piece}, found none")))
    }
}

impl<E: Evaluator> Head<E> for EncryptedHead<E::Ct>
where
    E::Ct: Sync,
{
    fn weights(&self, _: &E, at: WeightsAt) -> Result<FactorOf<E>, ScoreError> {
        self.piece(Piece::Weights(at))
    }

    fn intercept(&self, _: &E, output: usize) -> Result<FactorOf<E>, ScoreError> {
        self.piece(Piece::Intercept { output })
    }
}

/// A model of which only the bounds exist, for [`Simulator`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ShapeHead<'a>(pub(super) &'a Job);

impl Head<Simulator> for ShapeHead<'_> {
    fn weights(&self, eval: &Simulator, _: WeightsAt) -> Result<FactorOf<Simulator>, ScoreError> {
        let bound = self.0.program().bounds.weight;
        match self.0.program().model {
            ModelForm::Clear => Ok(Factor::Clear(eval.plain_up_to(bound))),
            ModelForm::Encrypted => {
                let noise = noise::fresh_secret(eval.params().n());
                let ct = eval.fresh(self.0.weight_placement(), bound, noise);
                ct.map(Factor::Encrypted).map_err(refused)
            }
        }
    }

    fn intercept(&self, eval: &Simulator, _: usize) -> Result<FactorOf<Simulator>, ScoreError> {
        let bound = self.0.program().bounds.intercept * std::f64::consts::SQRT_2;
        match self.0.program().model {
            ModelForm::Clear => Ok(Factor::Clear(eval.plain_up_to(bound))),
            ModelForm::Encrypted => {
                let noise = noise::fresh_secret(eval.params().n());
                let ct = eval.fresh(self.0.score_placement(), bound, noise);
                ct.map(Factor::Encrypted).map_err(refused)
            }
        }
    }
}
