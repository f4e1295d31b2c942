//! Which lambda the rows are whitened with: that of the plan's recipe, so that nothing else is encrypted than was checked.

use crate::artifacts::PlanFile;
use crate::artifacts::recipe::RecipeFile;
pub use crate::client::whiten::DEFAULT_LAMBDA;
use crate::roles::upload::{EncryptInput, refuse_options};
use crate::roles::{Reporter, RunError};

/// The lambda to encrypt with.
pub(super) fn lambda(
    input: &EncryptInput,
    plan: &PlanFile,
    reporter: &dyn Reporter,
) -> Result<f64, RunError> {
    if plan.method() != "whitened" {
        refuse_options(input, "the paper's method whitens nothing")?;
        return Ok(DEFAULT_LAMBDA);
    }
    let beside = RecipeFile::beside(&input.plan);
    let path = match &input.recipe {
        Some(path) => path,
        // A link that leads nowhere is there.
        None if beside.symlink_metadata().is_ok() => &beside,
        None => return Ok(unchecked(input, &beside, reporter)),
    };
    let recipe = RecipeFile::read(path, plan)?;
    match input.lambda {
        Some(given) if given != recipe.lambda => Err(RunError::input(format!(
            "expected lambda {}, which the plan was checked with, found {given}",
            recipe.lambda
        ))
        .at("--lambda")
        .hint("leave it out, or plan again with the other one")),
        _ => Ok(recipe.lambda),
    }
}

/// Without a recipe nobody knows whether this is the plan's.
fn unchecked(input: &EncryptInput, beside: &std::path::Path, reporter: &dyn Reporter) -> f64 {
    let missing = beside.display();
    match input.lambda {
        Some(lambda) => {
            reporter.note(&format!(
                "client: no {missing}: whether the plan was checked with lambda {lambda} is not known"
            ));
            lambda
        }
        None => {
            reporter.warn(&format!(
                "no {missing}, and no --lambda: the rows are whitened with lambda {DEFAULT_LAMBDA}, and whether the plan was checked with it is not known"
            ));
            DEFAULT_LAMBDA
        }
    }
}
