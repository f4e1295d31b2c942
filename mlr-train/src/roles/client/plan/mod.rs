//! `plan`: everything about a run, chosen and checked before any work.

mod basis;
mod goal;
mod places;
mod refreshed;
mod summary;
mod tuned;
mod weighed;

use std::path::PathBuf;
use std::time::Instant;

use velum_record::plan::{Goal, MemoryBound, Planned, PlannedRows, Weighed};
use velum_record::{Step, Subject};

use self::basis::Basis;
use crate::artifacts::PlanFile;
use crate::artifacts::folder::JobFolder;
use crate::clear::whitened::{NEWTON_STEP, Schedule};
use crate::client::CheckReport;
use crate::client::prepare::Recipe;
use crate::data::RowSelection;
use crate::packing::Arrangement;
use crate::plan::cost::Rates;
use crate::plan::{
    FirstGradient, Joint, Limits, Plan, PlanRequest, Ranked, Refreshes, largest_error, ways, weigh,
};
use crate::roles::{Reporter, Rows, RunError, calibrate, keep};
use crate::sigmoid::{Degree, OddPolynomial};

pub use summary::summary;

/// Range of the polynomial for the sigmoid: scores of the first iterations stay below 6 on whitened features.
pub const DEFAULT_RANGE: f64 = 6.0;
/// Step of every iteration in units of 1/rows.
pub const DEFAULT_STEP: f64 = NEWTON_STEP;
/// Largest whitened value that is planned for where no row is known: real features of some ten thousand images stay below it.
pub const DEFAULT_DATA_BOUND: f64 = 64.0;
/// Most principal axes that are kept without being asked: with the constant a row of 128 columns.
pub const DEFAULT_KEEP: usize = 127;

/// What to plan for.
#[derive(Clone, Debug)]
pub enum PlanFor {
    /// Rows, which also check the plan.
    Rows(Rows),
    /// Sizes alone.
    Sizes {
        /// Rows.
        rows: usize,
        /// Features of a row, without a constant.
        features: usize,
        /// Classes.
        classes: usize,
    },
    /// Pooled statistics of several owners, who encrypt with a public key.
    Statistics {
        /// The file of them.
        pooled: PathBuf,
        /// Where the whitening map goes that the owners share.
        map: PathBuf,
        /// Largest whitened value that an owner's rows may have, if it is not the default.
        data_bound: Option<f64>,
    },
}

impl PlanFor {
    /// The rows by name.
    fn rows(&self) -> Option<PlannedRows> {
        let Self::Rows(rows) = self else { return None };
        let all = RowSelection::All;
        Some(PlannedRows {
            features: rows.features.display().to_string(),
            labels: rows.labels.as_ref().map(|path| path.display().to_string()),
            rows: rows.rows.as_ref().unwrap_or(&all).to_string(),
        })
    }
}

