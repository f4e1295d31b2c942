//! `refreshes.json` of a private directory: W and V of the clear twin wherever the client refreshes weights, which its answers are checked against.
//!
//! As secret as the model itself.

use std::path::Path;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::manifest::short;
use super::plan::PlanFile;
use crate::client::prepare::Refreshed;
use crate::files::{self, Access};
use crate::rounding::rounded;

/// Its name in a private directory.
pub const FILE: &str = "refreshes.json";
/// The text by which it is known, and found among what a server is given.
const KIND: &str = "velum client private refreshes";
const SCHEMA: u32 = 1;
/// 32 iterations of 2 x 10^6 weights of some 20 digits.
const LARGEST: u64 = 1 << 31;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CourseFile {
    kind: String,
    schema: u32,
    /// Hash of the plan, hex.
    plan: String,
    refreshes: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    before: usize,
    /// Class by class.
    look_ahead: Vec<f64>,
    weights: Vec<f64>,
}

/// Writes the twin's course into a private directory that has been begun.
///
/// # Errors
/// The system's.
pub fn write(directory: &Path, plan: &PlanFile, course: &[Refreshed]) -> Result<(), RunError> {
    let path = directory.join(FILE);
    let file = CourseFile {
        kind: KIND.to_owned(),
        schema: SCHEMA,
        plan: plan.hash_hex(),
        refreshes: course
            .iter()
            .map(|at| Entry {
                before: at.before,
                look_ahead: at.look_ahead.iter().copied().collect(),
                weights: at.weights.iter().copied().collect(),
            })
            .collect(),
    };
    let text = serde_json::to_vec(&file);
    let text = text.map_err(|error| RunError::io("encode", &path, &error.into()))?;
    Ok(files::write_atomic(&path, &text, Access::Private)?)
}

/// Reads the twin's course: one entry for each of the plan's refreshes, in order.
///
/// # Errors
/// None there; one of another plan, or damaged.
pub fn read(directory: &Path, plan: &PlanFile) -> Result<Vec<Refreshed>, RunError> {
    let path = directory.join(FILE);
    let text = files::read_limited(&path, LARGEST)?;
    let wrong = |found: String| {
        RunError::input(format!(
            "expected the twin's refreshes of plan {}, found {found}",
            short(&plan.hash_hex())
        ))
        .at(path.display().to_string())
        .hint("name the private directory that encrypt wrote for this plan")
    };
    let file: CourseFile = serde_json::from_slice(&text)
        .map_err(|error| wrong(files::describe_json(&text, &error)))?;
    if file.kind != KIND || file.schema != SCHEMA {
        return Err(wrong(format!(
            "{:?}, schema {}",
            short(&file.kind),
            file.schema
        )));
    }
    if file.plan != plan.hash_hex() {
        return Err(wrong(format!("those of plan {}", short(&file.plan))));
    }
    let program = plan.plan.job().program();
    let rounding = program
        .rounding()
        .map(|rounding| (rounding.before, rounding.bits));
    let (before, bits) = rounding.unwrap_or_default();
    let found: Vec<usize> = file.refreshes.iter().map(|at| at.before).collect();
    if found != before {
        return Err(wrong(format!("those before iterations {found:?}")));
    }
    let shape = (program.shape.classes, program.shape.columns);
    let matrix = |values: Vec<f64>| -> Result<Array2<f64>, RunError> {
        let found = values.len();
        let matrix = Array2::from_shape_vec(shape, values);
        let matrix = matrix.map_err(|_| wrong(format!("{found} weights")))?;
        // Decimal digits may be read back a last bit off.
        Ok(rounded(matrix.view(), bits))
    };
    let entry = |at: Entry| {
        Ok(Refreshed {
            before: at.before,
            look_ahead: matrix(at.look_ahead)?,
            weights: matrix(at.weights)?,
        })
    };
    file.refreshes.into_iter().map(entry).collect()
}
