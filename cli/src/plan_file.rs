//! `plan.json` as every verb reads it.

use std::path::Path;
use std::sync::Arc;

use he_core::params::KeySet;
use he_core::rlwe::{Context, KeyId};
use mlr_train::files::{self, Access};
use mlr_train::plan::Plan;

use crate::convert::from_text;
use crate::failure::Failure;

/// Larger files are no plans.
const LARGEST: u64 = 1 << 20;

/// A checked plan with the hashes that other files name.
#[derive(Clone, Debug)]
pub(crate) struct PlanFile {
    pub(crate) plan: Plan,
    /// Hash of the plan.
    pub(crate) hash: [u8; 32],
}

impl PlanFile {
    /// Takes a plan.
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            hash: plan.hash(),
            plan,
        }
    }

    /// Reads and checks a plan; insecure parameters are refused.
    ///
    /// # Errors
    /// A file that is missing, too large, no plan, or one that the traced training contradicts.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = files::read_limited(path, LARGEST)?;
        let plan = Plan::parse(&bytes).map_err(|error| {
            from_text(&error)
                .at(path.display().to_string())
                .hint("make it with `velum plan`")
        })?;
        Ok(Self::new(plan))
    }

    /// Writes the plan.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        Ok(files::write_atomic(
            path,
            &self.plan.to_json(),
            Access::Shared,
        )?)
    }

    /// The plan's hash in hex, which the dataset, the model and the private directory name.
    pub(crate) fn hash_hex(&self) -> String {
        blake3::Hash::from_bytes(self.hash).to_hex().to_string()
    }

    /// What evaluation keys are bound to, in hex.
    pub(crate) fn key_binding_hex(&self) -> String {
        blake3::Hash::from_bytes(self.plan.key_binding())
            .to_hex()
            .to_string()
    }

    /// Everything that keys and ciphertexts of the plan are made under.
    ///
    /// # Errors
    /// None for a checked plan.
    pub(crate) fn context(&self) -> Result<Arc<Context>, Failure> {
        Context::new(Arc::clone(self.plan.params())).map_err(|error| from_text(&error))
    }

    /// The evaluation keys that the training needs.
    pub(crate) fn keys(&self) -> &KeySet {
        &self.plan.prediction().keys
    }

    /// The same by name, in the order of their files.
    pub(crate) fn key_ids(&self) -> Vec<KeyId> {
        KeyId::all_of(self.keys(), self.plan.params().log_n())
    }

    /// `whitened` or `paper`.
    pub(crate) fn method(&self) -> &'static str {
        match self.plan.job().program().method {
            mlr_train::plan::Method::Whitened { .. } => "whitened",
            mlr_train::plan::Method::Paper { .. } => "paper",
        }
    }
}