/// What operations take on the server.
#[derive(Clone, Debug)]
pub enum RatesFrom {
    /// As on the machine that velum was measured on.
    BuiltIn,
    /// As a file says.
    File(PathBuf),
    /// As on this machine: measured first, and written to a file.
    Measured(PathBuf),
}

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct PlanInput {
    /// What to plan for.
    pub from: PlanFor,
    /// Method, steps, polynomial.
    pub recipe: Recipe,
    /// Degree of a polynomial for each iteration, fitted to the scores that the twin meets there, in place of the recipe's; needs rows.
    pub own_sigmoids: Option<Degree>,
    /// Who refreshes weights, if anybody does; what is 0 in it is found.
    pub refresh: Option<Refreshes>,
    /// Passes of a bootstrapping, 1 or 2.
    pub bootstrap_passes: u32,
    /// Whether who refreshes weights is weighed instead, with so many iterations between two refreshes (0: as they are found).
    pub weigh: Option<usize>,
    /// Per cent of held-out rows that the twin is to get right; then the recipe is the cheapest of a ladder that does, and the one here says nothing.
    pub goal: Option<f64>,
    /// Who computes the first gradient of the whitened method.
    pub first_gradient: FirstGradient,
    /// Principal axes to keep, if not the default.
    pub keep: Option<usize>,
    /// Share of the largest variance that is added to every variance, if not the default.
    pub lambda: Option<f64>,
    /// Whether to choose axes, lambda and recipe on a split of the rows instead.
    pub tune: bool,
    /// Whether the rows are encrypted with a public key; always so with statistics.
    pub public_key: bool,
    /// Who makes a joint key and opens under it, in place of a key holder; not with rows, which one party has.
    pub joint: Option<Joint>,
    /// log2 of the ring degree, if it is not to be found.
    pub log_n: Option<u32>,
    /// Arrangement of the columns, if it is not to be found.
    pub arrangement: Option<Arrangement>,
    /// Columns of a row, if they are not to be found.
    pub row_length: Option<usize>,
    /// What the plan may need at most.
    pub limits: Limits,
    /// What operations take.
    pub rates: RatesFrom,
    /// Whether to show the plans that came next, and every iteration.
    pub explain: bool,
    /// Where what is private of the recipe goes, if not beside the plan.
    pub recipe_file: Option<PathBuf>,
    /// Where the plan goes.
    pub out: PathBuf,
}

impl PlanInput {
    /// Whether somebody may give the weights levels again.
    fn may_refresh(&self) -> bool {
        self.weigh.is_some() || self.refresh.is_some()
    }

    /// The usual plan of a job: two iterations of the whitened method with the client's first gradient, everything else found.
    ///
    /// # Errors
    /// None.
    pub fn usual(rows: Rows, folder: &JobFolder) -> Result<Self, RunError> {
        Ok(Self {
            from: PlanFor::Rows(rows),
            recipe: Recipe::Whitened {
                schedule: Schedule::new(vec![DEFAULT_STEP; 2])?,
                polynomials: OddPolynomial::fit(Degree::Three, DEFAULT_RANGE)?.into(),
                rounding: None,
            },
            own_sigmoids: None,
            refresh: None,
            bootstrap_passes: 1,
            weigh: None,
            goal: None,
            first_gradient: FirstGradient::Client,
            keep: None,
            lambda: None,
            tune: false,
            public_key: false,
            joint: None,
            log_n: None,
            arrangement: None,
            row_length: None,
            limits: Limits {
                security: 128,
                ..Limits::default()
            },
            rates: RatesFrom::BuiltIn,
            explain: false,
            recipe_file: Some(folder.recipe()),
            out: folder.plan(),
        })
    }
}

