//! `plan`: everything about a run, chosen and checked before any work.

mod explain;
mod tuned;

use std::io::{self, Write};
use std::path::Path;

use mlr_train::clear::whitened::Schedule;
use mlr_train::client::prepare::{Prepared, Recipe};
use mlr_train::client::{CheckReport, PrivateFile, Statistics};
use mlr_train::data::TrainingSet;
use mlr_train::packing::{self, Arrangement};
use mlr_train::plan::cost::Rates;
use mlr_train::plan::{FirstGradient, Method, Plan, PlanRequest};
use mlr_train::sigmoid::{Degree, OddPolynomial};
use serde::Serialize;

use self::explain::Explained;
use super::human_bytes;
use crate::args::{FirstGradientName, FitName, MethodName, PlanArgs};
use crate::artifacts::directory;
use crate::budget::LayoutName;
use crate::calibrate;
use crate::console::{Console, Summary};
use crate::defaults;
use crate::failure::Failure;
use crate::plan_file::PlanFile;
use crate::progress::human_time;

/// What a plan says; all of it is public.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Planned {
    method: &'static str,
    first_gradient: &'static str,
    rows: usize,
    columns: usize,
    classes: usize,
    iterations: usize,
    /// Rows of each owner; empty where one has them all.
    owners: Vec<usize>,
    /// Whether uploads are encrypted under the public key.
    public_key: bool,
    log_n: u32,
    log_qp: f64,
    security_bits: u32,
    levels: usize,
    layout: Arrangement,
    row_length: usize,
    passes: usize,
    /// Products with evaluation keys.
    key_switches: u64,
    mod_downs: u64,
    upload_ciphertexts: u64,
    upload_bytes: u64,
    eval_keys: usize,
    eval_key_bytes: u64,
    download_bytes: u64,
    server_memory_bytes: u64,
    predicted_weight_error: f64,
    /// By the rates; null where no rates were asked.
    predicted_train_seconds: Option<f64>,
    plan_hash: String,
    /// What the twin saw; null when the plan was made from sizes alone, or for the paper's method.
    check: Option<Check>,
    /// Other plans and every iteration's costs, with --explain.
    explained: Option<Explained>,
    /// What `--tune` chose from, and what to expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    tuning: Option<tuned::Report>,
}

/// The twin's check.
#[derive(Clone, Debug, Serialize)]
struct Check {
    held_out: usize,
    range: f64,
    allowed_loss: usize,
    iterations: Vec<Iteration>,
}

#[derive(Clone, Debug, Serialize)]
struct Iteration {
    iteration: usize,
    largest_score: f64,
    beyond_range: f64,
    correct_polynomial: usize,
    correct_exact: usize,
}

