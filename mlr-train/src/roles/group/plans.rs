//! The plan of a group: made by the first owner of the pooled statistics, checked by everybody.
//!
//! The payload is `plan.json`, which is public, and `map.sealed`, the map that whitens, sealed for owners and receivers: it tells the pooled statistics.

use std::fs;
use std::path::Path;

use super::payloads::{binding, put};
use super::wished::{recipe, require_wished, summary};
use super::{names, pooled};
use crate::artifacts::folder::JobFolder;
use crate::artifacts::private::shared_whitening;
use crate::artifacts::{PlanFile, Reporter, RunError};
use crate::client::{PrivateFile, Statistics};
use crate::files::{self, Access};
use crate::group::charter::{Charter, Duty};
use crate::group::seal;
use crate::group::{Card, Step, Turn};
use crate::job::{Hiding, Joint};
use crate::roles::Rows;
use crate::roles::client::plan::{self, PlanFor, PlanInput};

/// Name of the plan in the payload and in a member's own folder.
pub(super) const PLAN: &str = "plan.json";
/// Name of the sealed map.
const MAP: &str = "map.sealed";
/// Its name in a member's own folder.
pub(super) const OWN_MAP: &str = "map.safetensors";
/// Largest map that is read: 16,384 features with all axes, and what sealing adds.
const LARGEST_MAP: u64 = (2 << 30) + (1 << 20);
/// Columns' means of map and statistics differ by no more than their own size times this: both are sums of the same doubles.
const TOLERANCE: f64 = 1e-6;

/// What a plan is made of, and where it goes.
#[derive(Clone, Copy, Debug)]
pub enum Making<'a> {
    /// Of the pooled statistics of several owners: files for the plan and the map that whitens, both new.
    Pooled {
        /// The statistics.
        statistics: &'a Path,
        /// The plan.
        plan: &'a Path,
        /// The map.
        map: &'a Path,
    },
    /// Of one owner's rows, with what is private of it: plan, recipe and record in their places of the job's folder.
    Alone {
        /// The rows.
        rows: &'a Rows,
        /// The job's folder.
        job: &'a JobFolder,
    },
}

/// Where a group's plan comes from, and how it is read.
pub trait Plans {
    /// Makes the plan that the charter means.
    ///
    /// # Errors
    /// Statistics or rows that nothing can be planned for; the system's.
    fn make(
        &self,
        charter: &Charter,
        of: Making<'_>,
        reporter: &dyn Reporter,
    ) -> Result<(), RunError>;

    /// Reads a plan, which somebody else may have made.
    ///
    /// # Errors
    /// No plan, or one that is not secure.
    fn read(&self, plan: &Path) -> Result<PlanFile, RunError>;
}

/// Plans that are searched, as by `velum plan --stats --parties`, or by `velum plan` for one owner.
#[derive(Clone, Copy, Debug)]
pub struct Searched;

impl Plans for Searched {
    fn make(
        &self,
        charter: &Charter,
        of: Making<'_>,
        reporter: &dyn Reporter,
    ) -> Result<(), RunError> {
        let wishes = &charter.task().wishes;
        let usual = match of {
            Making::Alone { rows, job } => PlanInput::usual(rows.clone(), job)?,
            Making::Pooled {
                statistics,
                plan,
                map,
            } => PlanInput {
                from: PlanFor::Statistics {
                    pooled: statistics.to_owned(),
                    map: map.to_owned(),
                    data_bound: None,
                },
                joint: Some(joint(charter)),
                recipe_file: None,
                out: plan.to_owned(),
                ..PlanInput::usual(Rows::all(statistics), &JobFolder::new(files::parent(plan)))?
            },
        };
        let input = PlanInput {
            recipe: recipe(wishes)?,
            refresh: wishes.refreshes(),
            keep: wishes.keep,
            lambda: wishes.lambda,
            ..usual
        };
        plan::run(&input, reporter).map(|_| ())
    }

    fn read(&self, plan: &Path) -> Result<PlanFile, RunError> {
        PlanFile::read(plan)
    }
}

/// Owners and threshold as a plan names them.
pub fn joint(charter: &Charter) -> Joint {
    Joint {
        parties: charter.with(Duty::Owner).count() as u32,
        threshold: charter.threshold() as u32,
        opening: Hiding::KeyRecovery,
    }
}

/// Who may see the map.
fn inside(charter: &Charter) -> Vec<&Card> {
    let members = charter.members().iter();
    let inside = members.filter(|one| one.is(Duty::Owner) || one.is(Duty::Receiver));
    inside.map(|member| &member.card).collect()
}

