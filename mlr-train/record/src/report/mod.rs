//! A job's records as one page of HTML: no script, nothing loaded, readable on paper, phone and desk, in light and dark.
//!
//! The page is the client's: it shows accuracies and names of classes.

mod classes;
mod job;
mod page;
mod parts;
mod thresholds;
mod worst;

use std::fmt;

use crate::Record;
use job::Job;

pub use worst::Thumbnails;

/// Records of which no report can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportError {
    /// No record names a plan.
    NoPlan,
    /// There is no record of the plan itself.
    NoRecordOfPlan {
        /// Hash of the plan that the others name.
        plan: String,
    },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlan => f.write_str("expected records of a job, found none that names a plan"),
            Self::NoRecordOfPlan { plan } => {
                let short = plan.get(..12).unwrap_or(plan);
                write!(f, "expected the record of plan {short}, found none")
            }
        }
    }
}

impl std::error::Error for ReportError {}

/// The report of the job whose step was done last; records of other plans are left out. Of several records of one step the last counts.
///
/// A page of 10,000 rows has less than 500 kB, `thumbnails` included.
///
/// # Errors
/// [`ReportError`].
pub fn html(records: &[Record], thumbnails: &Thumbnails) -> Result<String, ReportError> {
    let job = Job::of(records)?;
    let mut body = parts::opening(&job);
    body += &parts::accuracy(&job);
    if let Some(found) = job.evaluated {
        body += &thresholds::thresholds(found);
        body += &classes::confusion(found);
        body += &classes::per_class(found);
        body += &worst::worst(found, thumbnails);
    }
    body += &parts::who_saw_what(&job);
    body += &parts::security(&job);
    body += &parts::iterations(&job);
    body += &parts::phases(&job);
    body += &parts::provenance(&job);
    Ok(page::page("Report of an encrypted training", &body))
}

/// Names of the pictures that [`html`] of these records shows if they are at hand.
///
/// # Errors
/// As [`html`].
pub fn pictures(records: &[Record]) -> Result<Vec<&str>, ReportError> {
    let found = Job::of(records)?.evaluated;
    let wrong = found.iter().flat_map(|found| &found.worst);
    Ok(wrong.filter_map(|wrong| wrong.file.as_deref()).collect())
}

#[cfg(test)]
mod tests;
