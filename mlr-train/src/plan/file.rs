//! The checked plan and its canonical JSON.

use std::sync::Arc;

use he_core::params::{KeySet, Params, ParamsError, ParamsLiteral};
use serde::{Deserialize, Serialize};

use super::cost::Rates;
use super::error::PlanError;
use super::predict::{IterationCost, Prediction, iteration_costs, on_one_thread, predict};
use super::program::{Job, Program};
use super::request::PlanRequest;
use super::search::search;
use crate::files::describe_json;

/// Version of the JSON.
const SCHEMA: u32 = 2;
/// Largest plan file.
const MOST_BYTES: usize = 1 << 20;

/// What is trained, how it is laid out, under which parameters, and what it needs. Public: it holds shapes, steps and moduli, nothing of the
/// data but the bounds. Private fields: a value of this type has been run on a trace, and its parameters are in the security table.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    params: Arc<Params>,
    job: Job,
    prediction: Prediction,
}

/// A plan and how long its training is predicted to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The plan.
    pub plan: Plan,
    /// Seconds.
    pub seconds: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    schema: u32,
    parameters: ParamsLiteral,
    program: Program,
    prediction: Prediction,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct AnySchema {
    schema: u32,
}

impl Plan {
    /// The fastest plan for a request, by search over traced runs.
    ///
    /// # Errors
    /// [`PlanError`]: too many levels for a secure ring, values that fit no modulus, too little precision, limits exceeded.
    pub fn search(request: &PlanRequest) -> Result<Self, PlanError> {
        let mut all = Self::ranked(request)?;
        Ok(all.swap_remove(0).plan)
    }

    /// Several plans for a request, the fastest first: never empty.
    ///
    /// # Errors
    /// As [`Plan::search`].
    pub fn ranked(request: &PlanRequest) -> Result<Vec<Ranked>, PlanError> {
        let found = on_one_thread(|| search(request))?
            .into_iter()
            .map(|found| Ranked {
                seconds: found.seconds,
                plan: Self {
                    params: found.params,
                    job: found.job,
                    prediction: found.prediction,
                },
            });
        Ok(found.collect())
    }

    /// Predicted seconds of the training on a machine with these rates, from a traced run; the time to read the keys is not in it.
    ///
    /// # Errors
    /// None for a checked plan; whatever the training would be refused for.
    pub fn seconds(&self, rates: &Rates) -> Result<f64, PlanError> {
        let seconds = Prediction::seconds_of(&self.job, &self.params, rates);
        seconds.map_err(|e| PlanError::Refused(Box::new(e)))
    }

    /// Level, scale, operations and predicted time of every iteration.
    ///
    /// # Errors
    /// As [`Plan::seconds`].
    pub fn iteration_costs(&self, rates: &Rates) -> Result<Vec<IterationCost>, PlanError> {
        let costs = iteration_costs(&self.job, &self.params, rates);
        costs.map_err(|e| PlanError::Refused(Box::new(e)))
    }

    /// A plan for a program under insecure parameters: tiny rings for fast tests.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn insecure_test(program: Program, literal: ParamsLiteral) -> Result<Self, PlanError> {
        Self::checked(program, literal, Params::insecure_test)
    }

    /// A plan for a program under given parameters, nothing searched.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn fixed(program: Program, literal: ParamsLiteral) -> Result<Self, PlanError> {
        Self::checked(program, literal, Params::new)
    }

    fn checked(
        program: Program,
        literal: ParamsLiteral,
        check: fn(ParamsLiteral) -> Result<Params, ParamsError>,
    ) -> Result<Self, PlanError> {
        let params = Arc::new(check(literal)?);
        let job = Job::new(program, params.slots())?;
        let prediction = predict(&job, &params).map_err(|e| PlanError::Refused(Box::new(e)))?;
        Ok(Self {
            params,
            job,
            prediction,
        })
    }

    /// Reads a plan and checks all of it again: form, schema, security, and every prediction by a traced run.
    ///
    /// # Errors
    /// [`PlanError`] names what disagrees.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::parse_with(bytes, Params::new)
    }

    /// [`Plan::parse`] for plans of [`Plan::insecure_test`].
    ///
    /// # Errors
    /// As [`Plan::parse`], without the security table.
    pub fn parse_insecure_test(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::parse_with(bytes, Params::insecure_test)
    }

    fn parse_with(
        bytes: &[u8],
        check: fn(ParamsLiteral) -> Result<Params, ParamsError>,
    ) -> Result<Self, PlanError> {
        if bytes.len() > MOST_BYTES {
            return Err(PlanError::Size {
                allowed: MOST_BYTES,
                found: bytes.len(),
            });
        }
        let unreadable = |e: serde_json::Error| PlanError::Json(describe_json(bytes, &e));
        let AnySchema { schema } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if schema != SCHEMA {
            return Err(PlanError::Schema {
                expected: SCHEMA,
                found: schema,
            });
        }
        let file: PlanFile = serde_json::from_slice(bytes).map_err(unreadable)?;
        let stored = file.prediction.clone();
        if encode(&file) != bytes {
            return Err(PlanError::NotCanonical);
        }
        let mut plan = Self::checked(file.program, file.parameters, check)?;
        if let Some(what) = plan.prediction.disagreement(&stored) {
            return Err(PlanError::Prediction { what });
        }
        // Rounded logarithms may differ in their last digit between machines: the file's hash must not.
        plan.prediction = stored;
        Ok(plan)
    }

    /// The canonical JSON: one spelling for one plan.
    pub fn to_json(&self) -> Vec<u8> {
        encode(&PlanFile {
            schema: SCHEMA,
            parameters: self.params.literal().clone(),
            program: self.job.program().clone(),
            prediction: self.prediction.clone(),
        })
    }

    /// blake3 of the canonical JSON; every other file of the job names it.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_json()).as_bytes()
    }

    /// What evaluation keys are bound to: parameters and key set alone, so that a changed step or iteration count with the same
    /// parameters and rotations needs no new keys.
    pub fn key_binding(&self) -> [u8; 32] {
        key_binding(&self.params, &self.prediction.keys)
    }

    /// The parameters.
    pub fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// The job: what [`crate::server::train`] and [`crate::client::encrypt`] take.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// What the job needs.
    pub fn prediction(&self) -> &Prediction {
        &self.prediction
    }
}

/// Hash of parameters and key set.
pub(crate) fn key_binding(params: &Params, keys: &KeySet) -> [u8; 32] {
    let mut hash = blake3::Hasher::new_derive_key("velum mlr-train evaluation key set v1");
    hash.update(&params.fingerprint());
    hash.update(&[u8::from(keys.relinearise), u8::from(keys.conjugate)]);
    for &rotation in &keys.rotations {
        hash.update(&(rotation as u64).to_le_bytes());
    }
    *hash.finalize().as_bytes()
}

/// Compact JSON in the order of the fields. Serialisation of plain structs with finite numbers cannot fail; an empty vector would be
/// refused everywhere.
fn encode(file: &PlanFile) -> Vec<u8> {
    serde_json::to_vec(file).unwrap_or_default()
}