/// The first owner's part: plan and sealed map.
pub(super) fn make(own: &Statistics, turn: &Turn<'_>, plans: &dyn Plans) -> Result<(), RunError> {
    let charter = turn.view.charter;
    let pooled = pooled::total(own, turn)?;
    let folder = turn.own()?.join("planning");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| RunError::io("remove", &folder, &error))?;
    }
    fs::create_dir(&folder).map_err(|error| RunError::io("create", &folder, &error))?;
    let (statistics, plan, map) = (
        folder.join("pooled"),
        folder.join(PLAN),
        folder.join(OWN_MAP),
    );
    pooled.write(&statistics)?;
    let of = Making::Pooled {
        statistics: &statistics,
        plan: &plan,
        map: &map,
    };
    plans.make(charter, of, turn.reporter)?;
    let clear = zeroize::Zeroizing::new(files::read_limited(&map, LARGEST_MAP)?);
    let binding = binding(turn, Step::Plan, turn.view.me);
    put(turn, MAP, &seal::seal(binding, &inside(charter), &clear)?)?;
    let out = turn.out.join(PLAN);
    fs::copy(&plan, &out).map_err(|error| RunError::io("write", &out, &error))?;
    Ok(())
}

/// A plan that is not that of this group, by the name of who made it.
pub(super) fn wrong(charter: &Charter, expected: String, found: String) -> RunError {
    let maker = charter.senders(Step::Plan);
    RunError::unverified(format!("expected a plan {expected}, found one {found}"))
        .at(format!("plan of {}", names(charter, &maker).join(", ")))
        .hint("nothing was said: begin a new session with the plan that the group means")
}

/// Checks the plan and keeps it, with the map where this member may see it.
///
/// # Errors
/// A plan that is not that of this group, by the name of who made it.
pub(super) fn accept(
    own: Option<&Statistics>,
    turn: &Turn<'_>,
    plans: &dyn Plans,
) -> Result<(), RunError> {
    let charter = turn.view.charter;
    let Some(maker) = charter.senders(Step::Plan).first().copied() else {
        return Err(RunError::input("expected an owner, found none"));
    };
    let payload = turn.payload(Step::Plan, maker);
    let plan = plans.read(&payload.join(PLAN))?;
    let wrong = |expected: String, found: String| wrong(charter, expected, found);
    let job = plan.plan.job();
    if job.joint() != Some(joint(charter)) {
        let found = job.joint().map_or("for a key holder".to_owned(), |j| {
            format!("for {} of {}", j.threshold, j.parties)
        });
        return Err(wrong(
            format!("for {} owners' joint key", joint(charter).parties),
            found,
        ));
    }
    require_wished(charter, job).map_err(|(expected, found)| wrong(expected, found))?;
    let kept = turn.own()?;
    let member = &charter.members()[turn.view.me];
    if member.is(Duty::Owner) || member.is(Duty::Receiver) {
        let sealed = files::read_limited(&payload.join(MAP), LARGEST_MAP)?;
        let clear = seal::open(binding(turn, Step::Plan, maker), turn.identity, &sealed)?;
        let path = kept.join(OWN_MAP);
        files::write_atomic(&path, &clear, Access::Private)?;
        let map = shared_whitening(&path, &plan)?;
        if let Some(own) = own {
            let pooled = pooled::total(own, turn)?;
            if pooled.owners() != job.owner_rows() {
                return Err(wrong(
                    format!("for {:?} rows", pooled.owners()),
                    format!("for {:?}", job.owner_rows()),
                ));
            }
            require_map(&map, &pooled).map_err(|found| {
                wrong("with the map of the pooled statistics".to_owned(), found)
            })?;
        }
    }
    turn.reporter.note(&summary(&plan));
    plan.write(&kept.join(PLAN))
}

/// The map is that of the statistics: its mean is theirs, and whitening them anew with as many axes gives the same variances.
fn require_map(map: &PrivateFile, pooled: &Statistics) -> Result<(), String> {
    let map = &map.whitening;
    let same = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0);
    let again = pooled
        .whitening(map.kept(), map.lambda())
        .map_err(|error| error.to_string())?;
    let mut means = map.mean().iter().zip(again.mean());
    if map.features() != again.features() || !means.all(|(a, b)| same(*a, *b)) {
        return Err("with another mean".to_owned());
    }
    let mut variances = map.eigenvalues().iter().zip(again.eigenvalues());
    if !variances.all(|(a, b)| same(*a, *b)) {
        return Err("with other variances".to_owned());
    }
    Ok(())
}
