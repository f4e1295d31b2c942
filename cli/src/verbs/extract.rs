//! `extract`: from images to features, by a pretrained network.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use feature_extract::cnn::{Architecture, Extractor};
use feature_extract::extract::{Event, Options, Paths, extract_to_dir};
use feature_extract::preprocess::Normalisation;
use feature_extract::read::Source;
use serde::Serialize;

use super::train::peak_rss_mb;
use crate::console::{Console, Summary};
use crate::extraction::ExtractArgs;
use crate::failure::{Exit, Failure};
use crate::interrupt::{self, Stoppable};
use crate::progress::human_time;

/// Where torchvision publishes its files.
const PUBLISHED_AT: &str = "https://download.pytorch.org/models/";

/// What `extract` has to say.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    List(Networks),
    Extracted(Box<Extracted>),
}

/// Every network that can be loaded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Networks {
    published_at: &'static str,
    architectures: Vec<Network>,
}

#[derive(Clone, Debug, Serialize)]
struct Network {
    name: &'static str,
    features: usize,
    tensors: usize,
    /// torchvision's file; null where the weights are part of velum.
    published_weights: Option<&'static str>,
}

/// A feature set that was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Extracted {
    model: &'static str,
    weights_blake3: String,
    rows: usize,
    features: usize,
    skipped: usize,
    seconds: f64,
    /// Of this run, without loading the weights.
    images_per_second: f64,
    peak_rss_mb: Option<f64>,
}

/// Lists the networks, or extracts as the arguments say.
pub(crate) fn run(args: &ExtractArgs, console: &Console) -> Result<Answer, Failure> {
    match (&args.images, &args.arch, &args.out) {
        (Some(images), Some(name), Some(out)) if !args.list => {
            let paths = Paths {
                images,
                labels: args.labels.as_deref(),
                out,
            };
            extract(args, name, paths, console).map(|done| Answer::Extracted(Box::new(done)))
        }
        _ => Ok(Answer::List(networks())),
    }
}

fn networks() -> Networks {
    let network = |architecture: Architecture| Network {
        name: architecture.name(),
        features: architecture.features(),
        tensors: architecture.tensors(),
        published_weights: architecture.published_weights(),
    };
    Networks {
        published_at: PUBLISHED_AT,
        architectures: Architecture::ALL.map(network).to_vec(),
    }
}

fn extract(
    args: &ExtractArgs,
    name: &str,
    paths: Paths<'_>,
    console: &Console,
) -> Result<Extracted, Failure> {
    let started = console.seconds();
    // What costs nothing to refuse comes before the weights are read.
    let total = Source::open(paths.images, paths.labels)?.len();
    let total = args.limit.map_or(total, |limit| limit.get().min(total));
    let extractor = load(name, args)?;
    let stop = Stoppable::begin();
    let threads = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
    let options = Options {
        threads,
        skip_bad: args.skip_bad,
        resume: args.resume,
        limit: args.limit.map(NonZeroUsize::get),
    };
    let stage = console.stage("extract", total as u64);
    let mut images_per_second = 0.0;
    let mut observe = |event: Event<'_>| match event {
        Event::Skipped(error) => console.warn(&format!("skipped {error}")),
        Event::Progress {
            done,
            total,
            per_second,
        } => {
            images_per_second = per_second;
            let left = Duration::from_secs_f64((total - done) as f64 / per_second.max(1e-3));
            let what = format!(
                "{done} of {total} images, {per_second:.1} a second, {} left",
                human_time(left)
            );
            stage.show(done as u64, &what);
        }
        _ => {}
    };
    let done = extract_to_dir(&extractor, paths, options, interrupt::asked(), &mut observe)?;
    drop(stage);
    drop(stop);
    if !done.complete {
        return Err(Failure::new(
            Exit::Interrupted,
            format!("interrupted; {} of {total} images are kept", done.rows),
        )
        .at(paths.out.display().to_string())
        .hint("the same command with --resume goes on from there"));
    }
    console.note(&format!(
        "client: {} stays here; `velum plan --features` and `velum encrypt --features` read it",
        paths.out.display()
    ));
    Ok(Extracted {
        model: extractor.architecture().name(),
        weights_blake3: extractor.weights_blake3().to_owned(),
        rows: done.rows,
        features: extractor.features(),
        skipped: done.skipped,
        seconds: console.seconds() - started,
        images_per_second,
        peak_rss_mb: peak_rss_mb(),
    })
}

/// Features of the network `name`.
///
/// # Errors
/// No such network.
pub(super) fn features_of(name: &str) -> Result<usize, Failure> {
    Ok(architecture(name)?.features())
}

fn architecture(name: &str) -> Result<Architecture, Failure> {
    name.parse()
        .map_err(|error| Failure::from(error).hint("velum extract --list"))
}

/// The network with its weights and the preprocessing that was asked for.
fn load(name: &str, args: &ExtractArgs) -> Result<Extractor, Failure> {
    let architecture = architecture(name)?;
    let normalisation = Normalisation::named(&args.normalisation)?;
    let extractor = match (&args.weights, architecture.published_weights()) {
        (Some(weights), _) => Extractor::load(architecture, weights)?,
        (None, None) => Extractor::compact()?,
        (None, Some(file)) => {
            return Err(
                Failure::input(format!("expected the weights of {name}, found none"))
                    .at("--weights")
                    .hint(format!(
                        "download {PUBLISHED_AT}{file} once, then --weights {file}"
                    )),
            );
        }
    };
    let preprocessing = extractor
        .preprocessing()
        .with_normalisation(normalisation)?;
    Ok(extractor.with_preprocessing(preprocessing)?)
}

impl From<feature_extract::Error> for Failure {
    fn from(error: feature_extract::Error) -> Self {
        use feature_extract::Error;
        let at: Option<&Path> = match &error {
            Error::Io {
                path,
                operation,
                source,
            } => return Self::io(operation, path, source),
            Error::Input { path, .. } | Error::Weights { path, .. } => Some(path),
            Error::BadPicture { picture, .. } => Some(Path::new(picture)),
            _ => None,
        };
        let text = error.to_string();
        let mut failure = match at.map(|path| path.display().to_string()) {
            Some(at) => {
                // The library's text begins with the place.
                let message = text.strip_prefix(&format!("{at}: ")).unwrap_or(&text);
                Self::input(message).at(at)
            }
            None => Self::input(text),
        };
        if matches!(error, Error::BadPicture { .. }) {
            failure = failure.hint("replace or remove the image, or --skip-bad");
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl Summary for Answer {
    fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::List(networks) => {
                writeln!(out, "{:<16}{:>9}  weights", "network", "features")?;
                for network in &networks.architectures {
                    let weights = network.published_weights.unwrap_or("part of velum");
                    writeln!(
                        out,
                        "{:<16}{:>9}  {weights}",
                        network.name, network.features
                    )?;
                }
                writeln!(out, "torchvision's files are at {}", networks.published_at)
            }
            Self::Extracted(done) => {
                write!(
                    out,
                    "{} rows of {} features by {} in {:.1} s, {:.1} images a second",
                    done.rows, done.features, done.model, done.seconds, done.images_per_second
                )?;
                if done.skipped > 0 {
                    write!(out, ", {} skipped", done.skipped)?;
                }
                writeln!(out)
            }
        }
    }
}
