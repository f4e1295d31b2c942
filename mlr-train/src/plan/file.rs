//! The checked plan and its canonical JSON.

use std::sync::Arc;

use he_core::params::{KeyLevels, Params, ParamsError, ParamsLiteral};
use serde::{Deserialize, Serialize};

use super::IterationCost;
use super::binding::key_binding;
use super::bootstrapping::{BootstrapSet, Bootstrapping, Under};
use super::cost::Rates;
use super::counted::Counted;
use super::error::PlanError;
use super::estimate::{Estimate, estimate_claimed, iteration_costs};
use super::memory;
use super::request::PlanRequest;
use super::search::{Found, search, search_or_say};
use crate::canonical::{same_meaning, without_mark};
use crate::files::describe_json;
use crate::job::{Job, Program};
use crate::server::{TrainError, packed_bound};

/// Version of the JSON.
const SCHEMA: u32 = 4;
/// Bytes that a plan may have.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// What is trained, how it is laid out, under which parameters, and what it needs. Public: it holds shapes, steps and moduli, nothing of the
/// data but the bounds. Private fields: a value of this type has been run on the simulator, and its parameters are in the security table.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    params: Arc<Params>,
    job: Job,
    estimate: Estimate,
    counted: Counted,
    bootstrapping: Option<Bootstrapping>,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bootstrap: Option<BootstrapSet>,
    program: Program,
    #[serde(rename = "prediction")]
    estimate: Estimate,
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
        Ok(Self::all(request)?.swap_remove(0).plan)
    }

    /// [`Plan::ranked`], without the searches that say how many iterations fit.
    pub(super) fn all(request: &PlanRequest) -> Result<Vec<Ranked>, PlanError> {
        Self::list(search(request))
    }

    /// Several plans for a request, the fastest first: never empty.
    ///
    /// # Errors
    /// As [`Plan::search`]; where fewer iterations fit, [`PlanError::Iterations`] says how many, after some searches more.
    pub fn ranked(request: &PlanRequest) -> Result<Vec<Ranked>, PlanError> {
        Self::list(search_or_say(request))
    }

    fn list(found: Result<Vec<Found>, PlanError>) -> Result<Vec<Ranked>, PlanError> {
        let found = found?.into_iter().map(|found| Ranked {
            seconds: found.seconds,
            plan: Self {
                params: found.params,
                job: found.job,
                estimate: found.estimate,
                counted: found.counted,
                bootstrapping: found.bootstrapping,
            },
        });
        Ok(found.collect())
    }

    /// Predicted seconds of the training on a machine with these rates, from what the traced run of the plan's check counted: of all its processes, where others
    /// refresh the weights between them.
    pub fn seconds(&self, rates: &Rates) -> f64 {
        self.counted.seconds(&self.job, self.under(), rates)
    }

    /// Level, scale, operations and predicted time of every iteration.
    ///
    /// # Errors
    /// None for a checked plan; whatever the training would be refused for.
    pub fn iteration_costs(&self, rates: &Rates) -> Result<Vec<IterationCost>, PlanError> {
        let costs = iteration_costs(&self.job, self.under(), rates);
        costs.map_err(|e| PlanError::Refused(Box::new(e)))
    }

    /// A plan for a program under insecure parameters: tiny rings for fast tests.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn insecure_test(program: Program, literal: ParamsLiteral) -> Result<Self, PlanError> {
        Self::checked(program, literal, Params::insecure_test, Claimed::default())
    }

    /// [`Plan::insecure_test`], whose bootstrapping has so many passes.
    #[cfg(test)]
    pub(crate) fn insecure_test_passes(
        program: Program,
        literal: ParamsLiteral,
        passes: u32,
    ) -> Result<Self, PlanError> {
        let claimed = Claimed {
            bootstrap: Wanted::Found { passes },
            ..Claimed::default()
        };
        Self::checked(program, literal, Params::insecure_test, claimed)
    }

    /// A plan for a program under given parameters, nothing searched but a bootstrapping if the program asks for one.
    ///
    /// # Errors
    /// As [`Plan::parse`].
    pub fn fixed(program: Program, literal: ParamsLiteral) -> Result<Self, PlanError> {
        Self::checked(program, literal, Params::new, Claimed::default())
    }

    fn checked(
        program: Program,
        literal: ParamsLiteral,
        check: fn(ParamsLiteral) -> Result<Params, ParamsError>,
        claimed: Claimed,
    ) -> Result<Self, PlanError> {
        let params = check(literal)?;
        let params = match program.owners.joint {
            Some(joint) => params.for_parties(joint.parties)?,
            None => params,
        };
        let mut params = Arc::new(params);
        let job = Job::new(program, params.slots())?;
        // Every iteration but the first sums each class over each column group, with one product at least.
        let least = job.layout().ciphertexts_per_matrix().get() as u64;
        let least = least * (job.iterations() as u64).saturating_sub(1);
        if least > claimed.key_products {
            return Err(PlanError::Estimate {
                what: "key products",
            });
        }
        let bootstrapping = bootstrapping(&job, &params, claimed.bootstrap)?;
        if let Some(bootstrapping) = &bootstrapping {
            params = Arc::clone(bootstrapping.plan().bridge().small().params());
        }
        let under = Under::new(&params, bootstrapping.as_ref());
        let estimate = estimate_claimed(&job, under, claimed.key_products);
        let (estimate, counted) = estimate.map_err(|e| match e {
            TrainError::Cancelled { .. } => PlanError::Estimate {
                what: "key products",
            },
            e => PlanError::Refused(Box::new(e)),
        })?;
        Ok(Self {
            params,
            job,
            estimate,
            counted,
            bootstrapping,
        })
    }

    /// Reads a plan and checks all of it again: form, schema, security, and every estimate by a traced run.
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
        let bytes = without_mark(bytes);
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
        let stored = file.estimate.clone();
        if !same_meaning(bytes, &encode(&file)) {
            return Err(PlanError::NotCanonical);
        }
        let claimed = Claimed {
            key_products: stored.key_products,
            bootstrap: match file.bootstrap {
                Some(set) => Wanted::Set(Box::new(set)),
                None => Wanted::Nothing,
            },
        };
        let mut plan = Self::checked(file.program, file.parameters, check, claimed)?;
        if let Some(what) = plan.estimate.disagreement(&stored) {
            return Err(PlanError::Estimate { what });
        }
        // Rounded logarithms may differ in their last digit between machines: the file's hash must not.
        plan.estimate = stored;
        Ok(plan)
    }

    /// Bytes of memory that the training takes at most with so many threads. The plan's own figure is what it is expected to take.
    pub fn memory_bound(&self, threads: usize) -> u64 {
        memory::bound(self.estimate.server_memory_bytes, &self.params, threads)
    }

    /// The canonical JSON: one spelling for one plan.
    pub fn to_json(&self) -> Vec<u8> {
        encode(&PlanFile {
            schema: SCHEMA,
            parameters: self.params.literal().clone(),
            bootstrap: self.bootstrapping.as_ref().map(|b| b.set().clone()),
            program: self.job.program().clone(),
            estimate: self.estimate.clone(),
        })
    }

    /// blake3 of the canonical JSON; every other file of the job names it.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_json()).as_bytes()
    }

    /// The evaluation keys of [`Estimate::keys`], each with the highest level that the training uses it at: what the traced run asked for.
    pub fn key_levels(&self) -> &KeyLevels {
        self.counted.keys()
    }

    /// What evaluation keys are bound to: parameters, keys and their levels alone, so that a changed step with the same
    /// parameters, rotations and levels needs no new keys.
    pub fn key_binding(&self) -> [u8; 32] {
        let own = key_binding(&self.params, self.key_levels());
        match &self.bootstrapping {
            None => own,
            Some(bootstrapping) => {
                let both = [own, bootstrapping.binding()].concat();
                *blake3::hash(&both).as_bytes()
            }
        }
    }

    /// What gives weights levels again without the client, if the plan has that.
    pub fn bootstrapping(&self) -> Option<&Bootstrapping> {
        self.bootstrapping.as_ref()
    }

    /// Whether the keys of its bootstrapping stay in memory from one refresh to the next, because they and the training fit together into what the plan says.
    pub fn keeps_bootstrapping(&self) -> bool {
        memory::keeps_bootstrapping(&self.job, self.under())
    }

    /// What the job runs under.
    pub(crate) fn under(&self) -> Under<'_> {
        Under::new(&self.params, self.bootstrapping.as_ref())
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
    pub fn estimate(&self) -> &Estimate {
        &self.estimate
    }
}

