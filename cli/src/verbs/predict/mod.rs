//! `predict`: labels of new rows or pictures, by a model in clear. Its modules: the steps of a prediction on encrypted rows.

pub(crate) mod decrypt;
pub(crate) mod encrypt;
#[cfg(feature = "sunscreen")]
pub(crate) mod exact;
#[cfg(feature = "extract")]
mod pictures;
pub(crate) mod plan;
pub(crate) mod score;

use std::io::{self, Write};
use std::path::Path;

use mlr_train::roles::client::{PredictInput, Predicted, Predictor};

use crate::args::predict::{ClearArgs, PredictArgs, PredictStep};
use crate::face::console::{Console, Summary};
use crate::face::failure::Failure;
use crate::face::reporter::Reported;

/// Does the step that the arguments name, or predicts in clear.
pub(crate) fn run(name: &str, args: &PredictArgs, console: &Console) -> Result<(), Failure> {
    match args {
        PredictArgs::Clear(args) => console.finish(name, &in_clear(args, console)?),
        PredictArgs::Step(PredictStep::Plan(args)) => {
            console.finish(name, &plan::run(args, console)?)
        }
        PredictArgs::Step(PredictStep::Encrypt(args)) => {
            console.finish(name, &encrypt::run(args, console)?)
        }
        PredictArgs::Step(PredictStep::Score(args)) => {
            console.finish(name, &score::run(args, console)?)
        }
        PredictArgs::Step(PredictStep::Decrypt(args)) => {
            console.finish(name, &decrypt::run(args, console)?)
        }
        #[cfg(feature = "sunscreen")]
        PredictArgs::Step(PredictStep::Exact(args)) => {
            console.finish(name, &exact::run(args, console)?)
        }
        #[cfg(not(feature = "sunscreen"))]
        PredictArgs::Step(PredictStep::Exact(_)) => Err(super::without_exact()),
    }
}

/// Predicts as the arguments say.
fn in_clear(args: &ClearArgs, console: &Console) -> Result<Predicted, Failure> {
    let input = PredictInput {
        model: args.model.clone(),
        top: args.table.top,
        out: args.table.out.clone(),
    };
    let read = [
        &args.images,
        &args.features.features,
        &args.features.labels,
        &args.weights,
    ];
    let read: Vec<&Path> = read
        .into_iter()
        .filter_map(|path| path.as_deref())
        .collect();
    let predictor = Predictor::open(input, &read)?;
    let reporter = Reported::quick(console);
    match &args.images {
        Some(images) => of_pictures(images, args, predictor, console),
        None => Ok(predictor.run(&args.features.rows()?, &reporter)?),
    }
}

/// Predicts pictures by way of a directory that is gone afterwards.
#[cfg(feature = "extract")]
fn of_pictures(
    images: &Path,
    args: &ClearArgs,
    predictor: Predictor,
    console: &Console,
) -> Result<Predicted, Failure> {
    let features = pictures::extract(images, args, predictor.model(), console)?;
    let rows = mlr_train::roles::Rows::all(features.path());
    Ok(predictor.run(&rows, &Reported::quick(console))?)
}

#[cfg(not(feature = "extract"))]
fn of_pictures(_: &Path, _: &ClearArgs, _: Predictor, _: &Console) -> Result<Predicted, Failure> {
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