/// Plans as the arguments say and writes the plan.
pub(crate) fn run(args: &PlanArgs, console: &Console) -> Result<Planned, Failure> {
    directory::require_parent(&args.out)?;
    refuse_foreign_options(args)?;
    let recipe = recipe(args)?;
    let first = match args.first_gradient {
        Some(FirstGradientName::Server) => FirstGradient::Server,
        _ => FirstGradient::Client,
    };
    let pooled = args.stats.as_deref().map(pooled_statistics).transpose()?;
    let mut tuning = None;
    let (request, prepared) = match args.features.load()? {
        Some(set) => {
            let set: TrainingSet = set.try_into()?;
            let prepared = if args.tune {
                let (prepared, report) = tuned::prepare(
                    set,
                    |prepared| search(args, prepared, first).map(|_| ()),
                    console,
                )?;
                tuning = Some(report);
                prepared
            } else {
                let keep = keep(args, set.rows(), set.width());
                console.detail("training the clear twin");
                Prepared::new(set, recipe, keep, args.lambda)?
            };
            let seen = Some((prepared.rows.view(), &prepared.twin));
            let request = prepared.recipe.request(prepared.shape(), first, seen);
            (request, Some(prepared))
        }
        None => match &pooled {
            Some(stats) => (from_stats(args, &recipe, first, stats), None),
            None => (from_shape(args, &recipe, first), None),
        },
    };
    let mut request: PlanRequest = request.ok_or_else(|| {
        Failure::input("expected features to plan for, found sizes alone")
            .at("--shape")
            .hint("the paper's method trains on raw features, whose size is not known: use --features")
    })?;
    request.log_n = args.log_n;
    request.arrangement = args.budget.layout.map(Into::into).or(request.arrangement);
    request.row_length = args.budget.row_length.or(request.row_length);
    request.limits = args.budget.limits();
    request.rates = rates(args, console)?;
    request.owners.public_key = args.public_key || pooled.is_some();
    let map = match (&pooled, &args.stats) {
        (Some(stats), Some(source)) => Some(PrivateFile {
            whitening: stats.whitening(request.shape.columns.saturating_sub(1), args.lambda)?,
            class_names: stats.class_names().map(<[String]>::to_vec),
            features_hash: stats.hash(),
            source: source.clone(),
        }),
        _ => None,
    };
    if let (Some(map), Some(stats)) = (&map, &pooled) {
        request.owners.rows = stats.owners().to_vec();
        request.owners.whitening = Some(map.whitening_hash().to_hex().to_string());
    }
    // Steps that overshoot also make values that fit no parameters: the twin's check says so more plainly than the search.
    let check = match &prepared {
        Some(prepared) => prepared.check(request.bounds.weight)?,
        None => None,
    };
    console.detail("searching parameters and layouts");
    let mut ranked = Plan::ranked(&request)?;
    let explained = args
        .budget
        .explain
        .then(|| Explained::new(&ranked, &request.rates))
        .transpose()?;
    let best = ranked.swap_remove(0);
    let seconds = best.seconds;
    let file = PlanFile::new(best.plan);
    if let (Some(map), Some(path)) = (&map, &args.whitening) {
        map.write(path)?;
        console.note(&format!(
            "key holder: {} goes to every owner of data, not to the server",
            path.display()
        ));
    }
    file.write(&args.out)?;
    console.note(&format!(
        "client: {} is public and goes to the server: sizes, steps and parameters, no feature, label or weight",
        args.out.display()
    ));
    Ok(Planned {
        predicted_train_seconds: Some(seconds),
        explained,
        tuning,
        ..summary(&file, check.as_ref())
    })
}

/// What operations take: measured now, read, or the built-in rates.
fn rates(args: &PlanArgs, console: &Console) -> Result<Rates, Failure> {
    match &args.budget.rates {
        Some(path) if args.budget.calibrate => {
            directory::require_parent(path)?;
            console.detail("measuring what operations take on this machine");
            calibrate::measure(path)
        }
        Some(path) => calibrate::read(path),
        None => Ok(Rates::default()),
    }
}

/// Options of the whitened method say nothing to the paper's.
fn refuse_foreign_options(args: &PlanArgs) -> Result<(), Failure> {
    if args.shape.is_some() && (args.features.rows.is_some() || args.features.labels.is_some()) {
        return Err(Failure::input("--rows and --labels choose from --features")
            .at("arguments")
            .hint("--shape names the sizes themselves"));
    }
    if args.method == MethodName::Whitened {
        return Ok(());
    }
    let given = [
        ("--keep", args.keep.is_some()),
        ("--steps", args.steps.is_some()),
        ("--range", args.range.is_some()),
        ("--degree", args.degree != 3),
        ("--fit minimax", args.fit == FitName::Minimax),
        (
            "--layout diagonal",
            args.budget.layout == Some(LayoutName::Diagonal),
        ),
        ("--stats", args.stats.is_some()),
        ("--tune", args.tune),
        (
            "--first-gradient client",
            args.first_gradient == Some(FirstGradientName::Client),
        ),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Failure::input(format!(
            "the paper's method is run as published: expected no {option}"
        ))
        .at("arguments")
        .hint("leave it out, or use --method whitened")),
        None => Ok(()),
    }
}

