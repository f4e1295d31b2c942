//! `stats`: what owners of data add up before they whiten alike.

use std::path::PathBuf;

use velum_record::client::Stats;
use velum_record::{Step, Subject};

use crate::artifacts::{kinds, record};
use crate::client::Statistics;
use crate::client::whiten::DEFAULT_LAMBDA;
use crate::data::listed;
use crate::files::Outputs;
use crate::roles::{Reporter, Rows, RunError, columns, keep};

/// Where statistics come from.
#[derive(Clone, Debug)]
pub enum StatsFrom {
    /// One owner's rows.
    Rows(Rows),
    /// Statistics to add up; their order numbers the owners from 1.
    Merge(Vec<PathBuf>),
}

/// What [`run`] needs.
#[derive(Clone, Debug)]
pub struct StatsInput {
    /// What to sum up.
    pub from: StatsFrom,
    /// Where the statistics go: a new file.
    pub out: PathBuf,
}

/// Computes or merges statistics.
///
/// # Errors
/// Rows that cannot be read; statistics that do not belong together; a name that is taken; the system's.
pub fn run(input: &StatsInput, reporter: &dyn Reporter) -> Result<Stats, RunError> {
    let place = record::beside(&input.out);
    let mut outputs = Outputs::default();
    outputs.new_file(&input.out, "statistics")?;
    outputs.file(&place, kinds::RECORD)?;
    let stats = match &input.from {
        StatsFrom::Rows(rows) => {
            let set = rows.load()?;
            columns::look(&set, DEFAULT_LAMBDA, reporter)?;
            Statistics::of(&set)
        }
        StatsFrom::Merge(files) => merged(files, reporter)?,
    };
    stats.write(&input.out)?;
    reporter.note(&format!(
        "owners of data: {} holds rows, class counts, mean and covariance; it goes to the other owners and the key holder, not to the server",
        input.out.display()
    ));
    let done = Stats {
        owners: stats.owners().to_vec(),
        rows: stats.rows(),
        features: stats.features(),
        classes: stats.class_counts().len(),
        class_counts: stats.class_counts().to_vec(),
    };
    let step = Step::Stats(done.clone());
    keep(&place, step, Subject::default(), reporter);
    Ok(done)
}

fn merged(files: &[PathBuf], reporter: &dyn Reporter) -> Result<Statistics, RunError> {
    let mut pooled: Option<Statistics> = None;
    let mut named = Vec::new();
    for path in files {
        let stats = Statistics::read(path)?;
        named.push(stats.class_names().is_some());
        match &mut pooled {
            None => pooled = Some(stats),
            Some(sum) => sum
                .merge(&stats)
                .map_err(|error| RunError::from(error).at(path.display().to_string()))?,
        }
    }
    let pooled = pooled.ok_or_else(|| {
        RunError::input("expected statistics to add up, found none").at("arguments")
    })?;
    if named.contains(&true) && named.contains(&false) {
        let without = files.iter().zip(&named).find(|(_, named)| !**named);
        let without = without.map_or_else(String::new, |(path, _)| path.display().to_string());
        reporter.warn(&format!(
            "{without} has no class names: its classes are matched by number, label 0 with {}",
            pooled
                .class_names()
                .and_then(<[String]>::first)
                .map_or("none", String::as_str)
        ));
    }
    let empty = pooled.empty_classes();
    if !empty.is_empty() {
        reporter.warn(&format!(
            "no owner has rows of the classes {}",
            listed(&empty)
        ));
    }
    Ok(pooled)
}
