//! `cargo xtask bench`: measurements, kept as data that name the commit and the machine.

mod bootstrap;
mod extract;
mod group;
mod long;
mod long_paper;
mod machine;
mod mnist;
mod openfhe;
mod ops;
mod owners;
mod paper;
mod picture;
mod predict;
mod summary;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// The paper's job, encrypted, as separate client and server processes: three ways to train.
    Paper {
        /// Labels and features: rows 0..128 are trained on, the others evaluated on.
        #[arg(long, value_name = "FILE")]
        features: PathBuf,
        /// Where the results go, besides the table.
        #[arg(long, value_name = "OUT")]
        json: Option<PathBuf>,
        /// Whole runs of every job; the medians are reported.
        #[arg(long, value_name = "N", default_value = "3")]
        runs: std::num::NonZeroUsize,
    },
    /// MNIST on features of a real network, encrypted, from 128 to 60,000 training rows: accuracy, time, memory, and what was predicted.
    Mnist(mnist::Mnist),
    /// MNIST for as long as it pays: with and without refreshes of the weights, side by side.
    Long(long::Long),
    /// MNIST of several owners under a key that none of them holds, beside one owner with all rows.
    Owners(owners::Owners),
    /// Images to features: speed and memory, on request beside torch.
    Extract(extract::Extract),
    /// Labels of 1,000 new rows: in clear, on encrypted rows with a clear and an encrypted model, and exactly.
    Predict {
        /// A directory with train_features.npy and test_features.npy and their labels.
        #[arg(long, value_name = "DIR")]
        features: PathBuf,
        /// Where the results go, besides the table.
        #[arg(long, value_name = "OUT")]
        json: Option<PathBuf>,
        /// Whole runs of every way; the medians are reported.
        #[arg(long, value_name = "N", default_value = "3")]
        runs: std::num::NonZeroUsize,
        /// Also exact prediction: builds the cargo feature `sunscreen`, which needs cmake and clang.
        #[arg(long)]
        exact: bool,
    },
    /// Bootstrapping of weights at full size.
    Bootstrap(bootstrap::Bootstrap),
    /// Single operations on ciphertexts.
    Ops {
        /// In turns with OpenFHE and tfhe-ntt, which are fetched into target/tmp; also counts instructions, if there is valgrind.
        #[arg(long)]
        peers: bool,
        /// Where the results go, besides the table.
        #[arg(long, value_name = "OUT")]
        json: Option<PathBuf>,
    },
}

pub(crate) use paper::build;

/// Runs one bench, prints its table and writes its results.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Paper {
            features,
            json,
            runs,
        } => {
            let results = paper::run(features, runs.get())?;
            print!("{}", table::paper(&results, runs.get()));
            let mut document = document("paper", results);
            document["runs"] = runs.get().into();
            write(json.as_deref(), &document)
        }
        Bench::Mnist(given) => {
            let results = mnist::run(given)?;
            print!("{}", mnist::table(&results));
            // Before any file is written: the commit is that of the tree that was measured.
            let document = document("mnist", results.clone());
            if let Some(path) = &given.svg {
                let picture = picture::draw(&results);
                std::fs::write(path, picture)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            write(given.json.as_deref(), &document)
        }
        Bench::Long(given) => {
            let results = long::run(given)?;
            print!("{}", long::table(&results));
            let document = document("long", results.clone());
            if let Some(path) = &given.svg {
                let picture = picture::draw_ways(&results);
                std::fs::write(path, picture)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            write(given.json.as_deref(), &document)
        }
        Bench::Owners(given) => {
            let results = owners::run(given)?;
            print!("{}", owners::table(&results));
            write(given.json.as_deref(), &document("owners", results))
        }
        Bench::Extract(given) => {
            let results = extract::run(given)?;
            print!("{}", table::extract(&results));
            write(given.json.as_deref(), &document("extract", results))
        }
        Bench::Predict {
            features,
            json,
            runs,
            exact,
        } => {
            let results = predict::run(features, runs.get(), *exact)?;
            print!("{}", table::predict(&results));
            let mut document = document("predict", results);
            document["runs"] = runs.get().into();
            write(json.as_deref(), &document)
        }
        Bench::Bootstrap(given) => {
            let results = bootstrap::run(given)?;
            print!("{}", bootstrap::table(&results));
            write(given.json.as_deref(), &document("bootstrap", results))
        }
        Bench::Ops { peers, json } => {
            let results = ops::run(*peers)?;
            print!("{}", ops::table(&results));
            write(json.as_deref(), &document("ops", results))
        }
    }
}

/// The frame around the results of any bench.
fn document(bench: &str, results: Value) -> Value {
    json!({
        "schema": 1,
        "bench": bench,
        "commit": machine::commit(),
        "machine": machine::describe(),
        "results": results,
    })
}

fn write(path: Option<&Path>, document: &Value) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = format!("{document:#}\n");
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