pub(super) fn recipe(args: &PlanArgs) -> Result<Recipe, Failure> {
    if args.method == MethodName::Paper {
        return Ok(Recipe::Paper {
            iterations: args.iterations,
        });
    }
    let steps = match &args.steps {
        Some(steps) if steps.len() == args.iterations => steps.clone(),
        Some(steps) => {
            return Err(Failure::input(format!(
                "expected {} steps, one for each of --iterations, found {}",
                args.iterations,
                steps.len()
            ))
            .at("--steps"));
        }
        None => vec![defaults::STEP; args.iterations],
    };
    let range = args.range.unwrap_or(defaults::RANGE);
    Ok(Recipe::Whitened {
        schedule: Schedule::new(steps).map_err(|error| Failure::from(error).at("--iterations"))?,
        polynomial: polynomial(args, range)?,
    })
}

fn polynomial(args: &PlanArgs, range: f64) -> Result<OddPolynomial, Failure> {
    let degree = Degree::from_number(args.degree).ok_or_else(|| {
        Failure::input(format!("expected degree 3, 5 or 7, found {}", args.degree)).at("--degree")
    })?;
    let fitted = match args.fit {
        FitName::LeastSquares => OddPolynomial::fit(degree, range),
        FitName::Minimax => OddPolynomial::minimax(degree, range),
    };
    fitted.map_err(|error| Failure::from(error).at("--range"))
}

/// Axes to keep: those asked for, else as many as centred rows have, up to a fast number.
fn keep(args: &PlanArgs, rows: usize, features: usize) -> usize {
    let most = features.min(rows.saturating_sub(1)).max(1);
    args.keep.unwrap_or(most.min(defaults::KEEP))
}

fn from_shape(args: &PlanArgs, recipe: &Recipe, first: FirstGradient) -> Option<PlanRequest> {
    let shape = args.shape?;
    let shape = packing::Shape {
        samples: shape.rows,
        columns: keep(args, shape.rows, shape.features) + 1,
        classes: shape.classes,
    };
    recipe.request(shape, first, None)
}

/// Whether the planner finds parameters for a prepared run.
fn search(args: &PlanArgs, prepared: &Prepared, first: FirstGradient) -> Result<Plan, Failure> {
    let seen = Some((prepared.rows.view(), &prepared.twin));
    let request = prepared.recipe.request(prepared.shape(), first, seen);
    let mut request = request
        .ok_or_else(|| Failure::input("expected a recipe with a plan, found none").at("--tune"))?;
    request.log_n = args.log_n;
    request.owners.public_key = args.public_key;
    Ok(Plan::search(&request)?)
}

/// Pooled statistics with rows of every class.
fn pooled_statistics(path: &Path) -> Result<Statistics, Failure> {
    let stats = Statistics::read(path)?;
    let counts = stats.class_counts();
    let gap = counts.iter().position(|&rows| rows == 0);
    if counts.len() < 2 || gap.is_some() {
        return Err(Failure::input(format!(
            "expected rows of at least two classes and of every class, found {counts:?} rows by class"
        ))
        .at(path.display().to_string())
        .hint("the owners together need rows of every class: merge all of their statistics"));
    }
    Ok(stats)
}

/// What is asked for by the statistics of all owners: no row of any is known, so bounds are public ones, which every owner's encryption checks.
fn from_stats(
    args: &PlanArgs,
    recipe: &Recipe,
    first: FirstGradient,
    stats: &Statistics,
) -> Option<PlanRequest> {
    let shape = packing::Shape {
        samples: stats.rows(),
        columns: keep(args, stats.rows(), stats.features()) + 1,
        classes: stats.class_counts().len(),
    };
    let mut request = recipe.request(shape, first, None)?;
    let bound = args.data_bound.unwrap_or(defaults::DATA_BOUND);
    request.bounds.data = request.bounds.data.min(bound);
    Some(request)
}