/// What a plan says of itself before it is checked.
struct Claimed {
    key_products: u64,
    bootstrap: Wanted,
}

/// Which bootstrapping a plan is to have.
enum Wanted {
    /// What the job needs.
    Found {
        /// Passes of the bootstrapping.
        passes: u32,
    },
    /// This one.
    Set(Box<BootstrapSet>),
    Nothing,
}

impl Default for Claimed {
    fn default() -> Self {
        Self {
            key_products: u64::MAX,
            bootstrap: Wanted::Found { passes: 1 },
        }
    }
}

/// The bootstrapping of a job that has one; none for another job.
fn bootstrapping(
    job: &Job,
    params: &Params,
    wanted: Wanted,
) -> Result<Option<Bootstrapping>, PlanError> {
    let needed = job.bootstraps();
    let found = match wanted {
        Wanted::Found { passes } if needed => {
            let (landed, bound) = (job.levels().landed(), packed_bound(job));
            Bootstrapping::for_weights(params, landed, bound)?.with_passes(passes)?
        }
        Wanted::Set(set) if needed => Bootstrapping::of_set(*set, params)?,
        Wanted::Found { .. } | Wanted::Nothing if !needed => return Ok(None),
        given => {
            let found = matches!(given, Wanted::Set(_));
            return Err(PlanError::Bootstrap {
                what: "parameter sets",
                expected: f64::from(u8::from(needed)),
                found: f64::from(u8::from(found)),
            });
        }
    };
    found.require(job)?;
    Ok(Some(found))
}

/// Compact JSON in the order of the fields. Serialisation of plain structs with finite numbers cannot fail; an empty vector would be
/// refused everywhere.
fn encode(file: &PlanFile) -> Vec<u8> {
    serde_json::to_vec(file).unwrap_or_default()
}
