//! The checked plan for predictions and its canonical JSON.

use std::sync::Arc;

use he_core::params::{KeyLevels, Params, ParamsError, ParamsLiteral};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::cost::{Forecast, forecast};
use super::error::PlanError;
use super::job::{Job, ModelForm, Program};
use super::search::{Sizes, search};
use crate::canonical::{same_meaning, without_mark};
use crate::files::describe_json;
use crate::model::Model;

/// Version of the JSON.
const SCHEMA: u32 = 2;
/// What tells the file from a plan for training.
pub const KIND: &str = "velum prediction plan";
/// Bytes that a plan may have.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// How encrypted rows are scored: layout, parameters, what it needs. Public. Private fields: a value of this type has been run on the simulator, and
/// its parameters are in the security table.
#[derive(Clone, Debug, PartialEq)]
pub struct ScorePlan {
    params: Arc<Params>,
    job: Job,
    forecast: Forecast,
    keys: KeyLevels,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    kind: String,
    parameters: ParamsLiteral,
    program: Program,
    forecast: Forecast,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct AnySchema {
    schema: u32,
    kind: String,
}

impl ScorePlan {
    /// The cheapest plan for batches of up to `batch` rows like `rows` (n x d), by search over traced runs. Cheap: bytes at 10 MB a second and
    /// transforms at their measured time, keys and an encrypted model counted once.
    ///
    /// # Errors
    /// [`PlanError`]: rows of another width, values that fit no modulus, too little precision.
    pub fn search(
        model: &Model,
        rows: ArrayView2<'_, f64>,
        batch: usize,
        form: ModelForm,
    ) -> Result<Self, PlanError> {
        let found = search(model, Sizes::of(model, rows)?, batch, form)?;
        Ok(Self {
            params: found.params,
            job: found.job,
            forecast: found.forecast,
            keys: found.keys,
        })
    }

    /// A plan for a program under insecure parameters: tiny rings for fast tests.
    ///
    /// # Errors
    /// As [`ScorePlan::parse`].
    pub fn insecure_test(program: Program, literal: ParamsLiteral) -> Result<Self, PlanError> {
        Self::checked(program, literal, Params::insecure_test)
    }

    fn checked(
        program: Program,
        literal: ParamsLiteral,
        check: fn(ParamsLiteral) -> Result<Params, ParamsError>,
    ) -> Result<Self, PlanError> {
        let params = Arc::new(check(literal)?);
        let job = Job::new(program, &params)?;
        let found = forecast(&job, &params).map_err(|e| PlanError::Refused(Box::new(e)))?;
        let (forecast, keys) = found;
        Ok(Self {
            params,
            job,
            forecast,
            keys,
        })
    }

    /// Whether JSON claims to be such a plan, whatever else it holds.
    pub fn claims(bytes: &[u8]) -> bool {
        serde_json::from_slice::<AnySchema>(bytes).is_ok_and(|any| any.kind == KIND)
    }

    /// Reads a plan and checks all of it again: form, schema, security, and every figure by a traced run.
    ///
    /// # Errors
    /// [`PlanError`] names what disagrees.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::parse_with(bytes, Params::new)
    }

    /// [`ScorePlan::parse`] for plans of [`ScorePlan::insecure_test`].
    ///
    /// # Errors
    /// As [`ScorePlan::parse`], without the security table.
    pub fn parse_insecure_test(bytes: &[u8]) -> Result<Self, PlanError> {
        Self::parse_with(bytes, Params::insecure_test)
    }

    fn parse_with(
        bytes: &[u8],
        check: fn(ParamsLiteral) -> Result<Params, ParamsError>,
    ) -> Result<Self, PlanError> {
        let bytes = without_mark(bytes);
        if bytes.len() > MOST_BYTES {
            return Err(PlanError::Size {
                allowed: MOST_BYTES,
                found: bytes.len(),
            });
        }
        let unreadable = |e: serde_json::Error| PlanError::Json(describe_json(bytes, &e));
        let any: AnySchema = serde_json::from_slice(bytes).map_err(unreadable)?;
        if any.kind != KIND {
            return Err(PlanError::Json("JSON of another kind".to_owned()));
        }
        if any.schema != SCHEMA {
            return Err(PlanError::Schema {
                expected: SCHEMA,
                found: any.schema,
            });
        }
        let file: File = serde_json::from_slice(bytes).map_err(unreadable)?;
        let stored = file.forecast.clone();
        if !same_meaning(bytes, &encode(&file)) {
            return Err(PlanError::NotCanonical);
        }
        let mut plan = Self::checked(file.program, file.parameters, check)?;
        if let Some(what) = plan.forecast.disagreement(&stored) {
            return Err(PlanError::Forecast { what });
        }
        // Rounded logarithms may differ in their last digit between machines: the file's hash must not.
        plan.forecast = stored;
        Ok(plan)
    }

    /// The canonical JSON: one spelling for one plan.
    pub fn to_json(&self) -> Vec<u8> {
        encode(&File {
            schema: SCHEMA,
            kind: KIND.to_owned(),
            parameters: self.params.literal().clone(),
            program: self.job.program().clone(),
            forecast: self.forecast.clone(),
        })
    }

    /// blake3 of the canonical JSON; every other file of the job names it.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_json()).as_bytes()
    }

    /// What evaluation keys are bound to: parameters, keys and their levels alone.
    pub fn key_binding(&self) -> [u8; 32] {
        crate::plan::key_binding(&self.params, &self.keys)
    }

    /// The evaluation keys of [`Forecast::keys`], each with the highest level that the scoring uses it at.
    pub fn key_levels(&self) -> &KeyLevels {
        &self.keys
    }

    /// The parameters.
    pub fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// The job: what [`super::server::score`] and [`super::client`] take.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// What the job needs.
    pub fn forecast(&self) -> &Forecast {
        &self.forecast
    }
}

/// Compact JSON in the order of the fields. Serialisation of plain structs with finite numbers cannot fail; an empty vector would be
/// refused everywhere.
fn encode(file: &File) -> Vec<u8> {
    serde_json::to_vec(file).unwrap_or_default()
}