/// Plans, checks the plan by training in clear where there are rows, and writes it.
///
/// Cost: with rows, an eigen-decomposition p x p and two clear trainings (36 for each of 28 choices with `tune`, and 12 of up to 20
/// iterations for each of seven numbers of axes where weights may be refreshed; with a goal about ten for each of
/// eight rungs at most, with `tune` for three numbers of axes); a search over simulated runs, one for each way to refresh weights that is weighed.
///
/// # Errors
/// Rows that cannot be trained on; a plan that the twin refuses; limits that nothing keeps; places that are taken; the system's.
pub fn run(input: &PlanInput, reporter: &dyn Reporter) -> Result<Planned, RunError> {
    let started = Instant::now();
    let places = places::require(input)?;
    let Chosen {
        basis,
        check,
        mut ranked,
        weighed,
        goal,
    } = match (input.goal, &input.from) {
        (Some(percent), _) => goal::choose(input, percent, reporter),
        (None, PlanFor::Rows(rows)) if input.tune && input.may_refresh() => {
            refreshed::choose(input, rows, reporter)
        }
        _ => choose(input, reporter),
    }
    .map_err(unplanned)?;
    let explained = summary::explain(&ranked, &basis.request.rates)?;
    let best = ranked.swap_remove(0);
    let file = PlanFile::new(best.plan);
    basis.write_map(input, reporter)?;
    // Before the plan: one that is there has its recipe.
    if let Some(lambda) = basis.lambda() {
        places.write_recipe(&file, lambda, reporter)?;
    }
    file.write(&input.out)?;
    reporter.note(&format!(
        "client: {} is public and goes to the server: sizes, steps and parameters, no feature, label or weight",
        input.out.display()
    ));
    let threads = basis.request.threads();
    let mut planned = Planned {
        memory_bound: Some(MemoryBound {
            threads,
            bytes: file.plan.memory_bound(threads),
        }),
        predicted_train_seconds: Some(best.seconds),
        seconds: Some(started.elapsed().as_secs_f64()),
        explained: Some(explained),
        tuning: basis.tuning,
        weighed,
        goal,
        trained_on: input.from.rows(),
        rates: match &input.rates {
            RatesFrom::File(path) | RatesFrom::Measured(path) => Some(path.display().to_string()),
            RatesFrom::BuiltIn => None,
        },
        ..summary(&file, check.as_ref())
    };
    if let Some(path) = &places.record {
        let subject = Subject {
            plan: Some(file.hash_hex()),
            ..Subject::default()
        };
        let step = Step::Plan(Box::new(planned.clone()));
        keep(path, step, subject, reporter);
    }
    if !input.explain {
        planned.explained = None;
    }
    Ok(planned)
}

/// Sizes and numbers that no job has name no place of their own: here they are the caller's.
fn unplanned(error: RunError) -> RunError {
    error
        .at("what is planned for")
        .hint("choose other sizes or numbers: velum plan --help names the options")
}

/// Plans, the best first, and why these.
struct Chosen {
    basis: Basis,
    check: Option<CheckReport>,
    /// Never empty.
    ranked: Vec<Ranked>,
    weighed: Option<Vec<Weighed>>,
    goal: Option<Goal>,
}

/// Plans for the recipe that was asked for.
fn choose(input: &PlanInput, reporter: &dyn Reporter) -> Result<Chosen, RunError> {
    let mut basis = Basis::read(input, reporter)?;
    basis.request.rates = rates(&input.rates, reporter)?;
    // Steps that overshoot also make values that fit no parameters: the twin's check says so more plainly than the search.
    let check = basis.check(reporter)?;
    reporter.detail("searching parameters and layouts");
    let (ranked, weighed) = match input.weigh {
        None => (Plan::ranked(&basis.request)?, None),
        Some(every) => {
            let found = weigh(&basis.request, &ways(every, input.joint.is_some()));
            let found = found.map_err(|error| RunError::from(error).at("--refresh"))?;
            let said = weighed::said(&found);
            (found.plans, Some(said))
        }
    };
    Ok(Chosen {
        basis,
        check,
        ranked,
        weighed,
        goal: None,
    })
}

/// What operations take: measured now, read, or the built-in rates.
fn rates(from: &RatesFrom, reporter: &dyn Reporter) -> Result<Rates, RunError> {
    match from {
        RatesFrom::Measured(path) => {
            reporter.detail("measuring what operations take on this machine");
            calibrate::measure(path)
        }
        RatesFrom::File(path) => calibrate::read(path),
        RatesFrom::BuiltIn => Ok(Rates::default()),
    }
}

/// Puts into a request what the caller asked for.
fn ask(request: &mut PlanRequest, input: &PlanInput) {
    request.log_n = input.log_n;
    request.refresh = input.refresh;
    request.bootstrap_passes = input.bootstrap_passes;
    request.largest_error = largest_error(input.refresh, input.joint.is_some());
    request.arrangement = input.arrangement.or(request.arrangement);
    request.row_length = input.row_length.or(request.row_length);
    request.limits = input.limits;
    request.owners.public_key = input.public_key || input.joint.is_some();
    request.owners.joint = input.joint;
}
