//! Features of pictures to predict, by the network, the weights and the preprocessing that the model was trained with.

use std::path::{Path, PathBuf};

use feature_extract::extract::Paths;
use feature_extract::preprocess::Normalisation;
use mlr_train::model::Model;
use serde_json::Value;
use tempfile::TempDir;

use crate::args::predict::ClearArgs;
use crate::face::console::Console;
use crate::face::failure::Failure;
use crate::verbs::extract::{self, Choices, Pictures};

/// A feature set that is gone with this.
pub(super) struct Temporary {
    _place: TempDir,
    path: PathBuf,
}

impl Temporary {
    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Computes the features of all pictures.
///
/// # Errors
/// Another network, other weights or another normalisation than the model's, before anything is computed; those of `extract`.
pub(super) fn extract(
    images: &Path,
    args: &ClearArgs,
    model: &Model,
    console: &Console,
) -> Result<Temporary, Failure> {
    let source = extract::open(images, None, &[], console)?;
    let by = model.description();
    let name = network(args.arch.as_deref(), by.model.as_deref())?;
    let network = extract::load(name, args.weights.as_deref())?;
    let network = match (&args.normalisation, &by.preprocessing) {
        (None, Some(json)) => {
            let how = network
                .preprocessing()
                .with_json(&Value::Object(json.clone()));
            let network = how.and_then(|how| network.with_preprocessing(how));
            network.map_err(Pictures)?
        }
        (given, _) => {
            let given = given.as_deref().unwrap_or("none");
            extract::normalised(network, &Normalisation::named(given).map_err(Pictures)?)?
        }
    };
    let preprocessing = network.preprocessing().to_json().as_object().cloned();
    let found = mlr_train::data::Description {
        model: Some(network.architecture().name().to_owned()),
        weights_blake3: Some(network.weights_blake3().to_owned()),
        preprocessing,
    };
    by.require_same(&found)
        .map_err(|error| Failure::from(error).at(given_by(args)))?;
    if network.features() != model.features() {
        return Err(Failure::input(format!(
            "expected a network of {} features, as the model was trained on, found {name}, which has {}",
            model.features(),
            network.features()
        ))
        .at("--arch")
        .hint("velum extract --list"));
    }
    let place = tempfile::tempdir().map_err(|error| {
        Failure::io("create a directory", &std::env::temp_dir(), &error).hint_for_system()
    })?;
    let path = place.path().join("features");
    let paths = Paths {
        images,
        labels: None,
        out: &path,
    };
    let choices = Choices {
        skip_bad: args.skip_bad,
        ..Choices::default()
    };
    extract::through(&network, &source, paths, choices, &console.only_progress())?;
    Ok(Temporary {
        _place: place,
        path,
    })
}

/// The model's network, which an argument may name again.
fn network<'a>(given: Option<&'a str>, models: Option<&'a str>) -> Result<&'a str, Failure> {
    match (given, models) {
        (Some(given), Some(models)) if given != models => Err(Failure::input(format!(
            "expected the network {models}, which the model was trained on, found {given}"
        ))
        .at("--arch")
        .hint("leave it out: the model names its network")),
        (given, models) => given.or(models).ok_or_else(|| {
            Failure::input("expected a network, found none: the model does not name one")
                .at("--arch")
                .hint("name the one that its features were extracted with; velum extract --list")
        }),
    }
}

/// The arguments that can make a difference.
fn given_by(args: &ClearArgs) -> &'static str {
    match (&args.weights, &args.normalisation) {
        (Some(_), Some(_)) => "--weights, --normalisation",
        (_, Some(_)) => "--normalisation",
        (Some(_), None) => "--weights",
        (None, None) => "--arch",
    }
}
