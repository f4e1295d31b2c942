//! All of MNIST: training on features of a real network, end to end on ciphertexts, by number of training rows.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};

use super::paper::{Work, build, call, once};
use super::summary::summarise;
use super::table::estimate;

/// Options of `bench mnist`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Mnist {
    /// A directory with {train,test}_{features,labels}.npy.
    #[arg(long, value_name = "DIR")]
    features: PathBuf,
    /// Numbers of training rows, from the first.
    #[arg(
        long,
        value_name = "N,N,..",
        value_delimiter = ',',
        default_value = "128,1024,8192,60000"
    )]
    samples: Vec<usize>,
    /// Whole runs of every size; the medians are reported.
    #[arg(long, value_name = "N", default_value = "1")]
    runs: std::num::NonZeroUsize,
    /// Largest memory of the server.
    #[arg(long, value_name = "SIZE", default_value = "4GB")]
    max_memory: String,
    /// Where the results go, besides the table.
    #[arg(long, value_name = "OUT")]
    pub(super) json: Option<PathBuf>,
    /// Where a picture goes: time against rows, accuracy against iterations.
    #[arg(long, value_name = "OUT")]
    pub(super) svg: Option<PathBuf>,
}

/// Axes, damping, steps and range for a number of rows: chosen on the training rows alone, with more of everything for more rows.
struct Setting {
    keep: &'static str,
    lambda: &'static str,
    steps: &'static str,
    range: &'static str,
}

const SMALL: Setting = Setting {
    keep: "127",
    lambda: "0.01",
    steps: "4,4",
    range: "6",
};
const MIDDLE: Setting = Setting {
    keep: "255",
    lambda: "0.003",
    steps: "4,8,8",
    range: "8",
};
const LARGE: Setting = Setting {
    keep: "511",
    lambda: "0.001",
    steps: "4,12,12",
    range: "8",
};
const ALL: Setting = Setting {
    keep: "511",
    lambda: "0.0001",
    steps: "4,16,16",
    range: "7",
};

impl Setting {
    fn of(samples: usize) -> Self {
        match samples {
            0..512 => SMALL,
            512..4096 => MIDDLE,
            4096..32_768 => LARGE,
            _ => ALL,
        }
    }

    /// The words for `plan`, but lambda.
    fn plan(&self) -> Vec<String> {
        let iterations = self.steps.split(',').count().to_string();
        [
            ["--keep", self.keep],
            ["--iterations", &iterations],
            ["--steps", self.steps],
            ["--range", self.range],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }
}

/// How all owners of so many rows plan together.
pub(super) fn wishes(samples: usize) -> Vec<String> {
    let setting = Setting::of(samples);
    let whitening = ["--lambda", setting.lambda].map(str::to_owned);
    [setting.plan(), whitening.to_vec()].concat()
}

/// One whole run of one owner with so many rows, by the built-in rates.
pub(super) fn alone(
    velum: &Path,
    folder: &Path,
    samples: usize,
    max_memory: &str,
    place: &Path,
) -> Result<Value> {
    let data = Data::of(folder, samples)?;
    let plan = [
        Setting::of(samples).plan(),
        vec!["--max-memory".to_owned(), max_memory.to_owned()],
    ]
    .concat();
    let work = Work {
        plan: plan.iter().map(String::as_str).collect(),
        train: data.train(),
        whitening: vec!["--lambda", Setting::of(samples).lambda],
        test: data.test(),
    };
    Ok(summarise(&[once(velum, &work, place)?]))
}

/// Files of the features, and the rows that are trained on.
struct Data {
    train: [String; 2],
    test: [String; 2],
    rows: String,
}

impl Data {
    fn of(folder: &Path, samples: usize) -> Result<Self> {
        let path = |name: &str| text(&folder.join(name));
        Ok(Self {
            train: [path("train_features.npy")?, path("train_labels.npy")?],
            test: [path("test_features.npy")?, path("test_labels.npy")?],
            rows: format!("0..{samples}"),
        })
    }

