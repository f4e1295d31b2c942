//! One session of one plan: what every step of every party has in common.

use std::sync::Arc;

use he_core::multiparty::{MultipartyError, PartyId, Session};
use he_core::rlwe::Context;

use crate::artifacts::{PlanFile, RunError};
use crate::canonical::hex;
use crate::job::Joint;

const CONTEXT: &str = "velum mlr-train 2026 v1 session and plan";

/// A session of a plan for a joint key. Its name is a hash of all that the parties have agreed on; nothing of one session is of use in another.
#[derive(Clone, Debug)]
pub struct Setting {
    plan: PlanFile,
    session: Arc<Session>,
    joint: Joint,
}

impl Setting {
    /// The session `id` of a plan.
    ///
    /// # Errors
    /// A plan for one key holder.
    pub fn new(plan: PlanFile, id: [u8; 32]) -> Result<Self, RunError> {
        let joint = plan.plan.job().joint().ok_or_else(|| {
            RunError::input("expected a plan for a joint key, found one for a key holder")
                .at("plan")
                .hint("plan with --parties and --threshold")
        })?;
        let session = Session::new(&plan.context()?, id, joint.threshold)?;
        Ok(Self {
            plan,
            session,
            joint,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &PlanFile {
        &self.plan
    }

    /// The session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The plan's parameters and their ring.
    pub fn context(&self) -> &Arc<Context> {
        self.session.context()
    }

    /// Parties and threshold.
    pub fn joint(&self) -> Joint {
        self.joint
    }

    /// Party number `index`, from 0.
    ///
    /// # Errors
    /// [`MultipartyError::Party`].
    pub fn party(&self, index: u32) -> Result<PartyId, MultipartyError> {
        self.session.party(index)
    }

    /// What proofs are bound to beside session and party: the plan.
    pub fn label(&self) -> &[u8; 32] {
        &self.plan.hash
    }

    /// What this session's directories are bound to: session and plan.
    pub fn binding(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key(CONTEXT);
        hash.update(&self.session.binding());
        hash.update(&self.plan.hash);
        *hash.finalize().as_bytes()
    }

    pub(super) fn binding_hex(&self) -> String {
        hex(&self.binding())
    }
}
