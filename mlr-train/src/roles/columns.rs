//! What a step says of its rows before it begins.

use crate::client::Statistics;
use crate::client::columns::{self, Said};
use crate::data::FeatureSet;
use crate::roles::{Reporter, RunError};

/// Looks at training rows that are to be whitened with `lambda`, and says what is unusual about them.
///
/// # Errors
/// [`LabelsRefused`](columns::LabelsRefused) for labels from which nothing can be learnt.
pub fn look(set: &FeatureSet, lambda: f64, reporter: &dyn Reporter) -> Result<(), RunError> {
    let place = || set.source().display().to_string();
    let said = columns::look(set, lambda);
    let said = said.map_err(|error| RunError::caused(error).at(place()))?;
    said.iter().for_each(|said| tell(said, reporter));
    Ok(())
}

/// The same of the pooled statistics of several owners.
pub fn look_at_statistics(stats: &Statistics, lambda: f64, reporter: &dyn Reporter) {
    if let Some(said) = columns::look_at_variances(&stats.variances(), lambda) {
        tell(&said, reporter);
    }
}

fn tell(said: &Said, reporter: &dyn Reporter) {
    match said {
        Said::Warning(text) => reporter.warn(text),
        Said::Note(text) => reporter.note(text),
    }
}
