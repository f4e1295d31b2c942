//! Images to features: velum's speed and memory, on request beside torch's, each run a process of its own.

mod arrays;
mod quality;
mod torch;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::paper;
use torch::Torch;

/// Images of the run whose memory must not grow with their number: all of MNIST.
const MANY: usize = 70_000;

const SQUEEZENET: &str = "squeezenet1_0/squeezenet1_0_rgb01.safetensors";
const REGNET: &str = "regnet_x_400mf/regnet_x_400mf_rand.safetensors";
const MOBILENET: &str = "mobilenet_v2/mobilenet_v2_tf2_dequant.safetensors";

/// What `bench extract` may be given. Files that are not named are looked for in the folder that `VELUM_SHARED` names.
#[derive(Debug, clap::Args)]
pub(crate) struct Extract {
    /// Measure torch on the CPU too, side by side.
    #[arg(long)]
    peers: bool,
    /// Python environment with torch, made there if there is none [default: target/tmp/torch].
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// torchvision's weights of regnet_x_400mf; with them the paper's published features are reproduced too.
    #[arg(long, value_name = "FILE")]
    regnet_weights: Option<PathBuf>,
    /// Weights of squeezenet1_0.
    #[arg(long, value_name = "FILE")]
    squeezenet_weights: Option<PathBuf>,
    /// Weights of mobilenet_v2.
    #[arg(long, value_name = "FILE")]
    mobilenet_weights: Option<PathBuf>,
    /// Weights of resnet18.
    #[arg(long, value_name = "FILE")]
    resnet_weights: Option<PathBuf>,
    /// MNIST's IDX files; images made up instead have the same speed.
    #[arg(long, value_name = "DIR")]
    mnist: Option<PathBuf>,
    /// Published features of the first MNIST images, label first, to compare with (.csv or .csv.gz).
    #[arg(long, value_name = "FILE")]
    published: Option<PathBuf>,
    /// Leave out what the features are worth: 6,096 images through squeezenet1_0, minutes of work.
    #[arg(long)]
    no_quality: bool,
    /// Images through each large network.
    #[arg(long, value_name = "N", default_value_t = 256)]
    images: usize,
    /// Threads of either side.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Runs of either side in turn; the medians are reported.
    #[arg(long, value_name = "N", default_value = "3")]
    runs: std::num::NonZeroUsize,
    /// Where the results go, besides the table.
    #[arg(long, value_name = "OUT")]
    pub(super) json: Option<PathBuf>,
}

/// One network to measure.
struct Job {
    arch: &'static str,
    weights: Option<PathBuf>,
    images: usize,
}

/// Runs the bench; results by network.
pub(super) fn run(given: &Extract) -> Result<Value> {
    let shared = std::env::var_os("VELUM_SHARED").map(|folder| PathBuf::from(folder).join("data"));
    let find = |named: &Option<PathBuf>, below: &str| {
        named.clone().or_else(|| Some(shared.as_ref()?.join(below)))
    };
    let folder = tempfile::Builder::new()
        .prefix("velum-bench-")
        .tempdir()
        .context("cannot make a temporary directory")?;
    let many = folder.path().join("many-idx3-ubyte");
    arrays::write_pictures(&many, MANY)?;
    let images = find(&given.mnist, "mnist").map(|mnist| mnist.join("train-images-idx3-ubyte.gz"));
    // Without labels beside them the first are taken, as torch takes them; with labels, as many of every class.
    let alone = folder.path().join("pictures-idx3-ubyte.gz");
    let images = match images {
        Some(images) => std::fs::copy(&images, &alone)
            .map(|_| alone)
            .with_context(|| format!("cannot copy {}", images.display()))?,
        None => many.clone(),
    };
    let torch = match given.peers {
        true => {
            let default = crate::cargo::root().join("target/tmp/torch");
            Some(Torch::find(given.venv.as_deref().unwrap_or(&default))?)
        }
        false => None,
    };
    let velum = paper::build(&[])?;
    let mut results = Map::new();
    let named = [
        ("squeezenet1_0", &given.squeezenet_weights, Some(SQUEEZENET)),
        ("regnet_x_400mf", &given.regnet_weights, Some(REGNET)),
        ("mobilenet_v2", &given.mobilenet_weights, Some(MOBILENET)),
        ("resnet18", &given.resnet_weights, None),
    ];
    for (arch, file, shared) in named {
        let mut weights = match shared {
            Some(below) => find(file, below),
            None => file.clone(),
        };
        if let (None, Some(torch)) = (&weights, &torch) {
            let drawn = folder.path().join(format!("{arch}.pth"));
            torch.draw(arch, &drawn)?;
            weights = Some(drawn);
        }
        if weights.is_none() {
            eprintln!(
                "{arch}: skipped, neither its weights nor --peers, which draws some, were given"
            );
            continue;
        }
        let job = Job {
            arch,
            weights,
            images: given.images,
        };
        let result = measure(&velum, &job, &images, given, torch.as_ref(), folder.path())?;
        results.insert(arch.to_owned(), result);
    }
    let job = Job {
        arch: "velum-compact",
        weights: None,
        images: MANY,
    };
    eprintln!("velum-compact: {MANY} images");
    let out = folder.path().join("compact");
    let compact = result(&[extract(&velum, &job, &many, given.threads, &out)?], &[])?;
    results.insert(job.arch.to_owned(), compact);
    let mnist = find(&given.mnist, "mnist");
    let weights = find(&given.squeezenet_weights, SQUEEZENET);
    match (mnist, weights) {
        (Some(mnist), Some(weights)) if !given.no_quality => {
            let place = folder.path().join("quality");
            std::fs::create_dir(&place)?;
            let quality = quality::run(&velum, &weights, &mnist, given.threads, &place)?;
            results["squeezenet1_0"]["mnist"] = quality;
        }
        _ => eprintln!(
            "accuracy on MNIST: skipped, by --no-quality or without --mnist and --squeezenet-weights (or VELUM_SHARED)"
        ),
    }
    let published = find(&given.published, "regnet_x_400mf/mnist_first512.csv.gz");
    match (&given.regnet_weights, published) {
        (Some(weights), Some(published)) => {
            let error = reproduce(
                &velum,
                weights,
                &published,
                &images,
                given.threads,
                folder.path(),
            )?;
            results["regnet_x_400mf"]["published_relative_error"] = error.into();
        }
        _ => eprintln!(
            "the paper's published features: skipped, needs --regnet-weights and --published (or VELUM_SHARED)"
        ),
    }
    Ok(Value::Object(results))
}

