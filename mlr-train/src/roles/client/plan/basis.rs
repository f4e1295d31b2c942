//! What a plan is made from: rows and their twin, pooled statistics, or sizes alone.

use std::path::Path;

use velum_record::plan::Tuned;

use super::{DEFAULT_DATA_BOUND, DEFAULT_KEEP, PlanFor, PlanInput, ask, tuned};
use crate::client::prepare::{Coordinates, Prepared, Recipe};
use crate::client::{CheckReport, PrivateFile, Statistics};
use crate::data::TrainingSet;
use crate::packing::Shape;
use crate::plan::{Plan, PlanRequest};
use crate::roles::client::DEFAULT_LAMBDA;
use crate::roles::{Reporter, Rows, RunError, Silent, columns};

/// A request, and what it was made from.
pub(super) struct Basis {
    pub(super) request: PlanRequest,
    prepared: Option<Prepared>,
    map: Option<PrivateFile>,
    pub(super) tuning: Option<Tuned>,
}

impl Basis {
    pub(super) fn read(input: &PlanInput, reporter: &dyn Reporter) -> Result<Self, RunError> {
        match &input.from {
            PlanFor::Rows(_) if input.joint.is_some() => Err(RunError::input(
                "expected pooled statistics or sizes to plan for a joint key with, found rows",
            )
            .at("--parties")
            .hint("one owner has a key of its own; several give --stats")),
            PlanFor::Rows(rows) => Self::of_rows(input, rows, reporter),
            PlanFor::Statistics {
                pooled, data_bound, ..
            } => {
                let stats = self::pooled(pooled)?;
                let lambda = input.lambda.unwrap_or(DEFAULT_LAMBDA);
                columns::look_at_statistics(&stats, lambda, reporter);
                Self::of_statistics(input, &stats, pooled, *data_bound)
            }
            &PlanFor::Sizes {
                rows,
                features,
                classes,
            } => {
                let shape = Shape {
                    samples: rows,
                    columns: keep(input, rows, features) + 1,
                    classes,
                };
                Ok(Self::of_request(without_rows(input, shape)?))
            }
        }
    }

    /// Of rows that are prepared already.
    pub(super) fn of_rows_prepared(
        request: PlanRequest,
        prepared: Prepared,
        tuning: Option<Tuned>,
    ) -> Self {
        Self {
            prepared: Some(prepared),
            tuning,
            ..Self::of_request(request)
        }
    }

    fn of_request(request: PlanRequest) -> Self {
        Self {
            request,
            prepared: None,
            map: None,
            tuning: None,
        }
    }

    fn of_rows(input: &PlanInput, rows: &Rows, reporter: &dyn Reporter) -> Result<Self, RunError> {
        let set: TrainingSet = rows.load()?.try_into()?;
        let lambda = input.lambda.unwrap_or(DEFAULT_LAMBDA);
        // What tuning will choose is not known yet: labels are refused now, the columns are spoken of then.
        columns::look(&set, lambda, if input.tune { &Silent } else { reporter })?;
        let (prepared, tuning) = if input.tune {
            let plans = |prepared: &Prepared| {
                Plan::search(&of_prepared(input, prepared)?)?;
                Ok(())
            };
            let (prepared, report) = tuned::prepare(&set, plans, reporter)?;
            columns::look(&set, report.chosen.lambda, reporter)?;
            (prepared, Some(report))
        } else {
            let keep = keep(input, set.rows(), set.width());
            reporter.detail("training the clear twin");
            let prepared = match (input.own_sigmoids, input.recipe.clone()) {
                (Some(degree), Recipe::Whitened { schedule, .. }) => {
                    Prepared::with_own_sigmoids(set, schedule, degree, keep, lambda)?
                }
                (_, recipe) => Prepared::new(set, recipe, keep, lambda)?,
            };
            (prepared, None)
        };
        let mut request = of_prepared(input, &prepared)?;
        ask(&mut request, input);
        Ok(Self::of_rows_prepared(request, prepared, tuning))
    }

