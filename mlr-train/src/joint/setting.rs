//! One session of one plan: what every step of every party has in common.

use std::sync::Arc;

use he_core::multiparty::{KeyItem, MultipartyError, PartyId, Session};
use he_core::rlwe::{Context, KeyId};

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

    /// The level of the key that a share is of, from the plan: the highest one for the public key.
    pub(super) fn level_of(&self, item: KeyItem) -> usize {
        let keys = self.plan.keys();
        let params = self.context().params();
        match item {
            KeyItem::PublicKey => params.max_level(),
            KeyItem::RelinearisationOne | KeyItem::RelinearisationTwo => {
                keys.relinearise.unwrap_or(0)
            }
            KeyItem::Galois(_) => {
                let all = KeyId::with_levels(keys, params.log_n()).into_iter();
                let mut level = all.filter(|(id, _)| match (id, item) {
                    (KeyId::Galois(g), KeyItem::Galois(other)) => *g == other,
                    _ => false,
                });
                level.next().map_or(0, |(_, level)| level)
            }
        }
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