/// Both sides in turn.
fn measure(
    velum: &Path,
    job: &Job,
    images: &Path,
    given: &Extract,
    torch: Option<&Torch>,
    folder: &Path,
) -> Result<Value> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut difference: Option<f64> = None;
    for k in 0..given.runs.get() {
        eprintln!("{}: run {} of {}", job.arch, k + 1, given.runs);
        let out = folder.join(format!("{}-{k}", job.arch));
        ours.push(extract(velum, job, images, given.threads, &out)?);
        if let Some(torch) = torch {
            let raw = folder.join("torch.f32");
            theirs.push(torch.run(job, images, given.threads, &raw)?);
            let found = arrays::read_npy(&out.join("features.npy"))?;
            let apart = arrays::relative_error(&found, &arrays::read_raw(&raw)?)?;
            difference = Some(difference.map_or(apart, |most| most.max(apart)));
        }
    }
    let mut result = result(&ours, &theirs)?;
    result["torch_relative_error"] = json!(difference);
    Ok(result)
}

/// One run of `velum extract`; the object that it prints.
fn extract(velum: &Path, job: &Job, images: &Path, threads: usize, out: &Path) -> Result<Value> {
    let mut command = Command::new(velum);
    command.args(["--json", "--quiet", "--no-progress", "extract"]);
    command.args(["--threads", &threads.to_string(), "--arch", job.arch]);
    command.args(["--limit", &job.images.to_string(), "--images"]);
    command.arg(images).arg("--out").arg(out);
    if let Some(weights) = &job.weights {
        command.arg("--weights").arg(weights);
    }
    let text = crate::cargo::output_of(&mut command)?;
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .with_context(|| format!("velum extract printed no object but {line:?}"))
}

/// The medians of the runs of both sides.
fn result(ours: &[Value], theirs: &[Value]) -> Result<Value> {
    let (speed, peak) = (
        median(ours, "images_per_second"),
        median(ours, "peak_rss_mb"),
    );
    let Some(speed) = speed else {
        bail!("velum extract printed no images_per_second");
    };
    let torch = median(theirs, "images_per_second");
    Ok(json!({
        "images": ours[0]["rows"],
        "images_per_second": speed,
        "torch_images_per_second": torch,
        "ratio": torch.map(|torch| speed / torch),
        "peak_rss_mb": peak,
        "torch": theirs.first().map(|run| run["torch"].clone()),
    }))
}

fn median(runs: &[Value], field: &str) -> Option<f64> {
    let values: Option<Vec<f64>> = runs.iter().map(|run| run[field].as_f64()).collect();
    let mut values = values.filter(|values| !values.is_empty())?;
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    Some(match values.len() % 2 {
        1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    })
}

/// Largest relative error of velum's features against the paper's, whose images went through 8 bits after resizing.
fn reproduce(
    velum: &Path,
    weights: &Path,
    published: &Path,
    images: &Path,
    threads: usize,
    folder: &Path,
) -> Result<f64> {
    let wanted = arrays::read_csv(published)?;
    let job = Job {
        arch: "regnet_x_400mf",
        weights: Some(weights.to_owned()),
        images: wanted.len() / 400,
    };
    let out = folder.join("published");
    extract(velum, &job, images, threads, &out)?;
    arrays::relative_error(&arrays::read_npy(&out.join("features.npy"))?, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratio_of_both_sides() {
        let run = |speed: f64| json!({"rows": 8, "images_per_second": speed, "peak_rss_mb": 100.0, "torch": "2"});
        let ours = [run(30.0), run(10.0), run(20.0)];
        let found = result(&ours, &[run(40.0), run(60.0)]).unwrap();
        assert_eq!(found["images_per_second"], 20.0);
        assert_eq!(found["torch_images_per_second"], 50.0);
        assert_eq!(found["ratio"], 0.4);
        let alone = result(&ours, &[]).unwrap();
        assert!(alone["ratio"].is_null() && alone["torch"].is_null());
        assert!(result(&[json!({})], &[]).is_err());
    }
}
