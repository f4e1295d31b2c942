//! `predict`: labels of new rows or pictures, by a model in clear. Its modules: the verbs that predict on encrypted rows.

pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod plan;
pub(crate) mod server;
pub(crate) mod table;

use std::io::{self, Write};

use mlr_train::data::Rows;
use mlr_train::metrics;
use mlr_train::model::Model;
use serde::Serialize;

use crate::console::{Console, Summary};
use crate::failure::Failure;
use crate::features::FeatureArgs;
use crate::prediction::PredictArgs;
use table::Table;

/// What was predicted.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Predicted {
    seconds: f64,
    rows: usize,
    features: usize,
    classes: usize,
    /// Where the rows have labels.
    accuracy: Option<f64>,
    /// None where they went to a file.
    #[serde(flatten)]
    table: Option<Table>,
}

/// Predicts as the arguments say.
pub(crate) fn run(args: &PredictArgs, console: &Console) -> Result<Predicted, Failure> {
    let started = console.seconds();
    table::require_place(args.table.out.as_deref())?;
    let model = Model::read(&args.model)?;
    let rows = match &args.images {
        Some(_) => pictures(args, &model, console)?,
        None => load(&args.features)?,
    };
    require_width(&rows, model.features())?;
    let scores = model.scores(rows.features().view())?;
    let table = Table::new(scores.view(), model.class_names(), args.table.top.get());
    let accuracy = rows
        .labels()
        .map(|labels| metrics::accuracy(scores.view(), labels));
    Ok(Predicted {
        rows: rows.features().nrows(),
        features: model.features(),
        classes: model.classes(),
        accuracy,
        table: table.deliver(&args.table)?,
        seconds: console.seconds() - started,
    })
}

/// The chosen rows of `--features`, with or without labels.
pub(crate) fn load<const REQUIRED: bool>(args: &FeatureArgs<REQUIRED>) -> Result<Rows, Failure> {
    let path = args.path()?;
    let rows = Rows::read(path, args.labels.as_deref())?;
    let Some(chosen) = &args.rows else {
        return Ok(rows);
    };
    rows.select(chosen)
        .map_err(|error| Failure::from(error).at(format!("--rows of {}", path.display())))
}

/// Refuses rows of another width than the model's.
pub(crate) fn require_width(rows: &Rows, expected: usize) -> Result<(), Failure> {
    let found = rows.features().ncols();
    if found == expected {
        return Ok(());
    }
    Err(Failure::input(format!(
        "expected rows of {expected} features, found {found}"
    ))
    .at(rows.source().display().to_string())
    .hint("extract the features with the architecture that the model was trained on"))
}

/// Features of pictures, by way of a directory that is gone afterwards.
#[cfg(feature = "extract")]
fn pictures(args: &PredictArgs, model: &Model, console: &Console) -> Result<Rows, Failure> {
    use super::extract;
    use crate::extraction::ExtractArgs;

    let name = args.arch.as_deref().unwrap_or_default();
    let found = extract::features_of(name)?;
    if found != model.features() {
        return Err(Failure::input(format!(
            "expected a network of {} features, as the model was trained on, found {name}, which has {found}",
            model.features()
        ))
        .at("--arch")
        .hint("velum extract --list"));
    }
    let place = tempfile::tempdir().map_err(|error| {
        Failure::io("create a directory", &std::env::temp_dir(), &error).hint_for_system()
    })?;
    let out = place.path().join("features");
    let extraction = ExtractArgs {
        list: false,
        images: args.images.clone(),
        labels: None,
        arch: args.arch.clone(),
        weights: args.weights.clone(),
        normalisation: args.normalisation.clone(),
        limit: None,
        skip_bad: false,
        resume: false,
        out: Some(out.clone()),
    };
    extract::run(&extraction, &console.only_progress())?;
    Ok(Rows::read(&out, None)?)
}

#[cfg(not(feature = "extract"))]
fn pictures(_: &PredictArgs, _: &Model, _: &Console) -> Result<Rows, Failure> {
    Err(super::without_networks("predict --images"))
}

impl Summary for Predicted {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(table) = &self.table {
            return out.write_all(table.csv().as_bytes());
        }
        write!(out, "{} rows predicted in {:.1} s", self.rows, self.seconds)?;
        match self.accuracy {
            Some(accuracy) => writeln!(out, ", accuracy {:.2} %", 100.0 * accuracy),
            None => writeln!(out),
        }
    }
}
