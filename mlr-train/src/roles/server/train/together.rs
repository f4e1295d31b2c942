//! Whether what a server was given belongs together, before it trains.

use super::{TrainInput, refuse_secrets, require_bootstrap_keys, require_memory, require_one_key};
use crate::artifacts::dataset::Shards;
use crate::artifacts::{PlanFile, evaluation_keys};
use crate::roles::{Reporter, RunError};

/// Refuses evaluation keys and encrypted rows that do not belong to the plan and to each other, without training; the fingerprint of their key and the hash of the rows.
/// Cost: all evaluation keys are read and checked; rows are when they are trained on.
///
/// # Errors
/// As [`train`] before its first iteration; keys of a version that does not name theirs.
pub(crate) fn require_together(
    input: &TrainInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<(blake3::Hash, blake3::Hash), RunError> {
    refuse_secrets(input, reporter)?;
    let context = plan.context()?;
    let shards = Shards::open(&input.datasets, plan, &context)?;
    let key = require_one_key(&input.eval_keys, &shards)?;
    let key = key.ok_or_else(|| {
        RunError::input("expected evaluation keys that name their key, found older ones")
            .at(input.eval_keys.display().to_string())
            .hint("run keygen again with this version")
    })?;
    require_memory(plan)?;
    evaluation_keys::read(&input.eval_keys, plan, &context)?;
    require_bootstrap_keys(input, plan)?;
    Ok((key, shards.hash()))
}
