//! Why there is no plan.

use he_core::circuits::bootstrap::PresetError;
use he_core::error::Explain;
use he_core::params::ParamsError;
use thiserror::Error;

use crate::job::ProgramError;
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
        "training needs {needed} levels, ring degree 2^{log_n} leaves {available} at 128 bits of security"
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
    #[error("no choice of scales fits the job; the last was refused: {refusal}")]
    Scales {
        /// What the traced training was refused for.
        refusal: String,
    },
    /// Everything that fits is too coarse.
    #[error(
        "the weights' expected error is 2^{:.1} at best, the plan allows 2^{:.1}",
        found.log2(), allowed.log2()
    )]
    Precision {
        /// Error allowed.
        allowed: f64,
        /// Smallest error found.
        found: f64,
    },
    /// The cheapest job that fits needs more than the limits allow.
    #[error("{what}: the limit is {allowed}, the job needs {found}")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// The limit.
        allowed: String,
        /// What the nearest job needs.
        found: String,
        /// The same in bytes or seconds.
        need: f64,
    },
    /// Fewer iterations would fit.
    #[error("no parameters hold {asked} iterations of this job")]
    Iterations {
        /// Iterations asked for.
        asked: usize,
        /// Most iterations that a plan was found for.
        fitting: usize,
        /// Why there is no plan for all of them.
        source: Box<PlanError>,
    },
    /// Weights that are to be refreshed in a run that is too short for it.
    #[error("no refresh falls into {iterations} iterations")]
    NoRefresh {
        /// Iterations asked for.
        iterations: usize,
    },
    /// Of several ways to give weights levels again none fits.
    #[error("no way to give weights levels again fits: {refusals}")]
    NoWay {
        /// Every way and why it does not.
        refusals: String,
        /// The refusal that is nearest to a plan.
        nearest: Box<PlanError>,
    },
    /// Not even one iteration on raw features fits.
    #[error("no parameters hold the paper's method on features of this size")]
    RawFeatures {
        /// The refusal.
        source: Box<PlanError>,
    },
    /// The rings of a bootstrapping, or a key of it that is not secure.
    #[error("no bootstrapping of the weights")]
    Preset(#[from] PresetError),
    /// A bootstrapping that does not fit the job, or a job without one that it needs.
    #[error("bootstrapping: {what}: expected {expected}, found {found}")]
    Bootstrap {
        /// Which number.
        what: &'static str,
        /// What the job needs.
        expected: f64,
        /// What the bootstrapping has.
        found: f64,
    },
    /// The training would be refused.
    #[error("the planned training cannot run")]
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
    #[error("plan: expected schema {expected}, found {found}")]
    Schema {
        /// Schema of this version.
        expected: u32,
        /// Schema found.
        found: u32,
    },
    /// JSON that says something else than the plan read from it, such as numbers with more digits.
    #[error("plan: expected the values that this version writes, found others")]
    NotCanonical,
    /// An estimate that the traced training does not confirm.
    #[error("plan: {what} disagrees with the traced training")]
    Estimate {
        /// Which field.
        what: &'static str,
    },
}

impl Explain for PlanError {
    fn inner(&self) -> Option<&dyn Explain> {
        match self {
            Self::Program(source) => Some(source),
            Self::Parameters(source) => Some(source),
            Self::Refused(source) => Some(source),
            Self::Preset(source) => Some(source),
            Self::Iterations { source, .. } | Self::RawFeatures { source } => Some(source),
            _ => None,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Iterations { fitting, .. } => {
                return Some(format!("at most {fitting} fit: --iterations {fitting}"));
            }
            Self::NoWay { nearest, .. } => {
                let usual = || "fewer iterations, or larger limits".to_owned();
                return Some(nearest.hint().unwrap_or_else(usual));
            }
            Self::NoRefresh { .. } => "more iterations, or no refresh",
            Self::RawFeatures { .. } => {
                "scale the features to 0..1, use fewer of them, or --method whitened, which scales them itself"
            }
            Self::Levels { .. } => "fewer iterations",
            Self::Precision { .. } => {
                "smaller steps, a smaller range of scores, or fewer iterations"
            }
            Self::Limit { .. } => "a larger limit, fewer columns or fewer iterations",
            Self::Schema { .. } => "plan anew with this version",
            Self::NotCanonical => {
                "white space may change, values may not: take a copy, or plan anew"
            }
            Self::Estimate { .. } => "plan anew",
            _ => return self.inner()?.hint(),
        };
        Some(hint.to_owned())
    }
}

impl PlanError {
    /// What the nearest job needs, where a limit is why there is none, or how far its weights err, where that is.
    pub(super) fn need(&self) -> Option<f64> {
        match self {
            Self::Limit { need, .. } => Some(*need),
            Self::Precision { found, .. } => Some(*found),
            _ => None,
        }
    }

    /// A limit in bytes.
    pub(super) fn limit(what: &'static str, allowed: u64, found: u64) -> Self {
        let mb = |bytes: u64| format!("{:.0} MB", bytes as f64 / 1e6);
        Self::Limit {
            what,
            allowed: mb(allowed),
            found: mb(found),
            need: found as f64,
        }
    }
}
