//! Where the server reads uploaded ciphertexts from.

use std::collections::BTreeMap;
use std::sync::Arc;

use he_core::circuits::Refresh;
use he_core::circuits::bootstrap::BootstrapPlan;
use he_core::ckks::noise;
use he_core::evaluator::{Evaluator, Level, SimulatedCt, Simulator};
use he_core::multiparty::slack_noise;
use he_core::params::Params;

use super::error::SourceError;
use super::observer::Observer;
use super::refresh::Refreshed;
use super::state::State;
use crate::job::{Iterate, Job};
use crate::packing::Upload;

/// Uploaded ciphertexts, read one at a time: from files, from memory, or shapes alone. Every iteration reads all blocks in order.
pub trait BlockSource<E: Evaluator>: Sync {
    /// One ciphertext. May be called from several threads.
    ///
    /// # Errors
    /// A ciphertext that is missing or broken.
    fn load(&self, upload: Upload) -> Result<E::Ct, SourceError>;

    /// The same for whoever needs no more than `level` of it: what is above that may be left out.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    fn load_lower(&self, upload: Upload, level: Level) -> Result<E::Ct, SourceError> {
        let _ = level;
        self.load(upload)
    }
}

/// Uploads held in memory.
#[derive(Clone, Debug, Default)]
pub struct MemorySource<Ct>(BTreeMap<Upload, Ct>);

impl<Ct> MemorySource<Ct> {
    /// Number of ciphertexts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<Ct> FromIterator<(Upload, Ct)> for MemorySource<Ct> {
    fn from_iter<I: IntoIterator<Item = (Upload, Ct)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<E: Evaluator> BlockSource<E> for MemorySource<E::Ct> {
    fn load(&self, upload: Upload) -> Result<E::Ct, SourceError> {
        let found = self.0.get(&upload).cloned();
        found.ok_or_else(|| format!("no ciphertext {upload} among the {} given", self.len()).into())
    }
}

/// Uploads of which only level, scale and bound exist.
#[derive(Clone, Copy, Debug)]
pub struct ShapeSource<'a> {
    simulator: &'a Simulator,
    job: &'a Job,
    bootstrap: Option<&'a Arc<BootstrapPlan>>,
}

impl<'a> ShapeSource<'a> {
    /// The uploads of `job` for `simulator`.
    pub fn new(simulator: &'a Simulator, job: &'a Job) -> Self {
        Self {
            simulator,
            job,
            bootstrap: None,
        }
    }

    /// The same for a job that is refreshed by a bootstrapping.
    #[must_use]
    pub fn with_bootstrap(self, bootstrap: Option<&'a Arc<BootstrapPlan>>) -> Self {
        Self { bootstrap, ..self }
    }

    /// The simulator.
    pub(crate) fn simulator(&self) -> &Simulator {
        self.simulator
    }
}

impl Observer<Simulator> for ShapeSource<'_> {
    fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<Simulator>>>, SourceError> {
        let plan = self.bootstrap.map(Arc::clone);
        Ok(plan.map(|plan| plan as Arc<dyn Refresh<Simulator>>))
    }

    fn refresh(
        &self,
        state: &State<SimulatedCt>,
    ) -> Result<Option<Refreshed<SimulatedCt>>, SourceError> {
        let n = self.simulator.params().n();
        let fresh = |of: Iterate| {
            let meta = self.job.refreshed(state.done + 1, of, n);
            let meta = meta.ok_or_else(|| "no refresh before this iteration".to_owned())?;
            let each = || {
                let fresh = self
                    .simulator
                    .fresh(meta.placement(), meta.bound, meta.noise);
                fresh.map_err(SourceError::new)
            };
            let class = |groups: &Vec<SimulatedCt>| groups.iter().map(|_| each()).collect();
            let all: Result<Vec<Vec<_>>, SourceError> = state.weights.iter().map(class).collect();
            all
        };
        Ok(Some(Refreshed {
            look_ahead: fresh(Iterate::LookAhead)?,
            weights: fresh(Iterate::Weights)?,
        }))
    }
}

/// The expected noise of every upload of `job`: what the plan reckons with, whatever a file says. Under a joint key it has what a malicious owner may add, too ([`he_core::multiparty::upload`]).
pub fn upload_noise(job: &Job, params: &Params) -> f64 {
    let owners = &job.program().owners;
    match (owners.joint, owners.public_key) {
        (Some(_), _) => {
            let level = job.upload_level().0;
            // Without room for a proof there is no bound, and no plan.
            let slack = slack_noise(params, level).unwrap_or(f64::INFINITY);
            noise::fresh_switched(params, level).hypot(slack)
        }
        (None, true) => noise::fresh_public(params),
        (None, false) => noise::fresh_secret(params.n()),
    }
}

impl BlockSource<Simulator> for ShapeSource<'_> {
    fn load(&self, upload: Upload) -> Result<SimulatedCt, SourceError> {
        let noise = upload_noise(self.job, self.simulator.params());
        let (at, bound) = (self.job.placement(upload), self.job.bound(upload));
        self.simulator
            .fresh(at, bound, noise)
            .map_err(SourceError::new)
    }
}
