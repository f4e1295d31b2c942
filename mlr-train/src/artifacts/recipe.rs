//! What is private of a plan's recipe: it goes from `plan` to `encrypt` on the client's machine, and never to the server. Mode 0600.
//!
//! Canonical JSON: kind, schema, the plan's hash, lambda.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::RunError;
use super::manifest::short;
use super::plan::PlanFile;
use crate::files::{self, Access};

/// How a server knows such a file.
pub const KIND: &str = "velum client recipe";
const SCHEMA: u32 = 1;
const LARGEST: u64 = 1 << 16;

/// What is private of a plan's recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeFile {
    kind: String,
    schema: u32,
    /// Hash of the plan that was checked with it, hex.
    pub plan: String,
    /// Share of the largest variance that is added to every variance.
    pub lambda: f64,
}

impl RecipeFile {
    /// Of a plan, by its hash in hex.
    #[must_use]
    pub fn new(plan: String, lambda: f64) -> Self {
        Self {
            kind: KIND.to_owned(),
            schema: SCHEMA,
            plan,
            lambda,
        }
    }

    /// Where it is looked for if nobody says: `plan.recipe.json` beside `plan.json`.
    #[must_use]
    pub fn beside(plan: &Path) -> PathBuf {
        plan.with_extension("recipe.json")
    }

    /// Writes it for its owner's eyes; its directory is made if need be.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        files::make_parent(path)?;
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| RunError::io("encode", path, &error.into()))?;
        text.push(b'\n');
        Ok(files::write_atomic(path, &text, Access::Private)?)
    }

    /// Reads the recipe of a plan.
    ///
    /// # Errors
    /// No such file, or one of another plan.
    pub fn read(path: &Path, plan: &PlanFile) -> Result<Self, RunError> {
        let recipe = Self::parse(path)?;
        let expected = plan.hash_hex();
        if recipe.plan == expected {
            return Ok(recipe);
        }
        Err(RunError::input(format!(
            "expected the recipe of plan {}, found that of plan {}",
            short(&expected),
            short(&recipe.plan)
        ))
        .at(path.display().to_string())
        .hint("plan again with the same rows, or name the right one with --recipe"))
    }

    /// Reads one of any plan.
    ///
    /// # Errors
    /// No such file, or one of another kind.
    pub fn parse(path: &Path) -> Result<Self, RunError> {
        let text = files::read_limited(path, LARGEST)?;
        let wrong = |expected: String, found: String| {
            RunError::input(format!("expected {expected}, found {found}"))
                .at(path.display().to_string())
                .hint("name the file that plan wrote beside its plan")
        };
        let of_kind = || format!("{KIND:?}, schema {SCHEMA}");
        let recipe: Self = serde_json::from_slice(&text)
            .map_err(|error| wrong(of_kind(), files::describe_json(&text, &error)))?;
        if recipe.kind != KIND || recipe.schema != SCHEMA {
            let found = format!("{:?}, schema {}", short(&recipe.kind), recipe.schema);
            return Err(wrong(of_kind(), found));
        }
        if !(recipe.lambda.is_finite() && recipe.lambda > 0.0) {
            let expected = "a positive lambda".to_owned();
            return Err(wrong(expected, recipe.lambda.to_string()));
        }
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::{kinds, secrets};

    #[test]
    fn a_recipe_comes_back_and_is_private() {
        let place = tempfile::tempdir().unwrap();
        let path = RecipeFile::beside(&place.path().join("plan.json"));
        assert_eq!(path, place.path().join("plan.recipe.json"));
        let recipe = RecipeFile::new("ab".repeat(32), 1.0 / 3.0);
        recipe.write(&path).unwrap();
        assert_eq!(RecipeFile::parse(&path).unwrap(), recipe);
        assert!(secrets::refuse(&[&path]).is_err());
        assert!(secrets::beside(&[&place.path().join("plan.json")]).is_some());
        assert!((kinds::RECIPE.is)(&std::fs::read(&path).unwrap()));
        assert!(PlanFile::read(&path).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_recipe_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("r");
        for text in [
            r#"{"kind":"velum client recipe","schema":2,"plan":"","lambda":0.1}"#,
            r#"{"kind":"velum","schema":1,"plan":"","lambda":0.1}"#,
            r#"{"kind":"velum client recipe","schema":1,"plan":"","lambda":0}"#,
            r#"{"kind":"velum client recipe","schema":1,"plan":"","lambda":-1.0}"#,
            r#"{"kind":"velum client recipe","schema":1,"plan":"","lambda":0.1,"more":1}"#,
            r#"{"kind":"velum client recipe","schema":1,"plan":""}"#,
            "",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(RecipeFile::parse(&path).is_err(), "{text}");
        }
    }
}
