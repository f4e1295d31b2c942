//! Predictions on encrypted rows, the client's side: the plan, the rows or the model as ciphertexts, the scores.

pub mod decrypt;
pub mod encrypt;
pub mod plan;

use std::path::Path;

use velum_record::Step;

use crate::artifacts::record;
use crate::data;
use crate::model::Model;
use crate::roles::RunError;

/// Refuses rows of another width than the model's.
///
/// # Errors
/// Names both.
pub fn require_width(rows: &data::Rows, expected: usize) -> Result<(), RunError> {
    let found = rows.features().ncols();
    if found == expected {
        return Ok(());
    }
    Err(RunError::input(format!(
        "expected rows of {expected} features, found {found}"
    ))
    .at(rows.source().display().to_string())
    .hint("extract the features with the architecture that the model was trained on"))
}

/// Refuses rows that were not computed as those that the model was trained on.
///
/// # Errors
/// Names what differs.
pub fn require_origin(rows: &data::Rows, model: &Model) -> Result<(), RunError> {
    let same = model.description().require_same(rows.description());
    same.map_err(|error| RunError::caused(error).at(rows.source().display().to_string()))
}

/// The same where there is no model but the plan: by what the record beside it says.
///
/// # Errors
/// Rows of another origin.
pub fn require_planned_origin(
    rows: &data::Rows,
    plan: &Path,
    plan_hash: &str,
) -> Result<(), RunError> {
    let record = record::read(&record::beside(plan)).ok();
    let planned = record.and_then(|record| match record.did {
        Step::PredictPlan(planned) if planned.plan_hash == plan_hash => planned.features_by,
        _ => None,
    });
    let found = rows.description().digest();
    match (planned, found) {
        (Some(planned), Some(found)) if planned != found => Err(RunError::input(
            "expected features of the network, weights and preprocessing that the plan's model was trained with, found others",
        )
        .at(rows.source().display().to_string())
        .hint("extract the features as those of the model: velum inspect MODEL names its network")),
        _ => Ok(()),
    }
}