    fn train(&self) -> Vec<&str> {
        let [features, labels] = &self.train;
        vec![
            "--features",
            features,
            "--labels",
            labels,
            "--rows",
            &self.rows,
        ]
    }

    fn test(&self) -> Vec<&str> {
        let [features, labels] = &self.test;
        vec!["--features", features, "--labels", labels]
    }

    /// What the accuracies of models in clear are found from.
    fn trained_on(&self) -> Vec<&str> {
        let [features, labels] = &self.train;
        vec![
            "--train-features",
            features,
            "--train-labels",
            labels,
            "--train-rows",
            &self.rows,
        ]
    }
}

/// From this many rows on, accuracy is also measured by number of iterations, up to the most rows where that is quick.
const BY_ITERATIONS: usize = 8192;

/// Steps and ranges of these runs: the bolder the later steps, the wider the range must be.
const BY_ITERATIONS_STEPS: [(&str, &str); 3] =
    [("4,4", "6"), ("4,12,12", "8"), ("4,12,12,12", "10")];

/// Runs every size; the results by size.
pub(super) fn run(given: &Mnist) -> Result<Value> {
    let folder = given.features.canonicalize().with_context(|| {
        format!(
            "cannot find the features {}; expected a directory with train_features.npy and the like",
            given.features.display()
        )
    })?;
    let velum = build(&[])?;
    let scratch = tempfile::Builder::new()
        .prefix("velum-bench-mnist-")
        .tempdir()
        .context("cannot make a temporary directory")?;
    // Predictions are this machine's own.
    let rates = scratch.path().join("rates.json");
    let rates = text(&rates)?;
    let calibrate = [
        "--shape",
        "128,127,10",
        "--rates",
        &rates,
        "--calibrate",
        "--out",
        "unused.json",
    ];
    call(&velum, scratch.path(), "plan", &calibrate)?;
    let mut results = Map::new();
    for &samples in &given.samples {
        let setting = Setting::of(samples);
        let one = |setting: &Setting| {
            let place = scratch.path();
            one(given, &velum, &folder, &rates, samples, setting, place)
        };
        let mut record = one(&setting)?;
        if samples == BY_ITERATIONS {
            let mut by_iterations = Vec::new();
            for (steps, range) in BY_ITERATIONS_STEPS {
                let record = one(&Setting {
                    steps,
                    range,
                    ..LARGE
                })?;
                by_iterations.push(json!({
                    "iterations": record["iterations"],
                    "accuracy_encrypted": record["accuracy_encrypted"],
                    "accuracy_clear": record["accuracy_clear"],
                }));
            }
            record["by_iterations"] = by_iterations.into();
        }
        results.insert(samples.to_string(), record);
    }
    Ok(Value::Object(results))
}

fn one(
    given: &Mnist,
    velum: &Path,
    folder: &Path,
    rates: &str,
    samples: usize,
    setting: &Setting,
    scratch: &Path,
) -> Result<Value> {
    let data = Data::of(folder, samples)?;
    let iterations = setting.steps.split(',').count();
    let mut plan = setting.plan();
    let limits = ["--max-memory", &given.max_memory, "--rates", rates];
    plan.extend(limits.map(str::to_owned));
    let work = Work {
        plan: plan.iter().map(String::as_str).collect(),
        train: data.train(),
        whitening: vec!["--lambda", setting.lambda],
        test: [data.test(), data.trained_on()].concat(),
    };
    let mut done = Vec::new();
    for k in 0..given.runs.get() {
        eprintln!(
            "{samples} rows, {iterations} iterations: run {} of {}",
            k + 1,
            given.runs
        );
        let place = scratch.join(format!("{samples}-{iterations}-{k}"));
        done.push(
            once(velum, &work, &place)
                .with_context(|| format!("{samples} rows, {iterations} iterations"))?,
        );
        // Datasets are large: one run's files at a time.
        std::fs::remove_dir_all(&place)?;
    }
    let mut record = summarise(&done);
    let bytes = record["predicted_peak_rss_bytes"].as_f64();
    record["predicted_peak_rss_mb"] = bytes.map(|bytes| bytes / 1e6).into();
    Ok(record)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str();
    let text = text.with_context(|| format!("the path {} is not UTF-8", path.display()))?;
    Ok(text.to_owned())
}

/// The table: a column for each size, every prediction beside its measurement.
pub(super) fn table(results: &Value) -> String {
    let percent = |value: &Value| format!("{:.2} %", 100.0 * value.as_f64().unwrap_or(f64::NAN));
    let seconds = |value: &Value| format!("{:.1} s", value.as_f64().unwrap_or(f64::NAN));
    let mb = |value: &Value| format!("{:.0} MB", value.as_f64().unwrap_or(f64::NAN));
    let bytes = |value: &Value| format!("{:.1} MB", value.as_f64().unwrap_or(f64::NAN) / 1e6);
    let error = |value: &Value| format!("{:.1e}", value.as_f64().unwrap_or(f64::NAN));
    let plain = |value: &Value| {
        value
            .as_f64()
            .map_or_else(|| "-".to_owned(), |x| x.to_string())
    };
    type Show<'a> = &'a dyn Fn(&Value) -> String;
    let lines: [(&str, &str, Show<'_>); 19] = [
        ("test accuracy, encrypted", "accuracy_encrypted", &percent),
        ("test accuracy, its clear twin", "accuracy_clear", &percent),
        (
            "test accuracy, client only",
            "accuracy_client_only",
            &percent,
        ),
        (
            "test accuracy, best clear model",
            "accuracy_best_clear",
            &percent,
        ),
        ("largest weight error", "max_weight_error", &error),
        ("server, start to exit", "train_seconds", &seconds),
        ("  computing", "compute_seconds", &seconds),
        (
            "  predicted by the plan",
            "predicted_train_seconds",
            &seconds,
        ),
        ("  told at its start", "estimated_train_seconds", &seconds),
        ("  told / taken, worst run", "estimate_ratio", &estimate),
        ("server, peak memory", "peak_rss_mb", &mb),
        ("  predicted", "predicted_peak_rss_mb", &mb),
        ("upload", "upload_bytes", &bytes),
        ("  predicted", "predicted_upload_bytes", &bytes),
        ("evaluation keys", "eval_key_bytes", &bytes),
        ("client, encryption", "encrypt_seconds", &seconds),
        ("iterations", "iterations", &plain),
        ("ring degree, log2", "log_n", &plain),
        ("security, bits", "security_bits", &plain),
    ];
    let Some(all) = results.as_object() else {
        return String::new();
    };
    let mut columns: Vec<(usize, &Value)> = all
        .iter()
        .filter_map(|(samples, record)| Some((samples.parse().ok()?, record)))
        .collect();
    columns.sort_by_key(|column| column.0);
    let mut out = format!("{:<34}", "training rows");
    for (samples, _) in &columns {
        out += &format!("{samples:>12}");
    }
    out.push('\n');
    for (label, field, show) in lines {
        out += &format!("{label:<34}");
        for (_, record) in &columns {
            out += &format!("{:>12}", show(&record[field]));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_orders_sizes_as_numbers() {
        let record = json!({"accuracy_encrypted": 0.9785, "train_seconds": 61.25});
        let table = table(&json!({"1024": record, "128": record, "60000": record}));
        let first = table.lines().next().unwrap_or_default();
        let sizes: Vec<&str> = first.split_whitespace().skip(2).collect();
        assert_eq!(sizes, ["128", "1024", "60000"]);
        assert!(
            table.contains("97.85 %") && table.contains("61.2 s"),
            "{table}"
        );
    }

    #[test]
    fn missing_features_are_named() {
        let given = Mnist {
            features: "no/such/folder".into(),
            samples: vec![128],
            runs: std::num::NonZeroUsize::MIN,
            max_memory: "4GB".to_owned(),
            json: None,
            svg: None,
        };
        let error = run(&given).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }
}
