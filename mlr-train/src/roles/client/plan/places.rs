//! Where plan, recipe, map, rates and record go: checked before any work.

use std::path::{Path, PathBuf};

use super::{PlanFor, PlanInput, RatesFrom};
use crate::artifacts::recipe::RecipeFile;
use crate::artifacts::{PlanFile, kinds, record};
use crate::client::prepare::Recipe;
use crate::files::{Outputs, Place};
use crate::roles::{Reporter, RunError};

/// Where what goes beside the plan goes.
pub(super) struct Places {
    /// What is private of the recipe.
    recipe: Option<PathBuf>,
    /// The record: nowhere by itself with a plan that goes through a pipe or a device.
    pub(super) record: Option<PathBuf>,
}

/// Checks all outputs.
pub(super) fn require(input: &PlanInput) -> Result<Places, RunError> {
    let read: [Option<&Path>; 3] = match &input.from {
        PlanFor::Rows(rows) => [Some(&rows.features), rows.labels.as_deref(), None],
        PlanFor::Statistics { pooled, .. } => [None, None, Some(pooled)],
        PlanFor::Sizes { .. } => [None; 3],
    };
    let rates = match &input.rates {
        RatesFrom::File(path) => Some(path.as_path()),
        _ => None,
    };
    let mut outputs = Outputs::new(read.into_iter().flatten().chain(rates));
    let plan = outputs.file_in_new_directory(&input.out, kinds::PLAN)?;
    let recipe = recipe(input, plan);
    if let Some(path) = &recipe {
        outputs.file_in_new_directory(path, kinds::RECIPE)?;
    }
    let record = record_place(input, plan, recipe.as_deref());
    if let Some(path) = &record {
        outputs.file_in_new_directory(path, kinds::RECORD)?;
    }
    if let PlanFor::Statistics { map, .. } = &input.from {
        outputs.file(map, kinds::MAP)?;
    }
    if let RatesFrom::Measured(path) = &input.rates {
        outputs.file(path, kinds::RATES)?;
    }
    Ok(Places { recipe, record })
}

/// Nowhere by itself with a plan that goes through a pipe or a device.
fn recipe(input: &PlanInput, plan: Place) -> Option<PathBuf> {
    let rows = matches!(input.from, PlanFor::Rows(_));
    let has_one = rows && matches!(input.recipe, Recipe::Whitened { .. });
    let beside = || (plan == Place::File).then(|| RecipeFile::beside(&input.out));
    has_one
        .then(|| input.recipe_file.clone().or_else(beside))
        .flatten()
}

/// Beside the recipe, which is the client's alone as the record is, under the plan's name.
fn record_place(input: &PlanInput, plan: Place, recipe: Option<&Path>) -> Option<PathBuf> {
    let beside = record::beside(&input.out);
    let name = beside.file_name()?;
    match recipe {
        _ if plan == Place::Stream => None,
        Some(recipe) => Some(recipe.with_file_name(name)),
        None => Some(beside),
    }
}

impl Places {
    /// Writes the recipe's private part.
    pub(super) fn write_recipe(
        &self,
        plan: &PlanFile,
        lambda: f64,
        reporter: &dyn Reporter,
    ) -> Result<(), RunError> {
        let Some(path) = &self.recipe else {
            reporter.warn(&format!(
                "the plan goes through a pipe or a device, and its recipe nowhere: encrypt with --lambda {lambda}, or name a file with --recipe"
            ));
            return Ok(());
        };
        RecipeFile::new(plan.hash_hex(), lambda).write(path)?;
        reporter.note(&format!(
            "client: {} stays here, for encrypt: it has lambda",
            path.display()
        ));
        Ok(())
    }
}
