//! Why there is no plan.

use he_core::params::ParamsError;
use thiserror::Error;

use super::program::ProgramError;
use crate::server::TrainError;

/// Why a request has no plan, or a file is none.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The job itself is not usable.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The parameters are not usable, or not secure.
    #[error(transparent)]
    Parameters(#[from] ParamsError),
    /// Too many levels for every secure ring.
    #[error(
        "training needs {needed} levels, ring degree 2^{log_n} leaves {available} at 128 bits of security\n  hint: fewer iterations"
    )]
    Levels {
        /// Levels of the job.
        needed: usize,
        /// log2 of the largest ring degree allowed.
        log_n: u32,
        /// Levels that it has room for.
        available: usize,
    },
    /// No scales fit: the last refusal.
    #[error("no choice of scales fits the job\n  last refusal: {refusal}")]
    Scales {
        /// What the traced training was refused for.
        refusal: String,
    },
    /// Everything that fits is too coarse.
    #[error(
        "the weights' expected error is 2^{:.1} at best, the plan allows 2^{:.1}\n  hint: allow more, or fewer samples of a smaller bound",
        found.log2(), allowed.log2()
    )]
    Precision {
        /// Error allowed.
        allowed: f64,
        /// Smallest error found.
        found: f64,
    },
    /// The cheapest job that fits needs more than the limits allow.
    #[error(
        "{what}: the limit is {allowed}, the job needs {found}\n  hint: a larger limit, fewer columns or fewer iterations"
    )]
    Limit {
        /// Which limit.
        what: &'static str,
        /// The limit.
        allowed: String,
        /// What the nearest job needs.
        found: String,
    },
    /// The training would be refused.
    #[error("the planned training cannot run: {0}")]
    Refused(#[source] Box<TrainError>),
    /// A file too large to be a plan.
    #[error("plan: expected at most {allowed} bytes, found {found}")]
    Size {
        /// Largest size.
        allowed: usize,
        /// Size found.
        found: usize,
    },
    /// No JSON of a plan's form.
    #[error("expected a plan, found {0}")]
    Json(String),
    /// Another schema.
    #[error("plan: expected schema {expected}, found {found}\n  hint: plan anew with this version")]
    Schema {
        /// Schema of this version.
        expected: u32,
        /// Schema found.
        found: u32,
    },
    /// A readable plan in another spelling than the one that is hashed.
    #[error("plan: the JSON is not in canonical form\n  hint: plans are not edited by hand")]
    NotCanonical,
    /// A prediction that the traced training does not confirm.
    #[error("plan: {what} disagrees with the traced training\n  hint: plan anew")]
    Prediction {
        /// Which field.
        what: &'static str,
    },
}

impl PlanError {
    /// A limit in bytes.
    pub(super) fn limit(what: &'static str, allowed: u64, found: u64) -> Self {
        let mb = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
        Self::Limit {
            what,
            allowed: mb(allowed),
            found: mb(found),
        }
    }
}
