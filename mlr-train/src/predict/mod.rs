//! Predictions for new rows: the best classes in clear, and scores of encrypted rows.
//!
//! - [`rank`]: the best classes of each row.
//! - [`layout`], [`job`], [`plan`]: how encrypted rows are scored; public.
//! - [`server`]: scores encrypted rows with a model in clear or encrypted; cannot name a secret key.
//! - [`head`]: the model in both forms.
//! - [`client`]: rows and model into ciphertexts, scores out of them.

pub mod client;
mod cost;
mod energy;
mod error;
pub mod head;
pub mod job;
pub mod layout;
pub mod plan;
pub mod rank;
mod search;
pub mod server;

pub use cost::{Forecast, expected, forecast};
pub use error::PlanError;
pub(crate) use plan::MOST_BYTES as MOST_PLAN_BYTES;
pub use plan::ScorePlan;

use crate::model::Model;

/// blake3 of a model's numbers: classes and features as little-endian u64, then weights by class and intercepts as the bits of f64. Names and
/// provenance are not part of it.
#[must_use]
pub fn fingerprint(model: &Model) -> String {
    let mut hash = blake3::Hasher::new_derive_key("velum mlr-train model weights v1");
    for count in [model.classes(), model.features()] {
        hash.update(&(count as u64).to_le_bytes());
    }
    for value in model.weights().iter().chain(model.intercept()) {
        hash.update(&value.to_le_bytes());
    }
    hash.finalize().to_hex().to_string()
}

#[cfg(test)]
mod ckks_tests;
#[cfg(test)]
mod tests;
