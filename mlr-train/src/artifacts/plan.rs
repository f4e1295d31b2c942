//! Plans as files: canonical JSON, known by its hash, read with the limits of its kind.

use std::path::Path;
use std::sync::Arc;

use he_core::error::Explain;
use he_core::params::KeyLevels;
use he_core::rlwe::{Context, KeyId};

use super::RunError;
#[cfg(feature = "sunscreen")]
use crate::exact::ExactPlan;
use crate::files::{self, Access};
use crate::plan::{Bootstrapping, Plan};
use crate::predict::ScorePlan;

/// A kind of plan: for training, for predictions, for exact predictions.
pub trait CanonicalPlan: Sized {
    /// Larger files are no plans of this kind.
    const LARGEST: u64;
    /// How to get one.
    const HINT: &'static str;
    /// Why bytes are no such plan.
    type Error: Explain + Send + Sync + 'static;

    /// Reads and checks a plan.
    ///
    /// # Errors
    /// Bytes that are no plan, or one that its own trace contradicts.
    fn parse(bytes: &[u8]) -> Result<Self, Self::Error>;
    /// The one spelling that is written and hashed.
    fn to_json(&self) -> Vec<u8>;
    /// blake3 of that spelling.
    fn hash(&self) -> [u8; 32];
}

macro_rules! canonical {
    ($plan:ty, $error:ty, $largest:expr, $hint:expr) => {
        impl CanonicalPlan for $plan {
            const LARGEST: u64 = $largest;
            const HINT: &'static str = $hint;
            type Error = $error;

            fn parse(bytes: &[u8]) -> Result<Self, Self::Error> {
                <$plan>::parse(bytes)
            }

            fn to_json(&self) -> Vec<u8> {
                <$plan>::to_json(self)
            }

            fn hash(&self) -> [u8; 32] {
                <$plan>::hash(self)
            }
        }
    };
}

canonical!(
    Plan,
    crate::plan::PlanError,
    crate::plan::MOST_BYTES as u64,
    "make it with `velum plan`"
);
canonical!(
    ScorePlan,
    crate::predict::PlanError,
    crate::predict::MOST_PLAN_BYTES as u64,
    "make it with `velum predict plan`"
);
#[cfg(feature = "sunscreen")]
canonical!(
    ExactPlan,
    crate::exact::plan::ExactPlanError,
    crate::exact::plan::MOST_BYTES as u64,
    "make it with `velum predict exact plan`"
);

/// A checked plan with the hash that other files name.
#[derive(Clone, Debug)]
pub struct CanonicalFile<P> {
    /// The plan.
    pub plan: P,
    /// Its hash.
    pub hash: [u8; 32],
}

/// A plan of a training.
pub type PlanFile = CanonicalFile<Plan>;
/// A plan of predictions on encrypted rows.
pub type ScorePlanFile = CanonicalFile<ScorePlan>;
/// A plan of exact predictions.
#[cfg(feature = "sunscreen")]
pub type ExactPlanFile = CanonicalFile<ExactPlan>;

impl<P: CanonicalPlan> CanonicalFile<P> {
    /// Takes a plan.
    pub fn new(plan: P) -> Self {
        Self {
            hash: plan.hash(),
            plan,
        }
    }

    /// Reads and checks a plan; insecure parameters are refused.
    ///
    /// # Errors
    /// A file that is missing, too large, no plan of this kind, or one that its own trace contradicts.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let bytes = files::read_limited(path, P::LARGEST)?;
        let plan = P::parse(&bytes).map_err(|error| {
            RunError::caused(error)
                .at(path.display().to_string())
                .hint(P::HINT)
        })?;
        Ok(Self::new(plan))
    }

    /// Writes the plan; its directory is made if need be.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        files::make_parent(path)?;
        let json = self.plan.to_json();
        Ok(files::write_atomic(path, &json, Access::Shared)?)
    }

    /// The plan's hash in hex.
    pub fn hash_hex(&self) -> String {
        hex(self.hash)
    }
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

/// A plan that evaluation keys are made for: for training or for predictions.
pub trait KeyPlan {
    /// Whether somebody encrypts under the public key.
    fn wants_public_key(&self) -> bool {
        false
    }

