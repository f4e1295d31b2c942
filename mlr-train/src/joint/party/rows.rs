//! One owner's rows as the plan of several owners wants them: whitened by the map that all share, with its classes.

use ndarray::Array2;

use crate::artifacts::{PlanFile, Reporter, RunError};
use crate::client::check::Limits;
use crate::client::prepare::Recipe;
use crate::client::{PrivateFile, check_plan};
use crate::data::{Classes, FeatureSet};
use crate::error::Report;

/// Rows and labels of one owner, in the coordinates that are trained.
#[derive(Debug)]
pub struct OwnRows {
    /// The rows as they came, with the classes of the map.
    pub set: FeatureSet,
    /// The matrix that is encrypted, n x D.
    pub rows: Array2<f64>,
}

impl OwnRows {
    /// The rows of owner `owner`, from 0. `hint` says what to do about another number of rows than the plan's.
    ///
    /// # Errors
    /// Another number of rows, other features or classes than the plan's.
    pub fn new(
        plan: &PlanFile,
        owner: usize,
        set: FeatureSet,
        map: &PrivateFile,
        reporter: &dyn Reporter,
    ) -> Result<Self, RunError> {
        let job = plan.plan.job();
        let expected = job.owner_rows().get(owner).copied().unwrap_or(0);
        require_rows(&set, owner, expected)?;
        let set = of_the_plan(set, map, job.program().shape.classes, reporter)?;
        let rows = map.whitening.apply(set.features().view())?;
        Ok(Self { set, rows })
    }

    /// The twin's check on these rows alone: why it refuses, if it does. Other owners' rows may mend it or not.
    ///
    /// # Errors
    /// A plan that this version cannot check.
    pub fn own_check(&self, plan: &PlanFile) -> Result<Option<String>, RunError> {
        let program = plan.plan.job().program();
        let Some(checked) = Recipe::of(program).and_then(|recipe| recipe.checked()) else {
            return Err(RunError::input(
                "expected a plan that this version can check, found one with other steps",
            )
            .hint("plan anew with this version"));
        };
        let limits = Limits {
            weight: program.bounds.weight,
            ..Limits::default()
        };
        let (labels, classes) = (self.set.labels(), program.shape.classes);
        let found = check_plan(self.rows.view(), labels, classes, &checked, limits);
        Ok(found.err().map(|refused| Report::of(&refused).message))
    }
}

/// Refuses another number of rows than the plan's for this owner.
fn require_rows(set: &FeatureSet, owner: usize, expected: usize) -> Result<(), RunError> {
    if set.rows() == expected {
        return Ok(());
    }
    Err(RunError::input(format!(
        "the plan is for {expected} rows of owner {}, the data have {}",
        owner + 1,
        set.rows()
    ))
    .at(set.source().display().to_string())
    .hint("choose the same --rows as for stats, and the --owner that these rows had there"))
}

/// These rows with the classes of the map that all owners share, by name; refused if they were not computed as all others.
fn of_the_plan(
    set: FeatureSet,
    map: &PrivateFile,
    count: usize,
    reporter: &dyn Reporter,
) -> Result<FeatureSet, RunError> {
    let place = || set.source().display().to_string();
    let same = map.description.require_same(set.description());
    same.map_err(|error| RunError::caused(error).at(place()))?;
    let names = map.class_names.as_deref();
    let (set, how) = set.matched(Classes { count, names })?;
    if let Some(note) = how.note() {
        reporter.warn(note);
    }
    Ok(set)
}
