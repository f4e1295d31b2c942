//! `extract`: from images to features, by a pretrained network.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use feature_extract::cnn::{Architecture, Extractor};
use feature_extract::extract::{Event, Options, Paths, extract_to_dir};
use feature_extract::preprocess::Normalisation;
use feature_extract::read::Source;
use he_core::error::{Class, Explain, SYSTEM_HINT};
use serde::Serialize;

use crate::args::extract::ExtractArgs;
use crate::face::console::{Console, Summary};
use crate::face::failure::{Exit, Failure};
use crate::face::interrupt::{self, Stoppable};
use mlr_train::roles::peak_rss_mb;

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
    let (Some(images), Some(name), Some(out), false) =
        (&args.images, &args.arch, &args.out, args.list)
    else {
        return Ok(Answer::List(networks()));
    };
    // What costs nothing to refuse comes before the weights are read.
    let labels = args.labels.as_deref();
    let source = open(images, labels, &args.classes, console)?;
    let normalisation = Normalisation::named(&args.normalisation).map_err(Pictures)?;
    let extractor = normalised(load(name, args.weights.as_deref())?, &normalisation)?;
    if !extractor.weights_prefix().is_empty() {
        console.note(&format!(
            "weights: those under `{}` of the checkpoint",
            extractor.weights_prefix()
        ));
    }
    let paths = Paths {
        images,
        labels,
        out,
    };
    let choices = Choices {
        limit: args.limit.map(NonZeroUsize::get),
        classes: args.classes.clone(),
        skip_bad: args.skip_bad,
        resume: args.resume,
    };
    let done = through(&extractor, &source, paths, choices, console)?;
    Ok(Answer::Extracted(Box::new(done)))
}

/// What a run does with pictures.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    pub(super) limit: Option<usize>,
    pub(super) classes: Vec<String>,
    pub(super) skip_bad: bool,
    pub(super) resume: bool,
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

/// Opens the pictures and says what they are taken for.
pub(super) fn open(
    images: &Path,
    labels: Option<&Path>,
    classes: &[String],
    console: &Console,
) -> Result<Source, Failure> {
    let classes = (!classes.is_empty()).then_some(classes);
    let source = Source::open_classes(images, labels, classes).map_err(Pictures)?;
    tell(&source, console);
    Ok(source)
}

/// Runs every picture through the network, into a feature set.
pub(super) fn through(
    extractor: &Extractor,
    source: &Source,
    paths: Paths<'_>,
    choices: Choices,
    console: &Console,
) -> Result<Extracted, Failure> {
    let started = console.seconds();
    let total = source.len();
    let total = choices.limit.map_or(total, |limit| limit.min(total));
    let stop = Stoppable::begin();
    let threads = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
    let options = Options {
        threads,
        skip_bad: choices.skip_bad,
        resume: choices.resume,
        limit: choices.limit,
        classes: (!choices.classes.is_empty()).then_some(choices.classes),
    };
    let stage = console.stage("extract", total as u64);
    let mut images_per_second = 0.0;
    let mut observe = |event: Event<'_>| match event {
        Event::Skipped(error) => {
            let place = error.place().unwrap_or_default();
            console.warn(&format!("skipped {place}: {error}"));
        }
        Event::Progress {
            done,
            total,
            per_second,
        } => {
            images_per_second = per_second;
            let left = Duration::from_secs_f64((total - done) as f64 / per_second.max(1e-3));
            let what = format!("{done} of {total} images, {per_second:.1} a second");
            stage.show(done as u64, &what, Some(left));
        }
        _ => {}
    };
    let done = extract_to_dir(extractor, paths, &options, interrupt::asked(), &mut observe)
        .map_err(Pictures)?;
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

/// What a source is taken for, where a user may have meant something else.
fn tell(source: &Source, console: &Console) {
    let left_out = source.left_out();
    if let Some(first) = left_out.first() {
        console.warn(&format!(
            "{} entries left out, no pictures by their names; the first: {}",
            left_out.len(),
            first.display()
        ));
    }
    match source.labels_file() {
        Some(labels) => console.note(&format!("labels: {}", labels.display())),
        None if !source.has_labels() => {
            console.note("no labels: the feature set can be predicted, not trained on");
        }
        None => {}
    }
}

fn architecture(name: &str) -> Result<Architecture, Failure> {
    name.parse()
        .map_err(|error| Failure::from(Pictures(error)).hint("velum extract --list"))
}

/// The network with its weights.
pub(super) fn load(name: &str, weights: Option<&Path>) -> Result<Extractor, Failure> {
    let architecture = architecture(name)?;
    match (weights, architecture.published_weights()) {
        (Some(weights), _) => Ok(Extractor::load(architecture, weights).map_err(Pictures)?),
        (None, None) => Ok(Extractor::compact().map_err(Pictures)?),
        (None, Some(file)) => Err(Failure::input(format!(
            "expected the weights of {name}, found none"
        ))
        .at("--weights")
        .hint(format!(
            "download {PUBLISHED_AT}{file} once, then --weights {file}"
        ))),
    }
}

/// The network behind another normalisation of pixels.
pub(super) fn normalised(
    extractor: Extractor,
    normalisation: &Normalisation,
) -> Result<Extractor, Failure> {
    let preprocessing = extractor.preprocessing();
    let preprocessing = preprocessing.with_normalisation(normalisation.clone());
    let extractor = preprocessing.and_then(|how| extractor.with_preprocessing(how));
    Ok(extractor.map_err(Pictures)?)
}

/// An error of the crate of networks, which knows no other crate, in the protocol of the others.
#[derive(Debug)]
pub(super) struct Pictures(pub(super) feature_extract::Error);

impl std::fmt::Display for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Pictures {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl Explain for Pictures {
    fn place(&self) -> Option<String> {
        self.0.place()
    }

    fn hint(&self) -> Option<String> {
        match &self.0 {
            feature_extract::Error::BadPicture { .. } => {
                Some("replace or remove the image, or --skip-bad".to_owned())
            }
            feature_extract::Error::Io { .. } => Some(SYSTEM_HINT.to_owned()),
            other => other.hint().map(str::to_owned),
        }
    }

    fn class(&self) -> Class {
        match &self.0 {
            feature_extract::Error::Io { source, .. } => Class::of_io(source),
            _ => Class::Input,
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