    /// Refuses a plan for a key that no party holds.
    ///
    /// # Errors
    /// Names the plan as such.
    fn require_key_holder(&self) -> Result<(), RunError> {
        Ok(())
    }

    /// The plan's hash, in hex.
    fn plan_hash_hex(&self) -> String;
    /// What evaluation keys are bound to, in hex.
    fn key_binding_hex(&self) -> String;
    /// The evaluation keys that are needed, each with the highest level that it is used at, in the order of their files.
    fn keys_with_levels(&self) -> Vec<(KeyId, usize)>;
    /// Everything that keys and ciphertexts of the plan are made under.
    ///
    /// # Errors
    /// None for a checked plan.
    fn context(&self) -> Result<Arc<Context>, RunError>;
    /// What bootstraps weights, with keys of its own.
    fn bootstrapping(&self) -> Option<&Bootstrapping> {
        None
    }
}

impl KeyPlan for PlanFile {
    fn wants_public_key(&self) -> bool {
        self.plan.job().program().owners.public_key
    }

    fn require_key_holder(&self) -> Result<(), RunError> {
        let Some(joint) = self.plan.job().joint() else {
            return Ok(());
        };
        Err(RunError::input(format!(
            "expected a plan for a key holder, found one for a joint key of {} parties, which nobody holds",
            joint.parties
        ))
        .hint("plan without --parties, or let the parties make the key together"))
    }

    fn plan_hash_hex(&self) -> String {
        self.hash_hex()
    }

    fn key_binding_hex(&self) -> String {
        hex(self.plan.key_binding())
    }

    fn keys_with_levels(&self) -> Vec<(KeyId, usize)> {
        KeyId::with_levels(self.keys(), self.plan.params().log_n())
    }

    fn context(&self) -> Result<Arc<Context>, RunError> {
        Self::context(self)
    }

    fn bootstrapping(&self) -> Option<&Bootstrapping> {
        self.plan.bootstrapping()
    }
}

impl KeyPlan for ScorePlanFile {
    fn plan_hash_hex(&self) -> String {
        self.hash_hex()
    }

    fn key_binding_hex(&self) -> String {
        hex(self.plan.key_binding())
    }

    fn keys_with_levels(&self) -> Vec<(KeyId, usize)> {
        KeyId::with_levels(self.plan.key_levels(), self.plan.params().log_n())
    }

    fn context(&self) -> Result<Arc<Context>, RunError> {
        Self::context(self)
    }
}

impl PlanFile {
    /// [`read`](Self::read), for steps of whoever holds the key.
    ///
    /// # Errors
    /// As there; a plan for a key that no party holds.
    pub fn of_key_holder(path: &Path) -> Result<Self, RunError> {
        let plan = Self::read(path)?;
        let held = plan.require_key_holder();
        held.map_err(|error| error.at(path.display().to_string()))?;
        Ok(plan)
    }

    /// Everything that keys and ciphertexts of the plan are made under.
    ///
    /// # Errors
    /// None for a checked plan.
    pub fn context(&self) -> Result<Arc<Context>, RunError> {
        match self.plan.bootstrapping() {
            Some(bootstrapping) => Ok(Arc::clone(bootstrapping.plan().bridge().small())),
            None => Ok(Context::new(Arc::clone(self.plan.params()))?),
        }
    }

    /// The evaluation keys that the training needs, with their levels.
    pub fn keys(&self) -> &KeyLevels {
        self.plan.key_levels()
    }

    /// `whitened` or `paper`.
    pub fn method(&self) -> &'static str {
        self.plan.job().program().method.name()
    }
}

impl ScorePlanFile {
    /// Everything that keys and ciphertexts of the plan are made under.
    ///
    /// # Errors
    /// None for a checked plan.
    pub fn context(&self) -> Result<Arc<Context>, RunError> {
        Ok(Context::new(Arc::clone(self.plan.params()))?)
    }

    /// Whether a file claims to be such a plan.
    pub fn claims(path: &Path) -> bool {
        files::read_limited(path, ScorePlan::LARGEST).is_ok_and(|bytes| ScorePlan::claims(&bytes))
    }
}
