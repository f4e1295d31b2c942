//! Whole steps of a run, from files to files: what a client, an owner of data and a server do.
//!
//! A step takes an input of its own type and a [`Reporter`], and gives a result of its own type. It has no terminal, no home directory and
//! no environment; it stops where the reporter says so, with nothing left half-written.
//!
//! | module | what it does | who may see its inputs |
//! |---|---|---|
//! | [`client`] | plans, keys, encryption, decryption, evaluation | the key holder |
//! | [`owner`] | statistics, encryption under a shared plan | one of several owners of data |
//! | [`group`] | a member of a group that trusts nobody, on a board | each its own |
//! | [`server`] | training and scoring on ciphertexts | anyone; no type in it can hold a secret key |
//! | [`calibrate`] | what operations take on this machine | anyone: the keys are its own |
//! | [`rehearsal`] | a whole job on one machine | the client |
//! | [`inspect`] | what a file is | anyone |
//!
//! Every step that writes a result writes a [`record`] of itself with it.

use std::path::{Path, PathBuf};

use velum_record::client::TrainingData;
use velum_record::{Record, Step, Subject};

use crate::artifacts::record;
use crate::data::{self, FeatureSet, ReadError, RowNames, RowSelection};

pub mod calibrate;
pub mod client;
pub mod columns;
pub mod group;
pub mod inspect;
#[cfg(test)]
mod joint_tests;
pub mod machine;
pub mod owner;
pub mod rehearsal;
pub mod server;
#[cfg(test)]
mod small_plans;
mod upload;

pub use machine::peak_rss_mb;

pub use crate::artifacts::{Reporter, RunError, Silent};

/// Rows of a file of features.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The file or directory of features.
    pub features: PathBuf,
    /// Labels, if they are in a file of their own.
    pub labels: Option<PathBuf>,
    /// Which rows; all without.
    pub rows: Option<RowSelection>,
    /// How errors name the choice of rows, such as an argument of the caller.
    pub named: &'static str,
}

impl Rows {
    /// All rows of a file.
    pub fn all(features: impl Into<PathBuf>) -> Self {
        Self {
            features: features.into(),
            labels: None,
            rows: None,
            named: "rows",
        }
    }

    /// The pictures that the chosen rows were computed from, if known.
    ///
    /// # Errors
    /// Names that cannot be read; rows that are not there.
    pub fn names(&self) -> Result<Option<RowNames>, RunError> {
        let Some(names) = RowNames::beside_any(&self.features)? else {
            return Ok(None);
        };
        let place = || format!("{} of {}", self.named, self.features.display());
        let chosen = match &self.rows {
            Some(rows @ RowSelection::Stratified { .. }) => {
                let file = self.features.join("labels.npy");
                let labels = data::read_labels(self.labels.as_deref().unwrap_or(&file))?;
                names.require(&self.features, labels.len())?;
                names.select_of(rows, &labels)
            }
            Some(rows) => names.select(rows),
            None => Ok(names),
        };
        let chosen = chosen.map_err(|error| RunError::caused(error).at(place()))?;
        Ok(Some(chosen))
    }

    /// Reads the chosen rows.
    ///
    /// # Errors
    /// Whatever is wrong with the file, its labels or the choice of rows.
    pub fn load(&self) -> Result<FeatureSet, RunError> {
        let labels = self.labels.as_deref();
        let Some(rows) = &self.rows else {
            return Ok(data::read(&self.features, labels)?);
        };
        let place = || format!("{} of {}", self.named, self.features.display());
        data::read_rows(&self.features, labels, rows).map_err(|error| match error {
            ReadError::Rows(error) => RunError::caused(error).at(place()),
            ReadError::File(error) => error.into(),
        })
    }
}

impl Rows {
    /// Reads the chosen rows, with or without labels.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_unlabelled(&self) -> Result<data::Rows, RunError> {
        let rows = data::Rows::read(&self.features, self.labels.as_deref())?;
        let Some(chosen) = &self.rows else {
            return Ok(rows);
        };
        let place = || format!("{} of {}", self.named, self.features.display());
        let chosen = rows.select(chosen);
        chosen.map_err(|error| RunError::caused(error).at(place()))
    }
}

impl Rows {
    /// What a record says of these rows, `set` being what was read.
    fn described(&self, set: &FeatureSet) -> TrainingData {
        let mut class_counts = vec![0; set.classes()];
        for &label in set.labels() {
            class_counts[label as usize] += 1;
        }
        let made = set.description();
        TrainingData {
            source: self.features.display().to_string(),
            features_blake3: set.hash().to_hex().to_string(),
            rows: set.rows(),
            features: set.width(),
            class_names: set.class_names().map(<[String]>::to_vec),
            class_counts,
            network: made.model.clone(),
            weights_blake3: made.weights_blake3.clone(),
        }
    }
}

/// Writes the record of a step whose result is there. A record that cannot be written is no reason to take the result back.
fn keep(path: &Path, did: Step, subject: Subject, reporter: &dyn Reporter) {
    let record = Record::new(did, subject, rayon::current_num_threads());
    if let Err(error) = record::write(path, &record) {
        reporter.warn(&format!(
            "the result is there, its record is not: {error} ({})",
            path.display()
        ));
    }
}