/// The summary of a plan, for `plan` and `inspect`.
pub(crate) fn summary(file: &PlanFile, check: Option<&CheckReport>) -> Planned {
    let (job, params) = (file.plan.job(), file.plan.params());
    let (program, prediction) = (job.program(), file.plan.prediction());
    Planned {
        method: file.method(),
        first_gradient: match program.method {
            Method::Whitened {
                first_gradient: FirstGradient::Client,
            } => "client",
            _ => "server",
        },
        rows: program.shape.samples,
        columns: program.shape.columns,
        classes: program.shape.classes,
        iterations: job.iterations(),
        owners: program.owners.rows.clone(),
        public_key: program.owners.public_key,
        log_n: params.log_n(),
        log_qp: params.log_qp(),
        security_bits: params.security().bits(),
        levels: prediction.levels,
        layout: program.arrangement,
        row_length: program.row_length,
        passes: program.shape.classes.div_ceil(program.classes_per_pass),
        key_switches: prediction.key_products,
        mod_downs: prediction.mod_downs,
        upload_ciphertexts: prediction.uploads,
        upload_bytes: prediction.upload_bytes,
        eval_keys: prediction.keys.len(),
        eval_key_bytes: prediction.key_bytes,
        download_bytes: prediction.download_bytes,
        server_memory_bytes: prediction.server_memory_bytes,
        predicted_weight_error: prediction.weight_error(),
        predicted_train_seconds: None,
        explained: None,
        plan_hash: file.hash_hex(),
        tuning: None,
        check: check.map(|report| Check {
            held_out: report.held_out,
            range: report.range,
            allowed_loss: report.allowed_loss,
            iterations: report
                .iterations
                .iter()
                .map(|figures| Iteration {
                    iteration: figures.iteration,
                    largest_score: figures.largest_score,
                    beyond_range: figures.beyond_range,
                    correct_polynomial: figures.correct_polynomial,
                    correct_exact: figures.correct_exact,
                })
                .collect(),
        }),
    }
}

/// Seconds for people; a prediction has no more than two digits.
fn human_seconds(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else {
        human_time(std::time::Duration::from_secs_f64(seconds.min(1e9)))
    }
}

impl Summary for Planned {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "plan {}", self.plan_hash)?;
        writeln!(
            out,
            "  method      {}, {} iterations, first gradient by the {}",
            self.method, self.iterations, self.first_gradient
        )?;
        writeln!(
            out,
            "  data        {} rows x {} columns (a constant included), {} classes",
            self.rows, self.columns, self.classes
        )?;
        for (owner, rows) in self.owners.iter().enumerate() {
            writeln!(
                out,
                "  owner {:<6}{rows} rows, under the public key",
                owner + 1
            )?;
        }
        writeln!(
            out,
            "  parameters  N = 2^{}, log2(QP) = {:.1}, {} levels",
            self.log_n, self.log_qp, self.levels
        )?;
        writeln!(
            out,
            "  security    at least {} bits ({})",
            self.security_bits,
            he_core::params::security::SOURCE
        )?;
        writeln!(
            out,
            "  upload      {} in {} ciphertexts, and {} of evaluation keys ({})",
            human_bytes(self.upload_bytes),
            self.upload_ciphertexts,
            human_bytes(self.eval_key_bytes),
            self.eval_keys
        )?;
        writeln!(
            out,
            "  server      {} key switches, about {} of memory{}",
            self.key_switches,
            human_bytes(self.server_memory_bytes),
            self.predicted_train_seconds
                .map_or_else(String::new, |s| format!(", about {}", human_seconds(s)))
        )?;
        writeln!(out, "  download    {}", human_bytes(self.download_bytes))?;
        writeln!(
            out,
            "  precision   expected error of a weight {:.1e}",
            self.predicted_weight_error
        )?;
        if let Some(explained) = &self.explained {
            explained.human(out)?;
        }
        if let Some(tuning) = &self.tuning {
            tuning.human(out)?;
        }
        let Some(check) = &self.check else {
            return Ok(());
        };
        writeln!(
            out,
            "  twin        passed: scores within {:.1}, accuracy on {} held-out training rows",
            2.0 * check.range,
            check.held_out
        )?;
        for figures in &check.iterations {
            writeln!(
                out,
                "    iteration {}: largest score {:.2}, right with the polynomial {}, with the exact sigmoid {}",
                figures.iteration,
                figures.largest_score,
                figures.correct_polynomial,
                figures.correct_exact
            )?;
        }
        Ok(())
    }
}
