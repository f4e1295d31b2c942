//! What a training tells while it runs, keeps, and is given for a refresh by itself.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use he_core::arith::release_unused;
use he_core::circuits::Refresh;
use he_core::circuits::bootstrap::{Bootstrap, CkksCrossing};
use he_core::evaluator::{Ckks, CkksCt};

use crate::artifacts::checkpoint::Checkpoint;
use crate::artifacts::progress::Teller;
use crate::artifacts::{PlanFile, evaluation_keys};
use crate::plan::Bootstrapping;
use crate::roles::{Reporter, RunError};
use crate::server::{Observer, Progress, SourceError, State};

pub(super) struct Watch<'a> {
    pub(super) reporter: &'a dyn Reporter,
    pub(super) checkpoint: &'a Checkpoint<'a>,
    pub(super) resumed_iterations: usize,
    pub(super) teller: Teller,
    pub(super) plan: &'a PlanFile,
    pub(super) eval: &'a Ckks,
    pub(super) eval_keys: &'a Path,
    /// Keys and circuit of the bootstrapping, where they stay.
    pub(super) kept: Mutex<Option<Arc<Bootstrap<Ckks, CkksCrossing>>>>,
}

impl Watch<'_> {
    /// The plan's bootstrapping with its keys.
    fn bootstrapping(
        &self,
        bootstrapping: &Bootstrapping,
    ) -> Result<Bootstrap<Ckks, CkksCrossing>, RunError> {
        // These keys are the larger part of all memory: what the training has left behind must not stay beside them. Where they are read for each refresh, giving
        // memory back costs a second of it; without that a peak was once beyond the plan's bound.
        release_unused();
        let keys = evaluation_keys::read_bootstrap(self.eval_keys, self.plan, bootstrapping)?;
        let plan = bootstrapping.plan();
        let way = CkksCrossing::new(plan.bridge(), keys)?;
        Ok(Bootstrap::new(self.eval, way, plan)?)
    }
}

impl Observer<Ckks> for Watch<'_> {
    fn bootstrap(&self) -> Result<Option<Arc<dyn Refresh<Ckks>>>, SourceError> {
        let Some(bootstrapping) = self.plan.plan.bootstrapping() else {
            return Ok(None);
        };
        let made = || self.bootstrapping(bootstrapping).map(Arc::new);
        if !self.plan.plan.keeps_bootstrapping() {
            return Ok(Some(made().map_err(SourceError::new)?));
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let way = match kept.take() {
            Some(way) => way,
            None => made().map_err(SourceError::new)?,
        };
        *kept = Some(Arc::clone(&way));
        Ok(Some(way))
    }

    fn iteration_done(&self, state: &State<CkksCt>) -> Result<(), SourceError> {
        // The state that the run began with is on disk already.
        if state.done > self.resumed_iterations {
            self.checkpoint.write(state).map_err(SourceError::new)?;
        }
        Ok(())
    }

    fn progress(&self, progress: Progress) {
        let what = format!(
            "iteration {} of {}, {}",
            progress.iteration, progress.iterations, progress.phase
        );
        self.reporter.advance(progress.key_products, &what);
        self.teller.tell(&progress);
    }

    fn cancelled(&self) -> bool {
        self.reporter.cancelled()
    }
}