    /// No row of any owner is known, so bounds are public ones, which every owner's encryption checks.
    fn of_statistics(
        input: &PlanInput,
        stats: &Statistics,
        source: &Path,
        data_bound: Option<f64>,
    ) -> Result<Self, RunError> {
        let shape = Shape {
            samples: stats.rows(),
            columns: keep(input, stats.rows(), stats.features()) + 1,
            classes: stats.class_counts().len(),
        };
        let mut request = without_rows(input, shape)?;
        let bound = data_bound.unwrap_or(DEFAULT_DATA_BOUND);
        request.bounds.data = request.bounds.data.min(bound);
        let lambda = input.lambda.unwrap_or(DEFAULT_LAMBDA);
        let map = PrivateFile {
            whitening: stats.whitening(shape.columns.saturating_sub(1), lambda)?,
            class_names: stats.class_names().map(<[String]>::to_vec),
            description: stats.description().clone(),
            features_hash: stats.hash(),
            source: source.to_owned(),
        };
        request.owners.public_key = true;
        request.owners.rows = stats.owners().to_vec();
        request.owners.whitening = Some(map.whitening_hash().to_hex().to_string());
        Ok(Self {
            map: Some(map),
            ..Self::of_request(request)
        })
    }

    /// The twin's check, with a warning where it has learnt nothing.
    pub(super) fn check(&self, reporter: &dyn Reporter) -> Result<Option<CheckReport>, RunError> {
        let Some(prepared) = &self.prepared else {
            return Ok(None);
        };
        let check = prepared.check(self.request.bounds.weight)?;
        if let Some(report) = &check {
            warn_of_nothing(report, reporter);
        }
        Ok(check)
    }

    /// The lambda of whitened rows.
    pub(super) fn lambda(&self) -> Option<f64> {
        match &self.prepared.as_ref()?.coordinates {
            Coordinates::Whitened(map) => Some(map.lambda()),
            Coordinates::Raw { .. } => None,
        }
    }

    /// Writes the map that several owners share.
    pub(super) fn write_map(
        &self,
        input: &PlanInput,
        reporter: &dyn Reporter,
    ) -> Result<(), RunError> {
        if let (Some(map), PlanFor::Statistics { map: path, .. }) = (&self.map, &input.from) {
            map.write(path)?;
            reporter.note(&format!(
                "key holder: {} goes to every owner of data, not to the server",
                path.display()
            ));
        }
        Ok(())
    }
}

/// Axes to keep: those asked for, else as many as centred rows have, up to a fast number.
pub(super) fn keep(input: &PlanInput, rows: usize, features: usize) -> usize {
    let most = features.min(rows.saturating_sub(1)).max(1);
    input.keep.unwrap_or(most.min(DEFAULT_KEEP))
}

/// What is asked for where no row is known.
fn without_rows(input: &PlanInput, shape: Shape) -> Result<PlanRequest, RunError> {
    let request = input.recipe.request(shape, input.first_gradient, None);
    let mut request = request.ok_or_else(|| {
        RunError::input("expected features to plan for, found sizes alone")
            .at("--shape")
            .hint("the paper's method trains on raw features, whose size is not known: use --features")
    })?;
    ask(&mut request, input);
    Ok(request)
}

/// What is asked for by rows and their twin: the ring degree and the key, the rest is free.
pub(super) fn of_prepared(input: &PlanInput, prepared: &Prepared) -> Result<PlanRequest, RunError> {
    let seen = Some((prepared.rows.view(), &prepared.twin));
    let request = prepared
        .recipe
        .request(prepared.shape(), input.first_gradient, seen);
    let mut request = request.ok_or_else(|| {
        RunError::input("expected a recipe with a plan, found none").at("--features")
    })?;
    request.log_n = input.log_n;
    request.owners.public_key = input.public_key;
    Ok(request)
}

/// Pooled statistics with rows of every class.
fn pooled(path: &Path) -> Result<Statistics, RunError> {
    let stats = Statistics::read(path)?;
    let counts = stats.class_counts();
    let gap = counts.iter().position(|&rows| rows == 0);
    if counts.len() < 2 || gap.is_some() {
        return Err(RunError::input(format!(
            "expected rows of at least two classes and of every class, found {counts:?} rows by class"
        ))
        .at(path.display().to_string())
        .hint("the owners together need rows of every class: merge all of their statistics"));
    }
    Ok(stats)
}

/// A warning where the twin is no better than the largest class.
pub(super) fn warn_of_nothing(report: &CheckReport, reporter: &dyn Reporter) {
    if report.learns_nothing() {
        reporter.warn(&format!(
            "the twin gets {}, the largest class alone {}: it has learnt nothing",
            report.accuracy(),
            report.baseline()
        ));
    }
}
