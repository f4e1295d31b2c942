//! Where the server reads uploaded ciphertexts from.

use std::collections::BTreeMap;

use he_core::ckks::noise;
use he_core::evaluator::{Evaluator, Trace, TraceCt};

use super::error::SourceError;
use crate::packing::Upload;
use crate::plan::Job;

/// Uploaded ciphertexts, read one at a time: from files, from memory, or shapes alone. Every iteration reads all blocks in order.
pub trait BlockSource<E: Evaluator>: Sync {
    /// One ciphertext. May be called from several threads.
    ///
    /// # Errors
    /// A ciphertext that is missing or broken.
    fn load(&self, upload: Upload) -> Result<E::Ct, SourceError>;
}

/// Uploads held in memory.
#[derive(Clone, Debug, Default)]
pub struct MemorySource<Ct>(BTreeMap<Upload, Ct>);

impl<Ct> MemorySource<Ct> {
    /// Number of ciphertexts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<Ct> FromIterator<(Upload, Ct)> for MemorySource<Ct> {
    fn from_iter<I: IntoIterator<Item = (Upload, Ct)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl<E: Evaluator> BlockSource<E> for MemorySource<E::Ct> {
    fn load(&self, upload: Upload) -> Result<E::Ct, SourceError> {
        let found = self.0.get(&upload).cloned();
        found.ok_or_else(|| format!("no ciphertext {upload} among the {} given", self.len()).into())
    }
}

/// Uploads of which only level, scale and bound exist.
#[derive(Clone, Copy, Debug)]
pub struct ShapeSource<'a> {
    trace: &'a Trace,
    job: &'a Job,
}

impl<'a> ShapeSource<'a> {
    /// The uploads of `job` for `trace`.
    pub fn new(trace: &'a Trace, job: &'a Job) -> Self {
        Self { trace, job }
    }
}

impl BlockSource<Trace> for ShapeSource<'_> {
    fn load(&self, upload: Upload) -> Result<TraceCt, SourceError> {
        let n = self.trace.params().n();
        let noise = if self.job.program().owners.public_key {
            noise::fresh_public(n)
        } else {
            noise::fresh_secret(n)
        };
        let (at, bound) = (self.job.placement(upload), self.job.bound(upload));
        Ok(self.trace.seal(at, bound, noise)?)
    }
}
